//! A block that can be read.

use super::{
    cache::{Cache, Entry, Key},
    column_file::{ColumnFile, FileId, Part, Scan, Test},
    file::BlockFile,
    footer::Footer,
    inputs::parents_of,
    known::Known,
    meta::Meta,
    parents,
    resource_table::ResourceTable,
    rows,
    source::BlockSource,
    trace_runs::TraceRuns,
};
use crate::{Error, Source, TraceId, head::Chunk};
use arrow_array::{Array, ArrayRef, UInt32Array, cast::AsArray, types::Int32Type};
use arrow_buffer::BooleanBuffer;
use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// An immutable block. Nothing of its Parquet files is read before it is asked for.
pub(crate) struct Block {
    pub(super) meta: Meta,
    pub(super) spans: ColumnFile,
    /// `None` in a block of version 1, where each span has the columns of its resource.
    resources: Option<ColumnFile>,
    pub(super) cache: Arc<Cache>,
    /// First and last trace ID of each row group; `None` where `meta.json` has no such ID.
    trace_ids: Vec<Option<(TraceId, TraceId)>>,
}

const WRONG_IDS: &str = "its trace IDs are of another type";
const WRONG_ROWS: &str = "a row group has not as many spans as it should have";
/// The first time, trace IDs of so many rows are read where they stand, rather than those of all.
const FEW_IDS: usize = 16;

impl Block {
    pub(super) fn new(
        meta: Meta,
        spans: BlockFile,
        resources: Option<BlockFile>,
        cache: Arc<Cache>,
    ) -> Self {
        let trace_ids = meta.row_groups.iter().map(|group| {
            let first = TraceId::parse(&group.trace_id_min).ok()?;
            Some((first, TraceId::parse(&group.trace_id_max).ok()?))
        });
        let open = |part, file| {
            let end = meta.ends.map(|ends| match part {
                Part::Spans => ends.spans,
                Part::Resources => ends.resources,
            });
            ColumnFile::new(FileId { block: meta.block, part }, file, end, Arc::clone(&cache))
        };
        Self {
            trace_ids: trace_ids.collect(),
            spans: open(Part::Spans, spans),
            resources: resources.map(|file| open(Part::Resources, file)),
            meta,
            cache,
        }
    }

    /// The same block with a cache of its own: what is read of it once need not stay, nor push out what others read.
    pub(super) fn beside(&self, cache: &Arc<Cache>) -> Self {
        Self {
            meta: self.meta.clone(),
            spans: self.spans.beside(cache),
            resources: self.resources.as_ref().map(|file| file.beside(cache)),
            cache: Arc::clone(cache),
            trace_ids: self.trace_ids.clone(),
        }
    }

    /// What its `meta.json` says.
    pub(crate) fn meta(&self) -> &Meta {
        &self.meta
    }

    /// One source per row group.
    pub(crate) fn sources(self: Arc<Self>) -> Vec<Arc<dyn Source>> {
        let groups = 0..self.meta.row_groups.len();
        groups
            .map(|at| Arc::new(BlockSource::new(Arc::clone(&self), at)) as Arc<dyn Source>)
            .collect()
    }

    /// The spans of a trace; `None` when there is none.
    pub(crate) fn trace(&self, trace_id: &TraceId) -> Result<Option<Chunk>, Error> {
        self.guarded(|| self.read_trace(trace_id))
    }

    fn read_trace(&self, trace_id: &TraceId) -> Result<Option<Chunk>, Error> {
        let mut chunk = Chunk::default();
        for row_group in 0..self.meta.row_groups.len() {
            let rows = self.rows_of(row_group, trace_id)?;
            if rows.is_empty() {
                continue;
            }
            let Some(batch) = self.spans.rows(row_group, rows)? else { continue };
            let (table, mut known) = (self.resource_table(row_group)?, Known::default());
            let ids = batch.column_by_name("span_id");
            let ids = ids.and_then(|ids| ids.as_fixed_size_binary_opt());
            let ids = ids.ok_or_else(|| self.damaged("it has no span IDs"))?;
            let id_at = |place: u32| {
                let is_here = (place as usize) < ids.len();
                // Another length than that of an ID is refused.
                if is_here { ids.value(place as usize) } else { Default::default() }
            };
            let rows = 0..batch.num_rows();
            parents_of(&batch, rows.clone(), 0, id_at)
                .and_then(|parents| {
                    let (table, known) = (table.as_deref(), &mut known);
                    rows::append(&batch, rows, &parents, table, known, &mut chunk, None)
                })
                .map_err(|what| self.damaged(what))?;
        }
        Ok((chunk.len() > 0).then_some(chunk))
    }

    /// False when a row group has no span of a trace: a look at its range, then at its bloom filter.
    pub(super) fn may_hold(&self, row_group: usize, trace_id: &TraceId) -> Result<bool, Error> {
        if let Some((first, last)) = &self.trace_ids[row_group]
            && !(first..=last).contains(&trace_id)
        {
            return Ok(false);
        }
        let bloom = self.spans.bloom(row_group)?;
        // The filter hashes a value by its bytes, whatever its type.
        Ok(bloom.is_none_or(|bloom| bloom.check(&trace_id.0[..])))
    }

    /// The rows of a trace in a row group, by binary search if it may have any.
    pub(super) fn rows_of(
        &self,
        row_group: usize,
        trace_id: &TraceId,
    ) -> Result<Range<usize>, Error> {
        if !self.may_hold(row_group, trace_id)? {
            return Ok(0..0);
        }
        if let Some(traces) = self.known_traces(row_group) {
            return Ok(traces.rows_of(trace_id));
        }
        let near = self.spans.column_near(row_group, "trace_id", &trace_id.0)?;
        let Some((start, ids)) = near else { return Ok(0..0) };
        let Some(ids) = ids.as_fixed_size_binary_opt().filter(|ids| ids.value_length() == 16)
        else {
            return Err(self.damaged(WRONG_IDS));
        };
        let first = partition(ids.len(), |row| ids.value(row) < &trace_id.0[..]);
        let end = partition(ids.len(), |row| ids.value(row) <= &trace_id.0[..]);
        Ok(start + first..start + end)
    }

    /// Which rows of a row group belong to which trace.
    pub(super) fn traces(&self, row_group: usize) -> Result<Arc<TraceRuns>, Error> {
        if let Some(traces) = self.known_traces(row_group) {
            return Ok(traces);
        }
        Ok(self.keep_traces(row_group, self.trace_runs(row_group)?))
    }

    pub(super) fn trace_runs(&self, row_group: usize) -> Result<TraceRuns, Error> {
        let ids = self.column_once(row_group, "trace_id")?;
        let ids = ids.as_fixed_size_binary_opt().filter(|ids| ids.value_length() == 16);
        Ok(TraceRuns::new(ids.ok_or_else(|| self.damaged(WRONG_IDS))?))
    }

    pub(super) fn keep_traces(&self, row_group: usize, traces: TraceRuns) -> Arc<TraceRuns> {
        let traces = Arc::new(traces);
        let key = Key::Traces(self.meta.block, row_group);
        self.cache.put(key, Entry::Traces(Arc::clone(&traces)), traces.size_bytes());
        traces
    }

    /// A column of all spans of a row group, beside the cache.
    pub(super) fn column_once(&self, row_group: usize, name: &str) -> Result<ArrayRef, Error> {
        let mut scan = self.spans.scan(row_group)?;
        let mut batches = scan.read(Some(&[name]), self.rows(row_group).max(1))?;
        self.guarded(|| {
            let batch = batches.next().transpose();
            let batch = batch.map_err(|error| self.damaged(&error.to_string()))?;
            let column = batch.as_ref().and_then(|batch| batch.columns().first());
            let column = column.filter(|column| column.len() == self.rows(row_group));
            column.cloned().ok_or_else(|| self.damaged(WRONG_ROWS))
        })
    }

    pub(super) fn known_traces(&self, row_group: usize) -> Option<Arc<TraceRuns>> {
        match self.cache.get(&Key::Traces(self.meta.block, row_group)) {
            Some(Entry::Traces(traces)) => Some(traces),
            _ => None,
        }
    }

    /// The trace IDs of a row group, of some rows (ascending) or all.
    pub(super) fn trace_ids(
        &self,
        row_group: usize,
        rows: Option<&UInt32Array>,
    ) -> Result<ArrayRef, Error> {
        if let Some(traces) = self.known_traces(row_group) {
            return Ok(traces.ids(rows));
        }
        let asked = Key::AskedTraces(self.meta.block, row_group);
        if let Some(rows) = rows.filter(|rows| rows.len() <= FEW_IDS)
            && self.cache.get(&asked).is_none()
            && let Some(ids) = self.column(row_group, "trace_id", Some(rows))?
        {
            self.cache.put(asked, Entry::AskedTraces, size_of::<Entry>());
            let is_right = ids.as_fixed_size_binary_opt().is_some_and(|it| it.value_length() == 16);
            return if is_right { Ok(ids) } else { Err(self.damaged(WRONG_IDS)) };
        }
        Ok(self.traces(row_group)?.ids(rows))
    }

    /// The resources of a row group; `None` in a block of version 1.
    pub(super) fn resource_table(
        &self,
        row_group: usize,
    ) -> Result<Option<Arc<ResourceTable>>, Error> {
        let Some(file) = &self.resources else { return Ok(None) };
        let key = Key::Resources(self.meta.block, row_group);
        if let Some(Entry::Resources(table)) = self.cache.get(&key) {
            return Ok(Some(table));
        }
        let table = Arc::new(ResourceTable::read(file, row_group)?);
        self.cache.put(key, Entry::Resources(Arc::clone(&table)), table.size_bytes());
        Ok(Some(table))
    }

    /// A column of the spans of a row group, of some rows (ascending) or all; `None` when the block has none of this name.
    pub(super) fn column(
        &self,
        row_group: usize,
        name: &str,
        rows: Option<&UInt32Array>,
    ) -> Result<Option<ArrayRef>, Error> {
        let column = self.spans.column(row_group, name, rows)?;
        let wanted = rows.map_or(self.rows(row_group), |rows| rows.len());
        if column.as_ref().is_some_and(|column| column.len() != wanted) {
            return Err(self.damaged(WRONG_ROWS));
        }
        Ok(column)
    }

    /// False when no span of a row group has this text in a column.
    pub(super) fn may_have(
        &self,
        row_group: usize,
        column: &str,
        text: &str,
    ) -> Result<bool, Error> {
        self.spans.may_have(row_group, column, text)
    }

    /// The spans of a row group whose value in a column passes a test; `None` when the values must be read for that.
    pub(super) fn rows_where(
        &self,
        row_group: usize,
        column: &str,
        test: Test<'_>,
    ) -> Result<Option<BooleanBuffer>, Error> {
        self.of_all_rows(row_group, self.spans.rows_where(row_group, column, test)?)
    }

    /// The spans of a row group that last at least so long; `None` when their durations must be read for that.
    pub(super) fn rows_lasting(
        &self,
        row_group: usize,
        duration_min_nano: i64,
    ) -> Result<Option<BooleanBuffer>, Error> {
        if let Some(durations) = self.known_durations(row_group) {
            return self.rows_lasting_of(row_group, &durations, duration_min_nano).map(Some);
        }
        let found = self.spans.rows_from(row_group, "duration_nano", duration_min_nano)?;
        self.of_all_rows(row_group, found)
    }

    /// The same, if it says something of each span of the row group.
    fn of_all_rows(
        &self,
        row_group: usize,
        found: Option<BooleanBuffer>,
    ) -> Result<Option<BooleanBuffer>, Error> {
        if found.as_ref().is_some_and(|found| found.len() != self.rows(row_group)) {
            return Err(self.damaged(WRONG_ROWS));
        }
        Ok(found)
    }

    /// The rows of a row group that answer a question, found again if they were found before: whoever watches something asks the same
    /// again and again.
    pub(super) fn remembered(
        &self,
        row_group: usize,
        question: String,
        find: impl FnOnce() -> Result<Option<BooleanBuffer>, Error>,
    ) -> Result<Option<BooleanBuffer>, Error> {
        let bytes = question.len() + size_of::<(Key, Entry)>();
        let key = Key::Rows(self.meta.block, row_group, question);
        if let Some(Entry::Rows(found)) = self.cache.get(&key) {
            let none = || BooleanBuffer::new_unset(self.rows(row_group));
            return Ok(Some(found.unwrap_or_else(none)));
        }
        let Some(found) = find()? else { return Ok(None) };
        let some = (found.count_set_bits() > 0).then(|| found.clone());
        let bytes = bytes + some.as_ref().map_or(0, |rows| rows.len() / 8);
        self.cache.put(key, Entry::Rows(some), bytes);
        Ok(Some(found))
    }

    /// The same of a question that is answered with yes or no.
    pub(super) fn remembered_whether(
        &self,
        row_group: usize,
        question: String,
        find: impl FnOnce() -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        let bytes = question.len() + size_of::<(Key, Entry)>();
        let key = Key::MayHave(self.meta.block, row_group, question);
        if let Some(Entry::MayHave(found)) = self.cache.get(&key) {
            return Ok(found);
        }
        let found = find()?;
        self.cache.put(key, Entry::MayHave(found), bytes);
        Ok(found)
    }

    /// True when some span of a row group may have no value in a column.
    pub(super) fn has_nulls(&self, row_group: usize, column: &str) -> Result<bool, Error> {
        self.spans.has_nulls(row_group, column)
    }

    /// The IDs of the parents of rows of a row group.
    pub(super) fn parent_ids(
        &self,
        row_group: usize,
        rows: Option<&UInt32Array>,
    ) -> Result<ArrayRef, Error> {
        let wrong =
            || self.damaged("the columns of parents are not of the types that they should have");
        let required = |name, rows| self.column(row_group, name, rows)?.ok_or_else(wrong);
        let raw = required("parent_span_id", rows)?;
        let raw = raw.as_fixed_size_binary_opt().ok_or_else(wrong)?;
        let offsets = self.column(row_group, "parent_offset", rows)?;
        let offsets = match &offsets {
            Some(column) => Some(column.as_primitive_opt::<Int32Type>().ok_or_else(wrong)?),
            None => None,
        };
        let spans = self.meta.row_groups[row_group].spans as usize;
        let places = parents::places(offsets, rows, raw.len(), spans);
        let places = places.map_err(|what| self.damaged(what))?;
        // Parents mostly stand near their children, so that this reads the same pages.
        let mut wanted: Vec<u32> = places.iter().flatten().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let wanted = UInt32Array::from(wanted);
        let span_ids = required("span_id", rows.map(|_| &wanted))?;
        let span_ids = span_ids.as_fixed_size_binary_opt().ok_or_else(wrong)?;
        let at = |place: u32| match rows {
            Some(_) => wanted.values().partition_point(|&it| it < place),
            None => place as usize,
        };
        let parents = parents::resolve(&places, |place| span_ids.value(at(place)), raw);
        Ok(Arc::new(parents.map_err(|what| self.damaged(what))?))
    }

    /// A row group of spans to be read once, from its first row to its last, and beside the cache.
    pub(super) fn scan(&self, row_group: usize) -> Result<Scan<'_>, Error> {
        self.spans.scan(row_group)
    }

    /// What the end of `spans.parquet` says.
    pub(super) fn footer(&self) -> Result<Footer, Error> {
        self.spans.footer()
    }

    /// What the end of `resources.parquet` says; `None` in a block of version 1.
    pub(super) fn resources_footer(&self) -> Result<Option<Footer>, Error> {
        self.resources.as_ref().map(ColumnFile::footer).transpose()
    }

    /// Spans of a row group.
    pub(super) fn rows(&self, row_group: usize) -> usize {
        self.meta.row_groups[row_group].spans as usize
    }

    /// Bytes of a row group in the files.
    pub(super) fn row_group_bytes(&self, row_group: usize) -> u64 {
        let rows = self.meta.row_groups[row_group].spans;
        self.meta.size_bytes * rows / self.meta.spans.max(1)
    }

    /// Reads, and takes a panic for what it is here: a decoder's way to say that the bytes make no sense.
    pub(super) fn guarded<T>(&self, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(result) => result,
            Err(_) => Err(self.damaged("its bytes cannot be decoded")),
        }
    }

    pub(super) fn damaged(&self, what: &str) -> Error {
        Error::Block { block: self.meta.block.to_string(), what: what.to_owned() }
    }
}

/// The first row at which `before` does not hold any more.
pub(super) fn partition(rows: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, rows);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}
