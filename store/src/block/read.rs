//! A block that can be read.

use super::{
    cache::{Cache, Entry, Key},
    file::BlockFile,
    inputs::parents_of,
    meta::Meta,
    parents, rows,
    schema::{attribute_of, kind_of},
    source::BlockSource,
    write::REST_NAMES_KEY,
};
use crate::{AttributeScope, Error, Source, TraceId, head::Chunk};
use arrow_array::{Array, ArrayRef, RecordBatch, cast::AsArray, types::Int32Type};
use arrow_schema::DataType;
use arrow_select::concat::{concat, concat_batches};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
            ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
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
}

impl Block {
    pub(super) fn new(meta: Meta, file: BlockFile, cache: Arc<Cache>) -> Self {
        Self { meta, file, cache }
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
            let batch = self.read_rows(row_group, rows).map_err(|error| self.failed(error))?;
            let Some(batch) = batch else { continue };
            parents_of(&batch)
                .and_then(|parents| rows::append(&batch, &parents, &mut chunk))
                .map_err(|what| self.damaged(what))?;
        }
        Ok((chunk.len() > 0).then_some(chunk))
    }

    /// The rows of a trace in a row group: a look at its range, its bloom filter, then a binary search.
    pub(super) fn rows_of(
        &self,
        row_group: usize,
        trace_id: &TraceId,
    ) -> Result<Range<usize>, Error> {
        let meta = &self.meta.row_groups[row_group];
        let hex = trace_id.to_string();
        if hex < meta.trace_id_min || hex > meta.trace_id_max {
            return Ok(0..0);
        }
        let bloom = self.guarded(|| self.bloom(row_group).map_err(|error| self.failed(error)))?;
        if let Some(bloom) = bloom
            && !bloom.check(&parquet::data_type::FixedLenByteArray::from(trace_id.0.to_vec()))
        {
            return Ok(0..0);
        }
        let Some((start, ids)) = self.trace_ids(row_group, trace_id)? else { return Ok(0..0) };
        let Some(ids) = ids.as_fixed_size_binary_opt().filter(|ids| ids.value_length() == 16)
        else {
            return Err(self.damaged("its trace IDs are of another type"));
        };
        let first = partition(ids.len(), |row| ids.value(row) < &trace_id.0[..]);
        let end = partition(ids.len(), |row| ids.value(row) <= &trace_id.0[..]);
        Ok(start + first..start + end)
    }

    /// The trace IDs of those pages of a row group that may hold this one, and the row at which they begin; all of them if they
    /// have been read before or nothing is known of the pages.
    fn trace_ids(
        &self,
        row_group: usize,
        trace_id: &TraceId,
    ) -> Result<Option<(usize, ArrayRef)>, Error> {
        let read = || {
            let footer = self.footer()?;
            let Ok(at) = footer.schema().index_of("trace_id") else { return Ok(None) };
            let key = Key::Column(self.meta.block, row_group, at);
            if let Some(Entry::Column(array)) = self.cache.get(&key) {
                return Ok(Some((0, array)));
            }
            let spans = self.meta.row_groups[row_group].spans as usize;
            let Some(rows) = pages_of(&footer, row_group, at, &trace_id.0, spans) else {
                return Ok(None);
            };
            let file = self.prepare(&footer, row_group)?;
            let mask = ProjectionMask::roots(footer.parquet_schema(), [at]);
            let batch = read_rows(file, footer, row_group, mask, rows.clone())?;
            Ok(batch.map(|batch| (rows.start, Arc::clone(batch.column(0)))))
        };
        self.guarded(|| read().map_err(|error: ParquetError| self.failed(error)))
    }

    /// A column of a row group; `None` when the block has none of this name.
    pub(super) fn column(&self, row_group: usize, name: &str) -> Result<Option<ArrayRef>, Error> {
        let read = || {
            let footer = self.footer()?;
            let Ok(at) = footer.schema().index_of(name) else { return Ok(None) };
            let key = Key::Column(self.meta.block, row_group, at);
            if let Some(Entry::Column(array)) = self.cache.get(&key) {
                return Ok(Some(array));
            }
            let rows = self.meta.row_groups[row_group].spans as usize;
            let mask = ProjectionMask::roots(footer.parquet_schema(), [at]);
            let file = self.prepare(&footer, row_group)?;
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer)
                .with_row_groups(vec![row_group])
                .with_projection(mask)
                .with_batch_size(rows)
                .build()?;
            let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
            let arrays: Vec<&dyn Array> = batches.iter().map(|batch| &**batch.column(0)).collect();
            let array = match batches.as_slice() {
                [batch] => Arc::clone(batch.column(0)),
                _ => concat(&arrays)?,
            };
            if array.len() != rows {
                return Err(ParquetError::General(format!(
                    "column {name} of row group {row_group} has {} rows instead of {rows}",
                    array.len()
                )));
            }
            let bytes = array.get_array_memory_size();
            self.cache.put(key, Entry::Column(Arc::clone(&array)), bytes);
            Ok(Some(array))
        };
        self.guarded(|| read().map_err(|error: ParquetError| self.failed(error)))
    }

    /// The IDs of the parents of all rows of a row group.
    pub(super) fn parent_ids(&self, row_group: usize) -> Result<ArrayRef, Error> {
        let wrong =
            || self.damaged("the columns of parents are not of the types that they should have");
        let required = |name| self.column(row_group, name)?.ok_or_else(wrong);
        let (span_ids, raw) = (required("span_id")?, required("parent_span_id")?);
        let (span_ids, raw) = (span_ids.as_fixed_size_binary_opt(), raw.as_fixed_size_binary_opt());
        let offsets = self.column(row_group, "parent_offset")?;
        let offsets = match &offsets {
            Some(column) => Some(column.as_primitive_opt::<Int32Type>().ok_or_else(wrong)?),
            None => None,
        };
        let (Some(span_ids), Some(raw)) = (span_ids, raw) else { return Err(wrong()) };
        let parents = parents::resolve(span_ids, offsets, raw);
        Ok(Arc::new(parents.map_err(|what| self.damaged(what))?))
    }

    /// A row group to be read once, from its first row to its last, at once and beside the cache.
    pub(super) fn scan(&self, row_group: usize) -> Result<Scan<'_>, Error> {
        let load = || {
            let footer = self.footer()?;
            let file = self.file.load(bytes_of(&footer, row_group))?;
            Ok(Scan { block: self, row_group, footer, file })
        };
        load().map_err(|error: ParquetError| self.failed(error))
    }

    /// The attributes that have a column, with the kind of value and how many rows have one.
    pub(super) fn filled_columns(
        &self,
    ) -> Result<HashMap<(AttributeScope, String, usize), u64>, Error> {
        let footer = self.footer().map_err(|error| self.failed(error))?;
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
        let footer = self.footer().map_err(|error| self.failed(error))?;
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
        let footer = self.footer().map_err(|error| self.failed(error))?;
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
        let footer = self.footer().map_err(|error| self.failed(error))?;
        Ok(footer.schema().fields().iter().map(|field| field.name().clone()).collect())
    }

    /// Names of the attributes of a scope that lie in its list; `None` when there are too many to be named in the footer.
    pub(super) fn rest_names(&self, scope: AttributeScope) -> Result<Option<Vec<String>>, Error> {
        let footer = self.footer().map_err(|error| self.failed(error))?;
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

    fn footer(&self) -> Result<ArrowReaderMetadata, ParquetError> {
        let key = Key::Footer(self.meta.block);
        if let Some(Entry::Footer(footer)) = self.cache.get(&key) {
            return Ok(footer);
        }
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let load = || ArrowReaderMetadata::load(&self.file, options);
        let footer = catch_unwind(AssertUnwindSafe(load))
            .unwrap_or_else(|_| Err(ParquetError::General("its footer makes no sense".into())))?;
        let bytes = footer.metadata().memory_size();
        self.cache.put(key, Entry::Footer(footer.clone()), bytes);
        Ok(footer)
    }

    fn bloom(&self, row_group: usize) -> Result<Option<Arc<Sbbf>>, ParquetError> {
        let key = Key::Bloom(self.meta.block, row_group);
        if let Some(Entry::Bloom(bloom)) = self.cache.get(&key) {
            return Ok(Some(bloom));
        }
        let footer = self.footer()?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), footer);
        let bloom = builder.get_row_group_column_bloom_filter(row_group, 0)?.map(Arc::new);
        if let Some(bloom) = &bloom {
            let bytes = bloom.num_blocks() * 32;
            self.cache.put(key, Entry::Bloom(Arc::clone(bloom)), bytes);
        }
        Ok(bloom)
    }

    /// Rows of a row group with all columns that have a value in it.
    fn read_rows(
        &self,
        row_group: usize,
        rows: Range<usize>,
    ) -> Result<Option<RecordBatch>, ParquetError> {
        let footer = self.footer()?;
        let columns = footer.metadata().row_group(row_group).columns();
        let filled = columns.iter().enumerate().filter(|(_, column)| {
            let nulls = column.statistics().and_then(|it| it.null_count_opt());
            nulls.is_none_or(|nulls| nulls < column.num_values() as u64)
        });
        let schema = footer.parquet_schema();
        let roots = filled.map(|(leaf, _)| schema.get_column_root_idx(leaf));
        let mask = ProjectionMask::roots(schema, roots);
        let file = self.prepare(&footer, row_group)?;
        read_rows(file, footer, row_group, mask, rows)
    }

    /// The file, ready for many reads from a row group.
    fn prepare(
        &self,
        footer: &ArrowReaderMetadata,
        row_group: usize,
    ) -> Result<BlockFile, ParquetError> {
        self.file.prepare(bytes_of(footer, row_group))
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

/// Chosen columns of a run of rows, as one batch; `None` when there are none.
fn read_rows(
    file: BlockFile,
    footer: ArrowReaderMetadata,
    row_group: usize,
    columns: ProjectionMask,
    rows: Range<usize>,
) -> Result<Option<RecordBatch>, ParquetError> {
    let selection = vec![RowSelector::skip(rows.start), RowSelector::select(rows.len())];
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer)
        .with_row_groups(vec![row_group])
        .with_projection(columns)
        .with_row_selection(RowSelection::from(selection))
        .with_batch_size(rows.len().max(1))
        .build()?;
    let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
    match batches.as_slice() {
        [] => Ok(None),
        [batch] => Ok(Some(batch.clone())),
        [first, ..] => Ok(Some(concat_batches(&first.schema(), &batches)?)),
    }
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

/// A row group in memory as it lies in the file.
pub(super) struct Scan<'a> {
    block: &'a Block,
    row_group: usize,
    footer: ArrowReaderMetadata,
    file: BlockFile,
}

impl Scan<'_> {
    /// Its rows; only some columns, if they are named.
    pub(super) fn read(
        &mut self,
        columns: Option<&[&str]>,
        batch_rows: usize,
    ) -> Result<ParquetRecordBatchReader, Error> {
        let footer = self.footer.clone();
        let mask = match columns {
            Some(names) => ProjectionMask::columns(footer.parquet_schema(), names.iter().copied()),
            None => ProjectionMask::all(),
        };
        ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), footer)
            .with_row_groups(vec![self.row_group])
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()
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
