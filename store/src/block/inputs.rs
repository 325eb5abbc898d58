//! A block read from its first trace to its last, some thousand rows at a time.

use super::{known::Known, parents, read::Block, resource_table::ResourceTable, rows};
use crate::{Error, TraceId, head::Chunk};
use arrow_array::{Array, FixedSizeBinaryArray, Int32Array, RecordBatch, cast::AsArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use std::{collections::VecDeque, sync::Arc};

/// One of the blocks that are merged.
pub(super) struct Input {
    block: Arc<Block>,
    batch_rows: usize,
    row_group: usize,
    /// Of the row group that is read; `None` before and behind it.
    reader: Option<Reader>,
    /// Rows in hand, in order.
    held: VecDeque<Held>,
    /// Of the row group from which rows were taken last, and the chunk into which they went.
    known: Known,
    known_row_group: usize,
}

struct Reader {
    batches: ParquetRecordBatchReader,
    /// `None` in a block of version 1.
    table: Option<Arc<ResourceTable>>,
    /// Of all rows of the row group: a parent may stand in another batch.
    parents: FixedSizeBinaryArray,
    row: usize,
}

struct Held {
    batch: RecordBatch,
    parents: FixedSizeBinaryArray,
    trace_ids: FixedSizeBinaryArray,
    row_group: usize,
    table: Option<Arc<ResourceTable>>,
}

impl Held {
    fn trace_id(&self, row: usize) -> u128 {
        // Of another length would be damage; `load` has looked.
        u128::from_be_bytes(self.trace_ids.value(row).try_into().unwrap_or_default())
    }

    /// Rows whose trace ID is not above this one.
    fn count(&self, last: u128) -> usize {
        super::read::partition(self.batch.num_rows(), |row| self.trace_id(row) <= last)
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
            known: Known::for_many(),
            known_row_group: 0,
        }
    }

    /// Makes sure that there are rows in hand, half a batch at least, unless none are left. All inputs go on together as far as the
    /// one that has come least far: with few rows in hand they would go in small steps.
    pub(super) fn fill(&mut self) -> Result<(), Error> {
        while self.held.iter().map(|held| held.batch.num_rows()).sum::<usize>() * 2
            < self.batch_rows
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
                    let damaged = |what: &str| self.block.damaged(what);
                    if reader.row + rows > reader.parents.len() {
                        return Err(damaged("a row group has more rows than it should have"));
                    }
                    let parents = reader.parents.slice(reader.row, rows);
                    reader.row += rows;
                    let trace_ids = batch.column_by_name("trace_id");
                    let trace_ids = trace_ids.and_then(|ids| ids.as_fixed_size_binary_opt());
                    let trace_ids = trace_ids.filter(|ids| ids.value_length() == 16);
                    let Some(trace_ids) = trace_ids.cloned() else {
                        return Err(damaged("it has no trace IDs"));
                    };
                    let (row_group, table) = (self.row_group, reader.table.clone());
                    self.held.push_back(Held { batch, parents, trace_ids, row_group, table });
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
        let rows = self.block.meta().row_groups[self.row_group].spans as usize;
        let columns = ["span_id", "parent_offset", "parent_span_id"];
        let batch = scan.read(Some(&columns), rows.max(1))?.next();
        let Some(batch) = batch else {
            return Err(self.block.damaged("a row group has no rows"));
        };
        let batch = batch.map_err(|error| self.block.damaged(&error.to_string()))?;
        let parents = parents_of(&batch).map_err(|what| self.block.damaged(what))?;
        let batches = scan.read(None, self.batch_rows)?;
        let table = self.block.resource_table(self.row_group)?;
        Ok(Reader { batches, table, parents, row: 0 })
    }

    /// Says that rows go into another chunk from now on.
    pub(super) fn forget(&mut self) {
        self.known = Known::for_many();
    }

    /// The first trace in hand.
    pub(super) fn first(&self) -> Option<u128> {
        self.held.front().map(|held| held.trace_id(0))
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

    /// Moves rows whose trace ID is not above this one into a chunk; those whose trace is not to be kept go.
    pub(super) fn take(
        &mut self,
        last: u128,
        keep: &dyn Fn(&TraceId) -> Result<bool, Error>,
        chunk: &mut Chunk,
    ) -> Result<(), Error> {
        while let Some(held) = self.held.front_mut() {
            if held.row_group != self.known_row_group {
                self.known = Known::for_many();
                self.known_row_group = held.row_group;
            }
            let end = held.count(last);
            let mut row = 0;
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
                    let batch = held.batch.slice(start, row - start);
                    let parents = held.parents.slice(start, row - start);
                    rows::append(&batch, &parents, held.table.as_deref(), &mut self.known, chunk)
                        .map_err(|what| self.block.damaged(what))?;
                }
                if row < end {
                    let trace = held.trace_id(row);
                    row += (row..end).take_while(|&at| held.trace_id(at) == trace).count();
                }
            }
            let rows = held.batch.num_rows();
            if end < rows {
                held.batch = held.batch.slice(end, rows - end);
                held.parents = held.parents.slice(end, rows - end);
                held.trace_ids = held.trace_ids.slice(end, rows - end);
                break;
            }
            self.held.pop_front();
        }
        Ok(())
    }
}

/// The IDs of the parents of a batch of whole traces.
pub(super) fn parents_of(batch: &RecordBatch) -> Result<FixedSizeBinaryArray, &'static str> {
    const WRONG_TYPE: &str = "the columns of parents are not of the types that they should have";
    let ids = |name| match batch.column_by_name(name) {
        Some(column) => column.as_fixed_size_binary_opt().map(Some).ok_or(WRONG_TYPE),
        None => Ok(None),
    };
    let offsets = match batch.column_by_name("parent_offset") {
        Some(column) => Some(column.as_any().downcast_ref::<Int32Array>().ok_or(WRONG_TYPE)?),
        None => None,
    };
    let none;
    let raw = match ids("parent_span_id")? {
        Some(raw) => raw,
        None => {
            none = FixedSizeBinaryArray::new_null(8, batch.num_rows());
            &none
        }
    };
    let span_ids = ids("span_id")?.ok_or(WRONG_TYPE)?;
    let places = parents::places(offsets, None, batch.num_rows(), batch.num_rows())?;
    parents::resolve(&places, |place| span_ids.value(place as usize), raw)
}
