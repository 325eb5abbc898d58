//! The thread that writes: group commit, rotation, deletion.

use super::{
    record::{Cursor, Prepared},
    replay::Replayed,
    segment::{Active, Segment, WriteError},
};
use crate::{
    Appended, Batch, Clock, Error,
    folder::{Folder, io},
};
use prometheus_client::metrics::gauge::Gauge;
use std::{
    collections::{HashMap, VecDeque},
    fs,
    sync::Arc,
    thread::JoinHandle,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// Bytes that one write and sync take at most, unless one record is larger.
const GROUP_BYTES_MAX: usize = 8 << 20;
/// A cursor that nobody has moved for this long is forgotten: its target is gone.
const CURSOR_AGE_MAX_NANO: u64 = 7 * 24 * 3600 * 1_000_000_000;
/// Jobs that may wait for the writer, and groups that may wait for the head.
const QUEUE_MAX: usize = 1024;

/// Where the journal lies and how large it may get.
pub(crate) struct Journal {
    /// Held by the writer's thread: the lock is not given back while anything may be written.
    pub(crate) folder: Arc<Folder>,
    pub(crate) bytes_max: u64,
    pub(crate) clock: Arc<dyn Clock>,
    /// Shown as `sigyn_store_journal_bytes`.
    pub(crate) size_bytes: Gauge,
}

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
    active: Active,
    cursors: HashMap<String, Cursor>,
    next_sequence: u64,
    segment_bytes_max: u64,
    poisoned: Option<String>,
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
    let mut record = Vec::new();
    Prepared::checkpoint(journal.folder.store, cursors.values()).write(next_sequence, &mut record);
    let active = Active::create(&journal.folder.journal, next_sequence, &record)?;
    let mut writer = Writer {
        segment_bytes_max: (journal.bytes_max / 8).clamp(64 << 10, 16 << 20),
        journal,
        closed: replayed.segments.into(),
        active,
        cursors,
        next_sequence: next_sequence + 1,
        poisoned: None,
        buffer: Vec::new(),
    };
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
        if let Some(why) = &self.poisoned {
            let why = why.clone();
            refuse(jobs, |_| Error::Poisoned { why: why.clone() });
            return Vec::new();
        }
        if self.active.segment.size_bytes >= self.segment_bytes_max
            && let Err(error) = self.rotate()
        {
            // Not fatal: the segment before is whole, it only grows. The next turn tries again.
            tracing::warn!(%error, "could not begin a new journal segment");
        }
        let mut room = self.journal.bytes_max.saturating_sub(self.size_bytes());
        self.buffer.clear();
        let mut group = Vec::with_capacity(jobs.len());
        for job in jobs {
            let size = job.record.size_bytes() as u64;
            if size > room {
                let why = format!(
                    "{} of {} bytes are waiting to be written to blocks",
                    self.size_bytes(),
                    self.journal.bytes_max
                );
                let _ = job.done.send(Err(Error::Full { why }));
                continue;
            }
            room -= size;
            let sequence = self.next_sequence + group.len() as u64;
            job.record.write(sequence, &mut self.buffer);
            group.push(Written { sequence, job });
        }
        let Some(last_sequence) = group.last().map(|last| last.sequence) else { return group };
        let result = self.active.write(&self.buffer, last_sequence);
        if self.buffer.capacity() > 2 * GROUP_BYTES_MAX {
            self.buffer = Vec::new();
        }
        match result {
            Ok(()) => {
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
                let jobs = group.into_iter().map(|written| written.job).collect();
                refuse(jobs, |_| Error::Full { why: why.clone() });
                Vec::new()
            }
            Err(WriteError::Broken(why)) => {
                tracing::error!(why, "the journal refuses writes from now on");
                self.poisoned = Some(why.clone());
                let jobs = group.into_iter().map(|written| written.job).collect();
                refuse(jobs, |_| Error::Poisoned { why: why.clone() });
                Vec::new()
            }
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
        let active = Active::create(&self.journal.folder.journal, sequence, &self.buffer)?;
        let before = std::mem::replace(&mut self.active, active);
        self.closed.push_back(before.segment);
        self.next_sequence += 1;
        Ok(())
    }

    /// Deletes the segments that hold nothing but what blocks hold.
    fn forget(&mut self, through: u64) {
        let active = &self.active.segment;
        if active.last_sequence <= through
            && active.size_bytes >= self.segment_bytes_max / 4
            && self.poisoned.is_none()
            && let Err(error) = self.rotate()
        {
            tracing::warn!(%error, "could not begin a new journal segment");
        }
        while let Some(oldest) = self.closed.front()
            && oldest.last_sequence <= through
        {
            if let Err(error) = fs::remove_file(&oldest.path) {
                // It stays, and is tried again; replay knows by its numbers that blocks hold it.
                tracing::warn!(path = %oldest.path.display(), %error, "could not delete a segment");
                return;
            }
            self.closed.pop_front();
        }
    }

    fn size_bytes(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|segment| segment.size_bytes).sum();
        closed + self.active.segment.size_bytes
    }

    fn publish_size(&self) {
        self.journal.size_bytes.set(self.size_bytes() as i64);
    }
}

fn refuse(jobs: Vec<Job>, error: impl Fn(&Job) -> Error) {
    for job in jobs {
        let error = error(&job);
        // Whoever asked may have gone away meanwhile.
        let _ = job.done.send(Err(error));
    }
}
