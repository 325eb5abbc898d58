//! Spans of other processes, recorded by the one writer of a relay.

use prost::Message as _;
use sigyn_buffer::{Lost, Origin, Place, Relay, SpanBuffer};
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;
use sigyn_proto::otlp::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use sigyn_proto::otlp::resource::v1::Resource;
use sigyn_proto::otlp::trace::v1::Span;

const EPOCH: u128 = 77;

fn relay() -> (SpanBuffer, Relay) {
    SpanBuffer::builder().capacity_bytes(1 << 20).build_relay(EPOCH, 4)
}

fn attributes(count: usize, length: usize) -> Vec<KeyValue> {
    let value = AnyValue { value: Some(Value::StringValue("v".repeat(length))) };
    let one = |key| KeyValue { key, value: Some(value.clone()), ..KeyValue::default() };
    (0..count).map(|number| one(format!("key {number}"))).collect()
}

fn origin(service: usize) -> Origin {
    let resource = Resource { attributes: attributes(service, 3), ..Resource::default() };
    let scope = InstrumentationScope { name: "lib".into(), ..InstrumentationScope::default() };
    Origin::new((&resource.encode_to_vec(), "schema"), (&scope.encode_to_vec(), ""))
}

fn span(number: u64) -> Vec<u8> {
    Span {
        trace_id: u128::from(number + 1).to_be_bytes().to_vec(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: format!("span {number}"),
        ..Span::default()
    }
    .encode_to_vec()
}

fn record(relay: &mut Relay, origin: &Origin, number: u64) -> Place {
    let span = span(number);
    let place = relay.plan(span.len());
    relay.record(place, origin, &span);
    place
}

fn read(
    buffer: &SpanBuffer,
    cursor: Option<&str>,
    bytes_max: usize,
) -> (ExportTraceServiceRequest, String, Lost, bool) {
    let read = buffer.read(cursor, bytes_max).unwrap();
    let body: Vec<u8> = read.chunks.iter().flat_map(|chunk| chunk.to_vec()).collect();
    let body = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    (body, read.cursor, read.lost, read.more)
}

fn spans(body: &ExportTraceServiceRequest) -> usize {
    let scopes = body.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len()).sum()
}

#[test]
fn each_process_keeps_its_resource() {
    let (buffer, mut relay) = relay();
    for number in 0..30 {
        record(&mut relay, &origin(number as usize % 3), number);
    }
    let (body, ..) = read(&buffer, None, 1 << 20);
    assert_eq!((body.resource_spans.len(), spans(&body)), (3, 30));
    for resource_spans in &body.resource_spans {
        let service = resource_spans.resource.as_ref().unwrap().attributes.len();
        assert_eq!(resource_spans.schema_url, "schema");
        for span in &resource_spans.scope_spans[0].spans {
            let number = u64::from_be_bytes(span.span_id.clone().try_into().unwrap()) - 1;
            assert_eq!(number as usize % 3, service);
        }
    }
    let found = buffer.find(&[8u128.to_be_bytes()], 1 << 20);
    assert_eq!(found.spans, 1);
}

#[test]
fn more_processes_than_numbers_carry_their_resource_along() {
    let (buffer, mut relay) = relay();
    for number in 0..1_100u64 {
        let name = InstrumentationScope {
            name: format!("lib {number}"),
            ..InstrumentationScope::default()
        };
        let origin = Origin::new((&[], ""), (&name.encode_to_vec(), ""));
        record(&mut relay, &origin, number);
    }
    let (body, ..) = read(&buffer, None, 1 << 20);
    assert_eq!((body.resource_spans.len(), spans(&body)), (1, 1_100));
    for scope_spans in &body.resource_spans[0].scope_spans {
        let name = &scope_spans.scope.as_ref().unwrap().name;
        assert_eq!(scope_spans.spans[0].name, name.replace("lib", "span"));
    }
}

#[test]
fn a_small_limit_lets_a_large_resource_through() {
    let (buffer, mut relay) = relay();
    let resource = Resource { attributes: attributes(100, 80), ..Resource::default() };
    let large = Origin::new((&resource.encode_to_vec(), ""), (&[], ""));
    for number in 0..5 {
        let from = if number % 2 == 1 { large.clone() } else { origin(1) };
        record(&mut relay, &from, number);
    }
    let (mut cursor, mut seen, mut reads) = (None, 0, 0);
    loop {
        let (body, next, lost, more) = read(&buffer, cursor.as_deref(), 1);
        seen += spans(&body);
        reads += 1;
        assert!(spans(&body) > 0 && lost == Lost::Spans(0));
        cursor = Some(next);
        if !more {
            break;
        }
    }
    assert!(seen == 5 && reads > 1, "{seen} in {reads}");
}

#[test]
fn an_origin_is_bounded() {
    let resource = Resource { attributes: attributes(100, 1_000), ..Resource::default() };
    let scope = InstrumentationScope {
        attributes: attributes(100, 100),
        ..InstrumentationScope::default()
    };
    let origin = Origin::new((&resource.encode_to_vec(), ""), (&scope.encode_to_vec(), ""));
    assert!((12_000..16_384).contains(&origin.resource_fields().len()));
    assert!((500..1_024).contains(&origin.scope_fields().len()));
    let (buffer, mut relay) = relay();
    record(&mut relay, &origin, 0);
    let (body, ..) = read(&buffer, None, 1 << 20);
    let kept = body.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(kept.attributes.len() + kept.dropped_attributes_count as usize, 100);
    let kept = body.resource_spans[0].scope_spans[0].scope.as_ref().unwrap();
    assert_eq!(kept.attributes.len() + kept.dropped_attributes_count as usize, 100);
}

#[test]
fn another_life_takes_the_places_of_the_last_one() {
    let (buffer, mut relay) = relay();
    let places: Vec<Place> = (0..9).map(|number| record(&mut relay, &origin(1), number)).collect();
    let (_, start, ..) = read(&buffer, None, 1 << 20);
    let later: Vec<Place> = (9..20).map(|number| record(&mut relay, &origin(1), number)).collect();
    let held = relay.held();

    let (again, mut relay) = self::relay();
    for (shard, held) in held.iter().enumerate() {
        relay.begin(shard, held.clone());
    }
    for (number, place) in places.iter().chain(&later).enumerate() {
        match number {
            12 => relay.leave_hole(*place),
            _ => relay.record(*place, &origin(1), &span(number as u64)),
        }
    }
    let (body, end, lost, _) = read(&again, Some(&start), 1 << 20);
    assert_eq!((spans(&body), lost), (10, Lost::Spans(1)), "the hole is counted");
    assert_eq!(end, read(&buffer, Some(&start), 1 << 20).1, "and the cursor comes behind it");
    // Without a cursor nobody missed it.
    assert_eq!(read(&again, None, 1 << 20).2, Lost::Spans(0));
    assert_eq!(again.stats().damaged, 1);
    record(&mut relay, &origin(1), 20);
    assert_eq!(spans(&read(&again, Some(&end), 1 << 20).0), 1);
}
