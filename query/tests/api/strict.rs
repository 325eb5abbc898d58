//! Tempo's search answer as Grafana's plugin decodes it: every key known, every type exact.

use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SearchResponse {
    pub(crate) traces: Vec<TraceSearchMetadata>,
    pub(crate) metrics: SearchMetrics,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct SearchMetrics {
    pub(crate) inspected_traces: u32,
    pub(crate) inspected_bytes: String,
    pub(crate) total_blocks: u32,
    pub(crate) completed_jobs: u32,
    pub(crate) total_jobs: u32,
    pub(crate) total_block_bytes: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct TraceSearchMetadata {
    #[serde(rename = "traceID")]
    pub(crate) trace_id: String,
    pub(crate) root_service_name: String,
    pub(crate) root_trace_name: String,
    pub(crate) start_time_unix_nano: String,
    pub(crate) duration_ms: u32,
    pub(crate) span_set: Option<SpanSet>,
    pub(crate) span_sets: Vec<SpanSet>,
    pub(crate) service_stats: BTreeMap<String, ServiceStats>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ServiceStats {
    pub(crate) span_count: u32,
    pub(crate) error_count: u32,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct SpanSet {
    pub(crate) spans: Vec<Span>,
    pub(crate) matched: u32,
    pub(crate) attributes: Vec<KeyValue>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Span {
    #[serde(rename = "spanID")]
    pub(crate) span_id: String,
    pub(crate) name: String,
    pub(crate) start_time_unix_nano: String,
    pub(crate) duration_nanos: String,
    pub(crate) attributes: Vec<KeyValue>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyValue {
    pub(crate) key: String,
    pub(crate) value: AnyValue,
}

/// Exactly one key.
#[allow(clippy::enum_variant_names, reason = "the names are the keys")]
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AnyValue {
    StringValue(String),
    IntValue(String),
    DoubleValue(f64),
    BoolValue(bool),
    ArrayValue(serde_json::Value),
    KvlistValue(serde_json::Value),
    BytesValue(String),
}
