//! Matching spans as rows and columns.

use crate::{
    api::otlp_json::{Style, Styled},
    engine::{SpanMatch, TraceMatch, Value},
    traceql::{FieldRef, Intrinsic},
};
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray,
    builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder},
};
use arrow_schema::{DataType, Field};
use prost::Message;
use sigyn_proto::otlp::common::v1::AnyValue;
use std::sync::Arc;

/// Columns that every answer has, in this order.
pub(super) const FIXED: [&str; 5] =
    ["trace_id", "span_id", "name", "start_unix_nano", "duration_nano"];

/// One span.
pub(super) struct Row {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) name: String,
    pub(super) start_unix_nano: i64,
    pub(super) duration_nano: i64,
    /// One for each column that was asked for.
    pub(super) cells: Vec<Option<Value>>,
}

/// A column that was asked for.
pub(super) struct Column {
    /// The field in its canonical spelling.
    pub(super) name: String,
    kind: Kind,
}

/// What all values that a column begins with are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Int,
    Float,
    Bool,
}

/// The spans of a trace, each once, in the order of the sets.
pub(super) fn rows(found: &TraceMatch, columns: &[FieldRef]) -> Vec<Row> {
    let mut seen = std::collections::HashSet::new();
    let spans = found.span_sets.iter().flat_map(|set| &set.spans);
    spans
        .filter(|span| seen.insert(span.span_id))
        .map(|span| Row {
            trace_id: found.trace_id.to_string(),
            span_id: span.span_id.to_string(),
            name: span.name.clone(),
            start_unix_nano: span.start_unix_nano as i64,
            duration_nano: span.duration_nano as i64,
            cells: columns.iter().map(|field| cell(found, span, field)).collect(),
        })
        .collect()
}

fn cell(found: &TraceMatch, span: &SpanMatch, field: &FieldRef) -> Option<Value> {
    match field {
        FieldRef::Intrinsic(Intrinsic::RootName) => {
            found.root_trace_name.clone().map(Value::String)
        }
        FieldRef::Intrinsic(Intrinsic::RootService) => {
            found.root_service_name.clone().map(Value::String)
        }
        FieldRef::Intrinsic(Intrinsic::TraceDuration) => {
            Some(Value::Int(found.duration_nano as i64))
        }
        _ => {
            let key = field.key();
            span.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
        }
    }
}

impl Column {
    /// The columns of these fields, with the types that the rows have.
    pub(super) fn of(fields: &[FieldRef], rows: &[Row]) -> Vec<Self> {
        let column = |(index, field): (usize, &FieldRef)| {
            let kinds = rows.iter().filter_map(|row| row.cells[index].as_ref()).map(Kind::of);
            let kind = kinds.reduce(|one, other| match (one, other) {
                _ if one == other => one,
                (Kind::Int | Kind::Float, Kind::Int | Kind::Float) => Kind::Float,
                _ => Kind::Text,
            });
            Self { name: field.to_string(), kind: kind.unwrap_or(Kind::Text) }
        };
        fields.iter().enumerate().map(column).collect()
    }

    pub(super) fn field(&self) -> Field {
        let data_type = match self.kind {
            Kind::Text => DataType::Utf8,
            Kind::Int => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Bool => DataType::Boolean,
        };
        Field::new(&self.name, data_type, true)
    }

    /// The values of rows; null where one does not fit the type.
    pub(super) fn array(&self, rows: &[Row], index: usize) -> ArrayRef {
        let values = rows.iter().map(|row| row.cells[index].as_ref());
        match self.kind {
            Kind::Text => {
                let mut builder = StringBuilder::new();
                values.for_each(|value| builder.append_option(value.map(text)));
                Arc::new(builder.finish()) as Arc<StringArray>
            }
            Kind::Int => {
                let mut builder = Int64Builder::new();
                values.for_each(|value| {
                    builder.append_option(match value {
                        Some(Value::Int(int)) => Some(*int),
                        _ => None,
                    });
                });
                Arc::new(builder.finish()) as Arc<Int64Array>
            }
            Kind::Float => {
                let mut builder = Float64Builder::new();
                values.for_each(|value| {
                    builder.append_option(match value {
                        Some(Value::Int(int)) => Some(*int as f64),
                        Some(Value::Double(double)) => Some(*double),
                        _ => None,
                    });
                });
                Arc::new(builder.finish()) as Arc<Float64Array>
            }
            Kind::Bool => {
                let mut builder = BooleanBuilder::new();
                values.for_each(|value| {
                    builder.append_option(match value {
                        Some(Value::Bool(flag)) => Some(*flag),
                        _ => None,
                    });
                });
                Arc::new(builder.finish()) as Arc<BooleanArray>
            }
        }
    }
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Int(_) => Self::Int,
            Value::Double(_) => Self::Float,
            Value::Bool(_) => Self::Bool,
            Value::String(_) | Value::Encoded(_) => Self::Text,
        }
    }
}

/// Any value as text; arrays and maps as OTLP's JSON.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Int(int) => int.to_string(),
        Value::Double(double) => double.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Encoded(bytes) => AnyValue::decode(&bytes[..])
            .ok()
            .and_then(|value| serde_json::to_string(&Styled(&value, Style::OTLP)).ok())
            .unwrap_or_default(),
    }
}
