//! The thread that writes: group commit, rotation, deletion.

use super::{
    disk::Disk,
    record::{Cursor, Prepared},
    replay::Replayed,
    segment::{Active, Segment, WriteError, is_full},
};
use crate::{
    Appended, Batch, Clock, Error,
    folder::{Folder, io},
    metrics::{Metrics, Refused},
};
use parking_lot::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    thread::JoinHandle,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// Bytes that one write and sync take at most, unless one record is larger.
const GROUP_BYTES_MAX: usize = 8 << 20;
/// A cursor that nobody has moved for this long is forgotten: its target is gone.
const CURSOR_AGE_MAX_NANO: u64 = 7 * 24 * 3600 * 1_000_000_000;
/// A segment smaller than this is not worth a new file when blocks hold all of it.
const ROTATE_BYTES_MIN: u64 = 64 << 10;
/// Jobs that may wait for the writer, and groups that may wait for the head.
const QUEUE_MAX: usize = 1024;

/// Where the journal lies and how large it may get.
pub(crate) struct Journal {
    /// Held by the writer's thread: the lock is not given back while anything may be written.
    pub(crate) folder: Arc<Folder>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) bytes_max: u64,
    /// Intake is refused while less than this is free on the disk.
    pub(crate) free_bytes_min: u64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    /// Set, once and for all, when the journal refuses to go on.
    pub(crate) poison: Poison,
}

/// Why the journal takes nothing any more; `None` while it does.
pub(crate) type Poison = Arc<Mutex<Option<String>>>;

/// A batch on its way to disk.
pub(crate) struct Job {
    pub(crate) batch: Batch,
    pub(crate) record: Prepared,
    pub(crate) received_unix_nano: u64,
    pub(crate) counted: Appended,
    pub(crate) done: oneshot::Sender<Result<Appended, Error>>,
    /// Held while the body is in memory between intake and head.
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// A batch that is on disk and must now become searchable; then `job.done` is answered.
pub(crate) struct Written {
    pub(crate) sequence: u64,
    pub(crate) job: Job,
}

/// What the writer is asked to do.
pub(crate) enum Command {
    /// Write a batch.
    Append(Box<Job>),
    /// Blocks now hold everything up to this sequence number.
    Forget(u64),
}

struct Writer {
    journal: Journal,
    closed: VecDeque<Segment>,
    /// `None`: the disk was too full for a new segment; each turn tries again.
    active: Option<Active>,
    cursors: HashMap<String, Cursor>,
    next_sequence: u64,
    segment_bytes_max: u64,
    /// Whether the last turn found the disk too full, so that it is told once and not a thousand times.
    was_full: bool,
    buffer: Vec<u8>,
}

/// Begins a new segment behind what was replayed and starts the thread. It ends when the sender is gone.
pub(crate) fn start(
    journal: Journal,
    replayed: Replayed,
    cursors: HashMap<String, Cursor>,
    next_sequence: u64,
    written: mpsc::Sender<Vec<Written>>,
) -> Result<(mpsc::Sender<Command>, JoinHandle<()>), Error> {
    let mut writer = Writer {
        segment_bytes_max: (journal.bytes_max / 8).clamp(64 << 10, 16 << 20),
        journal,
        closed: replayed.segments.into(),
        active: None,
        cursors,
        next_sequence,
        was_full: false,
        buffer: Vec::new(),
    };
    match writer.rotate() {
        Ok(()) => {}
        // What is stored can be read all the same; intake begins when there is room.
        Err(Error::Io { source, .. }) if is_full(&source) => writer.tell_full(&source.to_string()),
        Err(error) => return Err(error),
    }
    writer.publish_size();
    let (sender, mut receiver) = mpsc::channel(QUEUE_MAX);
    let folder = writer.journal.folder.journal.clone();
    let thread = std::thread::Builder::new()
        .name("sigyn-journal".to_owned())
        .spawn(move || {
            while let Some(first) = receiver.blocking_recv() {
                writer.turn(first, &mut receiver, &written);
            }
        })
        .map_err(io("start the writer of", &folder))?;
    Ok((sender, thread))
}

impl Writer {
    /// Takes all that waits, up to a bound, and writes it at once.
    fn turn(
        &mut self,
        first: Command,
        receiver: &mut mpsc::Receiver<Command>,
        written: &mpsc::Sender<Vec<Written>>,
    ) {
        let (mut jobs, mut bytes, mut forget) = (Vec::new(), 0, None);
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Append(job) => {
                    bytes += job.record.size_bytes();
                    jobs.push(*job);
                }
                Command::Forget(through) => forget = Some(through),
            }
            next = if bytes < GROUP_BYTES_MAX { receiver.try_recv().ok() } else { None };
        }
        if !jobs.is_empty() {
            let group = self.write(jobs);
            if !group.is_empty() {
                // The head's thread lives as long as this one; if it is gone, so is the store.
                let _ = written.blocking_send(group);
            }
        }
        if let Some(through) = forget {
            self.forget(through);
        }
        self.publish_size();
    }

    /// Writes jobs and syncs; those that could not be written are answered here.
    fn write(&mut self, jobs: Vec<Job>) -> Vec<Written> {
        let poisoned = self.journal.poison.lock().clone();
        if let Some(why) = poisoned {
            self.refuse(jobs, Refused::Poisoned, || Error::Poisoned { why: why.clone() });
            return Vec::new();
        }
        if let Err(why) = self.look_for_space() {
            self.tell_full(&why);
            self.refuse(jobs, Refused::DiskFull, || Error::Full { why: why.clone() });
            return Vec::new();
        }
        let is_due = |active: &Active| active.segment.size_bytes >= self.segment_bytes_max;
        if self.active.as_ref().is_none_or(is_due)
            && let Err(error) = self.rotate()
        {
            let Some(_) = &self.active else {
                self.tell_full(&error.to_string());
                let why = error.to_string();
                self.refuse(jobs, Refused::DiskFull, || Error::Full { why: why.clone() });
                return Vec::new();
            };
            // Not fatal: the segment before is whole, it only grows. The next turn tries again.
            tracing::warn!(%error, "could not begin a new journal segment");
        }
        let (group, last_sequence) = self.gather(jobs);
        let Some(last_sequence) = last_sequence else { return group };
        let active = self.active.as_mut().expect("it was begun above");
        let began = self.journal.clock.monotonic();
        let result = active.write(&self.buffer, last_sequence);
        let took = self.journal.clock.monotonic().saturating_sub(began);
        self.journal.metrics.journal_sync_seconds.observe(took.as_secs_f64());
        if self.buffer.capacity() > 2 * GROUP_BYTES_MAX {
            self.buffer = Vec::new();
        }
        let jobs = |group: Vec<Written>| group.into_iter().map(|written| written.job).collect();
        match result {
            Ok(()) => {
                self.was_full = false;
                self.next_sequence = last_sequence + 1;
                for Written { job, .. } in &group {
                    if let Some(reach) = &job.batch.reach {
                        let cursor = Cursor {
                            reach: reach.clone(),
                            reached_unix_nano: job.received_unix_nano,
                        };
                        self.cursors.insert(reach.target.clone(), cursor);
                    }
                }
                group
            }
            Err(WriteError::Full(why)) => {
                self.tell_full(&why);
                self.refuse(jobs(group), Refused::DiskFull, || Error::Full { why: why.clone() });
                Vec::new()
            }
            Err(WriteError::Broken(why)) => {
                tracing::error!(why, "the journal refuses writes from now on; look at the disk");
                *self.journal.poison.lock() = Some(why.clone());
                self.journal.metrics.journal_poisoned.set(1);
                let poisoned = || Error::Poisoned { why: why.clone() };
                self.refuse(jobs(group), Refused::Poisoned, poisoned);
                Vec::new()
            }
        }
    }

    /// Puts the records of those jobs that the journal has room for into the buffer, and answers the others. Returns
    /// the last sequence number, if there is one.
    fn gather(&mut self, jobs: Vec<Job>) -> (Vec<Written>, Option<u64>) {
        let (size_bytes, bytes_max) = (self.size_bytes(), self.journal.bytes_max);
        let mut room = bytes_max.saturating_sub(size_bytes);
        self.buffer.clear();
        let (mut group, mut refused) = (Vec::with_capacity(jobs.len()), Vec::new());
        for job in jobs {
            let size = job.record.size_bytes() as u64;
            if size > room {
                refused.push(job);
                continue;
            }
            room -= size;
            let sequence = self.next_sequence + group.len() as u64;
            job.record.write(sequence, &mut self.buffer);
            group.push(Written { sequence, job });
        }
        let why = format!("{size_bytes} of {bytes_max} bytes are waiting to be written to blocks");
        self.refuse(refused, Refused::JournalFull, || Error::Full { why: why.clone() });
        let last_sequence = group.last().map(|last| last.sequence);
        (group, last_sequence)
    }

    /// Fails when less is free than must stay free: room for the block that makes the journal smaller, for the
    /// index, and for the other programs of the machine.
    fn look_for_space(&self) -> Result<(), String> {
        let folder = &self.journal.folder.journal;
        // A file system that does not tell is not watched; when it is full, writing says so.
        let Ok(free) = self.journal.disk.free_bytes(folder) else { return Ok(()) };
        self.journal.metrics.disk_free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
        let free_bytes_min = self.journal.free_bytes_min;
        if free >= free_bytes_min {
            return Ok(());
        }
        Err(format!(
            "{free} bytes are free on the disk of {}, and {free_bytes_min} must stay so \
             (storage.free_bytes_min)",
            folder.display()
        ))
    }

    fn tell_full(&mut self, why: &str) {
        if !std::mem::replace(&mut self.was_full, true) {
            tracing::error!(why, "the journal takes nothing in until there is space again");
        }
    }

    /// Begins a new segment with a checkpoint of all cursors, so that the ones before can go.
    fn rotate(&mut self) -> Result<(), Error> {
        let oldest = self.journal.clock.now_unix_nano().saturating_sub(CURSOR_AGE_MAX_NANO);
        self.cursors.retain(|_, cursor| cursor.reached_unix_nano >= oldest);
        let sequence = self.next_sequence;
        self.buffer.clear();
        Prepared::checkpoint(self.journal.folder.store, self.cursors.values())
            .write(sequence, &mut self.buffer);
        let (disk, folder) = (&*self.journal.disk, &self.journal.folder.journal);
        let active = Active::create(disk, folder, sequence, &self.buffer)?;
        let before = self.active.replace(active);
        self.closed.extend(before.map(|before| before.segment));
        self.next_sequence += 1;
        Ok(())
    }

    /// Deletes the segments that hold nothing but what blocks hold.
    fn forget(&mut self, through: u64) {
        let is_done = |active: &Active| {
            active.segment.last_sequence <= through && active.segment.size_bytes >= ROTATE_BYTES_MIN
        };
        if self.active.as_ref().is_some_and(is_done)
            && self.journal.poison.lock().is_none()
            && let Err(error) = self.rotate()
        {
            tracing::warn!(%error, "could not begin a new journal segment");
        }
        while let Some(oldest) = self.closed.front()
            && oldest.last_sequence <= through
        {
            if let Err(error) = self.journal.disk.remove(&oldest.path) {
                // It stays, and is tried again; replay knows by its numbers that blocks hold it.
                tracing::warn!(path = %oldest.path.display(), %error, "could not delete a segment");
                return;
            }
            self.closed.pop_front();
        }
    }

    fn refuse(&self, jobs: Vec<Job>, reason: Refused, error: impl Fn() -> Error) {
        self.journal.metrics.refused(reason, jobs.len());
        for job in jobs {
            // Whoever asked may have gone away meanwhile.
            let _ = job.done.send(Err(error()));
        }
    }

    fn size_bytes(&self) -> u64 {
        let segments = self.closed.iter().chain(self.active.as_ref().map(|it| &it.segment));
        segments.map(|segment| segment.size_bytes).sum()
    }

    fn publish_size(&self) {
        self.journal.metrics.journal_bytes.set(self.size_bytes() as i64);
    }
}
