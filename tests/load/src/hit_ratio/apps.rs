//! Apps with a span buffer and a metrics page each, and visitors whose requests go through several of them.

use super::truth::Truth;
use axum::{Router, routing::get};
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanLinks},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{exemplar::HistogramWithExemplars, family::Family},
    registry::Registry,
};
use sigyn_buffer::SpanBuffer;
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::runtime::Runtime;

const SERVICES: [&str; 6] = ["frontend", "cart", "checkout", "payment", "stock", "mail"];
const OPERATIONS: [&str; 4] = ["list", "show", "add", "remove"];
const BOUNDS_SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];
const CAPACITY_BYTES: usize = 16 << 20;

type Histogram = HistogramWithExemplars<TraceLabels>;
type Histograms = Family<OperationLabels, Histogram, fn() -> Histogram>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TraceLabels {
    trace_id: String,
    span_id: String,
}

/// The apps. They end with this.
pub(super) struct Apps {
    services: Arc<Vec<Service>>,
    truth: Truth,
    _runtime: Runtime,
}

struct Service {
    address: String,
    buffer: SpanBuffer,
    durations: Histograms,
}

/// A span that ends at a time of its own. The earliest comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Ending {
    at: Reverse<Instant>,
    trace: [u8; 16],
    span: [u8; 8],
    parent: [u8; 8],
    service: usize,
    operation: usize,
    lasts: Duration,
}

impl Apps {
    pub(super) fn start(truth: Truth) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let services = SERVICES.iter().map(|name| runtime.block_on(Service::start(name))).collect();
        Self { services: Arc::new(services), truth, _runtime: runtime }
    }

    pub(super) fn addresses(&self) -> Vec<&str> {
        self.services.iter().map(|service| service.address.as_str()).collect()
    }

    /// Makes traces for a time, in a thread that ends with the last of them.
    pub(super) fn load(&self, traces_per_second: u32, lasts: Duration) {
        let (services, truth) = (Arc::clone(&self.services), self.truth.clone());
        std::thread::spawn(move || visit(&services, &truth, traces_per_second, lasts));
    }
}

impl Service {
    async fn start(name: &'static str) -> Self {
        let buffer = SpanBuffer::new(CAPACITY_BYTES);
        buffer.set_resource(&Resource::builder_empty().with_service_name(name).build());
        let durations: Histograms = Family::new_with_constructor(|| {
            HistogramWithExemplars::new(BOUNDS_SECONDS.into_iter())
        });
        let mut registry = Registry::default();
        registry.register("operation_duration_seconds", "How long it took", durations.clone());
        let (registry, shown) = (Arc::new(registry), buffer.clone());
        let page = move || {
            let mut page = String::new();
            text::encode(&mut page, &registry).expect("a text takes what is written");
            let response = shown.exposition(page);
            async move { response }
        };
        let router: Router = buffer.router().route("/metrics", get(page));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("it is bound").to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, buffer, durations }
    }

    #[expect(clippy::disallowed_methods, reason = "an app lives in real time")]
    fn end(&self, ending: &Ending) {
        let now = SystemTime::now();
        let context = SpanContext::new(
            TraceId::from_bytes(ending.trace),
            SpanId::from_bytes(ending.span),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        let operation = OPERATIONS[ending.operation];
        let (trace_id, span_id) = (context.trace_id().to_string(), context.span_id().to_string());
        self.buffer.record(&SpanData {
            span_context: context,
            parent_span_id: SpanId::from_bytes(ending.parent),
            parent_span_is_remote: true,
            span_kind: SpanKind::Server,
            name: operation.into(),
            start_time: now - ending.lasts,
            end_time: now,
            attributes: vec![
                KeyValue::new("http.request.method", "GET"),
                KeyValue::new("http.route", format!("/{operation}/{{id}}")),
                KeyValue::new("app.user.id", format!("user-{:06}", ending.span[7])),
            ],
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("shop").build(),
        });
        let labels = TraceLabels { trace_id, span_id };
        let durations = self.durations.get_or_create(&OperationLabels { operation });
        durations.observe(ending.lasts.as_secs_f64(), Some(labels), Some(now));
    }
}

/// Visitors come evenly; what each does is drawn from its number.
#[expect(clippy::disallowed_methods, reason = "an app lives in real time")]
fn visit(services: &[Service], truth: &Truth, traces_per_second: u32, lasts: Duration) {
    let mut running = BinaryHeap::new();
    let (mut number, mut next) = (0u64, Instant::now());
    let (pause, end) = (Duration::from_secs(1) / traces_per_second, next + lasts);
    loop {
        let now = Instant::now();
        while next <= now.min(end) {
            begin(number, next, &mut running);
            number += 1;
            next += pause;
        }
        while running.peek().is_some_and(|ending: &Ending| ending.at.0 <= now) {
            let Some(ending) = running.pop() else { break };
            // First the truth: what is exposed must be known.
            truth.note(ending.trace, ending.span, ending.parent);
            services[ending.service].end(&ending);
        }
        if next > end && running.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A request, what it calls, and what it leaves in a queue for later.
fn begin(number: u64, now: Instant, running: &mut BinaryHeap<Ending>) {
    let mut dice = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut roll = |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let mut trace = [0; 16];
    trace[..8].copy_from_slice(&roll(u64::MAX).to_be_bytes());
    trace[8..].copy_from_slice(&number.wrapping_add(1).to_be_bytes());
    // Some IDs begin with zeros, as those of a sixteenth of all traces do.
    if number.is_multiple_of(16) {
        trace[0] = 0;
    }
    let mut span = |parent: [u8; 8], service: usize, operation: usize, after: Duration, lasts| {
        let id = roll(u64::MAX).max(1).to_be_bytes();
        let at = Reverse(now + after);
        running.push(Ending { at, trace, span: id, parent, service, operation, lasts });
        id
    };
    let kind = number as usize;
    // Most take milliseconds, a few take longer than a scrape interval of the short form.
    let slow = if kind.is_multiple_of(200) { 1_500 } else { 3 + kind as u64 % 90 };
    let lasts = Duration::from_millis(slow);
    let root = span([0; 8], 0, kind % 4, lasts, lasts);
    let part = lasts / 3;
    for call in 0..2 + kind % 3 {
        let service = 1 + (kind + call) % 4;
        let child = span(root, service, (kind + call) % 4, part, part);
        span(child, 1 + (kind + call + 1) % 4, call % 4, part / 2, part / 2);
    }
    if kind.is_multiple_of(5) {
        // Mail is sent when the answer is long out.
        let later = Duration::from_millis(500 + kind as u64 % 1_500);
        span(root, 5, kind % 4, lasts + later, Duration::from_millis(2));
    }
}
