//! A block that can be read.

use super::{
    cache::{Cache, Entry, Key},
    file::BlockFile,
    inputs::parents_of,
    meta::Meta,
    pages::{Footer, RowGroupPages},
    parents, rows,
    schema::{attribute_of, kind_of},
    source::BlockSource,
    trace_runs::TraceRuns,
    write::REST_NAMES_KEY,
};
use crate::{AttributeScope, Error, Source, TraceId, head::Chunk};
use arrow_array::{
    Array, ArrayRef, RecordBatch, UInt32Array, cast::AsArray, new_empty_array, types::Int32Type,
};
use arrow_schema::DataType;
use arrow_select::{
    concat::{concat, concat_batches},
    take::take,
};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
            ParquetRecordBatchReaderBuilder, RowSelection,
        },
    },
    bloom_filter::Sbbf,
    errors::ParquetError,
    file::{metadata::PageIndexPolicy, page_index::column_index::ColumnIndexMetaData},
};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// An immutable block. Nothing of its Parquet file is read before it is asked for.
pub(crate) struct Block {
    meta: Meta,
    file: BlockFile,
    cache: Arc<Cache>,
    /// First and last trace ID of each row group; `None` where `meta.json` has no such ID.
    trace_ids: Vec<Option<(TraceId, TraceId)>>,
}

impl Block {
    pub(super) fn new(meta: Meta, file: BlockFile, cache: Arc<Cache>) -> Self {
        let trace_ids = meta.row_groups.iter().map(|group| {
            let first = TraceId::parse(&group.trace_id_min).ok()?;
            Some((first, TraceId::parse(&group.trace_id_max).ok()?))
        });
        Self { trace_ids: trace_ids.collect(), meta, file, cache }
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
            let batch =
                self.read_trace_rows(row_group, rows).map_err(|error| self.failed(error))?;
            let Some(batch) = batch else { continue };
            parents_of(&batch)
                .and_then(|parents| rows::append(&batch, &parents, &mut chunk))
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
        let bloom = self.guarded(|| self.bloom(row_group).map_err(|error| self.failed(error)))?;
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
        if let Some(Entry::Traces(traces)) =
            self.cache.get(&Key::Traces(self.meta.block, row_group))
        {
            return Ok(traces.rows_of(trace_id));
        }
        let Some((start, ids)) = self.trace_ids_near(row_group, trace_id)? else { return Ok(0..0) };
        let Some(ids) = ids.as_fixed_size_binary_opt().filter(|ids| ids.value_length() == 16)
        else {
            return Err(self.damaged("its trace IDs are of another type"));
        };
        let first = partition(ids.len(), |row| ids.value(row) < &trace_id.0[..]);
        let end = partition(ids.len(), |row| ids.value(row) <= &trace_id.0[..]);
        Ok(start + first..start + end)
    }

    /// The trace IDs of those pages of a row group that may hold this one, and the row at which they begin; all of them if
    /// nothing is known of the pages.
    fn trace_ids_near(
        &self,
        row_group: usize,
        trace_id: &TraceId,
    ) -> Result<Option<(usize, ArrayRef)>, Error> {
        let read = || {
            let footer = self.footer()?;
            let whole = &footer.whole;
            let Ok(at) = whole.schema().index_of("trace_id") else { return Ok(None) };
            let spans = self.meta.row_groups[row_group].spans as usize;
            let Some(rows) = pages_of(whole, row_group, at, &trace_id.0, spans) else {
                return Ok(None);
            };
            let mask = ProjectionMask::roots(whole.parquet_schema(), [at]);
            let batch = self.read_rows(&footer, row_group, mask, std::slice::from_ref(&rows))?;
            Ok(batch.map(|batch| (rows.start, Arc::clone(batch.column(0)))))
        };
        self.guarded(|| read().map_err(|error: ParquetError| self.failed(error)))
    }

    /// Which rows of a row group belong to which trace.
    pub(super) fn traces(&self, row_group: usize) -> Result<Arc<TraceRuns>, Error> {
        let key = Key::Traces(self.meta.block, row_group);
        if let Some(Entry::Traces(traces)) = self.cache.get(&key) {
            return Ok(traces);
        }
        let read = || {
            let footer = self.footer()?;
            let at = footer.whole.schema().index_of("trace_id")?;
            let ids = self.whole_column(&footer, row_group, at)?;
            let ids = ids.as_fixed_size_binary_opt().filter(|ids| ids.value_length() == 16);
            let ids = ids
                .ok_or_else(|| ParquetError::General("its trace IDs are of another type".into()))?;
            Ok(Arc::new(TraceRuns::new(ids)))
        };
        let traces = self.guarded(|| read().map_err(|error: ParquetError| self.failed(error)))?;
        self.cache.put(key, Entry::Traces(Arc::clone(&traces)), traces.size_bytes());
        Ok(traces)
    }

    /// A column of a row group, of some rows (ascending) or all; `None` when the block has none of this name.
    pub(super) fn column(
        &self,
        row_group: usize,
        name: &str,
        rows: Option<&UInt32Array>,
    ) -> Result<Option<ArrayRef>, Error> {
        let read = || {
            let footer = self.footer()?;
            let Ok(at) = footer.whole.schema().index_of(name) else { return Ok(None) };
            let key = Key::Column(self.meta.block, row_group, at);
            let whole = match (self.cache.get(&key), rows) {
                (Some(Entry::Column(array)), _) => array,
                (_, Some(rows)) if is_sparse(&footer.whole, row_group, at, rows) => {
                    return self.some_of_column(&footer, row_group, at, rows).map(Some);
                }
                _ => {
                    let array = self.whole_column(&footer, row_group, at)?;
                    let bytes = array.get_array_memory_size();
                    self.cache.put(key, Entry::Column(Arc::clone(&array)), bytes);
                    array
                }
            };
            Ok(Some(match rows {
                Some(rows) => take(&whole, rows, None)?,
                None => whole,
            }))
        };
        self.guarded(|| read().map_err(|error: ParquetError| self.failed(error)))
    }

    fn whole_column(
        &self,
        footer: &Footer,
        row_group: usize,
        at: usize,
    ) -> Result<ArrayRef, ParquetError> {
        let rows = self.meta.row_groups[row_group].spans as usize;
        let mask = ProjectionMask::roots(footer.whole.parquet_schema(), [at]);
        let reader = self.pages(footer, row_group)?.read(mask, None, rows)?;
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
        let arrays: Vec<&dyn Array> = batches.iter().map(|batch| &**batch.column(0)).collect();
        let array = match batches.as_slice() {
            [batch] => Arc::clone(batch.column(0)),
            _ => concat(&arrays)?,
        };
        if array.len() != rows {
            return Err(wrong_rows(row_group, array.len(), rows));
        }
        Ok(array)
    }

    /// Reads the pages in which the rows lie, and beside the cache.
    fn some_of_column(
        &self,
        footer: &Footer,
        row_group: usize,
        at: usize,
        rows: &UInt32Array,
    ) -> Result<ArrayRef, ParquetError> {
        if rows.is_empty() {
            return Ok(new_empty_array(footer.whole.schema().field(at).data_type()));
        }
        let mask = ProjectionMask::roots(footer.whole.parquet_schema(), [at]);
        let batch = self.read_rows(footer, row_group, mask, &runs(rows))?;
        match batch {
            Some(batch) if batch.num_rows() == rows.len() => Ok(Arc::clone(batch.column(0))),
            batch => {
                let found = batch.map_or(0, |batch| batch.num_rows());
                Err(wrong_rows(row_group, found, rows.len()))
            }
        }
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

    /// A row group to be read once, from its first row to its last, and beside the cache.
    pub(super) fn scan(&self, row_group: usize) -> Result<Scan<'_>, Error> {
        let open = || {
            let footer = self.footer()?;
            let file = self.file.prepare(bytes_of(&footer.whole, row_group))?;
            Ok(Scan { block: self, row_group, footer, file })
        };
        open().map_err(|error: ParquetError| self.failed(error))
    }

    /// The attributes that have a column, with the kind of value and how many rows have one.
    pub(super) fn filled_columns(
        &self,
    ) -> Result<HashMap<(AttributeScope, String, usize), u64>, Error> {
        let footer = self.footer().map_err(|error| self.failed(error))?.whole;
        let mut filled = HashMap::new();
        for row_group in footer.metadata().row_groups() {
            for column in row_group.columns() {
                let [name] = column.column_path().parts() else { continue };
                let Some((scope, attribute)) = attribute_of(name) else { continue };
                let field = footer.schema().field_with_name(name);
                let kind = field.map_or(4, |field| kind_of(field.data_type()));
                let nulls = column.statistics().and_then(|it| it.null_count_opt()).unwrap_or(0);
                let rows = (column.num_values() as u64).saturating_sub(nulls);
                *filled.entry((scope, attribute.to_owned(), kind)).or_default() += rows;
            }
        }
        Ok(filled)
    }

    /// The columns that not every block has, as paths of a `Layout`.
    pub(super) fn optional_columns(&self) -> Result<Vec<String>, Error> {
        fn walk(path: &str, data_type: &DataType, found: &mut Vec<String>) {
            found.push(path.to_owned());
            let DataType::List(element) = data_type else { return };
            let DataType::Struct(members) = element.data_type() else { return };
            for member in members {
                walk(&format!("{path}.{}", member.name()), member.data_type(), found);
            }
        }
        let footer = self.footer().map_err(|error| self.failed(error))?.whole;
        let mut found = Vec::new();
        for field in footer.schema().fields() {
            if attribute_of(field.name()).is_none() {
                walk(field.name(), field.data_type(), &mut found);
            }
        }
        Ok(found)
    }

    /// Columns of attributes with text or integers: those without a dictionary, and those with.
    pub(super) fn unique_columns(&self) -> Result<(Vec<String>, Vec<String>), Error> {
        let footer = self.footer().map_err(|error| self.failed(error))?.whole;
        let (mut unique, mut others) = (Vec::new(), Vec::new());
        for column in footer.metadata().row_groups().iter().flat_map(|it| it.columns()) {
            let [name] = column.column_path().parts() else { continue };
            let field = footer.schema().field_with_name(name);
            let is_either = field.is_ok_and(|field| kind_of(field.data_type()) <= 1);
            if is_either && attribute_of(name).is_some() {
                let has_dictionary = column.dictionary_page_offset().is_some();
                if has_dictionary { &mut others } else { &mut unique }.push(name.clone());
            }
        }
        Ok((unique, others))
    }

    /// Names of all columns.
    pub(super) fn columns(&self) -> Result<Vec<String>, Error> {
        let footer = self.footer().map_err(|error| self.failed(error))?.whole;
        Ok(footer.schema().fields().iter().map(|field| field.name().clone()).collect())
    }

    /// Names of the attributes of a scope that lie in its list; `None` when there are too many to be named in the footer.
    pub(super) fn rest_names(&self, scope: AttributeScope) -> Result<Option<Vec<String>>, Error> {
        let footer = self.footer().map_err(|error| self.failed(error))?.whole;
        let entries = footer.metadata().file_metadata().key_value_metadata();
        let names = entries.into_iter().flatten().find(|it| it.key == REST_NAMES_KEY);
        let names = names.and_then(|it| it.value.as_deref()).map(serde_json::from_str);
        match names {
            Some(Ok(names)) => {
                let mut names: BTreeMap<String, Vec<String>> = names;
                Ok(names.remove(super::schema::rest_column(scope)))
            }
            Some(Err(_)) => Err(self.damaged("its list of attribute names cannot be read")),
            None => Ok(None),
        }
    }

    /// Bytes of a row group in the file.
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

    fn failed(&self, error: ParquetError) -> Error {
        self.damaged(&error.to_string())
    }

    fn footer(&self) -> Result<Footer, ParquetError> {
        let key = Key::Footer(self.meta.block);
        if let Some(Entry::Footer(footer)) = self.cache.get(&key) {
            return Ok(footer);
        }
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let load = || ArrowReaderMetadata::load(&self.file, options);
        let footer = catch_unwind(AssertUnwindSafe(load))
            .unwrap_or_else(|_| Err(ParquetError::General("its footer makes no sense".into())))?;
        let footer = Footer::new(footer);
        let bytes = footer.size_bytes();
        self.cache.put(key, Entry::Footer(footer.clone()), bytes);
        Ok(footer)
    }

    fn bloom(&self, row_group: usize) -> Result<Option<Arc<Sbbf>>, ParquetError> {
        let key = Key::Bloom(self.meta.block, row_group);
        if let Some(Entry::Bloom(bloom)) = self.cache.get(&key) {
            return Ok(Some(bloom));
        }
        let footer = self.footer()?.whole;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), footer);
        let bloom = builder.get_row_group_column_bloom_filter(row_group, 0)?.map(Arc::new);
        if let Some(bloom) = &bloom {
            let bytes = bloom.num_blocks() * 32;
            self.cache.put(key, Entry::Bloom(Arc::clone(bloom)), bytes);
        }
        Ok(bloom)
    }

    /// Rows of a row group with all columns that have a value in it.
    fn read_trace_rows(
        &self,
        row_group: usize,
        rows: Range<usize>,
    ) -> Result<Option<RecordBatch>, ParquetError> {
        let footer = self.footer()?;
        let columns = footer.whole.metadata().row_group(row_group).columns();
        let filled = columns.iter().enumerate().filter(|(_, column)| {
            let nulls = column.statistics().and_then(|it| it.null_count_opt());
            nulls.is_none_or(|nulls| nulls < column.num_values() as u64)
        });
        let schema = footer.whole.parquet_schema();
        let roots = filled.map(|(leaf, _)| schema.get_column_root_idx(leaf));
        let mask = ProjectionMask::roots(schema, roots);
        self.read_rows(&footer, row_group, mask, &[rows])
    }

    /// Chosen columns of runs of rows, as one batch; `None` when there are none.
    fn read_rows(
        &self,
        footer: &Footer,
        row_group: usize,
        columns: ProjectionMask,
        runs: &[Range<usize>],
    ) -> Result<Option<RecordBatch>, ParquetError> {
        let spans = self.meta.row_groups[row_group].spans as usize;
        let rows: usize = runs.iter().map(Range::len).sum();
        let selection = RowSelection::from_consecutive_ranges(runs.iter().cloned(), spans);
        let pages = self.pages(footer, row_group)?;
        let reader = pages.read(columns, Some(selection), rows.max(1))?;
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
        match batches.as_slice() {
            [] => Ok(None),
            [batch] => Ok(Some(batch.clone())),
            [first, ..] => Ok(Some(concat_batches(&first.schema(), &batches)?)),
        }
    }

    /// A row group, ready for many reads.
    fn pages(&self, footer: &Footer, row_group: usize) -> Result<RowGroupPages, ParquetError> {
        let file = self.file.prepare(bytes_of(&footer.whole, row_group))?;
        let (footer, cache) = (footer.clone(), Some(Arc::clone(&self.cache)));
        Ok(RowGroupPages { file, footer, block: self.meta.block, row_group, cache })
    }
}

/// Where a row group lies in the file.
fn bytes_of(footer: &ArrowReaderMetadata, row_group: usize) -> Range<u64> {
    let columns = footer.metadata().row_group(row_group).columns();
    let ranges = columns.iter().map(|column| column.byte_range());
    let start = ranges.clone().map(|(start, _)| start).min().unwrap_or(0);
    let end = ranges.map(|(start, size)| start.saturating_add(size)).max().unwrap_or(0);
    start..end.max(start)
}

fn wrong_rows(row_group: usize, found: usize, wanted: usize) -> ParquetError {
    ParquetError::General(format!(
        "a column of row group {row_group} has {found} rows instead of {wanted}"
    ))
}

/// Ascending rows as runs.
fn runs(rows: &UInt32Array) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for row in rows.values().iter().map(|&row| row as usize) {
        match runs.last_mut() {
            Some(run) if run.end == row => run.end += 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

/// True when the rows lie in so few of a column's pages that the others are better left alone.
fn is_sparse(
    footer: &ArrowReaderMetadata,
    row_group: usize,
    column: usize,
    rows: &UInt32Array,
) -> bool {
    let schema = footer.parquet_schema();
    let leaf = (0..schema.num_columns()).find(|&leaf| schema.get_column_root_idx(leaf) == column);
    let pages = footer.metadata().offset_index();
    let pages = leaf.and_then(|leaf| pages?.get(row_group)?.get(leaf));
    let Some(pages) = pages.map(|index| index.page_locations()) else { return false };
    let firsts = pages.iter().map(|page| page.first_row_index);
    let mut touched = 0;
    let mut left = rows.values().as_ref();
    for end in firsts.skip(1).chain([i64::MAX]) {
        let here = left.partition_point(|&row| i64::from(row) < end);
        touched += usize::from(here > 0);
        left = &left[here..];
    }
    2 * touched <= pages.len()
}

/// The rows of those pages of a sorted column that may hold a value; `None` when no page can.
fn pages_of(
    footer: &ArrowReaderMetadata,
    row_group: usize,
    column: usize,
    value: &[u8],
    rows: usize,
) -> Option<Range<usize>> {
    let all = Some(0..rows);
    let metadata = footer.metadata();
    let pages = metadata.offset_index().and_then(|it| it.get(row_group)?.get(column));
    let index = metadata.column_index().and_then(|it| it.get(row_group)?.get(column));
    let (Some(pages), Some(ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(index))) = (pages, index)
    else {
        return all;
    };
    let pages = pages.page_locations();
    if index.num_pages() != pages.len() as u64 {
        return all;
    }
    let mut found = (0..pages.len()).filter(|&page| {
        let below = index.min_value(page).is_some_and(|min| min > value);
        let above = index.max_value(page).is_some_and(|max| max < value);
        !below && !above
    });
    let first = found.next()?;
    let last = found.next_back().unwrap_or(first);
    let start = pages[first].first_row_index as usize;
    let end = pages.get(last + 1).map_or(rows, |page| page.first_row_index as usize);
    if start < end && end <= rows { Some(start..end) } else { all }
}

/// A row group that is read from its first row to its last.
pub(super) struct Scan<'a> {
    block: &'a Block,
    row_group: usize,
    footer: Footer,
    file: BlockFile,
}

impl Scan<'_> {
    /// Its rows; only some columns, if they are named.
    pub(super) fn read(
        &mut self,
        columns: Option<&[&str]>,
        batch_rows: usize,
    ) -> Result<ParquetRecordBatchReader, Error> {
        let (footer, file) = (self.footer.clone(), self.file.clone());
        let mask = match columns {
            Some(names) => {
                ProjectionMask::columns(footer.whole.parquet_schema(), names.iter().copied())
            }
            None => ProjectionMask::all(),
        };
        let (block, row_group) = (self.block.meta.block, self.row_group);
        RowGroupPages { file, footer, block, row_group, cache: None }
            .read(mask, None, batch_rows)
            .map_err(|error| self.block.failed(error))
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
