//! The vectorised executor: one function evaluates a plan over one source, one merges partials.

use crate::traceql::Query;
use sigyn_store::{Error as StoreError, SpanId, Store, TraceId};

/// Runs queries over a store.
#[derive(Clone)]
pub struct Engine {}

/// A search: TraceQL and its bounds.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// Parsed and validated.
    pub query: Query,
    /// Only traces with spans that start at or after this …
    pub start_unix_nano: Option<u64>,
    /// … and before this.
    pub end_unix_nano: Option<u64>,
    /// Traces at most.
    pub limit: usize,
    /// Spans per spanset in the answer (matches are counted beyond it).
    pub spans_per_span_set: usize,
}

/// Traces, newest first.
#[derive(Clone, Debug, Default)]
pub struct SearchResponse {
    /// At most `limit`.
    pub traces: Vec<TraceMatch>,
    /// Spans looked at.
    pub inspected_spans: u64,
    /// Bytes looked at.
    pub inspected_bytes: u64,
    /// A limit (time, memory) ended the search early; the reason.
    pub partial: Option<String>,
}

/// One trace that matches.
#[derive(Clone, Debug)]
pub struct TraceMatch {
    /// Its ID.
    pub trace_id: TraceId,
    /// `None`: the root span has not been received.
    pub root_service_name: Option<String>,
    /// `None`: the root span has not been received.
    pub root_trace_name: Option<String>,
    /// Earliest start of its spans.
    pub start_unix_nano: u64,
    /// Latest end − earliest start.
    pub duration_nano: u64,
    /// What matched.
    pub span_sets: Vec<SpanSet>,
    /// By service name, sorted.
    pub service_stats: Vec<(String, ServiceStats)>,
}

/// Spans of one trace that matched together.
#[derive(Clone, Debug, Default)]
pub struct SpanSet {
    /// Before the cut to `spans_per_span_set`.
    pub matched: usize,
    /// `by(...)` and aggregate results.
    pub attributes: Vec<(String, Value)>,
    /// The first ones by start time.
    pub spans: Vec<SpanMatch>,
}

/// One matching span.
#[derive(Clone, Debug)]
pub struct SpanMatch {
    /// Its ID.
    pub span_id: SpanId,
    /// Its name.
    pub name: String,
    /// Start.
    pub start_unix_nano: u64,
    /// End − start, 0 if negative.
    pub duration_nano: u64,
    /// What the query mentions and selects; bare keys.
    pub attributes: Vec<(String, Value)>,
}

/// Counts by service in a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceStats {
    /// Spans.
    pub span_count: u64,
    /// Spans with status error.
    pub error_count: u64,
}

/// An attribute value in an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text (also durations, status and kind).
    String(String),
    /// 64 bit.
    Int(i64),
    /// 64 bit.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// Bytes, arrays, maps: an encoded OTLP `AnyValue`.
    Encoded(Vec<u8>),
}

/// Why a query gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The query needs what this version does not execute yet; a sentence for the user.
    #[error("{0}")]
    Unsupported(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// An engine over a store.
    pub fn new(_store: Store) -> Self {
        todo!()
    }

    /// Newest first, always; the same question gives the same answer.
    pub async fn search(&self, _request: SearchRequest) -> Result<SearchResponse, EngineError> {
        todo!()
    }

    /// Service names, sorted.
    pub async fn services(&self) -> Result<Vec<String>, EngineError> {
        todo!()
    }

    /// Operations of a service as (span name, OTLP kind), sorted and unique.
    pub async fn operations(&self, _service: &str) -> Result<Vec<(String, u8)>, EngineError> {
        todo!()
    }

    /// Attribute names by scope, sorted; bounded.
    pub async fn tag_names(
        &self,
    ) -> Result<Vec<(sigyn_store::AttributeScope, Vec<String>)>, EngineError> {
        todo!()
    }

    /// Distinct values of a field (an attribute or an intrinsic), sorted, at most `limit`.
    pub async fn tag_values(
        &self,
        _field: &crate::traceql::FieldRef,
        _limit: usize,
    ) -> Result<Vec<Value>, EngineError> {
        todo!()
    }
}
