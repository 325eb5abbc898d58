//! Requests that wait on disk: a file for each collection, named by its place and its time.
//!
//! A file is `SGRW`, a version, and records: length of the body, CRC-32C of the rest of the record,
//! version of remote write, three counts, body. Numbers are little-endian. A file that is only
//! partly sent when the process ends is sent again whole: all in it has one time, so a receiver sees
//! equal samples twice, which it ignores.

use super::request::{Counts, Request};
use crate::config::WriteMessage;
use bytes::{Buf, BufMut, Bytes};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::Notify;

const MAGIC: &[u8] = b"SGRW\x01";
const HEAD_BYTES: usize = 4 + 4 + 1 + 12;
const SUFFIX: &str = ".requests";

/// Bounded by bytes and age; the oldest makes room.
pub(super) struct Queue {
    folder: PathBuf,
    bytes_max: u64,
    age_max: Duration,
    state: Mutex<State>,
    grown: Notify,
}

#[derive(Default)]
struct State {
    entries: VecDeque<Entry>,
    next: u64,
    bytes: u64,
}

/// A file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    /// Its place; ascending.
    pub(super) sequence: u64,
    /// The time of its samples.
    pub(super) unix_milli: i64,
    /// Samples, histograms and exemplars.
    pub(super) samples: u64,
    bytes: u64,
}

/// What had to go, in samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) queue_full: u64,
    pub(super) too_old: u64,
}

impl Queue {
    /// Takes over what an earlier process left.
    pub(super) fn open(folder: &Path, bytes_max: u64, age_max: Duration) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut state = State::default();
        let mut entries = Vec::new();
        for file in fs::read_dir(folder)? {
            let file = file?;
            let name = file.file_name();
            match name.to_str().and_then(Entry::of_name) {
                Some(entry) => entries.push(Entry { bytes: file.metadata()?.len(), ..entry }),
                // A write that a crash cut off.
                None if name.to_string_lossy().ends_with(".tmp") => fs::remove_file(file.path())?,
                None => {}
            }
        }
        entries.sort_by_key(|entry| entry.sequence);
        state.next = entries.last().map_or(0, |entry| entry.sequence + 1);
        state.bytes = entries.iter().map(|entry| entry.bytes).sum();
        state.entries = entries.into();
        let (folder, state) = (folder.to_owned(), Mutex::new(state));
        Ok(Self { folder, bytes_max, age_max, state, grown: Notify::new() })
    }

    /// Makes requests durable, all of one time. Blocks on the disk.
    pub(super) fn push(&self, requests: &[Request], unix_milli: i64) -> io::Result<Lost> {
        let body = encode(requests);
        let samples = requests.iter().map(|it| u64::from(it.counts.total())).sum();
        let mut state = self.state.lock();
        // Time never goes back within the queue, whatever the clock does.
        let newest = state.entries.back().map_or(i64::MIN, |entry| entry.unix_milli);
        let entry = Entry {
            sequence: state.next,
            unix_milli: unix_milli.max(newest),
            samples,
            bytes: body.len() as u64,
        };
        let (path, partial) = (self.path(&entry), self.folder.join("next.tmp"));
        let mut file = File::create(&partial)?;
        file.write_all(&body)?;
        file.sync_data()?;
        fs::rename(&partial, &path)?;
        state.next += 1;
        state.bytes += entry.bytes;
        state.entries.push_back(entry);
        let mut lost = Lost { too_old: self.forget_old(&mut state, unix_milli), queue_full: 0 };
        while state.bytes > self.bytes_max && state.entries.len() > 1 {
            lost.queue_full += self.pop(&mut state);
        }
        drop(state);
        self.grown.notify_one();
        Ok(lost)
    }

    /// The oldest file that is not too old, and what was too old.
    pub(super) fn oldest(&self, now_unix_milli: i64) -> (Option<Entry>, Lost) {
        let mut state = self.state.lock();
        let too_old = self.forget_old(&mut state, now_unix_milli);
        (state.entries.front().copied(), Lost { too_old, queue_full: 0 })
    }

    /// Returns when something was added, perhaps before the call.
    pub(super) async fn grown(&self) {
        self.grown.notified().await;
    }

    /// The requests of a file; `None` when it has left the queue. Blocks on the disk.
    pub(super) fn read(&self, entry: &Entry) -> io::Result<Option<Vec<Request>>> {
        match fs::read(self.path(entry)) {
            Ok(bytes) => decode(bytes.into()).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// True while a file has not made room for others.
    pub(super) fn holds(&self, entry: &Entry) -> bool {
        self.state.lock().entries.front().is_some_and(|it| it.sequence <= entry.sequence)
    }

    /// Forgets a file that was sent.
    pub(super) fn remove(&self, entry: &Entry) {
        let mut state = self.state.lock();
        if state.entries.front().is_some_and(|it| it.sequence == entry.sequence) {
            self.pop(&mut state);
        }
    }

    /// Samples and bytes that wait.
    pub(super) fn size(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.entries.iter().map(|entry| entry.samples).sum(), state.bytes)
    }

    fn forget_old(&self, state: &mut State, now_unix_milli: i64) -> u64 {
        let age_max = i64::try_from(self.age_max.as_millis()).unwrap_or(i64::MAX);
        let oldest = now_unix_milli.saturating_sub(age_max);
        let mut samples = 0;
        while state.entries.front().is_some_and(|entry| entry.unix_milli < oldest) {
            samples += self.pop(state);
        }
        samples
    }

    /// Removes the oldest; returns its samples.
    fn pop(&self, state: &mut State) -> u64 {
        let Some(entry) = state.entries.pop_front() else { return 0 };
        state.bytes -= entry.bytes;
        // A file that stays is found at the next start and sent again, which does no harm.
        if let Err(error) = fs::remove_file(self.path(&entry)) {
            tracing::warn!(%error, "a file of the remote-write queue cannot be removed");
        }
        entry.samples
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        let Entry { sequence, unix_milli, samples, .. } = entry;
        self.folder.join(format!("{sequence:016x}-{unix_milli}-{samples}{SUFFIX}"))
    }
}

impl Entry {
    fn of_name(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(SUFFIX)?.split('-');
        let sequence = u64::from_str_radix(parts.next()?, 16).ok()?;
        let unix_milli = parts.next()?.parse().ok()?;
        let samples = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { sequence, unix_milli, samples, bytes: 0 })
    }
}

fn encode(requests: &[Request]) -> Vec<u8> {
    let bytes: usize = requests.iter().map(|it| HEAD_BYTES + it.body.len()).sum();
    let mut out = Vec::with_capacity(MAGIC.len() + bytes);
    out.put_slice(MAGIC);
    for Request { message, counts, body } in requests {
        out.put_u32_le(body.len() as u32);
        let check = out.len();
        out.put_u32_le(0);
        out.put_u8(match message {
            WriteMessage::V1 => 1,
            WriteMessage::V2 => 2,
        });
        for count in [counts.samples, counts.histograms, counts.exemplars] {
            out.put_u32_le(count);
        }
        out.put_slice(body);
        let sum = crc32fast::hash(&out[check + 4..]);
        out[check..check + 4].copy_from_slice(&sum.to_le_bytes());
    }
    out
}

fn decode(mut bytes: Bytes) -> io::Result<Vec<Request>> {
    let broken = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    if !bytes.starts_with(MAGIC) {
        return Err(broken("it is not a file of this queue, or of a newer version"));
    }
    bytes.advance(MAGIC.len());
    let mut requests = Vec::new();
    while !bytes.is_empty() {
        if bytes.len() < HEAD_BYTES {
            return Err(broken("it ends within a record"));
        }
        let length = bytes.get_u32_le() as usize;
        let sum = bytes.get_u32_le();
        let rest = HEAD_BYTES - 8 + length;
        if bytes.len() < rest || crc32fast::hash(&bytes[..rest]) != sum {
            return Err(broken("a record is damaged"));
        }
        let message = if bytes.get_u8() == 2 { WriteMessage::V2 } else { WriteMessage::V1 };
        let [samples, histograms, exemplars] = [(); 3].map(|()| bytes.get_u32_le());
        let counts = Counts { samples, histograms, exemplars };
        requests.push(Request { message, counts, body: bytes.split_to(length) });
    }
    Ok(requests)
}
