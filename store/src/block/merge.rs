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

impl<'a> Merge<'a> {
    pub(super) fn new(chunks: Vec<&'a Chunk>) -> Self {
        Self::of(chunks, None)
    }

    pub(super) fn of_pending(pending: &'a Pending) -> Self {
        Self::of(vec![&pending.chunk], Some(&pending.carried))
    }

    fn of(chunks: Vec<&'a Chunk>, carried: Option<&'a Carried>) -> Self {
        let mut keyed: Vec<(u128, u32, u32)> = Vec::new();
        for (at, chunk) in chunks.iter().enumerate() {
            let ids = chunk.trace_ids.iter().enumerate();
            keyed.extend(ids.map(|(row, id)| (u128::from_be_bytes(*id), at as u32, row as u32)));
        }
        let within = |&(_, chunk, row): &(u128, u32, u32)| {
            let (chunk, row) = (chunks[chunk as usize], row as usize);
            (chunk.starts_unix_nano[row], chunk.span_ids[row])
        };
        // Stable, because that makes use of what is sorted already: rows of blocks come in sorted runs.
        keyed.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| within(a).cmp(&within(b))));

        let mut order = Vec::with_capacity(keyed.len());
        let mut contents: Vec<(Vec<u8>, u32, u32)> = Vec::new();
        for run in keyed.chunk_by(|a, b| a.0 == b.0 && within(a) == within(b)) {
            if let [(_, chunk, row)] = run {
                order.push((*chunk, *row));
                continue;
            }
            // The same span was read twice, or two spans share an ID; their bytes tell. They also put these in an order that
            // does not depend on how they came.
            contents.clear();
            contents.extend(run.iter().map(|&(_, chunk, row)| {
                let others = carried.map_or(Vec::new(), |carried| carried.of_row(row as usize));
                (canonical(chunks[chunk as usize], row, &others), chunk, row)
            }));
            contents.sort_unstable();
            contents.dedup_by(|a, b| a.0 == b.0);
            order.extend(contents.iter().map(|&(_, chunk, row)| (chunk, row)));
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
