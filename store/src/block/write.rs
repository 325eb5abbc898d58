//! A block under way: row group after row group, never more than one column of one in memory.

use super::{
    coded_pages::CodedPages,
    column_pages::PageCompressor,
    columns::column,
    gather::{Gathered, Group, Scratch},
    id_pages::write_ids,
    merge::Merge,
    meta::RowGroup,
    nested::Nested,
    number_codes::NumberColumn,
    resource_rows::ResourceRows,
    schema::{self, Dedicated, Layout, Layouts, REST_NAMES_MAX, SPAN_SCOPES, attributes_of},
    sink::{FileSink, Files},
    summary::Summaries,
};
use crate::{AttributeScope, Error, generations::Generation};
use arrow_array::cast::AsArray;
use arrow_schema::{FieldRef, Schema};
use parquet::{
    arrow::{
        ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata,
        arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves},
    },
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::{KeyValue, SortingColumn},
        properties::{
            EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterPropertiesPtr,
        },
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{ColumnDescPtr, ColumnPath, SchemaDescriptor},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

/// Spans of one row group at most.
pub(super) const ROW_GROUP_ROWS_MAX: usize = 65_536;
/// Bytes of a page, before compression, about: what a look-up of one trace decodes per column. By bytes and not by rows, since columns
/// differ a hundredfold in width, and a page of few bytes compresses badly. A search for long spans leaves out the more pages the fewer
/// rows they have.
pub(super) const PAGE_BYTES: usize = 8 << 10;
/// Rows of a page. A column in which every row has a value is not looked at before that, however large its page has become.
pub(super) const PAGE_ROWS_MAX: usize = 16_384;
/// Bytes of a page of a list: what lies in it before the rows of a trace must be walked through, since nothing says where a row begins.
const LIST_PAGE_BYTES: usize = 1 << 10;
/// After so many rows the size of the page is looked at.
pub(super) const WRITE_ROWS: usize = 1024;
/// False positives of the filter on trace IDs.
const BLOOM_FILTER_FPP: f64 = 0.01;
/// What a footer says of the texts of a column is no longer than this.
pub(super) const STATISTICS_BYTES_MAX: usize = 16;
/// A dictionary that would be larger is begun and then left by the Parquet writer: the texts hardly repeat.
const DICTIONARY_BYTES_MAX: usize = 1 << 20;
/// Of columns with a dictionary: above it, time grows faster than files shrink.
pub(super) const ZSTD_LEVEL: i32 = 4;
/// Of all other columns: what is random stays as large at any level.
const ZSTD_LEVEL_PLAIN: i32 = 1;
/// Key of the footer entry that names the attributes without a column.
pub(super) const REST_NAMES_KEY: &str = "sigyn.attributes";

/// Writes the three Parquet files of a block. Spans come in runs of whole traces, in order of trace IDs. Computes and writes
/// for long: it belongs on a blocking thread.
pub(super) struct BlockWriter {
    file: SerializedFileWriter<FileSink>,
    fields: Vec<FieldWriter>,
    pages: FieldPages,
    dedicated: Vec<Dedicated>,
    resources: ResourceRows,
    summaries: Summaries,
    scratch: Scratch,
    /// Names of attributes that lie in a list of the rest.
    rest: BTreeMap<AttributeScope, BTreeSet<String>>,
    row_groups: Vec<RowGroup>,
    spans: u64,
}

/// What writes a column of each row group.
struct FieldWriter {
    field: FieldRef,
    /// The first of its leaves among those of the file.
    leaf: usize,
    has_dictionary: bool,
    /// The Parquet library's writers, made when they are needed: each has its own buffers.
    others: ArrowRowGroupWriterFactory,
}

/// What fields write their pages with.
struct FieldPages {
    coded: CodedPages,
    trace_ids: PageCompressor,
    span_ids: PageCompressor,
}

/// A block whose files are written, and what its `meta.json` says of them.
pub(super) struct Written {
    /// The sinks have yet to complete them.
    pub(super) files: Files<FileSink>,
    pub(super) spans: u64,
    pub(super) traces: u64,
    pub(super) row_groups: Vec<RowGroup>,
}

impl BlockWriter {
    /// Begins a block with these columns.
    pub(super) fn new(files: Files<FileSink>, layouts: Layouts) -> Result<Self, ParquetError> {
        let layout = layouts.spans;
        let schema = Arc::new(schema::schema(&layout));
        let parquet_schema = ArrowSchemaConverter::new().convert(&schema)?;
        let mut properties = properties(&layout, &parquet_schema)
            .set_sorting_columns(Some(vec![
                SortingColumn { column_idx: 0, descending: false, nulls_first: false },
                SortingColumn { column_idx: 4, descending: false, nulls_first: false },
            ]))
            .build();
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let properties = Arc::new(properties);
        let root = parquet_schema.root_schema_ptr();
        let file = SerializedFileWriter::new(files.spans, root, Arc::clone(&properties))?;
        let first_leaf = |at| {
            let mut leaves = 0..parquet_schema.num_columns();
            leaves.find(|&leaf| parquet_schema.get_column_root_idx(leaf) == at)
        };
        let fields = schema.fields().iter().enumerate().map(|(at, field)| {
            let leaf = first_leaf(at).expect("each column has a leaf");
            FieldWriter::new(field, leaf, &properties)
        });
        let fields = fields.collect::<Result<_, ParquetError>>()?;
        Ok(Self {
            fields,
            file,
            pages: FieldPages::new()?,
            dedicated: layout.dedicated,
            resources: ResourceRows::new(files.resources, layouts.resources)?,
            summaries: Summaries::new(files.traces)?,
            scratch: Scratch::default(),
            rest: BTreeMap::new(),
            row_groups: Vec::new(),
            spans: 0,
        })
    }

    /// Adds all spans of some chunks, as one or more row groups.
    pub(super) fn write(&mut self, merge: &Merge<'_>) -> Result<(), ParquetError> {
        let nested = Nested::new(merge, &self.dedicated, SPAN_SCOPES);
        self.note_rest(merge);
        for range in merge.row_groups(ROW_GROUP_ROWS_MAX) {
            let group = Group::new(merge, range);
            self.row_groups.push(describe(merge, &group));
            let resources = self.resources.write(merge, &group, &mut self.scratch)?;
            let abouts = self.file.schema_descr().columns().to_vec();
            let mut row_group = self.file.next_row_group()?;
            for it in &self.fields {
                let (dedicated, scratch) = (&self.dedicated, &mut self.scratch);
                let field = &it.field;
                let column = column(field, merge, &group, dedicated, &nested, &resources, scratch);
                it.write(column, &abouts[it.leaf], &mut self.pages, &mut row_group)?;
            }
            row_group.close()?;
        }
        self.spans += merge.order.len() as u64;
        self.summaries.write(merge)
    }

    /// Writes the footers.
    pub(super) fn finish(mut self) -> Result<Written, ParquetError> {
        // A scope with too many names is left out: readers then look at the list itself.
        let none = BTreeSet::new();
        let names: BTreeMap<&str, &BTreeSet<String>> = SPAN_SCOPES
            .iter()
            .map(|scope| (schema::rest_column(*scope), self.rest.get(scope).unwrap_or(&none)))
            .filter(|(_, names)| names.len() <= REST_NAMES_MAX)
            .collect();
        let names = serde_json::to_string(&names).expect("strings always encode");
        self.file.append_key_value_metadata(KeyValue::new(REST_NAMES_KEY.to_owned(), names));
        let (traces_file, traces) = self.summaries.finish()?;
        let resources = self.resources.finish()?;
        let end_start = self.file.bytes_written();
        self.file.inner_mut().end_starts_at(end_start);
        Ok(Written {
            files: Files { spans: self.file.into_inner()?, traces: traces_file, resources },
            spans: self.spans,
            traces,
            row_groups: self.row_groups,
        })
    }

    fn note_rest(&mut self, merge: &Merge<'_>) {
        let dedicated: HashSet<(AttributeScope, &[u8], usize)> =
            self.dedicated.iter().map(|it| (it.scope, it.name.as_bytes(), it.kind)).collect();
        for &scope in SPAN_SCOPES {
            let names = self.rest.entry(scope).or_default();
            for chunk in &merge.chunks {
                for column in attributes_of(chunk, scope).0.columns() {
                    let name = chunk.texts.get(column.key);
                    if names.len() <= REST_NAMES_MAX
                        && !dedicated.contains(&(scope, name, column.values.kind()))
                    {
                        let name = std::str::from_utf8(name).expect("texts of chunks are UTF-8");
                        if !names.contains(name) {
                            names.insert(name.to_owned());
                        }
                    }
                }
            }
        }
    }
}

impl FieldWriter {
    fn new(
        field: &FieldRef,
        leaf: usize,
        properties: &WriterPropertiesPtr,
    ) -> Result<Self, ParquetError> {
        // As if it were the only column of a file: what is written of it does not depend on the others.
        let schema = Arc::new(Schema::new(vec![Arc::clone(field)]));
        let root = ArrowSchemaConverter::new().convert(&schema)?.root_schema_ptr();
        let alone = SerializedFileWriter::new(std::io::sink(), root, Arc::clone(properties))?;
        let path = ColumnPath::new(vec![field.name().clone()]);
        let has_dictionary = properties.dictionary_enabled(&path);
        let others = ArrowRowGroupWriterFactory::new(&alone, schema);
        Ok(Self { field: Arc::clone(field), leaf, has_dictionary, others })
    }

    /// Writes the column of a row group, which is the next one: most by our own hand, as they are made for it, the others through the
    /// Parquet library.
    fn write(
        &self,
        column: Gathered,
        about: &ColumnDescPtr,
        pages: &mut FieldPages,
        row_group: &mut SerializedRowGroupWriter<'_, FileSink>,
    ) -> Result<(), ParquetError> {
        let array = match column {
            Gathered::Texts(texts)
                if self.has_dictionary && texts.dictionary_bytes() <= DICTIONARY_BYTES_MAX =>
            {
                return pages.coded.write_texts(texts, about, row_group);
            }
            column => column.into_array(),
        };
        match (self.field.name().as_str(), array.as_fixed_size_binary_opt()) {
            ("trace_id", Some(ids)) => {
                let fpp = Some(BLOOM_FILTER_FPP);
                return write_ids(ids, fpp, about, &mut pages.trace_ids, row_group);
            }
            ("span_id", Some(ids)) => {
                return write_ids(ids, None, about, &mut pages.span_ids, row_group);
            }
            _ => {}
        }
        if self.has_dictionary
            && let Some(numbers) = NumberColumn::of(&array)
        {
            return pages.coded.write_numbers(&numbers, about, row_group);
        }
        let leaves = compute_leaves(&self.field, &array)?;
        for (mut writer, leaf) in self.others.create_column_writers(0)?.into_iter().zip(leaves) {
            writer.write(&leaf)?;
            writer.close()?.append_to_row_group(row_group)?;
        }
        Ok(())
    }
}

impl FieldPages {
    fn new() -> Result<Self, ParquetError> {
        Ok(Self {
            coded: CodedPages::new(ZSTD_LEVEL)?,
            trace_ids: PageCompressor::zstd(ZSTD_LEVEL_PLAIN)?,
            span_ids: PageCompressor::none(),
        })
    }
}

/// Writes all spans of a generation; `None` when it has none, then `open` is not called.
pub(super) fn write_generation(
    generation: &Generation,
    open: impl FnOnce() -> Result<Files<FileSink>, Error>,
) -> Result<Option<Written>, Error> {
    let merge = Merge::new(generation.chunks.iter().map(|source| &*source.chunk).collect());
    if merge.order.is_empty() {
        return Ok(None);
    }
    let layouts = Layouts::of_chunks(&merge);
    let files = open()?;
    let write = || {
        let mut writer = BlockWriter::new(files, layouts)?;
        writer.write(&merge)?;
        writer.finish()
    };
    let failed = |error: ParquetError| Error::Block {
        block: "that is being written".to_owned(),
        what: error.to_string(),
    };
    write().map(Some).map_err(failed)
}

pub(super) fn level_of(zstd_level: i32) -> ZstdLevel {
    ZstdLevel::try_new(zstd_level).expect("the level is one of zstd's")
}

fn properties(layout: &Layout, schema: &SchemaDescriptor) -> WriterPropertiesBuilder {
    let zstd = |level| Compression::ZSTD(level_of(level));
    let column = |name: &str| ColumnPath::new(vec![name.to_owned()]);
    let event_time = ["events", "list", "element", "time_unix_nano"].map(str::to_owned);
    let mut properties = WriterProperties::builder()
        .set_compression(zstd(ZSTD_LEVEL))
        .set_created_by("sigyn".to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_data_page_row_count_limit(PAGE_ROWS_MAX)
        .set_write_batch_size(WRITE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES_MAX))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX);
    let mut encode = |path: ColumnPath, encoding| {
        let without =
            std::mem::take(&mut properties).set_column_dictionary_enabled(path.clone(), false);
        properties = without
            .set_column_encoding(path.clone(), encoding)
            .set_column_compression(path, zstd(ZSTD_LEVEL_PLAIN));
    };
    // Within a trace, times differ little.
    encode(column("start_unix_nano"), Encoding::DELTA_BINARY_PACKED);
    encode(ColumnPath::new(event_time.into()), Encoding::DELTA_BINARY_PACKED);
    // Byte by byte, numbers compress better than whole.
    encode(column("duration_nano"), Encoding::BYTE_STREAM_SPLIT);
    for it in layout.dedicated.iter().filter(|it| it.is_unique) {
        let encoding = match it.kind {
            0 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            _ => Encoding::BYTE_STREAM_SPLIT,
        };
        encode(column(&it.column()), encoding);
    }
    for name in ["start_unix_nano", "duration_nano"] {
        properties =
            properties.set_column_statistics_enabled(column(name), EnabledStatistics::Page);
    }
    for leaf in schema.columns().iter().filter(|leaf| leaf.max_rep_level() > 0) {
        properties =
            properties.set_column_data_page_size_limit(leaf.path().clone(), LIST_PAGE_BYTES);
    }
    properties
}

/// What `meta.json` says of a row group.
fn describe(merge: &Merge<'_>, group: &Group) -> RowGroup {
    let starts =
        merge.rows(group.range.clone()).map(|(chunk, _, row)| chunk.starts_unix_nano[row as usize]);
    let (start_min_unix_nano, start_max_unix_nano) =
        starts.fold((u64::MAX, 0), |(min, max), start| (min.min(start), max.max(start)));
    RowGroup {
        spans: group.len() as u64,
        trace_id_min: merge.trace_at(group.range.start).to_string(),
        trace_id_max: merge.trace_at(group.range.end - 1).to_string(),
        start_min_unix_nano,
        start_max_unix_nano,
    }
}
