//! `tempopb`: the messages of Tempo's HTTP API that are answered as protobuf, and those of its gRPC service
//! `tempopb.StreamingQuerier`.
//!
//! Declared by hand, because a handful of fields needs no generated file.

use crate::otlp::common::v1::KeyValue;
use prost::bytes::Bytes;
use std::collections::HashMap;

/// Answer of `GET /api/v2/traces/{id}`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TraceByIdResponse {
    /// An encoded `tempopb.Trace`, which has the same bytes as OTLP's `TracesData`, so that a stored trace is answered
    /// without being decoded. Clients read through this field unchecked: it must be there even when empty.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub trace: Option<Bytes>,
    /// What the look-up cost.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<TraceByIdMetrics>,
    /// Whether the trace is whole.
    #[prost(enumeration = "PartialStatus", tag = "3")]
    pub status: i32,
    /// Why it is not whole; empty when it is.
    #[prost(string, tag = "4")]
    pub message: String,
}

/// What a look-up by ID cost.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct TraceByIdMetrics {
    /// Bytes read.
    #[prost(uint64, tag = "1")]
    pub inspected_bytes: u64,
}

/// Whether an answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum PartialStatus {
    /// Nothing was left out.
    Complete = 0,
    /// Something was left out; the message says why.
    Partial = 1,
}

/// Asks for traces.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SearchRequest {
    /// The form of search before TraceQL: a part of each value.
    #[prost(map = "string, string", tag = "1")]
    pub tags: HashMap<String, String>,
    /// Only with tags; 0: not given.
    #[prost(uint32, tag = "2")]
    pub min_duration_ms: u32,
    /// Only with tags; 0: not given.
    #[prost(uint32, tag = "3")]
    pub max_duration_ms: u32,
    /// Traces at most; 0: not given.
    #[prost(uint32, tag = "4")]
    pub limit: u32,
    /// Unix seconds; 0: not given.
    #[prost(uint32, tag = "5")]
    pub start: u32,
    /// Unix seconds; 0: not given.
    #[prost(uint32, tag = "6")]
    pub end: u32,
    /// TraceQL.
    #[prost(string, tag = "8")]
    pub query: String,
    /// Spans per spanset; 0: not given.
    #[prost(uint32, tag = "9")]
    pub spans_per_span_set: u32,
}

/// Traces; on a stream only those that no message before told.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SearchResponse {
    /// Newest first.
    #[prost(message, repeated, tag = "1")]
    pub traces: Vec<TraceSearchMetadata>,
    /// What the search cost so far.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
}

/// What a question cost.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct SearchMetrics {
    /// Traces looked at.
    #[prost(uint32, tag = "1")]
    pub inspected_traces: u32,
    /// Bytes read.
    #[prost(uint64, tag = "2")]
    pub inspected_bytes: u64,
    /// Blocks there are.
    #[prost(uint32, tag = "3")]
    pub total_blocks: u32,
    /// Parts of the work that are done …
    #[prost(uint32, tag = "4")]
    pub completed_jobs: u32,
    /// … of so many.
    #[prost(uint32, tag = "5")]
    pub total_jobs: u32,
    /// Bytes of the blocks.
    #[prost(uint64, tag = "6")]
    pub total_block_bytes: u64,
    /// Spans looked at.
    #[prost(uint64, tag = "7")]
    pub inspected_spans: u64,
}

/// One trace of a search.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TraceSearchMetadata {
    /// Hex without leading zeros.
    #[prost(string, tag = "1")]
    pub trace_id: String,
    /// `service.name` of the root span.
    #[prost(string, tag = "2")]
    pub root_service_name: String,
    /// Name of the root span.
    #[prost(string, tag = "3")]
    pub root_trace_name: String,
    /// Earliest start.
    #[prost(uint64, tag = "4")]
    pub start_time_unix_nano: u64,
    /// Latest end − earliest start.
    #[prost(uint32, tag = "5")]
    pub duration_ms: u32,
    /// The first set, for clients that know no more.
    #[prost(message, optional, tag = "6")]
    pub span_set: Option<SpanSet>,
    /// What matched.
    #[prost(message, repeated, tag = "7")]
    pub span_sets: Vec<SpanSet>,
    /// By service name.
    #[prost(map = "string, message", tag = "8")]
    pub service_stats: HashMap<String, ServiceStats>,
}

/// Counts of one service in a trace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct ServiceStats {
    /// Spans.
    #[prost(uint32, tag = "1")]
    pub span_count: u32,
    /// Spans with status error.
    #[prost(uint32, tag = "2")]
    pub error_count: u32,
}

/// Spans of a trace that matched together.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SpanSet {
    /// The first ones.
    #[prost(message, repeated, tag = "1")]
    pub spans: Vec<Span>,
    /// All of them.
    #[prost(uint32, tag = "2")]
    pub matched: u32,
    /// Of the set: groups and aggregates.
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
}

/// One span of a search.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Span {
    /// 16 hex digits.
    #[prost(string, tag = "1")]
    pub span_id: String,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Its start.
    #[prost(uint64, tag = "3")]
    pub start_time_unix_nano: u64,
    /// End − start.
    #[prost(uint64, tag = "4")]
    pub duration_nanos: u64,
    /// What the query mentions and selects.
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<KeyValue>,
}

/// Asks for names of attributes and intrinsics.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SearchTagsRequest {
    /// One scope; empty: all.
    #[prost(string, tag = "1")]
    pub scope: String,
    /// A filter that narrows the spans.
    #[prost(string, tag = "2")]
    pub query: String,
    /// Unix seconds; 0: not given.
    #[prost(uint32, tag = "3")]
    pub start: u32,
    /// Unix seconds; 0: not given.
    #[prost(uint32, tag = "4")]
    pub end: u32,
    /// Names per scope at most; 0: not given.
    #[prost(uint32, tag = "5")]
    pub max_tags_per_scope: u32,
}

/// Names in one list.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SearchTagsResponse {
    /// Without scopes, sorted.
    #[prost(string, repeated, tag = "1")]
    pub tag_names: Vec<String>,
}

/// Names by scope.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SearchTagsV2Response {
    /// None without a name.
    #[prost(message, repeated, tag = "1")]
    pub scopes: Vec<SearchTagsV2Scope>,
}

/// Names of one scope.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SearchTagsV2Scope {
    /// `resource`, `span` …
    #[prost(string, tag = "1")]
    pub name: String,
    /// Sorted.
    #[prost(string, repeated, tag = "2")]
    pub tags: Vec<String>,
}

/// Asks for values of a field.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SearchTagValuesRequest {
    /// A TraceQL field, or a bare name in version 1.
    #[prost(string, tag = "1")]
    pub tag_name: String,
    /// A filter that narrows the spans.
    #[prost(string, tag = "2")]
    pub query: String,
    /// Unix seconds; 0: not given.
    #[prost(uint32, tag = "4")]
    pub start: u32,
    /// Unix seconds; 0: not given.
    #[prost(uint32, tag = "5")]
    pub end: u32,
    /// Values at most; 0: not given.
    #[prost(uint32, tag = "6")]
    pub max_tag_values: u32,
}

/// Values as text.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SearchTagValuesResponse {
    /// Sorted.
    #[prost(string, repeated, tag = "1")]
    pub tag_values: Vec<String>,
}

/// Values with their types.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SearchTagValuesV2Response {
    /// By type, then value.
    #[prost(message, repeated, tag = "1")]
    pub tag_values: Vec<TagValue>,
}

/// A value with its type.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct TagValue {
    /// `string`, `int`, `float`, `bool`, `duration` or `keyword`.
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// As TraceQL writes it, strings without quotes.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// Asks for time series.
#[derive(Clone, PartialEq, prost::Message)]
pub struct QueryRangeRequest {
    /// TraceQL with a metrics function.
    #[prost(string, tag = "1")]
    pub query: String,
    /// Unix nanoseconds; 0: not given.
    #[prost(uint64, tag = "2")]
    pub start: u64,
    /// Unix nanoseconds; 0: not given.
    #[prost(uint64, tag = "3")]
    pub end: u64,
    /// Nanoseconds; 0: not given.
    #[prost(uint64, tag = "4")]
    pub step: u64,
    /// At most; 0: not given.
    #[prost(uint32, tag = "16")]
    pub exemplars: u32,
    /// At most; 0: not given.
    #[prost(uint32, tag = "17")]
    pub max_series: u32,
    /// One point for the whole range.
    #[prost(bool, optional, tag = "18")]
    pub instant: Option<bool>,
}

/// Time series; on a stream each message takes the place of the one before it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct QueryRangeResponse {
    /// Sorted by labels.
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<TimeSeries>,
    /// What the query cost so far.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
    /// Whether the answer is whole.
    #[prost(enumeration = "PartialStatus", tag = "3")]
    pub status: i32,
    /// Why it is not whole; empty when it is.
    #[prost(string, tag = "4")]
    pub message: String,
}

/// One line of a chart.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TimeSeries {
    /// What was grouped by.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    /// By time.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// By time.
    #[prost(message, repeated, tag = "4")]
    pub exemplars: Vec<Exemplar>,
}

/// A point.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Sample {
    /// Finite.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// The end of its interval, Unix milliseconds.
    #[prost(int64, tag = "2")]
    pub timestamp_ms: i64,
}

/// A span that a point is made of.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Exemplar {
    /// `trace:id` and `span:id`.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    /// Not 0.
    #[prost(double, tag = "2")]
    pub value: f64,
    /// The span's start, Unix milliseconds.
    #[prost(int64, tag = "3")]
    pub timestamp_ms: i64,
}

/// Asks for one value per series.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct QueryInstantRequest {
    /// TraceQL with a metrics function.
    #[prost(string, tag = "1")]
    pub query: String,
    /// Unix nanoseconds; 0: not given.
    #[prost(uint64, tag = "2")]
    pub start: u64,
    /// Unix nanoseconds; 0: not given.
    #[prost(uint64, tag = "3")]
    pub end: u64,
}

/// One value per series.
#[derive(Clone, PartialEq, prost::Message)]
pub struct QueryInstantResponse {
    /// Sorted by labels.
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<InstantSeries>,
    /// What the query cost so far.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
    /// Whether the answer is whole.
    #[prost(enumeration = "PartialStatus", tag = "3")]
    pub status: i32,
    /// Why it is not whole; empty when it is.
    #[prost(string, tag = "4")]
    pub message: String,
}

/// A series of one value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct InstantSeries {
    /// What was grouped by.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    /// Finite.
    #[prost(double, tag = "2")]
    pub value: f64,
}
