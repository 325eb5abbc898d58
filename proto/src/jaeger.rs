//! Jaeger's gRPC services for readers: `jaeger.api_v3`, `jaeger.storage.v2` and the filters of `jaeger.expression.v1`.
//!
//! Traces are answered as OTLP's `TracesData`. The two packages have some messages with the same fields, which stand here
//! once.

use crate::otlp::common::v1::KeyValue;
use std::collections::HashMap;

/// `google.protobuf.Timestamp`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Timestamp {
    /// Since the Unix epoch.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// 0 to 999,999,999.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Duration {
    /// Whole seconds.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Of the same sign as the seconds.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// A request without fields: `GetServices`, `GetCapabilities`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct EmptyRequest {}

/// Asks `jaeger.api_v3` for one trace.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct GetTraceRequest {
    /// Hex, 64 or 128 bit.
    #[prost(string, tag = "1")]
    pub trace_id: String,
    /// Where to look; optional.
    #[prost(message, optional, tag = "2")]
    pub start_time: Option<Timestamp>,
    /// Where to look; optional.
    #[prost(message, optional, tag = "3")]
    pub end_time: Option<Timestamp>,
    /// Without adjustments.
    #[prost(bool, tag = "4")]
    pub raw_traces: bool,
}

/// Conditions of `jaeger.api_v3`; all must hold for one span.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TraceQueryParameters {
    /// Empty: any.
    #[prost(string, tag = "1")]
    pub service_name: String,
    /// Empty: any.
    #[prost(string, tag = "2")]
    pub operation_name: String,
    /// Values as text, whatever their type is.
    #[prost(map = "string, string", tag = "3")]
    pub attributes: HashMap<String, String>,
    /// Required; inclusive.
    #[prost(message, optional, tag = "4")]
    pub start_time_min: Option<Timestamp>,
    /// Required; exclusive.
    #[prost(message, optional, tag = "5")]
    pub start_time_max: Option<Timestamp>,
    /// Optional.
    #[prost(message, optional, tag = "6")]
    pub duration_min: Option<Duration>,
    /// Optional.
    #[prost(message, optional, tag = "7")]
    pub duration_max: Option<Duration>,
    /// Traces at most; 0 and below: not given.
    #[prost(int32, tag = "8")]
    pub search_depth: i32,
    /// Without adjustments.
    #[prost(bool, tag = "9")]
    pub raw_traces: bool,
    /// Instead of the conditions above.
    #[prost(message, optional, tag = "10")]
    pub filter: Option<Call>,
}

/// Asks `jaeger.api_v3` for traces, or for summaries of them.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FindTracesRequest {
    /// Required.
    #[prost(message, optional, tag = "1")]
    pub query: Option<TraceQueryParameters>,
}

/// Names of services.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct GetServicesResponse {
    /// Sorted.
    #[prost(string, repeated, tag = "1")]
    pub services: Vec<String>,
}

/// Asks for the operations of a service.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct GetOperationsRequest {
    /// Required.
    #[prost(string, tag = "1")]
    pub service: String,
    /// Empty: any.
    #[prost(string, tag = "2")]
    pub span_kind: String,
}

/// An operation of a service.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message)]
pub struct Operation {
    /// A span's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// `server`, `client`, …; empty where the span says nothing.
    #[prost(string, tag = "2")]
    pub span_kind: String,
}

/// Operations of a service.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct GetOperationsResponse {
    /// Sorted.
    #[prost(message, repeated, tag = "1")]
    pub operations: Vec<Operation>,
}

/// Asks who calls whom.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct GetDependenciesRequest {
    /// Required.
    #[prost(message, optional, tag = "1")]
    pub start_time: Option<Timestamp>,
    /// Required.
    #[prost(message, optional, tag = "2")]
    pub end_time: Option<Timestamp>,
}

/// Who calls whom.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct DependenciesResponse {
    /// By names.
    #[prost(message, repeated, tag = "1")]
    pub dependencies: Vec<Dependency>,
}

/// Calls from one service to another.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Dependency {
    /// Who calls.
    #[prost(string, tag = "1")]
    pub parent: String,
    /// Who is called.
    #[prost(string, tag = "2")]
    pub child: String,
    /// How often.
    #[prost(uint64, tag = "3")]
    pub call_count: u64,
    /// What it was made from (`jaeger.storage.v2` only).
    #[prost(string, tag = "4")]
    pub source: String,
}

/// What a trace has of one service.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ServiceSummary {
    /// The service.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its spans.
    #[prost(int32, tag = "2")]
    pub span_count: i32,
    /// Those with status error.
    #[prost(int32, tag = "3")]
    pub error_span_count: i32,
}

/// What a list of traces shows of one. `jaeger.api_v3` has the ID as 32 hex digits, `jaeger.storage.v2` as 16 bytes; both
/// are the same on the wire.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct TraceSummary {
    /// See above.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// Of the root span.
    #[prost(string, tag = "2")]
    pub root_service_name: String,
    /// Name of the root span.
    #[prost(string, tag = "3")]
    pub root_operation_name: String,
    /// Earliest start.
    #[prost(fixed64, tag = "4")]
    pub min_start_time_unix_nano: u64,
    /// Latest end.
    #[prost(fixed64, tag = "5")]
    pub max_end_time_unix_nano: u64,
    /// Spans.
    #[prost(int32, tag = "6")]
    pub span_count: i32,
    /// Those with status error.
    #[prost(int32, tag = "7")]
    pub error_span_count: i32,
    /// Those whose parent is not there.
    #[prost(int32, tag = "8")]
    pub orphan_span_count: i32,
    /// By name.
    #[prost(message, repeated, tag = "9")]
    pub services: Vec<ServiceSummary>,
}

/// Some of the traces found.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct FindTraceSummariesResponse {
    /// Newest first.
    #[prost(message, repeated, tag = "1")]
    pub summaries: Vec<TraceSummary>,
}

/// Names a trace to `jaeger.storage.v2`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct GetTraceParams {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// Where to look; optional.
    #[prost(message, optional, tag = "2")]
    pub start_time: Option<Timestamp>,
    /// Where to look; optional.
    #[prost(message, optional, tag = "3")]
    pub end_time: Option<Timestamp>,
}

/// Asks `jaeger.storage.v2` for traces by their IDs.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct GetTracesRequest {
    /// Unknown ones are passed over.
    #[prost(message, repeated, tag = "1")]
    pub query: Vec<GetTraceParams>,
}

/// Conditions of `jaeger.storage.v2`; fields as in [`TraceQueryParameters`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct StorageQueryParameters {
    /// Empty: any.
    #[prost(string, tag = "1")]
    pub service_name: String,
    /// Empty: any.
    #[prost(string, tag = "2")]
    pub operation_name: String,
    /// The messages have the same fields as OTLP's.
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
    /// Inclusive.
    #[prost(message, optional, tag = "4")]
    pub start_time_min: Option<Timestamp>,
    /// Exclusive.
    #[prost(message, optional, tag = "5")]
    pub start_time_max: Option<Timestamp>,
    /// Optional.
    #[prost(message, optional, tag = "6")]
    pub duration_min: Option<Duration>,
    /// Optional.
    #[prost(message, optional, tag = "7")]
    pub duration_max: Option<Duration>,
    /// Traces at most; 0 and below: not given.
    #[prost(int32, tag = "8")]
    pub search_depth: i32,
    /// Instead of the conditions above.
    #[prost(message, optional, tag = "9")]
    pub filter: Option<Call>,
}

/// Asks `jaeger.storage.v2` for traces, for their IDs, or for summaries of them.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StorageFindRequest {
    /// Required.
    #[prost(message, optional, tag = "1")]
    pub query: Option<StorageQueryParameters>,
}

/// IDs of traces.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct FindTraceIdsResponse {
    /// Newest first.
    #[prost(message, repeated, tag = "1")]
    pub trace_ids: Vec<FoundTraceId>,
}

/// A trace, and when it was.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct FoundTraceId {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// Not after its first span.
    #[prost(message, optional, tag = "2")]
    pub start: Option<Timestamp>,
    /// Not before its last one.
    #[prost(message, optional, tag = "3")]
    pub end: Option<Timestamp>,
}

/// What a storage can do.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct GetCapabilitiesResponse {
    /// Of searches.
    #[prost(message, optional, tag = "1")]
    pub search: Option<SearchCapabilities>,
}

/// What searches can do.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct SearchCapabilities {
    /// An empty service name means any.
    #[prost(bool, tag = "1")]
    pub without_service_name: bool,
    /// All conditions hold for one span.
    #[prost(bool, tag = "2")]
    pub same_span_conjunction: bool,
    /// Absent: no filters.
    #[prost(message, optional, tag = "3")]
    pub filter: Option<FilterCapabilities>,
}

/// What filters can do.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct FilterCapabilities {
    /// `span`, `resource`, …
    #[prost(string, repeated, tag = "1")]
    pub levels: Vec<String>,
    /// `and`, `eq`, …
    #[prost(string, repeated, tag = "2")]
    pub operators: Vec<String>,
}

/// An operator and what it is applied to.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Call {
    /// `and`, `eq`, …
    #[prost(string, tag = "1")]
    pub op: String,
    /// As many as the operator takes.
    #[prost(message, repeated, tag = "2")]
    pub args: Vec<Expression>,
}

/// A node of a filter.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Expression {
    /// Required.
    #[prost(oneof = "Term", tags = "1, 2, 3, 4, 5, 6")]
    pub term: Option<Term>,
}

/// What a node of a filter is.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Term {
    /// An attribute.
    #[prost(message, tag = "1")]
    Attribute(AttributeReference),
    /// What every span has by nature.
    #[prost(message, tag = "2")]
    Field(FieldReference),
    /// The events or links of a span.
    #[prost(message, tag = "3")]
    Nested(NestedReference),
    /// A constant.
    #[prost(message, tag = "4")]
    Scalar(Scalar),
    /// Several constants.
    #[prost(message, tag = "5")]
    List(List),
    /// A call in a call.
    #[prost(message, tag = "6")]
    Call(Call),
}

/// An attribute by its key.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct AttributeReference {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// `span`, `resource`, `scope`, `event`, `link`; empty: span or resource.
    #[prost(string, tag = "2")]
    pub level: String,
}

/// A field that the data model defines.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct FieldReference {
    /// `duration`, `name`, …
    #[prost(string, tag = "1")]
    pub name: String,
    /// As above, never empty.
    #[prost(string, tag = "2")]
    pub level: String,
}

/// All events, or all links, of a span.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct NestedReference {
    /// `event` or `link`.
    #[prost(string, tag = "1")]
    pub level: String,
}

/// A constant as text.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Scalar {
    /// As it is written.
    #[prost(string, tag = "1")]
    pub value: String,
    /// `string`, `int`, `double`, `bool`; empty: whichever it spells.
    #[prost(string, tag = "2")]
    pub r#type: String,
}

/// Constants as text.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct List {
    /// At least one.
    #[prost(string, repeated, tag = "1")]
    pub values: Vec<String>,
    /// Of all of them, as above.
    #[prost(string, tag = "2")]
    pub r#type: String,
}
