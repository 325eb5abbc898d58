//! Which rows of a row group belong to which trace.
//!
//! Rows are sorted by trace, so a trace is a run of rows: twenty bytes a trace instead of sixteen a row, small enough to be
//! kept for all row groups that are searched. Of the newest blocks it is also known when spans start: four bytes a span, since few
//! start long after the first of their trace.

use crate::{TraceId, TraceSpans};
use arrow_array::{ArrayRef, FixedSizeBinaryArray, UInt32Array, UInt64Array};
use arrow_buffer::BooleanBuffer;
use std::{ops::Range, sync::Arc};

/// The traces of a row group, in their order.
pub(super) struct TraceRuns {
    ids: Vec<[u8; 16]>,
    /// The first row of each.
    firsts: Vec<u32>,
    rows: u32,
    /// Where somebody has looked.
    starts: Option<Starts>,
}

/// When traces and their spans start.
struct Starts {
    /// The earliest of each trace.
    of_traces_unix_nano: Box<[u64]>,
    /// By row, how much later than its trace; [`TOO_LATE`] where that is not enough to say it.
    after_nano: Box<[u32]>,
}

/// Four seconds and more.
const TOO_LATE: u32 = u32::MAX;

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
        Self { ids, firsts, rows: of_rows.len() as u32, starts: None }
    }

    /// The same, with the start of each row.
    pub(super) fn with_starts(self, of_rows_unix_nano: &[u64]) -> Self {
        let mut of_traces_unix_nano = Vec::with_capacity(self.ids.len());
        let mut after_nano = Vec::with_capacity(of_rows_unix_nano.len());
        for run in self.runs() {
            let of_trace = of_rows_unix_nano.get(run).unwrap_or_default();
            let first = of_trace.iter().copied().min().unwrap_or_default();
            of_traces_unix_nano.push(first);
            let after = |start| u32::try_from(start - first).unwrap_or(TOO_LATE);
            after_nano.extend(of_trace.iter().map(|&start| after(start)));
        }
        let starts = Starts {
            of_traces_unix_nano: of_traces_unix_nano.into(),
            after_nano: after_nano.into(),
        };
        Self { starts: Some(starts), ..self }
    }

    /// When some rows (ascending) start; `None` where that is not known of all of them.
    pub(super) fn starts(&self, rows: &UInt32Array) -> Option<UInt64Array> {
        let starts = self.starts.as_ref()?;
        let mut at = 0;
        let start = |&row: &u32| {
            at += self.firsts[at..].partition_point(|&first| first <= row).saturating_sub(1);
            let after = starts.after_nano.get(row as usize).filter(|after| **after != TOO_LATE)?;
            Some(starts.of_traces_unix_nano.get(at)? + u64::from(*after))
        };
        let found: Option<Vec<u64>> = rows.values().iter().map(start).collect();
        Some(found?.into())
    }

    /// The rows of each.
    fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let ends = self.firsts.iter().skip(1).copied().chain([self.rows]);
        self.firsts.iter().zip(ends).map(|(first, end)| *first as usize..end as usize)
    }

    /// The traces of marked rows, in their order; `None` where nobody has looked when they start.
    pub(super) fn marked(&self, rows: &BooleanBuffer) -> Option<Vec<TraceSpans>> {
        let starts_unix_nano = &self.starts.as_ref()?.of_traces_unix_nano;
        let mut found: Vec<TraceSpans> = Vec::new();
        let (mut at, mut end) = (0, 0);
        for row in rows.set_indices() {
            if let Some(last) = found.last_mut().filter(|_| row < end) {
                last.spans += 1;
                continue;
            }
            at += self.firsts[at..].partition_point(|&first| first as usize <= row);
            end = self.firsts.get(at).map_or(self.rows, |first| *first) as usize;
            let (id, start_unix_nano) = (self.ids.get(at - 1)?, *starts_unix_nano.get(at - 1)?);
            found.push(TraceSpans { id: TraceId(*id), spans: 1, start_unix_nano });
        }
        Some(found)
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
                for (id, run) in self.ids.iter().zip(self.runs()) {
                    run.for_each(|_| bytes.extend_from_slice(id));
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
        let starts = self.starts.as_ref().map_or(0, |starts| {
            size_of_val(&*starts.of_traces_unix_nano) + size_of_val(&*starts.after_nano)
        });
        self.ids.len() * 20 + starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;
    use proptest::prelude::*;

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

    #[test]
    fn marked_rows_say_which_traces_have_how_many_and_when_these_start() {
        let of_rows = [3u8, 3, 3, 5, 9, 9, 12].map(|id| [id; 16]);
        let column = FixedSizeBinaryArray::new(16, of_rows.as_flattened().to_vec().into(), None);
        let runs = TraceRuns::new(&column);
        let mark = |rows: [u8; 7]| rows.iter().map(|mark| *mark == 1).collect();
        assert_eq!(runs.marked(&mark([1; 7])), None, "nobody knows when they start");
        let runs = runs.with_starts(&[30, 10, 20, 50, 90, 91, 7]);
        let trace = |id: u8, spans, start_unix_nano| TraceSpans {
            id: TraceId([id; 16]),
            spans,
            start_unix_nano,
        };
        let all = [trace(3, 3, 10), trace(5, 1, 50), trace(9, 2, 90), trace(12, 1, 7)];
        assert_eq!(runs.marked(&mark([1; 7])).unwrap(), all);
        let some = [trace(3, 2, 10), trace(9, 1, 90)];
        assert_eq!(runs.marked(&mark([1, 0, 1, 0, 0, 1, 0])).unwrap(), some);
        assert_eq!(runs.marked(&mark([0; 7])).unwrap(), []);
    }

    proptest! {
        #[test]
        fn starts_are_those_of_the_column_or_not_known(
            // From spans that start together to those that are some seconds apart.
            traces in prop::collection::vec(
                (0..u64::MAX / 2, prop::collection::vec((any::<u64>(), 31u32..64), 1..5)),
                0..9,
            ),
            picks in prop::collection::vec(any::<bool>(), 40),
        ) {
            let (mut ids, mut starts) = (Vec::<[u8; 16]>::new(), Vec::<u64>::new());
            for (at, (base, rows)) in traces.iter().enumerate() {
                ids.extend(rows.iter().map(|_| [at as u8; 16]));
                starts.extend(rows.iter().map(|(after, shift)| base + (after >> shift)));
            }
            let column = FixedSizeBinaryArray::new(16, ids.as_flattened().to_vec().into(), None);
            let runs = TraceRuns::new(&column).with_starts(&starts);
            let rows: Vec<u32> = (0..starts.len() as u32).filter(|row| picks[*row as usize]).collect();
            let wanted: Vec<u64> = rows.iter().map(|row| starts[*row as usize]).collect();
            let is_late = |row: &u32| {
                let run = runs.rows_of(&TraceId(ids[*row as usize]));
                let first = starts[run].iter().min().unwrap();
                starts[*row as usize] - first >= u64::from(u32::MAX)
            };
            let found = runs.starts(&rows.clone().into());
            prop_assert_eq!(found.is_none(), rows.iter().any(is_late));
            prop_assert!(found.is_none_or(|found| found.values() == wanted.as_slice()));
        }
    }
}
