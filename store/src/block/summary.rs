//! `traces.parquet`: one row per trace.

use super::merge::Merge;
use arrow_array::{
    ArrayRef, FixedSizeBinaryArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
    builder::{ListBuilder, StringBuilder},
};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};
use std::sync::Arc;

const STATUS_ERROR: u8 = 2;

/// The file and the number of traces.
pub(super) fn encode(merge: &Merge<'_>) -> Result<(Bytes, u64), ParquetError> {
    let (mut trace_ids, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    let (mut span_counts, mut error_counts) = (Vec::new(), Vec::new());
    let (mut root_services, mut root_names) = (Vec::new(), Vec::new());
    let element = Arc::new(Field::new("element", DataType::Utf8, false));
    let mut services = ListBuilder::new(StringBuilder::new()).with_field(Arc::clone(&element));
    let trace_of =
        |&(chunk, row): &(u32, u32)| merge.chunks[chunk as usize].trace_ids[row as usize];
    let text = |bytes| std::str::from_utf8(bytes).expect("texts of chunks are UTF-8");
    let mut traces = 0u64;
    for spans in merge.order.chunk_by(|a, b| trace_of(a) == trace_of(b)) {
        traces += 1;
        let (mut start, mut end, mut errors) = (u64::MAX, 0u64, 0u32);
        let (mut root_service, mut root_name) = (None, None);
        let mut own_services: Vec<&str> = Vec::new();
        for &(chunk, row) in spans {
            let (chunk, row) = (merge.chunks[chunk as usize], row as usize);
            let service = chunk.resources[chunk.resource_of[row] as usize].service_name;
            let service = service.map(|code| text(chunk.texts.get(code)));
            start = start.min(chunk.starts_unix_nano[row]);
            end = end.max(chunk.ends_unix_nano[row]);
            errors += u32::from(chunk.status_codes[row] == STATUS_ERROR);
            // Spans are sorted by start: the first without a parent is the root.
            if chunk.parent_span_ids[row] == [0; 8] && root_name.is_none() {
                root_service = service;
                root_name = Some(text(chunk.texts.get(chunk.names[row])));
            }
            if let Some(service) = service
                && !own_services.contains(&service)
            {
                own_services.push(service);
            }
        }
        own_services.sort_unstable();
        trace_ids.extend_from_slice(&trace_of(&spans[0]));
        starts.push(start);
        ends.push(end);
        span_counts.push(spans.len() as u32);
        error_counts.push(errors);
        root_services.push(root_service);
        root_names.push(root_name);
        for service in own_services {
            services.values().append_value(service);
        }
        services.append(true);
    }
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("trace_id", Arc::new(FixedSizeBinaryArray::new(16, trace_ids.into(), None)), false),
        ("start_unix_nano", Arc::new(UInt64Array::from(starts)), false),
        ("end_unix_nano", Arc::new(UInt64Array::from(ends)), false),
        ("root_service_name", Arc::new(StringArray::from(root_services)), true),
        ("root_name", Arc::new(StringArray::from(root_names)), true),
        ("span_count", Arc::new(UInt32Array::from(span_counts)), false),
        ("error_count", Arc::new(UInt32Array::from(error_counts)), false),
        ("services", Arc::new(services.finish()), false),
    ];
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, array, nullable)| {
            Field::new(*name, arrow_array::Array::data_type(array).clone(), *nullable)
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, array, _)| array).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let level = ZstdLevel::try_new(1).expect("the level is one of zstd's");
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by("sigyn".to_owned())
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
    writer.write(&batch)?;
    Ok((Bytes::from(writer.into_inner()?), traces))
}
