//! The answer of a search, key by key as Grafana knows it: it refuses keys that it does not know.

use crate::{
    api::otlp_json::{Double, Style, Styled},
    engine::{self, ScanStats, Value},
};
use prost::Message;
use serde::{Serialize, Serializer, ser::SerializeMap};
use sigyn_proto::otlp::common::v1::AnyValue;
use std::collections::BTreeMap;

/// What stands for a root that is not there, and for one that does not say whose it is.
const NO_ROOT: &str = "<root span not yet received>";

pub(super) fn root_service(found: &engine::TraceMatch) -> &str {
    found.root_service_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(NO_ROOT)
}

#[derive(Serialize)]
pub(super) struct SearchResponse<'a> {
    traces: Vec<TraceMatch<'a>>,
    metrics: Metrics,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metrics {
    #[serde(skip_serializing_if = "is_zero")]
    inspected_bytes: Long<u64>,
    #[serde(skip_serializing_if = "is_zero_int")]
    completed_jobs: u32,
    #[serde(skip_serializing_if = "is_zero_int")]
    total_jobs: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceMatch<'a> {
    #[serde(rename = "traceID")]
    trace_id: String,
    root_service_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    root_trace_name: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    start_time_unix_nano: Long<u64>,
    #[serde(skip_serializing_if = "is_zero_int")]
    duration_ms: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    span_sets: Vec<SpanSet<'a>>,
    /// The first set again, for clients that know no more; left out when there are several, because the data source
    /// then shows only this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    span_set: Option<SpanSet<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    service_stats: BTreeMap<&'a str, ServiceStats>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceStats {
    #[serde(skip_serializing_if = "is_zero_int")]
    span_count: u32,
    #[serde(skip_serializing_if = "is_zero_int")]
    error_count: u32,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanSet<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spans: Vec<Span<'a>>,
    #[serde(skip_serializing_if = "is_zero_int")]
    matched: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<Attribute<'a>>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    #[serde(rename = "spanID")]
    span_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    start_time_unix_nano: Long<u64>,
    #[serde(skip_serializing_if = "is_zero")]
    duration_nanos: Long<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<Attribute<'a>>,
}

#[derive(Clone, Serialize)]
pub(super) struct Attribute<'a> {
    key: &'a str,
    value: AttributeValue<'a>,
}

#[derive(Clone)]
struct AttributeValue<'a>(&'a Value);

/// A 64-bit number, which JSON carries as a string.
#[derive(Clone, Copy)]
pub(super) struct Long<T>(pub(super) T);

impl From<&ScanStats> for Metrics {
    fn from(stats: &ScanStats) -> Self {
        Self {
            inspected_bytes: Long(stats.inspected_bytes),
            completed_jobs: saturated(stats.sources_done as u64),
            total_jobs: saturated(stats.sources as u64),
        }
    }
}

impl<'a> From<&'a engine::SearchResponse> for SearchResponse<'a> {
    fn from(answer: &'a engine::SearchResponse) -> Self {
        Self {
            traces: answer.traces.iter().map(TraceMatch::from).collect(),
            metrics: Metrics {
                inspected_bytes: Long(answer.inspected_bytes),
                completed_jobs: 1,
                total_jobs: 1,
            },
        }
    }
}

impl<'a> From<&'a engine::TraceMatch> for TraceMatch<'a> {
    fn from(found: &'a engine::TraceMatch) -> Self {
        let span_sets: Vec<SpanSet<'a>> = found.span_sets.iter().map(SpanSet::from).collect();
        let span_set = match &span_sets[..] {
            [only] => Some(only.clone()),
            _ => None,
        };
        let stats = found.service_stats.iter().map(|(service, stats)| {
            let span_count = saturated(stats.span_count);
            let error_count = saturated(stats.error_count);
            (service.as_str(), ServiceStats { span_count, error_count })
        });
        Self {
            trace_id: found.trace_id.to_short_hex(),
            root_service_name: root_service(found),
            root_trace_name: found.root_trace_name.as_deref().unwrap_or_default(),
            start_time_unix_nano: Long(found.start_unix_nano),
            duration_ms: saturated(found.duration_nano / 1_000_000),
            span_sets,
            span_set,
            service_stats: stats.collect(),
        }
    }
}

impl<'a> From<&'a engine::SpanSet> for SpanSet<'a> {
    fn from(set: &'a engine::SpanSet) -> Self {
        Self {
            spans: set.spans.iter().map(Span::from).collect(),
            matched: saturated(set.matched as u64),
            attributes: attributes(&set.attributes),
        }
    }
}

impl<'a> From<&'a engine::SpanMatch> for Span<'a> {
    fn from(span: &'a engine::SpanMatch) -> Self {
        Self {
            span_id: span.span_id.to_string(),
            name: &span.name,
            start_time_unix_nano: Long(span.start_unix_nano),
            duration_nanos: Long(span.duration_nano),
            attributes: attributes(&span.attributes),
        }
    }
}

pub(super) fn attributes(all: &[(String, Value)]) -> Vec<Attribute<'_>> {
    all.iter().map(|(key, value)| Attribute { key, value: AttributeValue(value) }).collect()
}

pub(super) fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn is_zero(number: &Long<u64>) -> bool {
    number.0 == 0
}

pub(super) fn is_zero_int(number: &u32) -> bool {
    *number == 0
}

impl<T: std::fmt::Display> Serialize for Long<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for AttributeValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Value::Encoded(bytes) = self.0 {
            let decoded = AnyValue::decode(&bytes[..]).map_err(serde::ser::Error::custom)?;
            return Styled(&decoded, Style::TEMPO).serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0 {
            Value::String(text) => map.serialize_entry("stringValue", text)?,
            Value::Int(int) => map.serialize_entry("intValue", &int.to_string())?,
            Value::Double(double) => map.serialize_entry("doubleValue", &Double(*double))?,
            Value::Bool(flag) => map.serialize_entry("boolValue", flag)?,
            Value::Encoded(_) => unreachable!("answered above"),
        }
        map.end()
    }
}
