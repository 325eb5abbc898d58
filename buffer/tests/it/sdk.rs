//! Spans as apps make them: through the SDK and through `tracing`.

use opentelemetry::trace::{
    Span as _, SpanKind, TraceContextExt as _, TraceId, TraceState, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample};
use sigyn_buffer::{Drain, SpanBuffer};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{concat, decode, spans};

fn provider(buffer: &SpanBuffer) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_resource(Resource::builder_empty().with_service_name("shop").build())
        .with_span_processor(buffer.processor())
        .build()
}

fn names(buffer: &SpanBuffer) -> Vec<String> {
    let body = decode(&concat(&buffer.read(None, 1 << 20).unwrap().chunks));
    spans(&body).map(|span| span.name.clone()).collect()
}

#[test]
fn a_span_can_be_read_as_soon_as_it_ends() {
    let buffer = SpanBuffer::new(1 << 20);
    let provider = provider(&buffer);
    let mut span = provider.tracer("shop").start("checkout");
    assert!(names(&buffer).is_empty());
    span.end();
    assert_eq!(names(&buffer), ["checkout"]);
    let body = decode(&concat(&buffer.read(None, 1 << 20).unwrap().chunks));
    let resource = body.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(resource.attributes[0].key, "service.name");
}

#[test]
fn tracing_spans_come_through_with_fields_and_parents() {
    let buffer = SpanBuffer::new(1 << 20);
    let provider = provider(&buffer);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let parent = tracing::info_span!("checkout", user = 7).entered();
        tracing::info_span!("charge").in_scope(|| tracing::info!(cents = 499, "charged"));
        drop(parent);
    });
    let body = decode(&concat(&buffer.read(None, 1 << 20).unwrap().chunks));
    let all: Vec<_> = spans(&body).collect();
    let find = |name: &str| *all.iter().find(|span| span.name == name).unwrap();
    let (parent, child) = (find("checkout"), find("charge"));
    assert_eq!(child.parent_span_id, parent.span_id);
    assert_eq!(child.trace_id, parent.trace_id);
    assert_eq!(child.events[0].name, "charged");
    assert!(parent.attributes.iter().any(|attribute| attribute.key == "user"));
}

#[derive(Clone, Debug)]
struct RecordOnly;

impl ShouldSample for RecordOnly {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[opentelemetry::trace::Link],
    ) -> SamplingResult {
        SamplingResult {
            decision: SamplingDecision::RecordOnly,
            attributes: Vec::new(),
            trace_state: TraceState::NONE,
        }
    }
}

#[test]
fn record_only_spans_are_kept_and_say_so() {
    let buffer = SpanBuffer::new(1 << 20);
    let provider = SdkTracerProvider::builder()
        .with_sampler(RecordOnly)
        .with_span_processor(buffer.processor())
        .build();
    provider.tracer("shop").in_span("browse", |context| {
        assert!(!context.span().span_context().is_sampled());
    });
    let body = decode(&concat(&buffer.read(None, 1 << 20).unwrap().chunks));
    let span = spans(&body).next().unwrap();
    assert_eq!(span.name, "browse");
    assert_eq!(span.flags & 1, 0);
}

#[test]
fn shutdown_leaves_the_spans_to_be_read() {
    let buffer = SpanBuffer::new(1 << 20);
    let provider = provider(&buffer);
    provider.tracer("shop").start("last").end();
    provider.force_flush().unwrap();
    provider.shutdown().unwrap();
    assert_eq!(names(&buffer), ["last"]);
    assert_eq!(buffer.drained_blocking(std::time::Duration::from_millis(1)), Drain::Unread);
}

#[test]
fn a_span_that_ends_while_its_thread_does_is_kept() {
    thread_local! {
        static LAST: std::cell::RefCell<Option<opentelemetry_sdk::trace::Span>> =
            const { std::cell::RefCell::new(None) };
    }
    let buffer = SpanBuffer::new(1 << 20);
    let provider = provider(&buffer);
    let tracer = provider.tracer("shop");
    std::thread::spawn(move || {
        LAST.with(|last| *last.borrow_mut() = Some(tracer.start("in the thread's destructor")));
        tracer.start("before").end();
    })
    .join()
    .unwrap();
    assert_eq!(names(&buffer).len(), 2);
}
