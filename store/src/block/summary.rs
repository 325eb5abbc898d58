//! `traces.parquet`: one row per trace.

use super::{merge::Merge, sink::FileSink};
use crate::head::{Chunk, Resource};
use arrow_array::{
    ArrayRef, FixedSizeBinaryArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
    builder::{ListBuilder, StringBuilder},
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
    schema::types::ColumnPath,
};
use std::sync::Arc;

const STATUS_ERROR: u8 = 2;
/// Traces of one row group at most. The writer holds them until they are as many: some hundred bytes each.
const ROW_GROUP_ROWS_MAX: usize = 16_384;

/// The file under way.
pub(super) struct Summaries {
    writer: ArrowWriter<FileSink>,
    schema: SchemaRef,
    traces: u64,
}

impl Summaries {
    pub(super) fn new(sink: FileSink) -> Result<Self, ParquetError> {
        let always = |name: &str, data_type| Field::new(name, data_type, false);
        let schema = Arc::new(Schema::new(vec![
            always("trace_id", DataType::FixedSizeBinary(16)),
            always("start_unix_nano", DataType::UInt64),
            always("duration_nano", DataType::UInt64),
            Field::new("root_service_name", DataType::Utf8, true),
            Field::new("root_name", DataType::Utf8, true),
            always("span_count", DataType::UInt32),
            always("error_count", DataType::UInt32),
            always("services", DataType::List(element())),
        ]));
        let level = ZstdLevel::try_new(1).expect("the level is one of zstd's");
        let column = |name: &str| ColumnPath::new(vec![name.to_owned()]);
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by("sigyn".to_owned())
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
            .set_column_dictionary_enabled(column("trace_id"), false);
        for name in ["start_unix_nano", "duration_nano"] {
            properties = properties
                .set_column_dictionary_enabled(column(name), false)
                .set_column_encoding(column(name), Encoding::BYTE_STREAM_SPLIT);
        }
        let writer = ArrowWriter::try_new(sink, Arc::clone(&schema), Some(properties.build()))?;
        Ok(Self { writer, schema, traces: 0 })
    }

    /// Adds all traces of some chunks. None of them may come again.
    pub(super) fn write(&mut self, merge: &Merge<'_>) -> Result<(), ParquetError> {
        let (mut trace_ids, mut starts, mut durations) = (Vec::new(), Vec::new(), Vec::new());
        let (mut span_counts, mut error_counts) = (Vec::new(), Vec::new());
        let (mut root_services, mut root_names) = (Vec::new(), Vec::new());
        let mut services_lists = ListBuilder::new(StringBuilder::new()).with_field(element());
        let trace_of =
            |&(chunk, row): &(u32, u32)| merge.chunks[chunk as usize].trace_ids[row as usize];
        let text = |bytes| std::str::from_utf8(bytes).expect("texts of chunks are UTF-8");
        let (services_by_name, services_of) = services(merge);
        let mut own_services: Vec<u32> = Vec::new();
        for spans in merge.order.chunk_by(|a, b| trace_of(a) == trace_of(b)) {
            self.traces += 1;
            let (mut start, mut end, mut errors) = (u64::MAX, 0u64, 0u32);
            let (mut root_service, mut root_name) = (None, None);
            own_services.clear();
            for &(chunk, row) in spans {
                let services_of = &services_of[chunk as usize];
                let (chunk, row) = (merge.chunks[chunk as usize], row as usize);
                let service = services_of[chunk.resource_of[row] as usize];
                // A span without a start would make its trace begin in 1970.
                if chunk.starts_unix_nano[row] > 0 {
                    start = start.min(chunk.starts_unix_nano[row]);
                    end = end.max(chunk.ends_unix_nano[row]);
                }
                errors += u32::from(chunk.status_codes[row] == STATUS_ERROR);
                // Spans are sorted by start: the first without a parent is the root.
                if chunk.parent_span_ids[row] == [0; 8] && root_name.is_none() {
                    root_service = service.map(|number| services_by_name[number as usize]);
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
            starts.push(if start == u64::MAX { 0 } else { start });
            durations.push(end.saturating_sub(start));
            span_counts.push(spans.len() as u32);
            error_counts.push(errors);
            root_services.push(root_service);
            root_names.push(root_name);
            for &number in &own_services {
                services_lists.values().append_value(services_by_name[number as usize]);
            }
            services_lists.append(true);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(FixedSizeBinaryArray::new(16, trace_ids.into(), None)),
            Arc::new(UInt64Array::from(starts)),
            Arc::new(UInt64Array::from(durations)),
            Arc::new(StringArray::from(root_services)),
            Arc::new(StringArray::from(root_names)),
            Arc::new(UInt32Array::from(span_counts)),
            Arc::new(UInt32Array::from(error_counts)),
            Arc::new(services_lists.finish()),
        ];
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Completes the file; the sink and the number of traces.
    pub(super) fn finish(mut self) -> Result<(FileSink, u64), ParquetError> {
        self.writer.flush()?;
        let end_start = self.writer.bytes_written();
        self.writer.inner_mut().end_starts_at(end_start);
        Ok((self.writer.into_inner()?, self.traces))
    }
}

/// The names of all services, sorted, and by chunk and resource the number of its own among them.
fn services<'m>(merge: &Merge<'m>) -> (Vec<&'m str>, Vec<Vec<Option<u32>>>) {
    let name_of = |chunk: &'m Chunk, resource: &Resource| {
        let name = chunk.texts.get(resource.service_name?);
        Some(std::str::from_utf8(name).expect("texts of chunks are UTF-8"))
    };
    let names_of: Vec<Vec<Option<&str>>> = merge
        .chunks
        .iter()
        .map(|chunk| chunk.resources.iter().map(|resource| name_of(chunk, resource)).collect())
        .collect();
    let mut names: Vec<&str> = names_of.iter().flatten().flatten().copied().collect();
    names.sort_unstable();
    names.dedup();
    let number_of = |name: &Option<&str>| names.binary_search(&(*name)?).ok().map(|at| at as u32);
    let numbers = names_of.iter().map(|names| names.iter().map(number_of).collect()).collect();
    (names, numbers)
}

fn element() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Utf8, false))
}
