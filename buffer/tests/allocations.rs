//! Recording allocates nothing once a thread has recorded a few spans.

use std::time::UNIX_EPOCH;

use opentelemetry::trace::{
    Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor as _};
use sigyn_buffer::SpanBuffer;

fn span(number: u64) -> SpanData {
    let mut events = SpanEvents::default();
    events.events.push(Event::new("retry", UNIX_EPOCH, vec![KeyValue::new("attempt", 2)], 0));
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(u128::from(number)),
            SpanId::from(number),
            TraceFlags::SAMPLED,
            false,
            TraceState::from_key_value([("vendor", "value")]).expect("valid"),
        ),
        parent_span_id: SpanId::from(number),
        parent_span_is_remote: true,
        span_kind: SpanKind::Server,
        name: "GET /cart".into(),
        start_time: UNIX_EPOCH,
        end_time: UNIX_EPOCH,
        attributes: (0..8).map(|key| KeyValue::new(format!("key {key}"), "value")).collect(),
        dropped_attributes_count: 0,
        events,
        links: SpanLinks::default(),
        status: Status::error("timeout"),
        // With attributes, whose own comparison would allocate.
        instrumentation_scope: InstrumentationScope::builder(format!("library {}", number % 4))
            .with_attributes([KeyValue::new("kind", "test")])
            .build(),
    }
}

#[test]
fn nothing_is_allocated_for_a_span_in_the_steady_state() {
    // Small enough for the 20,000 spans to go round several times.
    let buffer = SpanBuffer::new(1 << 20);
    let processor = buffer.processor();
    (0..2_000).for_each(|number| processor.on_end(span(number)));
    let spans: Vec<_> = (0..20_000).map(span).collect();
    let allocations = allocation_counter::measure(|| {
        spans.into_iter().for_each(|span| processor.on_end(span));
    });
    let stats = buffer.stats();
    assert_eq!((stats.recorded, stats.dropped), (22_000, 0));
    assert!(stats.overwritten > stats.held() * 3);
    assert_eq!(allocations.count_total, 0);
}
