//! From the journal back into the head, when the store is opened.

use crate::{
    Error,
    block::JournalRange,
    generations::Generations,
    index::Index,
    journal::{self, Cursor, Entry, Record, Replayed},
};
use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};
use ulid::Ulid;

/// What a replay needs.
pub(super) struct Recovery {
    pub(super) folder: PathBuf,
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

impl Recovery {
    /// Puts every record that no block holds into the head.
    pub(super) fn run(self) -> Result<Recovered, Error> {
        let mut cursors = HashMap::new();
        let (mut batches, mut unreadable) = (0u64, 0u64);
        let mut replayed = journal::replay(&self.folder, self.store, |record| {
            let Record { sequence, entry } = record;
            match entry {
                Entry::Checkpoint(checkpoint) => {
                    // It tells all that was known, so it also tells what was forgotten.
                    cursors.clear();
                    for cursor in checkpoint {
                        cursors.insert(cursor.reach.target.clone(), cursor);
                    }
                }
                Entry::Batch { received_unix_nano, via, overlay, reach, gap, body } => {
                    if let Some(reach) = reach {
                        let target = reach.target.clone();
                        let reached_unix_nano = received_unix_nano;
                        cursors.insert(target, Cursor { reach, reached_unix_nano });
                    }
                    if let Some(gap) = gap {
                        self.index.add_gap(sequence, &gap, &overlay.attributes)?;
                    }
                    if self.is_covered(sequence) {
                        return Ok(());
                    }
                    batches += 1;
                    let added = body
                        .decompress()
                        .and_then(|body| self.head.add(sequence, &body, &overlay, self.now));
                    if let Err(error) = added {
                        tracing::error!(%error, sequence, ?via, "a journal record cannot be decoded");
                        unreadable += 1;
                    }
                }
            }
            Ok(())
        })?;
        replayed.damaged += unreadable;
        let in_blocks = self.covered.iter().map(|range| range.last_sequence).max();
        let next_sequence = replayed.last_sequence.max(in_blocks.unwrap_or(0)) + 1;
        if batches > 0 {
            tracing::info!(batches, "replayed the journal");
        }
        Ok(Recovered { replayed, cursors, next_sequence })
    }

    fn is_covered(&self, sequence: u64) -> bool {
        self.covered
            .iter()
            .any(|range| (range.first_sequence..=range.last_sequence).contains(&sequence))
    }
}
