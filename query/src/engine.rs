//! The vectorised executor: TraceQL over the store's Arrow columns, newest first, with an end.
//!
//! A search visits sources by their latest start. In each, a filter that every result's span must
//! fulfil becomes masks over columns (`condition`, `compare`, `operand`, `arithmetic`); that gives
//! candidates. The newest of them are gathered whole from all sources (`traces`), the pipeline runs
//! over them (`pipeline`, `structure`), and the search ends when nothing left can be newer (`search`). Asked for the longest
//! traces it looks at all of them (`longest`).
//!
//! Whatever is made of all spans that a query keeps (time series, `metrics`; tags and facets, `tags`, `contrast`) is a fold over
//! them (`scan`): source by source where spans can be looked at one by one, trace by trace where they depend on each other, on
//! several threads, merged in the order of the sources. A span that is there twice counts once (`repeats`).
//!
//! It keeps nothing between queries but small facts about sources that do not change (`occurrences`). It does not know who asks.

mod answer;
mod arithmetic;
mod blanks;
mod cancellation;
mod catalog;
mod census;
mod codes;
mod column;
mod compare;
mod condition;
mod contrast;
mod edge;
mod longest;
mod metrics;
mod occurrences;
mod operand;
mod pipeline;
mod plan;
mod progress;
mod repeats;
mod scan;
mod search;
mod selection;
mod service_graph;
mod structure;
mod tags;
#[cfg(test)]
mod tests;
mod traces;
mod view;

pub use cancellation::Limits;
pub use longest::DurationPlace;
pub use metrics::{
    Exemplar, MetricsRequest, MetricsResponse, MetricsWindow, Sample, ScanStats, Series,
};
pub use progress::SearchProgress;
pub use search::StartPlace;
pub use selection::{
    Contrast, ContrastField, ContrastValue, DurationRank, Facet, Facets, SpanSelection, ValueCount,
};
pub use service_graph::{ServiceEdge, ServiceGraph, ServiceNode};
pub use sigyn_store::calls::Connection;

use crate::traceql::{FieldRef, Pipeline, Query};
use arrow_schema::ArrowError;
use cancellation::{CancelOnDrop, Cancellation};
use occurrences::Occurrences;
use sigyn_store::{Error as StoreError, Snapshot, Source, SpanId, Store, TraceId};
use std::{num::NonZero, ops::Range, sync::Arc, thread::available_parallelism};
use tokio::sync::{Semaphore, mpsc};
use view::View;

/// Runs queries over a store. Cheap to clone; clones share the bound on threads.
#[derive(Clone)]
pub struct Engine {
    snapshots: Arc<dyn Fn() -> Snapshot + Send + Sync>,
    limits: Limits,
    /// Bounds the blocking threads that all queries together take.
    threads: Arc<Semaphore>,
    occurrences: Arc<Occurrences>,
}

/// A search: TraceQL and its bounds.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// Parsed and validated.
    pub query: Query,
    /// Only traces with spans that start at or after this …
    pub start_unix_nano: Option<u64>,
    /// … and before this.
    pub end_unix_nano: Option<u64>,
    /// Of a trace with a span that starts at most so long before an end of the range and lasts until there, fitting spans count
    /// wherever they are. Not so where the longest are asked for.
    pub reach_nano: u64,
    /// Traces at most.
    pub limit: usize,
    /// Spans per spanset in the answer (matches are counted beyond it).
    pub spans_per_span_set: usize,
}

/// Traces, newest first unless the longest were asked for.
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
    /// The request makes no sense; a sentence for the user.
    #[error("{0}")]
    Invalid(String),
    /// A limit was reached. A search gives a partial answer instead.
    #[error("{0}")]
    Stopped(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Columns do not fit together: a fault of this program.
    #[error("the columns of a source do not fit together: {0}")]
    Arrow(#[from] ArrowError),
    /// Work on a thread ended without a result.
    #[error("a query's thread failed: {0}")]
    Failed(String),
}

impl TraceMatch {
    /// The whole of it, which leaves what its place among others is decided by.
    fn take(&mut self) -> Self {
        Self {
            trace_id: self.trace_id,
            root_service_name: self.root_service_name.take(),
            root_trace_name: self.root_trace_name.take(),
            start_unix_nano: self.start_unix_nano,
            duration_nano: self.duration_nano,
            span_sets: std::mem::take(&mut self.span_sets),
            service_stats: std::mem::take(&mut self.service_stats),
        }
    }
}

impl Engine {
    /// An engine over a store.
    pub fn new(store: Store) -> Self {
        Self::over(move || store.snapshot())
    }

    /// An engine over anything that gives snapshots.
    pub fn over(snapshots: impl Fn() -> Snapshot + Send + Sync + 'static) -> Self {
        let threads = 2 * available_parallelism().map_or(1, NonZero::get);
        Self {
            snapshots: Arc::new(snapshots),
            limits: Limits::default(),
            threads: Arc::new(Semaphore::new(threads)),
            occurrences: Arc::default(),
        }
    }

    /// The same engine with other limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Newest first, always; the same question gives the same answer. A trace is found if one of the
    /// spans that match starts within the request's time range; its matches outside are counted too.
    pub async fn search(&self, request: SearchRequest) -> Result<SearchResponse, EngineError> {
        self.search_after(request, None).await
    }

    /// The same, from the trace after a place on: the place of the last one of the page before.
    pub async fn search_after(
        &self,
        request: SearchRequest,
        after: Option<StartPlace>,
    ) -> Result<SearchResponse, EngineError> {
        let snapshot = (self.snapshots)();
        search::search(snapshot, request, after, self.limits, &self.threads, None, true).await
    }

    /// A search that tells traces as soon as they are certain. All of them are also in the response. It goes
    /// no faster than the receiver takes, and ends when the receiver is dropped.
    pub async fn search_into(
        &self,
        request: SearchRequest,
        progress: mpsc::Sender<SearchProgress>,
    ) -> Result<SearchResponse, EngineError> {
        let snapshot = (self.snapshots)();
        let (limits, threads) = (self.limits, &self.threads);
        search::search(snapshot, request, None, limits, threads, Some(progress), true).await
    }

    /// The same, with traces that are only told: the response has none, so that nothing of a large answer is held longer
    /// than the receiver takes.
    pub async fn search_out(
        &self,
        request: SearchRequest,
        progress: mpsc::Sender<SearchProgress>,
    ) -> Result<SearchResponse, EngineError> {
        let snapshot = (self.snapshots)();
        let (limits, threads) = (self.limits, &self.threads);
        search::search(snapshot, request, None, limits, threads, Some(progress), false).await
    }

    /// The longest first, from the one after a place on. Which traces are found is decided as in [`Engine::search`]; how long they
    /// are, by all their spans.
    pub async fn search_longest(
        &self,
        request: SearchRequest,
        after: Option<DurationPlace>,
    ) -> Result<SearchResponse, EngineError> {
        longest::longest((self.snapshots)(), request, after, self.limits, &self.threads).await
    }

    /// The spans of one trace that a search keeps, by start, with no more than the fields that each has anyway.
    pub async fn spans_of_trace(
        &self,
        id: TraceId,
        query: Query,
    ) -> Result<Vec<SpanMatch>, EngineError> {
        let mut plan = plan::Plan::new(query)?;
        plan.shown.clear();
        self.on_sources(move |sources, cancellation| {
            search::spans_of_trace(sources, id, &plan, cancellation)
        })
        .await
    }

    /// Time series. A limit gives a partial answer.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for a query that is no metrics query.
    pub async fn metrics(&self, request: MetricsRequest) -> Result<MetricsResponse, EngineError> {
        self.metrics_with(request, None).await
    }

    /// Time series, told again and again as they grow; each answer takes the place of the one before it. The last one is
    /// only in the response. It ends when the receiver is dropped.
    pub async fn metrics_into(
        &self,
        request: MetricsRequest,
        progress: mpsc::Sender<MetricsResponse>,
    ) -> Result<MetricsResponse, EngineError> {
        self.metrics_with(request, Some(progress)).await
    }

    async fn metrics_with(
        &self,
        request: MetricsRequest,
        progress: Option<mpsc::Sender<MetricsResponse>>,
    ) -> Result<MetricsResponse, EngineError> {
        let snapshot = (self.snapshots)();
        metrics::evaluate(snapshot, request, self.limits, &self.threads, progress).await
    }

    /// Service names, sorted.
    pub async fn services(&self) -> Result<Vec<String>, EngineError> {
        self.on_sources(catalog::services).await
    }

    /// Operations of a service as (span name, OTLP kind), sorted and unique.
    pub async fn operations(&self, service: &str) -> Result<Vec<(String, u8)>, EngineError> {
        let service = service.to_owned();
        self.on_sources(move |sources, cancellation| {
            catalog::operations(sources, &service, cancellation)
        })
        .await
    }

    /// Attribute names that the selected spans have, by scope, sorted; bounded.
    pub async fn tag_names(
        &self,
        selection: SpanSelection,
    ) -> Result<Vec<(sigyn_store::AttributeScope, Vec<String>)>, EngineError> {
        let (scan, pipeline, _guard) = self.selected(selection)?;
        let plan = plan::Plan::of_pipeline(pipeline).reading(std::iter::empty());
        tags::names(&scan.with_plan(plan), self.occurrences.clone()).await
    }

    /// Distinct values of a field (an attribute or an intrinsic) among the selected spans, sorted by type, then value, at most
    /// `limit`. Arrays give their elements. Status and kind give all their words, durations nothing.
    pub async fn tag_values(
        &self,
        field: &FieldRef,
        selection: SpanSelection,
        limit: usize,
    ) -> Result<Vec<ValueCount>, EngineError> {
        let (scan, pipeline, _guard) = self.selected(selection)?;
        tags::values(&scan, pipeline, field, limit).await
    }

    /// The most frequent values of some fields among the selected spans, `top` of each.
    pub async fn facets(
        &self,
        selection: SpanSelection,
        fields: Vec<FieldRef>,
        top: usize,
    ) -> Result<Facets, EngineError> {
        let (scan, pipeline, _guard) = self.selected(selection)?;
        contrast::facets(&scan, pipeline, fields, top).await
    }

    /// Where a duration stands among those of the selected spans (of an operation, say), and their quantiles.
    pub async fn duration_rank(
        &self,
        selection: SpanSelection,
        duration_nano: i64,
        quantiles: Vec<f64>,
    ) -> Result<DurationRank, EngineError> {
        let (scan, pipeline, _guard) = self.selected(selection)?;
        contrast::duration_rank(&scan, pipeline, duration_nano, &quantiles).await
    }

    /// Which fields set two sets of spans apart, the most telling first: `fields_max` of them, with `values_max` values each.
    pub async fn contrast(
        &self,
        selection: SpanSelection,
        baseline: SpanSelection,
        fields_max: usize,
        values_max: usize,
    ) -> Result<Contrast, EngineError> {
        let (one, selected, _guard) = self.selected(selection)?;
        let (other, compared, _other_guard) = self.selected(baseline)?;
        contrast::contrast((&one, selected), (&other, compared), fields_max, values_max).await
    }

    /// Who calls whom among the spans that start in a range, with quantiles of what the calls took.
    pub async fn service_graph(
        &self,
        start_unix_nano: Range<u64>,
        quantiles: &[f64],
    ) -> Result<ServiceGraph, EngineError> {
        let (scan, _, _guard) = self.selected(SpanSelection {
            query: Some(service_graph::sides()),
            start_unix_nano: Some(start_unix_nano.start),
            end_unix_nano: Some(start_unix_nano.end),
        })?;
        service_graph::service_graph(&scan.without_pinned(), quantiles).await
    }

    /// Where to look for selected spans, and what they must fulfil.
    fn selected(
        &self,
        selection: SpanSelection,
    ) -> Result<(scan::Scan, Pipeline, CancelOnDrop), EngineError> {
        let pipeline = match selection.query {
            Some(query) => plan::spans_of_query(query)?,
            None => Pipeline { stages: Vec::new() },
        };
        let plan = plan::Plan::of_pipeline(pipeline.clone());
        let from = selection.start_unix_nano.unwrap_or(0);
        let to = selection.end_unix_nano.unwrap_or(u64::MAX);
        let snapshot = (self.snapshots)();
        let (scan, guard) = scan::Scan::new(snapshot, plan, from..to, self.limits, &self.threads);
        Ok((scan, pipeline, guard))
    }

    async fn on_sources<T: Send + 'static>(
        &self,
        work: impl FnOnce(&[Arc<dyn Source>], &Cancellation) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let cancellation = Cancellation::new(self.limits);
        let _guard = CancelOnDrop(cancellation.clone());
        let snapshot = (self.snapshots)();
        search::on_thread(&self.threads, move || work(&snapshot.sources, &cancellation)).await?
    }
}
