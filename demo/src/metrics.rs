//! What a service counts, with exemplars that point at its traces.

use opentelemetry::trace::SpanContext;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{exemplar::HistogramWithExemplars, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::time::{Duration, SystemTime};

/// From a cache hit to a request that someone waited for.
const BOUNDS_SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

type Histograms<Labels> = Family<
    Labels,
    HistogramWithExemplars<TraceLabels>,
    fn() -> HistogramWithExemplars<TraceLabels>,
>;

/// The metrics of one service.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Histograms<RequestLabels>,
    messages: Histograms<MessageLabels>,
    pub(crate) in_flight: Gauge,
}

/// Which requests a histogram counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) method: &'static str,
    pub(crate) route: String,
    pub(crate) status: u16,
}

/// Which messages a histogram counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct MessageLabels {
    pub(crate) destination: &'static str,
    pub(crate) outcome: &'static str,
}

/// An exemplar's labels: the span that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TraceLabels {
    trace_id: String,
    span_id: String,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let histogram = || HistogramWithExemplars::new(BOUNDS_SECONDS.into_iter());
        let requests = Family::new_with_constructor(histogram as fn() -> _);
        let messages = Family::new_with_constructor(histogram as fn() -> _);
        let in_flight = Gauge::default();
        let mut registry = Registry::default();
        registry.register_with_unit(
            "http_request_duration",
            "Time from the first byte of a request to its answer",
            Unit::Seconds,
            requests.clone(),
        );
        registry.register_with_unit(
            "message_process_duration",
            "Time that a worker spent on a message",
            Unit::Seconds,
            messages.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests that are being answered",
            in_flight.clone(),
        );
        Self { registry, requests, messages, in_flight }
    }

    /// Counts an answered request. `span` must have ended: whoever reads the exemplar may look for
    /// the span at once.
    pub(crate) fn request(&self, labels: &RequestLabels, took: Duration, span: &SpanContext) {
        self.requests.get_or_create(labels).observe(
            took.as_secs_f64(),
            TraceLabels::of(span),
            Some(now()),
        );
    }

    /// Counts a processed message. As with [`Metrics::request`], `span` must have ended.
    pub(crate) fn message(&self, labels: &MessageLabels, took: Duration, span: &SpanContext) {
        self.messages.get_or_create(labels).observe(
            took.as_secs_f64(),
            TraceLabels::of(span),
            Some(now()),
        );
    }

    /// The exposition, as OpenMetrics text.
    pub(crate) fn encode(&self) -> String {
        let mut exposition = String::new();
        text::encode(&mut exposition, &self.registry).expect("writing to a string cannot fail");
        exposition
    }
}

impl TraceLabels {
    /// `None` for a span that is not sampled: its trace cannot be relied on.
    fn of(span: &SpanContext) -> Option<Self> {
        span.is_sampled().then(|| Self {
            trace_id: span.trace_id().to_string(),
            span_id: span.span_id().to_string(),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shop stands for other people's apps, which read their own clock"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
