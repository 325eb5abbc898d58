//! Rows in the format that was asked for.

use super::table::{Column, FIXED, Row, text};
use crate::{api::Fault, engine::Value};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Arrow,
    Parquet,
    Csv,
    JsonLines,
}

impl Format {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        Ok(match text {
            "arrow" => Self::Arrow,
            "parquet" => Self::Parquet,
            "csv" => Self::Csv,
            "jsonl" => Self::JsonLines,
            _ => {
                return Err(Fault::parameter("format", text, "one of arrow, parquet, csv, jsonl"));
            }
        })
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/x-ndjson",
        }
    }
}

/// Rows become bytes, part by part.
pub(super) struct Writer {
    columns: Vec<Column>,
    schema: SchemaRef,
    target: Target,
}

enum Target {
    Arrow(Box<StreamWriter<Vec<u8>>>),
    Parquet(Box<ArrowWriter<Vec<u8>>>),
    /// True until the heading is written.
    Csv(bool),
    JsonLines,
}

impl Writer {
    pub(super) fn new(format: Format, columns: Vec<Column>) -> Result<Self, Fault> {
        let fixed = FIXED.into_iter().enumerate().map(|(index, name)| {
            let data_type = if index < 3 { DataType::Utf8 } else { DataType::Int64 };
            Field::new(name, data_type, false)
        });
        let fields: Vec<Field> = fixed.chain(columns.iter().map(Column::field)).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let target = match format {
            Format::Arrow => {
                let writer = StreamWriter::try_new(Vec::new(), &schema);
                Target::Arrow(Box::new(writer.map_err(|error| Fault::internal(&error))?))
            }
            Format::Parquet => {
                let compression = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(compression).build();
                let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties));
                Target::Parquet(Box::new(writer.map_err(|error| Fault::internal(&error))?))
            }
            Format::Csv => Target::Csv(true),
            Format::JsonLines => Target::JsonLines,
        };
        Ok(Self { columns, schema, target })
    }

    /// The bytes that are ready when these rows are written; Parquet holds rows back until it has many.
    pub(super) fn write(&mut self, rows: &[Row]) -> Result<Vec<u8>, Fault> {
        let fault = |error: &dyn std::fmt::Display| Fault::internal(error);
        Ok(match &mut self.target {
            Target::Arrow(_) | Target::Parquet(_) => {
                let batch = self.batch(rows)?;
                match &mut self.target {
                    Target::Arrow(writer) => {
                        writer.write(&batch).map_err(|error| fault(&error))?;
                        std::mem::take(writer.get_mut())
                    }
                    Target::Parquet(writer) => {
                        writer.write(&batch).map_err(|error| fault(&error))?;
                        if writer.in_progress_size() > 4 << 20 {
                            writer.flush().map_err(|error| fault(&error))?;
                        }
                        std::mem::take(writer.inner_mut())
                    }
                    Target::Csv(_) | Target::JsonLines => Vec::new(),
                }
            }
            Target::Csv(is_first) => {
                let mut lines = String::new();
                if std::mem::take(is_first) {
                    let names = FIXED.into_iter().map(str::to_owned);
                    line(&mut lines, names.chain(self.columns.iter().map(|c| c.name.clone())));
                }
                for row in rows {
                    let fixed = [row.trace_id.clone(), row.span_id.clone(), row.name.clone()];
                    let numbers = [row.start_unix_nano, row.duration_nano].map(|n| n.to_string());
                    let cells =
                        row.cells.iter().map(|cell| cell.as_ref().map(text).unwrap_or_default());
                    line(&mut lines, fixed.into_iter().chain(numbers).chain(cells));
                }
                lines.into_bytes()
            }
            Target::JsonLines => {
                let mut lines = Vec::new();
                for row in rows {
                    serde_json::to_writer(&mut lines, &object(row, &self.columns))
                        .map_err(|error| fault(&error))?;
                    lines.push(b'\n');
                }
                lines
            }
        })
    }

    /// What ends the format.
    pub(super) fn finish(self) -> Result<Vec<u8>, Fault> {
        match self.target {
            Target::Arrow(mut writer) => {
                writer.finish().map_err(|error| Fault::internal(&error))?;
                Ok(std::mem::take(writer.get_mut()))
            }
            Target::Parquet(writer) => writer.into_inner().map_err(|error| Fault::internal(&error)),
            Target::Csv(_) | Target::JsonLines => Ok(Vec::new()),
        }
    }

    fn batch(&self, rows: &[Row]) -> Result<RecordBatch, Fault> {
        let texts = |of: fn(&Row) -> &str| {
            Arc::new(StringArray::from_iter_values(rows.iter().map(of))) as ArrayRef
        };
        let numbers = |of: fn(&Row) -> i64| {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(of))) as ArrayRef
        };
        let mut arrays = vec![
            texts(|row| &row.trace_id),
            texts(|row| &row.span_id),
            texts(|row| &row.name),
            numbers(|row| row.start_unix_nano),
            numbers(|row| row.duration_nano),
        ];
        let asked = self.columns.iter().enumerate();
        arrays.extend(asked.map(|(index, column)| column.array(rows, index)));
        RecordBatch::try_new(self.schema.clone(), arrays).map_err(|error| Fault::internal(&error))
    }
}

/// One line of RFC 4180.
fn line(lines: &mut String, cells: impl Iterator<Item = String>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            lines.push(',');
        }
        if cell.contains(['"', ',', '\n', '\r']) {
            lines.push('"');
            lines.push_str(&cell.replace('"', "\"\""));
            lines.push('"');
        } else {
            lines.push_str(&cell);
        }
    }
    lines.push_str("\r\n");
}

/// A row as an object; what a span does not have is left out.
fn object(row: &Row, columns: &[Column]) -> Map<String, Json> {
    let mut object = Map::new();
    object.insert("trace_id".to_owned(), row.trace_id.clone().into());
    object.insert("span_id".to_owned(), row.span_id.clone().into());
    object.insert("name".to_owned(), row.name.clone().into());
    object.insert("start_unix_nano".to_owned(), row.start_unix_nano.into());
    object.insert("duration_nano".to_owned(), row.duration_nano.into());
    for (column, cell) in columns.iter().zip(&row.cells) {
        let value = match cell {
            None => continue,
            Some(Value::Int(int)) => Json::from(*int),
            Some(Value::Double(double)) => Json::from(*double),
            Some(Value::Bool(flag)) => Json::from(*flag),
            Some(other) => Json::from(text(other)),
        };
        object.insert(column.name.clone(), value);
    }
    object
}
