//! What the questions about many spans have in common: which spans, and how values look.

use crate::{
    api::{Fault, parameters::Parameters, times},
    engine::{ScanStats, SpanSelection, Value},
    traceql::{self, FieldRef},
};
use serde::Serialize;

/// The spans that a query keeps, from a parameter of this name, in the range of the request. No query is all spans.
pub(super) fn selection(parameters: &Parameters, name: &str) -> Result<SpanSelection, Fault> {
    let (start_unix_nano, end_unix_nano) = times::open_range(parameters)?;
    let query = parameters.get(name).map(traceql::parse).transpose()?;
    Ok(SpanSelection { query, start_unix_nano, end_unix_nano })
}

/// The fields named by a repeated parameter.
pub(super) fn fields(parameters: &Parameters, name: &str) -> Result<Vec<FieldRef>, Fault> {
    let read = |text: &str| {
        traceql::parse_field(text).map_err(|error| {
            Fault::bad_request(format!("{text:?} is not a TraceQL field: {error}"))
        })
    };
    parameters.all(name).map(read).collect()
}

/// A number from 1 to `max`.
pub(super) fn bounded(
    parameters: &Parameters,
    name: &str,
    default: usize,
    max: usize,
) -> Result<usize, Fault> {
    let expected = format!("a whole number from 1 to {max}");
    match parameters.number::<usize>(name, &expected)? {
        None => Ok(default),
        Some(number) if (1..=max).contains(&number) => Ok(number),
        Some(number) => Err(Fault::parameter(name, &number.to_string(), &expected)),
    }
}

/// A value as text, with its type: the same as in Tempo's lists of values.
#[derive(Serialize)]
pub(super) struct Typed {
    r#type: &'static str,
    value: String,
}

impl From<&Value> for Typed {
    fn from(value: &Value) -> Self {
        let (r#type, value) = match value {
            Value::String(text) => ("string", text.clone()),
            Value::Int(int) => ("int", int.to_string()),
            Value::Double(double) => ("float", double.to_string()),
            Value::Bool(flag) => ("bool", flag.to_string()),
            Value::Encoded(_) => ("other", String::new()),
        };
        Self { r#type, value }
    }
}

/// How much of the data was looked at.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stats {
    inspected_spans: u64,
    inspected_bytes: u64,
}

impl Stats {
    pub(super) fn new(inspected_spans: u64, inspected_bytes: u64) -> Self {
        Self { inspected_spans, inspected_bytes }
    }
}

impl From<ScanStats> for Stats {
    fn from(stats: ScanStats) -> Self {
        Self::new(stats.inspected_spans, stats.inspected_bytes)
    }
}
