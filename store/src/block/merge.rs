//! The spans of some chunks in the order of a block.

use super::carried::{Carried, Pending};
use crate::{TraceId, head::Chunk, otlp::canonical};
use std::ops::Range;

/// Marks a row that is a duplicate of another.
pub(super) const DROPPED: u32 = u32::MAX;

/// Chunks as one table, sorted by (trace ID, start, span ID), exact duplicates left out. Nothing is copied: it
/// is a permutation.
pub(super) struct Merge<'a> {
    pub(super) chunks: Vec<&'a Chunk>,
    /// By position in the block, chunk and row.
    pub(super) order: Vec<(u32, u32)>,
    /// By chunk and row, the position in the block or `DROPPED`.
    pub(super) positions: Vec<Vec<u32>>,
    /// Attributes that the chunk, which is then the only one, does not have itself.
    pub(super) carried: Option<&'a Carried>,
}

/// Where a span stands in a block: by trace ID, start and span ID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank([u8; 16], u64, [u8; 8]);

impl Rank {
    fn of(chunk: &Chunk, row: usize) -> Self {
        Self(chunk.trace_ids[row], chunk.starts_unix_nano[row], chunk.span_ids[row])
    }
}

impl<'a> Merge<'a> {
    pub(super) fn new(chunks: Vec<&'a Chunk>) -> Self {
        Self::of(chunks, None)
    }

    pub(super) fn of_pending(pending: &'a Pending) -> Self {
        Self::of(vec![&pending.chunk], Some(&pending.carried))
    }

    fn of(chunks: Vec<&'a Chunk>, carried: Option<&'a Carried>) -> Self {
        // Sorted by 64 bits of the trace ID, which two traces hardly ever share: the first that are not zero in all. Chunk and row say
        // where the span stands.
        let ids = chunks.iter().flat_map(|chunk| &chunk.trace_ids);
        let zeros = ids.fold(0, |all, id| all | u128::from_be_bytes(*id)).leading_zeros();
        let mut keyed: Vec<u128> = Vec::with_capacity(chunks.iter().map(|it| it.len()).sum());
        for (at, chunk) in chunks.iter().enumerate() {
            let place = (at as u128) << 32;
            let ids = chunk.trace_ids.iter().enumerate();
            keyed.extend(ids.map(|(row, id)| {
                let first = u128::from_be_bytes(*id).checked_shl(zeros).unwrap_or(0) >> 64;
                first << 64 | place | row as u128
            }));
        }
        // Stable, because that makes use of what is sorted already: rows of blocks come in sorted runs.
        keyed.sort();

        let mut order = Vec::with_capacity(keyed.len());
        let mut spans: Vec<(Rank, u32, u32)> = Vec::new();
        for alike in keyed.chunk_by(|a, b| a >> 64 == b >> 64) {
            spans.clear();
            spans.extend(alike.iter().map(|&key| {
                let (chunk, row) = ((key >> 32) as u32, key as u32);
                (Rank::of(chunks[chunk as usize], row as usize), chunk, row)
            }));
            spans.sort_by_key(|(rank, ..)| *rank);
            for run in spans.chunk_by(|a, b| a.0 == b.0) {
                match run {
                    [(_, chunk, row)] => order.push((*chunk, *row)),
                    several => order.extend(without_copies(several, &chunks, carried)),
                }
            }
        }
        drop(keyed);
        let mut positions: Vec<_> = chunks.iter().map(|chunk| vec![DROPPED; chunk.len()]).collect();
        for (position, &(chunk, row)) in order.iter().enumerate() {
            positions[chunk as usize][row as usize] = position as u32;
        }
        Self { chunks, order, positions, carried }
    }

    /// The rows of one chunk as they stand: nothing is asked of them but what each says itself.
    pub(super) fn of_rows(chunk: &'a Chunk, rows: usize) -> Self {
        let rows = 0..rows as u32;
        let order = rows.clone().map(|row| (0, row)).collect();
        Self { chunks: vec![chunk], order, positions: vec![rows.collect()], carried: None }
    }

    /// The part of the block that one row group takes.
    pub(super) fn rows(
        &self,
        range: Range<usize>,
    ) -> impl ExactSizeIterator<Item = (&'a Chunk, u32, u32)> {
        let chunks = &self.chunks;
        self.order[range].iter().map(move |&(at, row)| (chunks[at as usize], at, row))
    }

    /// The trace of the span at a position.
    pub(super) fn trace_at(&self, position: usize) -> TraceId {
        let (chunk, row) = self.order[position];
        TraceId(self.chunks[chunk as usize].trace_ids[row as usize])
    }

    /// Row groups of at most so many rows. A trace is in one of them, unless it alone has more.
    pub(super) fn row_groups(&self, rows_max: usize) -> Vec<Range<usize>> {
        let mut groups = Vec::new();
        let mut start = 0;
        while start < self.order.len() {
            let mut end = self.order.len().min(start + rows_max);
            if end < self.order.len() {
                let trace = self.trace_at(end);
                let within = (start..end).rev().take_while(|&at| self.trace_at(at) == trace);
                let whole = end - within.count();
                if whole > start {
                    end = whole;
                }
            }
            groups.push(start..end);
            start = end;
        }
        groups
    }
}

/// Of spans that agree in trace, start and ID, those that are not the same: a span may have been read twice, or two spans share an ID.
/// Their bytes tell, and put them in an order that does not depend on how they came.
fn without_copies(
    run: &[(Rank, u32, u32)],
    chunks: &[&Chunk],
    carried: Option<&Carried>,
) -> impl Iterator<Item = (u32, u32)> {
    let contents = run.iter().map(|&(_, chunk, row)| {
        let others = carried.map_or(Vec::new(), |carried| carried.of_row(row as usize));
        (canonical(chunks[chunk as usize], row, &others), chunk, row)
    });
    let mut contents: Vec<(Vec<u8>, u32, u32)> = contents.collect();
    contents.sort_unstable();
    contents.dedup_by(|a, b| a.0 == b.0);
    contents.into_iter().map(|(_, chunk, row)| (chunk, row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Overlay, head::decode, test_kit::request};
    use proptest::prelude::*;
    use prost::Message;

    /// IDs of all 128 bits, of 64 bits as older tracers make them, and such as share their first half.
    fn trace_id(kind: u8, number: u8) -> Vec<u8> {
        match kind {
            0 => vec![number; 16],
            1 => [[0; 8], [number; 8]].concat(),
            _ => [[7; 8], [number; 8]].concat(),
        }
    }

    proptest! {
        #[test]
        fn spans_are_in_order_whatever_their_ids_share(
            chunks in proptest::collection::vec(
                proptest::collection::vec((0..3u8, 1..9u8, 0..40u64), 0..40),
                1..4,
            ),
            only in proptest::option::of(0..3u8),
        ) {
            let chunks: Vec<Chunk> = chunks.into_iter().map(|spans| {
                let numbers: Vec<_> = spans.iter().map(|&(_, trace, span)| (trace, span)).collect();
                let mut request = request(&numbers);
                let sent = &mut request.resource_spans[0].scope_spans[0].spans;
                for (span, (kind, trace, _)) in sent.iter_mut().zip(spans) {
                    span.trace_id = trace_id(only.unwrap_or(kind), trace);
                }
                let mut chunk = Chunk::default();
                decode(&request.encode_to_vec(), &Overlay::default(), &mut chunk, |_| {}).unwrap();
                chunk
            }).collect();
            let merge = Merge::new(chunks.iter().collect());
            let ranks = |places: &mut dyn Iterator<Item = (u32, u32)>| -> Vec<Rank> {
                places.map(|(at, row)| Rank::of(&chunks[at as usize], row as usize)).collect()
            };
            let mut expected = ranks(&mut chunks.iter().enumerate().flat_map(|(at, chunk)| {
                (0..chunk.len() as u32).map(move |row| (at as u32, row))
            }));
            expected.sort();
            // Those that agree in all of this are the same span here.
            expected.dedup();
            prop_assert!(ranks(&mut merge.order.iter().copied()) == expected);
        }
    }
}
