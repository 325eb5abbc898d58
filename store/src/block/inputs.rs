//! A block read from its first trace to its last, some thousand rows at a time.

use super::{
    carried::Pending, known::Known, parents, read::Block, resource_table::ResourceTable, rows,
};
use crate::{Error, TraceId};
use arrow_array::{
    Array, FixedSizeBinaryArray, Int32Array, RecordBatch, UInt32Array, cast::AsArray,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use std::{collections::VecDeque, ops::Range, sync::Arc};

/// One of the blocks that are merged.
pub(super) struct Input {
    block: Arc<Block>,
    batch_rows: usize,
    row_group: usize,
    /// Of the row group that is read; `None` before and behind it.
    reader: Option<Reader>,
    /// Rows in hand, in order.
    held: VecDeque<Held>,
    /// The spans of the rows in hand, among which their parents are.
    span_ids: SpanIds,
    /// Of the row group from which rows were taken last, and the chunk into which they went.
    known: Known,
    known_row_group: usize,
}

struct Reader {
    batches: ParquetRecordBatchReader,
    /// `None` in a block of version 1.
    table: Option<Arc<ResourceTable>>,
    row: usize,
}

struct Held {
    batch: RecordBatch,
    /// Its rows before this one have been taken.
    next: usize,
    trace_ids: FixedSizeBinaryArray,
    row_group: usize,
    /// Of the row group, the row at which the batch begins.
    first_row: usize,
    table: Option<Arc<ResourceTable>>,
}

impl Held {
    fn trace_id(&self, row: usize) -> u128 {
        // Of another length would be damage; `load` has looked.
        u128::from_be_bytes(self.trace_ids.value(row).try_into().unwrap_or_default())
    }

    /// Rows that have not been taken.
    fn left(&self) -> usize {
        self.batch.num_rows() - self.next
    }

    /// Of these, rows whose trace ID is not above this one.
    fn count(&self, last: u128) -> usize {
        super::read::partition(self.left(), |row| self.trace_id(self.next + row) <= last)
    }
}

/// Runs of span IDs by row group and row. Traces leave the hand whole, so that a parent that stands in the same row group is
/// there as long as its child.
#[derive(Default)]
struct SpanIds(VecDeque<Run>);

struct Run {
    row_group: usize,
    first_row: usize,
    ids: FixedSizeBinaryArray,
}

impl SpanIds {
    fn get(&self, row_group: usize, row: usize) -> Option<&[u8]> {
        let at = self.0.partition_point(|it| (it.row_group, it.first_row) <= (row_group, row));
        let run = self.0.get(at.checked_sub(1)?)?;
        let within = row - run.first_row;
        (run.row_group == row_group && within < run.ids.len()).then(|| run.ids.value(within))
    }

    /// Those before a row are not asked for any more.
    fn forget_before(&mut self, row_group: usize, row: usize) {
        while self.0.get(1).is_some_and(|next| (next.row_group, next.first_row) <= (row_group, row))
        {
            self.0.pop_front();
        }
    }
}

impl Input {
    pub(super) fn new(block: Arc<Block>, batch_rows: usize) -> Self {
        Self {
            block,
            batch_rows,
            row_group: 0,
            reader: None,
            held: VecDeque::new(),
            span_ids: SpanIds::default(),
            known: Known::default(),
            known_row_group: 0,
        }
    }

    /// Makes sure that there are rows in hand, half a batch at least, unless none are left. All inputs go on together as far as the
    /// one that has come least far: with few rows in hand they would go in small steps.
    pub(super) fn fill(&mut self) -> Result<(), Error> {
        while self.held.iter().map(Held::left).sum::<usize>() * 2 < self.batch_rows
            && !self.is_read()
        {
            self.load()?;
        }
        Ok(())
    }

    /// True when the block has no rows but those in hand.
    fn is_read(&self) -> bool {
        self.reader.is_none() && self.row_group == self.block.meta().row_groups.len()
    }

    /// Takes another batch in hand, if there is one.
    pub(super) fn load(&mut self) -> Result<(), Error> {
        loop {
            if let Some(reader) = &mut self.reader {
                if let Some(batch) = reader.batches.next() {
                    let batch = batch.map_err(|error| self.block.damaged(&error.to_string()))?;
                    let rows = batch.num_rows();
                    if rows == 0 {
                        continue;
                    }
                    let ids = |name, length| {
                        let column = batch.column_by_name(name);
                        let ids = column.and_then(|ids| ids.as_fixed_size_binary_opt());
                        ids.filter(|ids| ids.value_length() == length).cloned()
                    };
                    let (Some(trace_ids), Some(span_ids)) =
                        (ids("trace_id", 16), ids("span_id", 8))
                    else {
                        return Err(self.block.damaged("it has no trace IDs or no span IDs"));
                    };
                    let (row_group, first_row) = (self.row_group, reader.row);
                    reader.row += rows;
                    self.span_ids.0.push_back(Run { row_group, first_row, ids: span_ids });
                    let table = reader.table.clone();
                    let held = Held { batch, next: 0, trace_ids, row_group, first_row, table };
                    self.held.push_back(held);
                    return Ok(());
                }
                self.reader = None;
                self.row_group += 1;
            }
            if self.row_group == self.block.meta().row_groups.len() {
                return Ok(());
            }
            self.reader = Some(self.open()?);
        }
    }

    fn open(&self) -> Result<Reader, Error> {
        let mut scan = self.block.scan(self.row_group)?;
        let batches = scan.read(None, self.batch_rows)?;
        let table = self.block.resource_table(self.row_group)?;
        Ok(Reader { batches, table, row: 0 })
    }

    /// Says that rows go into another chunk from now on.
    pub(super) fn forget(&mut self) {
        self.known = Known::default();
    }

    /// The first trace in hand.
    pub(super) fn first(&self) -> Option<u128> {
        self.held.front().map(|held| held.trace_id(held.next))
    }

    /// The last trace in hand, if there may be more of it or behind it.
    pub(super) fn open_end(&self) -> Option<u128> {
        let last = self.held.back().filter(|_| !self.is_read())?;
        Some(last.trace_id(last.batch.num_rows() - 1))
    }

    /// Rows in hand whose trace ID is not above this one.
    pub(super) fn count(&self, last: u128) -> usize {
        self.held.iter().map(|held| held.count(last)).sum()
    }

    /// Moves rows whose trace ID is not above this one; those whose trace is not to be kept go.
    pub(super) fn take(
        &mut self,
        last: u128,
        keep: &dyn Fn(&TraceId) -> Result<bool, Error>,
        pending: &mut Pending,
    ) -> Result<(), Error> {
        if let Some(held) = self.held.front() {
            self.span_ids.forget_before(held.row_group, held.first_row + held.next);
        }
        while let Some(held) = self.held.front_mut() {
            if held.row_group != self.known_row_group {
                self.known = Known::default();
                self.known_row_group = held.row_group;
            }
            let end = held.next + held.count(last);
            let mut row = held.next;
            while row < end {
                // A run of rows that are kept, of one or more traces.
                let start = row;
                while row < end {
                    let trace = held.trace_id(row);
                    if !keep(&TraceId(trace.to_be_bytes()))? {
                        break;
                    }
                    row += (row..end).take_while(|&at| held.trace_id(at) == trace).count();
                }
                if row > start {
                    let (batch, rows) = (&held.batch, start..row);
                    let (row_group, span_ids) = (held.row_group, &self.span_ids);
                    let id_at = |place: u32| {
                        // Another length than that of an ID is refused.
                        span_ids.get(row_group, place as usize).unwrap_or_default()
                    };
                    parents_of(batch, rows.clone(), held.first_row, id_at)
                        .and_then(|parents| {
                            let (table, known) = (held.table.as_deref(), &mut self.known);
                            let Pending { chunk, carried } = pending;
                            rows::append(batch, rows, &parents, table, known, chunk, Some(carried))
                        })
                        .map_err(|what| self.block.damaged(what))?;
                }
                if row < end {
                    let trace = held.trace_id(row);
                    row += (row..end).take_while(|&at| held.trace_id(at) == trace).count();
                }
            }
            held.next = end;
            if held.left() > 0 {
                break;
            }
            self.held.pop_front();
        }
        Ok(())
    }
}

/// The IDs of the parents of some rows of a batch, which begins at this row of its row group.
pub(super) fn parents_of<'a>(
    batch: &RecordBatch,
    rows: Range<usize>,
    first_row: usize,
    span_id_at: impl Fn(u32) -> &'a [u8],
) -> Result<FixedSizeBinaryArray, &'static str> {
    const WRONG_TYPE: &str = "the columns of parents are not of the types that they should have";
    let count = rows.len();
    let raw = match batch.column_by_name("parent_span_id") {
        Some(column) => column.as_fixed_size_binary_opt().ok_or(WRONG_TYPE)?,
        None => &FixedSizeBinaryArray::new_null(8, batch.num_rows()),
    };
    let raw = raw.slice(rows.start, count);
    let offsets = match batch.column_by_name("parent_offset") {
        Some(column) => {
            let offsets = column.as_any().downcast_ref::<Int32Array>().ok_or(WRONG_TYPE)?;
            Some(offsets.slice(rows.start, count))
        }
        None => None,
    };
    let rows = (first_row + rows.start) as u32..(first_row + rows.end) as u32;
    let rows = UInt32Array::from_iter_values(rows);
    let places = parents::places(offsets.as_ref(), Some(&rows), count, usize::MAX)?;
    parents::resolve(&places, |place| span_id_at(place), &raw)
}
