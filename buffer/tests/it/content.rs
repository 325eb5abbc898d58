//! What a reader decodes is what the SDK handed over, field by field.

use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Array, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use proptest::prelude::*;
use sigyn_buffer::SpanBuffer;
use sigyn_proto::otlp::common::v1::any_value;
use sigyn_proto::otlp::trace::v1::Span;

use crate::support::{concat, decode, span, spans};

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        any::<f64>()
            .prop_filter("NaN is not equal to itself", |f| !f.is_nan())
            .prop_map(Value::F64),
        ".{0,40}".prop_map(|text| Value::String(text.into())),
        prop::collection::vec(any::<bool>(), 0..5).prop_map(|v| Value::Array(Array::Bool(v))),
        prop::collection::vec(any::<i64>(), 0..5).prop_map(|v| Value::Array(Array::I64(v))),
        prop::collection::vec(-1e9..1e9f64, 0..5).prop_map(|v| Value::Array(Array::F64(v))),
        prop::collection::vec(".{0,9}", 0..5)
            .prop_map(|v| { Value::Array(Array::String(v.into_iter().map(Into::into).collect())) }),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let attribute = (".{0,20}", value()).prop_map(|(key, value)| KeyValue::new(key, value));
    prop::collection::vec(attribute, 0..8)
}

fn context() -> impl Strategy<Value = SpanContext> {
    let members = prop::collection::vec(("[a-z]{1,9}", "[a-z0-9]{0,9}"), 0..4);
    (any::<u128>(), any::<u64>(), any::<bool>(), any::<bool>(), members).prop_map(
        |(trace, span, sampled, remote, members)| {
            let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
            let state = TraceState::from_key_value(members).unwrap();
            SpanContext::new(TraceId::from(trace), SpanId::from(span), flags, remote, state)
        },
    )
}

fn events() -> impl Strategy<Value = SpanEvents> {
    let event = (".{0,20}", 0..u64::MAX, attributes(), 0..5u32).prop_map(
        |(name, at, attributes, dropped)| {
            Event::new(name, UNIX_EPOCH + Duration::from_nanos(at), attributes, dropped)
        },
    );
    (prop::collection::vec(event, 0..4), 0..3u32).prop_map(|(list, dropped)| {
        let mut events = SpanEvents::default();
        (events.events, events.dropped_count) = (list, dropped);
        events
    })
}

fn links() -> impl Strategy<Value = SpanLinks> {
    let link = (context(), attributes(), 0..5u32)
        .prop_map(|(context, attributes, dropped)| Link::new(context, attributes, dropped));
    (prop::collection::vec(link, 0..4), 0..3u32).prop_map(|(list, dropped)| {
        let mut links = SpanLinks::default();
        (links.links, links.dropped_count) = (list, dropped);
        links
    })
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::Unset), Just(Status::Ok), ".{0,20}".prop_map(Status::error),]
}

fn any_span() -> impl Strategy<Value = SpanData> {
    let kinds = [
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    let head =
        (context(), any::<u64>(), any::<bool>(), prop::sample::select(kinds.to_vec()), ".{0,30}");
    let times = (0..u64::MAX, 0..u64::MAX);
    (head, times, attributes(), 0..9u32, events(), links(), status()).prop_map(
        |(head, times, attributes, dropped_attributes_count, events, links, status)| {
            let (span_context, parent, parent_span_is_remote, span_kind, name) = head;
            SpanData {
                span_context,
                parent_span_id: SpanId::from(parent),
                parent_span_is_remote,
                span_kind,
                name: name.into(),
                start_time: UNIX_EPOCH + Duration::from_nanos(times.0),
                end_time: UNIX_EPOCH + Duration::from_nanos(times.1),
                attributes,
                dropped_attributes_count,
                events,
                links,
                status,
                instrumentation_scope: InstrumentationScope::builder("library").build(),
            }
        },
    )
}

proptest! {
    /// The OpenTelemetry project's own conversion says what is right.
    #[test]
    fn every_field_comes_through(data in any_span()) {
        let buffer = SpanBuffer::new(1 << 20);
        buffer.record(&data);
        let body = decode(&concat(&buffer.read(None, 1 << 20).unwrap().chunks));
        let got: Vec<Span> = spans(&body).cloned().collect();
        let mut expected = Span::from(data);
        // Unset is the default, which this buffer does not write.
        expected.status = expected.status.filter(|status| status.code != 0);
        prop_assert_eq!(got, vec![expected]);
    }

    /// A cut-down span is whole, smaller than the limit, and says what is missing.
    #[test]
    fn a_large_span_is_cut_to_the_limit(data in any_span(), limit in 512..1_500usize) {
        let buffer = SpanBuffer::builder().capacity_bytes(1 << 20).span_bytes_max(limit).build();
        buffer.record(&data);
        let body = decode(&concat(&buffer.read(None, 1 << 20).unwrap().chunks));
        let got = spans(&body).next().unwrap();
        prop_assert!(prost::Message::encoded_len(got) <= limit);
        check_cut(&data, got)?;
    }

    /// The same where the reader's limit is what cuts it, on its way out.
    #[test]
    fn a_reader_may_ask_for_less_than_one_span(data in any_span(), again in any::<bool>()) {
        let mut data = data;
        data.attributes.push(KeyValue::new("large", "x".repeat(5_000)));
        data.attributes.push(KeyValue::new("small", 1));
        let limit = if again { 4_000 } else { 64 << 10 };
        let buffer = SpanBuffer::builder().capacity_bytes(1 << 20).span_bytes_max(limit).build();
        buffer.record(&data);
        buffer.record(&data);
        let read = buffer.read(None, 1).unwrap();
        let body = concat(&read.chunks);
        prop_assert!(body.len() < 1_700 && read.spans > 0, "{}", body.len());
        let body = decode(&body);
        check_cut(&data, spans(&body).next().unwrap())?;
        // The large one is gone in any case, and said to be.
        prop_assert!(spans(&body).all(is_truncated));
    }
}

fn is_truncated(span: &Span) -> bool {
    let marks: Vec<_> =
        span.attributes.iter().filter(|attribute| attribute.key == "sigyn.truncated").collect();
    assert!(marks.len() <= 1, "marked once");
    marks
        .iter()
        .any(|mark| mark.value.as_ref().unwrap().value == Some(any_value::Value::BoolValue(true)))
}

fn check_cut(data: &SpanData, got: &Span) -> Result<(), TestCaseError> {
    let whole = Span::from(data.clone());
    prop_assert_eq!(&got.trace_id, &whole.trace_id);
    prop_assert_eq!(&got.span_id, &whole.span_id);
    prop_assert_eq!(&got.parent_span_id, &whole.parent_span_id);
    prop_assert_eq!(got.kind, whole.kind);
    prop_assert_eq!(got.end_time_unix_nano, whole.end_time_unix_nano);
    prop_assert!(whole.name.starts_with(&got.name));
    let truncated = is_truncated(got);
    let attributes = got.attributes.len() - usize::from(truncated);
    let missing = got.dropped_attributes_count - whole.dropped_attributes_count;
    prop_assert_eq!(attributes + missing as usize, whole.attributes.len());
    let missing = got.dropped_events_count - whole.dropped_events_count;
    prop_assert_eq!(got.events.len() + missing as usize, whole.events.len());
    let missing = got.dropped_links_count - whole.dropped_links_count;
    prop_assert_eq!(got.links.len() + missing as usize, whole.links.len());
    if !truncated {
        let status = whole.status.clone().filter(|status| status.code != 0);
        prop_assert_eq!(got, &Span { status, ..whole });
    }
    Ok(())
}

#[test]
fn a_huge_attribute_costs_no_more_than_the_limit() {
    let buffer = SpanBuffer::new(1 << 20);
    let mut huge = span(1, 0);
    huge.attributes.push(KeyValue::new("body", "x".repeat(100 << 20)));
    huge.attributes.push(KeyValue::new("kept", true));
    buffer.record(&huge);
    let body = decode(&concat(&buffer.read(None, 1 << 20).unwrap().chunks));
    let span = spans(&body).next().unwrap();
    let keys: Vec<_> = span.attributes.iter().map(|attribute| &*attribute.key).collect();
    assert_eq!(keys, ["filler", "kept", "sigyn.truncated"]);
    assert_eq!(span.dropped_attributes_count, 1);
    assert!(buffer.stats().held_bytes < 1_000);
}

#[test]
fn resource_and_scope_stand_once_around_their_spans() {
    let buffer = SpanBuffer::new(1 << 20);
    let resource = Resource::builder_empty()
        .with_service_name("shop")
        .with_schema_url([KeyValue::new("zone", 4)], "https://example.org/resource")
        .build();
    buffer.set_resource(&resource);
    (0..9).for_each(|number| buffer.record(&span(number, 10)));
    let body = decode(&concat(&buffer.read(None, 1 << 20).unwrap().chunks));
    let [resource_spans] = &body.resource_spans[..] else { panic!("one resource") };
    assert_eq!(resource_spans.schema_url, "https://example.org/resource");
    let attributes = &resource_spans.resource.as_ref().unwrap().attributes;
    let keys: Vec<_> = attributes.iter().map(|attribute| &*attribute.key).collect();
    assert_eq!(keys, ["service.name", "zone"]);
    let sizes: Vec<_> = resource_spans.scope_spans.iter().map(|scope| scope.spans.len()).collect();
    assert_eq!(sizes, [3, 3, 3]);
}
