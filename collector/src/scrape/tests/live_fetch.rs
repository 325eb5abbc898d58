//! Traces of exemplars that the store does not hold, asked from the live buffers.

use super::rig::{Rig, config, order, serve, serve_router, target};
use crate::{
    fixture::{body, eventually},
    scrape::{position::Position, seeker, state::TargetState},
    target::Target,
};
use axum::{Router, body::Body, extract::Request, http::Response, middleware::Next};
use opentelemetry::{
    Context,
    trace::{Span as _, SpanContext, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use parking_lot::Mutex;
use prost::Message;
use sigyn_buffer::SpanBuffer;
use sigyn_proto::otlp::trace::v1::TracesData;
use sigyn_store::{Batch, Exemplar, Overlay, Reach, TraceId, Via};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// An app, and what it was asked.
struct App {
    buffer: SpanBuffer,
    provider: SdkTracerProvider,
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl App {
    async fn start() -> Self {
        let buffer = SpanBuffer::new(1 << 20);
        let provider = SdkTracerProvider::builder().with_span_processor(buffer.processor()).build();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&asked);
        let router: Router = buffer.router();
        let router =
            router.layer(axum::middleware::from_fn(move |request: Request, next: Next| {
                noted.lock().push(request.uri().to_string());
                next.run(request)
            }));
        Self { buffer, provider, address: serve_router(router).await, asked }
    }

    /// Records a span, below another one where there is one.
    fn record(&self, parent: Option<&SpanContext>) -> SpanContext {
        let tracer = self.provider.tracer("test");
        let parent = parent.map(|parent| Context::new().with_remote_span_context(parent.clone()));
        let mut span = tracer.start_with_context("work", &parent.unwrap_or_default());
        span.end();
        span.span_context().clone()
    }

    /// Its turn comes in an hour.
    fn target(&self) -> Target {
        let hour = Duration::from_secs(3600);
        Target { scrape_interval: hour, scrape_timeout: hour, ..target(self.address) }
    }

    /// Starts its loop; `read` says that all so far was read by another life of this collector, whose retention took it since.
    async fn scrape(&self, rig: &Rig, read: bool) -> Arc<TargetState> {
        let order = order(self.target(), config());
        if read {
            let cursor = self.buffer.read(None, 1 << 20).unwrap().cursor;
            let series = rig.context.metrics.target("shop", "");
            let target = TargetState::new(order.clone(), series).key;
            let cursor = Position { cursor, reached_unix_nano: 1 }.to_string();
            let batch = Batch {
                via: Via::Scrape,
                body: bytes::Bytes::new(),
                compressed: None,
                overlay: Arc::<Overlay>::default(),
                reach: Some(Reach { target, cursor }),
                gap: None,
            };
            rig.store.store.append(batch).await.unwrap();
        }
        rig.scrape(order)
    }
}

fn exemplar(trace_id: TraceId, instance: SocketAddr) -> Exemplar {
    Exemplar {
        series: vec![
            ("__name__".to_owned(), "hits_total".to_owned()),
            ("instance".to_owned(), instance.to_string()),
            ("job".to_owned(), "shop".to_owned()),
        ],
        labels: Vec::new(),
        trace_id,
        span_id: None,
        value: 1.0,
        timestamp_unix_milli: 1_766_400_000_000,
    }
}

fn id_of(span: &SpanContext) -> TraceId {
    TraceId(span.trace_id().to_bytes())
}

async fn instances_of(rig: &Rig, id: TraceId) -> Vec<String> {
    let trace = rig.store.store.trace(id).await.unwrap().unwrap_or_default();
    let trace = TracesData::decode(trace).unwrap();
    let of = |resource: &sigyn_proto::otlp::trace::v1::ResourceSpans| {
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        let instance = attributes.iter().find(|attribute| attribute.key == "instance");
        format!("{:?}", instance.unwrap().value)
    };
    trace.resource_spans.iter().map(of).collect()
}

fn seek(rig: &Rig, targets: Vec<Arc<TargetState>>) {
    rig.context.tasks.spawn(seeker::run(Arc::clone(&rig.context), move || targets.clone()));
}

#[tokio::test]
async fn the_instance_of_the_exemplar_is_read_at_once_and_no_other() {
    let rig = Rig::new().await;
    let (app, other) = (App::start().await, App::start().await);
    let span = app.record(None);
    let targets = vec![other.scrape(&rig, false).await, app.scrape(&rig, false).await];
    seek(&rig, targets);
    rig.context.exemplars.add(vec![exemplar(id_of(&span), app.address)]).await.unwrap();
    eventually(|| rig.store.spans() == 1).await;
    eventually(|| rig.metrics().contains("sigyn_exemplars_sought_total{outcome=\"found\"} 1"))
        .await;
    assert_eq!(app.asked.lock().len(), 1, "{:?}", app.asked.lock());
    assert_eq!(*other.asked.lock(), Vec::<String>::new());
    // What comes later of the trace comes with the next read, and is pinned as well.
    assert_eq!(rig.store.store.pins_of(id_of(&span)).await.unwrap().len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn what_was_read_and_has_left_the_store_comes_back_from_every_buffer() {
    let rig = Rig::new().await;
    let (app, other) = (App::start().await, App::start().await);
    let span = app.record(None);
    other.record(Some(&span));
    other.record(None);
    let targets = vec![other.scrape(&rig, true).await, app.scrape(&rig, true).await];
    seek(&rig, targets);
    let news = [exemplar(id_of(&span), app.address), exemplar(TraceId([9; 16]), app.address)];
    rig.context.exemplars.add(news.to_vec()).await.unwrap();
    eventually(|| rig.store.spans() == 2).await;
    let instances = instances_of(&rig, id_of(&span)).await;
    assert_eq!(instances.len(), 2, "with the labels of the target that each came from");
    assert_ne!(instances[0], instances[1]);
    let by_trace = |app: &App| {
        let asked = app.asked.lock();
        asked.iter().filter(|uri| uri.contains("trace_id=")).cloned().collect::<Vec<_>>()
    };
    let own = by_trace(&app);
    assert_eq!(own.len(), 1, "both traces with one question: {own:?}");
    assert!(own[0].contains(&id_of(&span).to_string()), "{own:?}");
    rig.stop().await;
}

#[tokio::test]
async fn a_buffer_that_does_not_know_the_parameter_gives_no_other_trace() {
    let rig = Rig::new().await;
    let address = serve(|request: Request| async move {
        let by_trace = request.uri().query().is_some_and(|query| query.contains("trace_id="));
        let spans = if by_trace { body([1, 2, 3]) } else { Vec::new() };
        Response::builder()
            .header("content-type", "application/x-protobuf")
            .header("sigyn-cursor", "a")
            .body(Body::from(spans))
            .unwrap()
    })
    .await;
    let state = rig.scrape(order(target(address), config()));
    seek(&rig, vec![state]);
    rig.context.exemplars.add(vec![exemplar(TraceId([2; 16]), address)]).await.unwrap();
    eventually(|| rig.store.spans() == 1).await;
    assert_eq!(instances_of(&rig, TraceId([2; 16])).await.len(), 1);
    rig.stop().await;
}
