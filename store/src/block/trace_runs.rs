//! Which rows of a row group belong to which trace.
//!
//! Rows are sorted by trace, so a trace is a run of rows: twenty bytes a trace instead of sixteen a row, small enough to be
//! kept for all row groups that are searched.

use crate::TraceId;
use arrow_array::{ArrayRef, FixedSizeBinaryArray, UInt32Array};
use std::{ops::Range, sync::Arc};

/// The traces of a row group, in their order.
pub(super) struct TraceRuns {
    ids: Vec<[u8; 16]>,
    /// The first row of each.
    firsts: Vec<u32>,
    rows: u32,
}

impl TraceRuns {
    /// From the trace ID of each row, sixteen bytes each.
    pub(super) fn new(of_rows: &FixedSizeBinaryArray) -> Self {
        let (mut ids, mut firsts) = (Vec::<[u8; 16]>::new(), Vec::new());
        let (of_rows, _) = of_rows.value_data().as_chunks::<16>();
        for (row, id) in of_rows.iter().enumerate() {
            if ids.last() != Some(id) {
                ids.push(*id);
                firsts.push(row as u32);
            }
        }
        ids.shrink_to_fit();
        firsts.shrink_to_fit();
        Self { ids, firsts, rows: of_rows.len() as u32 }
    }

    /// The rows of a trace; empty when it is not here.
    pub(super) fn rows_of(&self, trace_id: &TraceId) -> Range<usize> {
        match self.ids.binary_search(&trace_id.0) {
            Ok(at) => {
                let end = self.firsts.get(at + 1).copied().unwrap_or(self.rows);
                self.firsts[at] as usize..end as usize
            }
            Err(_) => 0..0,
        }
    }

    /// The trace IDs of some rows (ascending), or of all.
    pub(super) fn ids(&self, rows: Option<&UInt32Array>) -> ArrayRef {
        let mut bytes: Vec<u8> =
            Vec::with_capacity(16 * rows.map_or(self.rows as usize, |it| it.len()));
        match rows {
            None => {
                let ends = self.firsts.iter().skip(1).copied().chain([self.rows]);
                for ((id, first), end) in self.ids.iter().zip(&self.firsts).zip(ends) {
                    (*first..end).for_each(|_| bytes.extend_from_slice(id));
                }
            }
            Some(rows) => {
                let mut at = 0;
                for &row in rows.values() {
                    at +=
                        self.firsts[at..].partition_point(|&first| first <= row).saturating_sub(1);
                    bytes.extend_from_slice(&self.ids[at]);
                }
            }
        }
        Arc::new(FixedSizeBinaryArray::new(16, bytes.into(), None))
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.ids.len() * 20
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;

    #[test]
    fn it_says_the_same_as_the_column_that_it_was_made_of() {
        let of_rows = [3u8, 3, 3, 5, 9, 9, 12].map(|id| [id; 16]);
        let column = FixedSizeBinaryArray::new(16, of_rows.as_flattened().to_vec().into(), None);
        let runs = TraceRuns::new(&column);
        assert_eq!(runs.ids(None).as_fixed_size_binary(), &column);
        let some = UInt32Array::from(vec![1, 2, 4, 6]);
        let ids = runs.ids(Some(&some));
        let ids: Vec<u8> = ids.as_fixed_size_binary().iter().map(|id| id.unwrap()[0]).collect();
        assert_eq!(ids, [3, 3, 9, 12]);
        assert_eq!(runs.rows_of(&TraceId([9; 16])), 4..6);
        assert_eq!(runs.rows_of(&TraceId([12; 16])), 6..7);
        assert_eq!(runs.rows_of(&TraceId([4; 16])), 0..0);
    }
}
