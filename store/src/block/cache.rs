//! What was read from blocks lately: footers, bloom filters, dictionaries, columns. Bounded by bytes.

use super::{
    codes::TextPlaces, column_file::FileId, durations::Durations, footer::Footer,
    resource_table::ResourceTable, trace_runs::TraceRuns, walk::ValuePage,
};
use arrow_array::ArrayRef;
use arrow_buffer::BooleanBuffer;
use parking_lot::Mutex;
use parquet::{bloom_filter::Sbbf, column::page::Page};
use std::{collections::HashMap, sync::Arc};
use ulid::Ulid;

/// Bytes kept at most.
const BYTES_MAX: usize = 48 << 20;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Footer(FileId),
    /// Of the trace IDs of a row group.
    Bloom(FileId, usize),
    /// Row group.
    Traces(Ulid, usize),
    /// Row group.
    AskedTraces(Ulid, usize),
    /// Row group.
    Resources(Ulid, usize),
    /// Row group.
    Durations(Ulid, usize),
    /// Row group, position of the column in the schema.
    Column(FileId, usize, usize),
    /// Row group, position of the leaf among the leaves of the schema.
    Dictionary(FileId, usize, usize),
    /// The same, of a dictionary of texts.
    TextPlaces(FileId, usize, usize),
    /// Row group, position of the leaf, number of the page.
    Page(FileId, usize, usize, usize),
    /// Row group, column and test.
    Rows(Ulid, usize, String),
    /// Row group, attribute and text.
    MayHave(Ulid, usize, String),
}

impl Key {
    /// What it is a part of.
    fn block(&self) -> Ulid {
        match self {
            Self::Footer(file)
            | Self::Bloom(file, _)
            | Self::Column(file, ..)
            | Self::Dictionary(file, ..)
            | Self::TextPlaces(file, ..)
            | Self::Page(file, ..) => file.block,
            Self::Traces(block, _)
            | Self::AskedTraces(block, _)
            | Self::Resources(block, _)
            | Self::Durations(block, _)
            | Self::Rows(block, ..)
            | Self::MayHave(block, ..) => *block,
        }
    }
}

/// The thing itself.
#[derive(Clone)]
pub(super) enum Entry {
    Footer(Footer),
    Bloom(Arc<Sbbf>),
    Traces(Arc<TraceRuns>),
    /// Some of the traces were asked for: whoever asks again will do so often.
    AskedTraces,
    Resources(Arc<ResourceTable>),
    Durations(Arc<Durations>),
    Column(ArrayRef),
    /// Decompressed.
    Dictionary(Page),
    TextPlaces(Arc<TextPlaces>),
    Page(ValuePage),
    MayHave(bool),
    /// That passed a test; `None`: none did.
    Rows(Option<BooleanBuffer>),
}

/// Least recently used entries go first.
#[derive(Default)]
pub(crate) struct Cache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<Key, Kept>,
    bytes: usize,
    tick: u64,
}

struct Kept {
    entry: Entry,
    bytes: usize,
    used: u64,
}

impl Cache {
    pub(super) fn get(&self, key: &Key) -> Option<Entry> {
        let mut state = self.state.lock();
        state.tick += 1;
        let tick = state.tick;
        let kept = state.entries.get_mut(key)?;
        kept.used = tick;
        Some(kept.entry.clone())
    }

    /// Lets go of all that was read from a block: nobody will read it again.
    pub(super) fn forget(&self, block: Ulid) {
        let mut state = self.state.lock();
        let State { entries, bytes, .. } = &mut *state;
        entries.retain(|key, kept| {
            let stays = key.block() != block;
            *bytes -= if stays { 0 } else { kept.bytes };
            stays
        });
    }

    pub(super) fn put(&self, key: Key, entry: Entry, bytes: usize) {
        if bytes > BYTES_MAX / 4 {
            return;
        }
        let mut state = self.state.lock();
        let state = &mut *state;
        state.tick += 1;
        let kept = Kept { entry, bytes, used: state.tick };
        state.bytes += bytes;
        if let Some(before) = state.entries.insert(key, kept) {
            state.bytes -= before.bytes;
        }
        if state.bytes > BYTES_MAX {
            // A quarter at a time, so that the sort is paid for by many insertions.
            let mut by_use: Vec<_> =
                state.entries.values().map(|kept| (kept.used, kept.bytes)).collect();
            by_use.sort_unstable();
            let mut used_max = 0;
            for (used, bytes) in by_use {
                if state.bytes <= BYTES_MAX / 4 * 3 {
                    break;
                }
                used_max = used;
                state.bytes -= bytes;
            }
            state.entries.retain(|_, kept| kept.used > used_max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::column_file::Part, *};
    use arrow_array::Int64Array;

    #[test]
    fn the_least_recently_used_goes_first_and_the_sum_is_bounded() {
        let cache = Cache::default();
        let block = FileId { block: Ulid::from_parts(1, 1), part: Part::Spans };
        let array: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let bytes = BYTES_MAX / 10;
        for column in 0..100 {
            cache.put(Key::Column(block, 0, column), Entry::Column(Arc::clone(&array)), bytes);
            assert!(cache.get(&Key::Column(block, 0, 0)).is_some(), "used all the time");
            assert!(cache.state.lock().bytes <= BYTES_MAX);
        }
        assert!(cache.get(&Key::Column(block, 0, 1)).is_none());
        assert!(cache.get(&Key::Column(block, 0, 99)).is_some());
    }
}
