//! What is searchable at a moment: the head's generations and the blocks.
//!
//! The newest generation takes spans in. When it is cut, it becomes the one that is being written,
//! still searchable, until its block takes its place in one step.

use crate::{
    Error, Overlay, Snapshot, Source, Tail, Via,
    block::Block,
    head::{Chunk, ChunkSource, decode},
};
use parking_lot::Mutex;
use std::{
    mem,
    ops::Range,
    sync::{Arc, OnceLock},
    time::Duration,
};
use ulid::Ulid;

/// A snapshot seals an active chunk of this many rows rather than copying it.
const COPY_ROWS_MAX: usize = 2048;
/// A body this large is decoded beside the head, so that nobody who looks waits for it.
const DECODE_IN_PLACE_BYTES_MAX: usize = 512 << 10;

/// Head and blocks behind one lock, which is never held for longer than it takes to decode a
/// small body or copy a small chunk.
#[derive(Default)]
pub(crate) struct Generations {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    active: Chunk,
    /// A copy of `active` as it is now.
    copy: Option<ChunkSource>,
    newest: Generation,
    /// Spans taken in before the first one of `newest`, since the store was opened.
    newest_start: u64,
    /// Being written as a block.
    cutting: Option<Arc<Generation>>,
    /// Spans taken in before the first one of `cutting`.
    cutting_start: u64,
    blocks: Vec<Arc<Block>>,
}

/// Sealed chunks and the journal records that they hold, all of them and no other.
#[derive(Default)]
pub(crate) struct Generation {
    pub(crate) chunks: Vec<ChunkSource>,
    /// First and last sequence number.
    pub(crate) sequences: Option<(u64, u64)>,
    /// Monotonic time of the first batch.
    born: Option<Duration>,
    /// Those of its spans, by number, that whoever follows is not shown; ascending.
    untold: Vec<Range<u64>>,
    /// Of the block, once it is being written: another attempt writes over what the first one left.
    pub(crate) block: OnceLock<Ulid>,
}

/// How much is in memory.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct HeadSize {
    pub(crate) spans: usize,
    pub(crate) bytes: u64,
}

/// Where the spans of a trace may lie.
pub(crate) struct Places {
    pub(crate) chunks: Vec<ChunkSource>,
    pub(crate) blocks: Vec<Arc<Block>>,
}

impl Generations {
    /// Decodes a checked body into the head.
    pub(crate) fn add(
        &self,
        sequence: u64,
        body: &[u8],
        overlay: &Overlay,
        via: Via,
        now: Duration,
    ) -> Result<(), Error> {
        let beside = if body.len() > DECODE_IN_PLACE_BYTES_MAX {
            let (mut chunk, mut chunks) = (Chunk::default(), Vec::new());
            decode(body, overlay, &mut chunk, |full| chunks.push(seal(full)))?;
            chunks.push(seal(chunk));
            Some(chunks)
        } else {
            None
        };
        let mut state = self.state.lock();
        let state = &mut *state;
        let spans_before = state.newest_spans();
        match beside {
            Some(chunks) => {
                // Whoever follows the head counts spans in the order of chunks.
                state.seal_active();
                state.newest.chunks.extend(chunks);
            }
            None => {
                state.copy = None;
                let State { active, newest, .. } = state;
                decode(body, overlay, active, |full| newest.chunks.push(seal(full)))?;
            }
        }
        if via == Via::Lookup {
            let spans = spans_before..state.newest_spans();
            state.newest.untold.push(spans);
        }
        let first = state.newest.sequences.map_or(sequence, |(first, _)| first);
        state.newest.sequences = Some((first, sequence));
        state.newest.born.get_or_insert(now);
        Ok(())
    }

    /// Takes in what was decoded elsewhere: all the spans of these journal records.
    pub(crate) fn adopt(&self, chunks: Vec<ChunkSource>, sequences: (u64, u64), now: Duration) {
        let mut state = self.state.lock();
        state.newest.chunks.extend(chunks);
        let first = state.newest.sequences.map_or(sequences.0, |(first, _)| first);
        state.newest.sequences = Some((first, sequences.1));
        state.newest.born.get_or_insert(now);
    }

    /// Everything that can be searched, newest first.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let places = self.places();
        let mut sources: Vec<Arc<dyn Source>> = Vec::new();
        for chunk in places.chunks {
            sources.push(Arc::new(chunk));
        }
        for block in places.blocks {
            sources.extend(block.sources());
        }
        sources.sort_by_key(|source| std::cmp::Reverse(source.time_range().start_max_unix_nano));
        Snapshot { sources }
    }

    /// Chunks and blocks at this moment.
    pub(crate) fn places(&self) -> Places {
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.active.len() >= COPY_ROWS_MAX {
            state.seal_active();
        }
        let copy = (state.active.len() > 0)
            .then(|| state.copy.get_or_insert_with(|| seal(state.active.clone())).clone());
        let cutting = state.cutting.iter().flat_map(|generation| &generation.chunks);
        let chunks = cutting.chain(&state.newest.chunks).chain(&copy).cloned().collect();
        Places { chunks, blocks: state.blocks.clone() }
    }

    /// The spans that came in after the first `after` ones, since the store was opened.
    pub(crate) fn tail(&self, after: u64) -> Tail {
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.active.len() >= COPY_ROWS_MAX {
            state.seal_active();
        }
        let mut tail = Tail { parts: Vec::new(), next: after, missed: 0 };
        let cutting = state.cutting.as_ref();
        let mut start = cutting.map_or(state.newest_start, |_| state.cutting_start);
        tail.missed = start.saturating_sub(after);
        let active = (state.active.len() > 0)
            .then(|| state.copy.get_or_insert_with(|| seal(state.active.clone())));
        let untold_of = |generation: &Generation, start: u64| -> Vec<Range<u64>> {
            let untold = generation.untold.iter();
            untold.map(|spans| spans.start + start..spans.end + start).collect()
        };
        let mut untold = cutting.map_or_else(Vec::new, |it| untold_of(it, state.cutting_start));
        untold.extend(untold_of(&state.newest, state.newest_start));
        let cutting = cutting.into_iter().flat_map(|generation| &generation.chunks);
        for chunk in cutting.chain(&state.newest.chunks).chain(active.map(|it| &*it)) {
            let end = start + chunk.rows() as u64;
            if end > after {
                let source: Arc<dyn Source> = Arc::new(chunk.clone());
                for told in without(start.max(after)..end, &untold) {
                    let rows = (told.start - start) as usize..(told.end - start) as usize;
                    tail.parts.push((source.clone(), rows));
                }
            }
            start = end;
        }
        tail.next = start;
        tail
    }

    /// What the head holds, the generation being written included.
    pub(crate) fn size(&self) -> HeadSize {
        let state = self.state.lock();
        let mut size = state.newest_size();
        for chunk in state.cutting.iter().flat_map(|generation| &generation.chunks) {
            size.spans += chunk.rows();
            size.bytes += chunk.size_bytes();
        }
        size
    }

    /// True when the newest generation is this large or this old, or an earlier one is still to be written.
    pub(crate) fn is_due(&self, bytes_max: u64, age_max: Duration, now: Duration) -> bool {
        let state = self.state.lock();
        state.cutting.is_some()
            || state.newest_size().bytes >= bytes_max
            || state.newest.born.is_some_and(|born| now.saturating_sub(born) >= age_max)
    }

    /// Whether an earlier generation is still to be written.
    pub(crate) fn is_cutting(&self) -> bool {
        self.state.lock().cutting.is_some()
    }

    /// The generation to write: the one that an earlier attempt left, else the newest, which is then closed. `None` when
    /// there is nothing to write.
    pub(crate) fn cut(&self) -> Option<Arc<Generation>> {
        let mut state = self.state.lock();
        if state.cutting.is_none() && state.newest.sequences.is_some() {
            state.seal_active();
            let newest = mem::take(&mut state.newest);
            state.cutting_start = state.newest_start;
            state.newest_start += newest.spans();
            state.cutting = Some(Arc::new(newest));
        }
        state.cutting.clone()
    }

    /// Lets the generation that was cut go: these blocks hold its spans, if it had any.
    pub(crate) fn publish(&self, blocks: Vec<Arc<Block>>) {
        let mut state = self.state.lock();
        state.cutting = None;
        state.blocks = blocks;
    }

    /// The blocks that can be searched from now on.
    pub(crate) fn set_blocks(&self, blocks: Vec<Arc<Block>>) {
        self.state.lock().blocks = blocks;
    }

    /// The blocks that can be searched.
    pub(crate) fn blocks(&self) -> Vec<Arc<Block>> {
        self.state.lock().blocks.clone()
    }
}

impl Generation {
    fn spans(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.rows() as u64).sum()
    }
}

impl State {
    fn seal_active(&mut self) {
        self.copy = None;
        if self.active.len() > 0 {
            self.newest.chunks.push(seal(mem::take(&mut self.active)));
        }
    }

    fn newest_spans(&self) -> u64 {
        self.newest.spans() + self.active.len() as u64
    }

    fn newest_size(&self) -> HeadSize {
        let mut size =
            HeadSize { spans: self.active.len(), bytes: self.active.size_bytes() as u64 };
        for chunk in &self.newest.chunks {
            size.spans += chunk.rows();
            size.bytes += chunk.size_bytes();
        }
        size
    }
}

/// What is left of a range without some others, which are ascending.
fn without(whole: Range<u64>, others: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut left = Vec::new();
    let mut start = whole.start;
    for other in others {
        left.push(start..other.start.min(whole.end));
        start = start.max(other.end);
    }
    left.push(start..whole.end);
    left.retain(|range| range.start < range.end);
    left
}

/// Nothing is added to this chunk any more.
pub(crate) fn seal(mut chunk: Chunk) -> ChunkSource {
    chunk.freeze();
    ChunkSource::new(Arc::new(chunk))
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn ranges_are_left_out_of_ranges() {
        let left = |whole: std::ops::Range<u64>, others: &[(u64, u64)]| -> Vec<(u64, u64)> {
            let others: Vec<_> = others.iter().map(|(start, end)| *start..*end).collect();
            without(whole, &others).into_iter().map(|range| (range.start, range.end)).collect()
        };
        assert_eq!(left(3..9, &[]), [(3, 9)]);
        assert_eq!(left(3..9, &[(0, 2), (4, 5), (7, 12), (20, 21)]), [(3, 4), (5, 7)]);
        assert_eq!(left(3..9, &[(0, 20)]), []);
        assert_eq!(left(3..9, &[(3, 4), (8, 9)]), [(4, 8)]);
        assert_eq!(left(9..9, &[(3, 4)]), []);
        assert_eq!(left(5..9, &[(0, 1), (20, 30)]), [(5, 9)]);
    }
}
