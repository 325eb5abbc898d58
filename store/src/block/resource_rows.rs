//! `resources.parquet`: the resources of each row group of spans, one row each.

use super::{
    columns::column,
    gather::{Gathered, Group, Scratch},
    merge::Merge,
    nested::Nested,
    resource_table::RESOURCE,
    schema::{self, Layout, RESOURCE_SCOPES},
    sink::FileSink,
    write::{ZSTD_LEVEL, level_of},
};
use crate::{head::Chunk, otlp};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding},
    errors::ParquetError,
    file::properties::WriterProperties,
    schema::types::ColumnPath,
};
use std::sync::Arc;

/// The file under way.
pub(super) struct ResourceRows {
    writer: ArrowWriter<FileSink>,
    schema: SchemaRef,
    layout: Layout,
    /// Of the row groups that are written.
    count: u32,
}

/// Numbers of the resources of some chunks, those of one row group in a row: by chunk, and position in it.
pub(super) type Numbers = Vec<Vec<Option<u32>>>;

impl ResourceRows {
    /// Begins a file with these columns.
    pub(super) fn new(sink: FileSink, layout: Layout) -> Result<Self, ParquetError> {
        let schema = Arc::new(schema::resources_schema(&layout));
        let number = ColumnPath::new(vec![RESOURCE.to_owned()]);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level_of(ZSTD_LEVEL)))
            .set_created_by("sigyn".to_owned())
            .set_column_dictionary_enabled(number.clone(), false)
            .set_column_encoding(number, Encoding::DELTA_BINARY_PACKED)
            .build();
        let writer = ArrowWriter::try_new(sink, Arc::clone(&schema), Some(properties))?;
        Ok(Self { writer, schema, layout, count: 0 })
    }

    /// Writes the resources of a row group of spans as a row group, and tells their numbers.
    pub(super) fn write(
        &mut self,
        merge: &Merge<'_>,
        group: &Group,
        scratch: &mut Scratch,
    ) -> Result<Numbers, ParquetError> {
        let mut rows = Chunk::default();
        let mut numbers: Numbers = Vec::with_capacity(merge.chunks.len());
        for (chunk, of_chunk) in merge.chunks.iter().zip(&group.by_chunk) {
            let mut of_resources = vec![None; chunk.resources.len()];
            for &(row, _) in of_chunk {
                let resource = chunk.resource_of[row as usize];
                of_resources[resource as usize]
                    .get_or_insert_with(|| self.count + put(chunk, resource, &mut rows));
            }
            numbers.push(of_resources);
        }
        let rows_merge = Merge::of_rows(&rows, rows.resources.len());
        let all = Group::of_rows(rows.resources.len());
        let nested = Nested::new(&rows_merge, &self.layout.dedicated, RESOURCE_SCOPES);
        let own = vec![(self.count..).map(Some).take(rows.resources.len()).collect()];
        let dedicated = &self.layout.dedicated;
        let columns = self.schema.fields().iter();
        let columns = columns
            .map(|field| column(field, &rows_merge, &all, dedicated, &nested, &own, scratch))
            .map(Gathered::into_array)
            .collect();
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
        self.writer.flush()?;
        self.count += rows.resources.len() as u32;
        Ok(numbers)
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> Result<FileSink, ParquetError> {
        // No row group is open: each was flushed when it was there.
        let end_start = self.writer.bytes_written();
        self.writer.inner_mut().end_starts_at(end_start);
        self.writer.into_inner()
    }
}

/// The row of a resource, which is put there unless it is there.
fn put(chunk: &Chunk, resource: u32, rows: &mut Chunk) -> u32 {
    let (row, new) = rows.resource_position(&otlp::encode_resource(chunk, resource));
    if new {
        for column in chunk.resource_attributes.columns() {
            let first = column.owners.partition_point(|&owner| owner < resource);
            let own = column.owners[first..].iter().take_while(|&&owner| owner == resource);
            for at in first..first + own.count() {
                let value = column.value(at, &chunk.texts, &chunk.blobs);
                let key = chunk.texts.get(column.key);
                rows.resource_attributes.push(row, key, value, &mut rows.texts, &mut rows.blobs);
            }
        }
        let about = chunk.resources[resource as usize];
        let schema_url = rows.text(chunk.texts.get(about.schema_url));
        rows.finish_resource(schema_url, about.dropped_attributes);
        rows.resource_of.push(row);
    }
    row
}
