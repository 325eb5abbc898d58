//! From the journal back into the head, when the store is opened.

use crate::{
    Error, Overlay, Via,
    block::JournalRange,
    generations::{Generations, seal},
    head::{Chunk, ChunkSource, decode},
    index::Index,
    journal::{self, Body, Cursor, Disk, Entry, Record, Replayed},
};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use ulid::Ulid;

/// Threads that decode at most, whatever the machine has: each fills chunks of its own.
const THREADS_MAX: usize = 8;
/// Records that wait for a thread; bodies are in memory compressed meanwhile.
const WAITING_MAX: usize = 64;

/// What a replay needs.
pub(super) struct Recovery {
    pub(super) folder: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) store: Ulid,
    /// What blocks of this store already hold.
    pub(super) covered: Vec<JournalRange>,
    pub(super) head: Arc<Generations>,
    pub(super) index: Arc<Index>,
    pub(super) now: Duration,
}

/// What a replay found.
pub(super) struct Recovered {
    pub(super) replayed: Replayed,
    pub(super) cursors: HashMap<String, Cursor>,
    pub(super) next_sequence: u64,
}

/// A batch that no block holds.
struct Batch {
    sequence: u64,
    via: Via,
    overlay: Arc<Overlay>,
    body: Body,
}

/// What one thread has decoded.
#[derive(Default)]
struct Decoded {
    chunks: Vec<ChunkSource>,
    unreadable: u64,
}

/// What the journal says beside spans.
#[derive(Default)]
struct Read {
    cursors: HashMap<String, Cursor>,
    /// First and last sequence number of the batches that were decoded.
    sequences: Option<(u64, u64)>,
    batches: u64,
}

impl Recovery {
    /// Puts every record that no block holds into the head. One thread reads and checks, the others decode.
    pub(super) fn run(mut self) -> Result<Recovered, Error> {
        self.covered = JournalRange::coalesce(self.covered);
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let mut read = Read::default();
        let (replayed, decoded) = thread::scope(|scope| {
            let (senders, workers): (Vec<_>, Vec<_>) = (0..threads)
                .map(|_| {
                    let (sender, batches) = mpsc::sync_channel(WAITING_MAX);
                    (sender, scope.spawn(move || Decoded::from_batches(&batches)))
                })
                .unzip();
            let replayed = self.read(&mut read, |batch| {
                let at = batch.sequence as usize % senders.len();
                // A thread ends before its sender only by a panic, which joining it tells.
                let _ = senders[at].send(batch);
            });
            drop(senders);
            let decoded = workers.into_iter().map(|worker| worker.join()).collect::<Vec<_>>();
            (replayed, decoded)
        });
        let mut replayed = replayed?;
        let mut chunks = Vec::new();
        for decoded in decoded {
            let decoded = decoded.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            replayed.damaged += decoded.unreadable;
            chunks.extend(decoded.chunks);
        }
        if let Some(sequences) = read.sequences {
            self.head.adopt(chunks, sequences, self.now);
            tracing::info!(batches = read.batches, "replayed the journal");
        }
        let in_blocks = self.covered.iter().map(|range| range.last_sequence).max();
        let next_sequence = replayed.last_sequence.max(in_blocks.unwrap_or(0)) + 1;
        Ok(Recovered { replayed, cursors: read.cursors, next_sequence })
    }

    fn read(&self, read: &mut Read, mut each: impl FnMut(Batch)) -> Result<Replayed, Error> {
        journal::replay(&*self.disk, &self.folder, self.store, |record| {
            let Record { sequence, entry } = record;
            match entry {
                Entry::Checkpoint(checkpoint) => {
                    // It tells all that was known, so it also tells what was forgotten.
                    read.cursors.clear();
                    for cursor in checkpoint {
                        read.cursors.insert(cursor.reach.target.clone(), cursor);
                    }
                }
                Entry::Batch { received_unix_nano, via, overlay, reach, gap, body } => {
                    if let Some(reach) = reach {
                        let target = reach.target.clone();
                        let reached_unix_nano = received_unix_nano;
                        read.cursors.insert(target, Cursor { reach, reached_unix_nano });
                    }
                    if let Some(gap) = gap {
                        self.index.add_gap(sequence, &gap, &overlay.attributes)?;
                    }
                    if self.is_covered(sequence) {
                        return Ok(());
                    }
                    read.batches += 1;
                    let first = read.sequences.map_or(sequence, |(first, _)| first);
                    read.sequences = Some((first, sequence));
                    each(Batch { sequence, via, overlay, body });
                }
            }
            Ok(())
        })
    }

    fn is_covered(&self, sequence: u64) -> bool {
        let after = self.covered.partition_point(|range| range.first_sequence <= sequence);
        after > 0 && self.covered[after - 1].last_sequence >= sequence
    }
}

impl Decoded {
    fn from_batches(batches: &mpsc::Receiver<Batch>) -> Self {
        let (mut decoded, mut chunk) = (Self::default(), Chunk::default());
        for Batch { sequence, via, overlay, body } in batches {
            let chunks = &mut decoded.chunks;
            let done = body.decompress().and_then(|body| {
                let full = |full| chunks.push(seal(full));
                decode(&body, &overlay, &mut chunk, full).map_err(Error::from)
            });
            if let Err(error) = done {
                tracing::error!(%error, sequence, ?via, "a journal record cannot be decoded");
                decoded.unreadable += 1;
            }
        }
        if chunk.len() > 0 {
            decoded.chunks.push(seal(chunk));
        }
        decoded
    }
}
