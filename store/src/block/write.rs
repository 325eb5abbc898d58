//! From a generation to the bytes of a block's files.

use super::{
    gather::{Group, Scratch},
    merge::Merge,
    meta::RowGroup,
    nested::Nested,
    schema::{self, Dedicated, REST_NAMES_MAX, ROW_SCOPES},
    summary,
};
use crate::{TraceId, generations::Generation, head::Chunk};
use arrow_array::{
    ArrayRef, FixedSizeBinaryArray, Int64Array, UInt8Array, UInt32Array, UInt64Array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::Field;
use bytes::Bytes;
use parquet::{
    arrow::{
        ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata,
        arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves},
    },
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::{KeyValue, SortingColumn},
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
        writer::SerializedFileWriter,
    },
    schema::types::ColumnPath,
};
use std::{collections::BTreeMap, sync::Arc};

/// Spans of one row group at most.
const ROW_GROUP_ROWS_MAX: usize = 65_536;
/// Rows of a page at most: what a look-up of one trace decodes per column.
const PAGE_ROWS_MAX: usize = 8192;
const ZSTD_LEVEL: i32 = 1;
/// Key of the footer entry that names the attributes without a column.
pub(super) const REST_NAMES_KEY: &str = "sigyn.attributes";

/// The files of a block and what its `meta.json` says of them.
pub(super) struct Encoded {
    pub(super) spans_file: Bytes,
    pub(super) traces_file: Bytes,
    pub(super) spans: u64,
    pub(super) traces: u64,
    pub(super) row_groups: Vec<RowGroup>,
}

/// Encodes all spans of a generation; `None` when it has none. Computes for long: call it on a blocking thread.
pub(super) fn encode(generation: &Generation) -> Result<Option<Encoded>, ParquetError> {
    let merge = Merge::new(generation);
    if merge.order.is_empty() {
        return Ok(None);
    }
    let (dedicated, rest) = schema::choose(&merge);
    let nested = Nested::new(&merge, &dedicated);
    let schema = Arc::new(schema::schema(&dedicated));
    let mut properties = properties(&rest)
        .set_sorting_columns(Some(vec![
            SortingColumn { column_idx: 0, descending: false, nulls_first: false },
            SortingColumn { column_idx: 3, descending: false, nulls_first: false },
        ]))
        .build();
    let parquet_schema = ArrowSchemaConverter::new().convert(&schema)?;
    add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
    let mut file = SerializedFileWriter::new(
        Vec::new(),
        parquet_schema.root_schema_ptr(),
        Arc::new(properties),
    )?;
    let factory = ArrowRowGroupWriterFactory::new(&file, Arc::clone(&schema));
    let mut scratch = Scratch::default();
    let mut row_groups = Vec::new();
    for start in (0..merge.order.len()).step_by(ROW_GROUP_ROWS_MAX) {
        let end = merge.order.len().min(start + ROW_GROUP_ROWS_MAX);
        let group = Group::new(&merge, start..end);
        row_groups.push(describe(&merge, &group));
        let mut writers = factory.create_column_writers(row_groups.len() - 1)?.into_iter();
        let mut chunks = Vec::new();
        for field in schema.fields() {
            // One column is in memory at a time: a row group has a hundred of them.
            let array = column(field, &merge, &group, &dedicated, &nested, &mut scratch);
            for leaf in compute_leaves(field, &array)? {
                let mut writer = writers.next().expect("there is a writer for each leaf");
                writer.write(&leaf)?;
                chunks.push(writer.close()?);
            }
        }
        let mut row_group = file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut row_group)?;
        }
        row_group.close()?;
    }
    let spans = merge.order.len() as u64;
    let spans_file = Bytes::from(file.into_inner()?);
    let (traces_file, traces) = summary::encode(&merge)?;
    Ok(Some(Encoded { spans_file, traces_file, spans, traces, row_groups }))
}

fn properties(rest: &BTreeMap<crate::AttributeScope, Vec<String>>) -> WriterPropertiesBuilder {
    // A scope with too many names is left out: readers then look at the list itself.
    let names: BTreeMap<&str, &[String]> = ROW_SCOPES
        .into_iter()
        .map(|scope| (schema::rest_column(scope), rest.get(&scope).map_or(&[][..], |it| it)))
        .filter(|(_, names)| names.len() <= REST_NAMES_MAX)
        .collect();
    let names = serde_json::to_string(&names).expect("strings always encode");
    let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("the level is one of zstd's");
    let column = |name: &str| ColumnPath::new(vec![name.to_owned()]);
    let event_time = ["events", "list", "element", "time_unix_nano"].map(str::to_owned);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by("sigyn".to_owned())
        .set_key_value_metadata(Some(vec![KeyValue::new(REST_NAMES_KEY.to_owned(), names)]))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_data_page_row_count_limit(PAGE_ROWS_MAX)
        .set_write_batch_size(PAGE_ROWS_MAX)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_bloom_filter_enabled(column("trace_id"), true)
        .set_column_bloom_filter_fpp(column("trace_id"), 0.01)
        .set_column_dictionary_enabled(column("span_id"), false);
    for path in [column("start_unix_nano"), ColumnPath::new(event_time.into())] {
        // Within a trace, times differ little.
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    for name in ["trace_id", "start_unix_nano", "duration_nano"] {
        properties =
            properties.set_column_statistics_enabled(column(name), EnabledStatistics::Page);
    }
    properties.set_column_dictionary_enabled(column("duration_nano"), false)
}

/// What `meta.json` says of a row group.
fn describe(merge: &Merge<'_>, group: &Group) -> RowGroup {
    let trace_id = |position: usize| {
        let (chunk, row) = merge.order[position];
        TraceId(merge.chunks[chunk as usize].trace_ids[row as usize]).to_string()
    };
    let starts =
        merge.rows(group.range.clone()).map(|(chunk, _, row)| chunk.starts_unix_nano[row as usize]);
    let (start_min_unix_nano, start_max_unix_nano) =
        starts.fold((u64::MAX, 0), |(min, max), start| (min.min(start), max.max(start)));
    RowGroup {
        spans: group.len() as u64,
        trace_id_min: trace_id(group.range.start),
        trace_id_max: trace_id(group.range.end - 1),
        start_min_unix_nano,
        start_max_unix_nano,
    }
}

fn column(
    field: &Field,
    merge: &Merge<'_>,
    group: &Group,
    dedicated: &[Dedicated],
    nested: &Nested,
    scratch: &mut Scratch,
) -> ArrayRef {
    let rows = || merge.rows(group.range.clone());
    let mut texts = |zero_is_null, code_of: fn(&Chunk, usize) -> u32| {
        group.texts(merge, scratch, zero_is_null, code_of)
    };
    match field.name().as_str() {
        "trace_id" => {
            let ids: Vec<_> = rows().map(|(chunk, _, row)| chunk.trace_ids[index(row)]).collect();
            ids_array(&ids, None)
        }
        "span_id" => {
            let ids: Vec<_> = rows().map(|(chunk, _, row)| chunk.span_ids[index(row)]).collect();
            ids_array(&ids, None)
        }
        "parent_span_id" => {
            let ids: Vec<_> =
                rows().map(|(chunk, _, row)| chunk.parent_span_ids[index(row)]).collect();
            let nulls = ids.iter().map(|id| *id != [0; 8]).collect::<NullBuffer>();
            ids_array(&ids, Some(nulls))
        }
        "start_unix_nano" => {
            let starts = rows().map(|(chunk, _, row)| chunk.starts_unix_nano[index(row)]);
            Arc::new(UInt64Array::from_iter_values(starts))
        }
        "duration_nano" => {
            let durations = rows().map(|(chunk, _, row)| {
                chunk.ends_unix_nano[index(row)].wrapping_sub(chunk.starts_unix_nano[index(row)])
                    as i64
            });
            Arc::new(Int64Array::from_iter_values(durations))
        }
        "kind" => {
            let kinds = rows().map(|(chunk, _, row)| chunk.kinds[index(row)]);
            Arc::new(UInt8Array::from_iter_values(kinds))
        }
        "status_code" => {
            let codes = rows().map(|(chunk, _, row)| chunk.status_codes[index(row)]);
            Arc::new(UInt8Array::from_iter_values(codes))
        }
        "name" => texts(false, |chunk, row| chunk.names[row]),
        "status_message" => texts(true, |chunk, row| chunk.status_messages[row]),
        "trace_state" => texts(true, |chunk, row| chunk.trace_states[row]),
        "scope_name" => texts(true, |chunk, row| chunk.scopes[index(chunk.scope_of[row])].name),
        "scope_version" => {
            texts(true, |chunk, row| chunk.scopes[index(chunk.scope_of[row])].version)
        }
        "scope_schema_url" => {
            texts(true, |chunk, row| chunk.scopes[index(chunk.scope_of[row])].schema_url)
        }
        "resource_schema_url" => {
            texts(true, |chunk, row| chunk.resources[index(chunk.resource_of[row])].schema_url)
        }
        "flags" => numbers(merge, group, |chunk, row| chunk.flags[row]),
        "dropped_attributes_count" => numbers(merge, group, |chunk, row| dropped(chunk, row)[0]),
        "dropped_events_count" => numbers(merge, group, |chunk, row| dropped(chunk, row)[1]),
        "dropped_links_count" => numbers(merge, group, |chunk, row| dropped(chunk, row)[2]),
        "resource_dropped_attributes_count" => numbers(merge, group, |chunk, row| {
            chunk.resources[index(chunk.resource_of[row])].dropped_attributes
        }),
        "scope_dropped_attributes_count" => numbers(merge, group, |chunk, row| {
            chunk.scopes[index(chunk.scope_of[row])].dropped_attributes
        }),
        "events" => nested.events(merge, group.range.clone()),
        "links" => nested.links(merge, group.range.clone()),
        name => {
            if let Some(scope) = ROW_SCOPES.iter().position(|&it| schema::rest_column(it) == name) {
                return nested.rest(merge, group.range.clone(), scope);
            }
            match dedicated.iter().find(|it| it.column() == name) {
                Some(it) => group.attribute(merge, scratch, it),
                // `service_name` of a generation in which nobody says one.
                None => arrow_array::new_null_array(field.data_type(), group.len()),
            }
        }
    }
}

fn index(code: u32) -> usize {
    code as usize
}

/// A column of numbers that are null when zero, which most are.
fn numbers(merge: &Merge<'_>, group: &Group, number_of: impl Fn(&Chunk, usize) -> u32) -> ArrayRef {
    let numbers = merge.rows(group.range.clone()).map(|(chunk, _, row)| {
        let number = number_of(chunk, row as usize);
        (number != 0).then_some(number)
    });
    Arc::new(numbers.collect::<UInt32Array>())
}

fn dropped(chunk: &Chunk, row: usize) -> [u32; 3] {
    match chunk.dropped.binary_search_by_key(&(row as u32), |(row, _)| *row) {
        Ok(at) => chunk.dropped[at].1,
        Err(_) => [0; 3],
    }
}

fn ids_array<const N: usize>(ids: &[[u8; N]], nulls: Option<NullBuffer>) -> ArrayRef {
    let bytes = arrow_buffer::Buffer::from_slice_ref(ids.as_flattened());
    Arc::new(FixedSizeBinaryArray::new(N as i32, bytes, nulls))
}
