//! The mapping table, line by line.

use super::*;
use serde_json::{Value as Json, json};
use sigyn_proto::otlp::{
    common::v1::{ArrayValue, KeyValueList},
    trace::v1::{ResourceSpans, ScopeSpans, Status},
};

const TRACE: [u8; 16] = [0xab; 16];

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(any(value)), ..Default::default() }
}

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn span(id: u8) -> OtlpSpan {
    OtlpSpan {
        trace_id: TRACE.to_vec(),
        span_id: vec![id; 8],
        name: "op".into(),
        start_time_unix_nano: 1_790_000_000_000_001_000,
        end_time_unix_nano: 1_790_000_000_000_043_999,
        ..Default::default()
    }
}

fn data(attributes: Vec<KeyValue>, spans: Vec<OtlpSpan>) -> TracesData {
    let scope = InstrumentationScope {
        name: "seat-db".into(),
        version: "1.2".into(),
        ..Default::default()
    };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }];
    let resource = Resource { attributes, ..Default::default() };
    TracesData {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans,
            ..Default::default()
        }],
    }
}

fn map(data: &TracesData) -> Json {
    serde_json::to_value(Trace::new(TraceId(TRACE), data)).unwrap()
}

#[test]
fn a_whole_span() {
    let mut span = span(1);
    span.kind = 2;
    span.trace_state = "vendor=1".into();
    span.status = Some(Status { code: 2, message: "sold out".into() });
    span.attributes = vec![text("fare", "first")];
    span.events = vec![Event {
        time_unix_nano: 1_790_000_000_000_002_500,
        name: "retry".into(),
        attributes: vec![attribute("attempt", Value::IntValue(3))],
        ..Default::default()
    }];
    let got = map(&data(vec![text("service.name", "seats"), text("pod", "a")], vec![span]));
    assert_eq!(
        got,
        json!({
            "traceID": "abababababababababababababababab",
            "spans": [{
                "traceID": "abababababababababababababababab",
                "spanID": "0101010101010101",
                "operationName": "op",
                "references": [],
                "startTime": 1_790_000_000_000_001_u64,
                "duration": 42,
                "tags": [
                    {"key": "otel.scope.name", "type": "string", "value": "seat-db"},
                    {"key": "otel.scope.version", "type": "string", "value": "1.2"},
                    {"key": "fare", "type": "string", "value": "first"},
                    {"key": "span.kind", "type": "string", "value": "server"},
                    {"key": "otel.status_code", "type": "string", "value": "ERROR"},
                    {"key": "error", "type": "bool", "value": true},
                    {"key": "otel.status_description", "type": "string", "value": "sold out"},
                    {"key": "w3c.tracestate", "type": "string", "value": "vendor=1"},
                ],
                "logs": [{"timestamp": 1_790_000_000_000_002_u64, "fields": [
                    {"key": "event", "type": "string", "value": "retry"},
                    {"key": "attempt", "type": "int64", "value": 3},
                ]}],
                "processID": "p1",
                "warnings": null,
            }],
            "processes": {"p1": {"serviceName": "seats", "tags": [
                {"key": "pod", "type": "string", "value": "a"},
            ]}},
            "warnings": null,
        })
    );
}

#[track_caller]
fn check_tag(value: Value, expected: Json) {
    let mut span = span(1);
    span.attributes = vec![attribute("k", value)];
    let got = map(&data(vec![], vec![span]));
    let mut tag = got["spans"][0]["tags"][2].clone();
    tag.as_object_mut().unwrap().remove("key");
    assert_eq!(tag, expected);
}

#[test]
fn types_of_tags() {
    check_tag(Value::BoolValue(false), json!({"type": "bool", "value": false}));
    check_tag(Value::DoubleValue(0.5), json!({"type": "float64", "value": 0.5}));
    let (safe, unsafe_) = (9_007_199_254_740_991, -9_007_199_254_740_992);
    check_tag(Value::IntValue(safe), json!({"type": "int64", "value": safe}));
    check_tag(Value::IntValue(unsafe_), json!({"type": "int64", "value": "-9007199254740992"}));
    check_tag(Value::BytesValue(vec![0xff, 0]), json!({"type": "binary", "value": "/wA="}));
    let array = ArrayValue {
        values: vec![
            any(Value::IntValue(1)),
            any(Value::StringValue("a".into())),
            any(Value::KvlistValue(KeyValueList { values: vec![text("k", "v")] })),
        ],
    };
    check_tag(Value::ArrayValue(array), json!({"type": "string", "value": r#"[1,"a",{"k":"v"}]"#}));
}

fn link(span_id: u8, ref_type: Option<&str>) -> Link {
    Link {
        trace_id: TRACE.to_vec(),
        span_id: vec![span_id; 8],
        attributes: ref_type.map(|kind| text(REF_TYPE, kind)).into_iter().collect(),
        ..Default::default()
    }
}

#[track_caller]
fn check_references(parent: Option<u8>, links: Vec<Link>, expected: &[(&str, &str)]) {
    let mut span = span(1);
    span.parent_span_id = parent.map(|id| vec![id; 8]).unwrap_or_default();
    span.links = links;
    let got = map(&data(vec![], vec![span]));
    let got: Vec<_> = got["spans"][0]["references"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["refType"].as_str().unwrap(), &r["spanID"].as_str().unwrap()[..2]))
        .collect();
    assert_eq!(got, expected);
}

#[test]
fn parents_and_links() {
    check_references(None, vec![], &[]);
    check_references(Some(0), vec![], &[]);
    check_references(Some(2), vec![], &[("CHILD_OF", "02")]);
    check_references(
        Some(2),
        vec![link(3, None), link(4, Some("child_of"))],
        &[("CHILD_OF", "02"), ("FOLLOWS_FROM", "03"), ("CHILD_OF", "04")],
    );
    check_references(Some(2), vec![link(2, Some("follows_from"))], &[("FOLLOWS_FROM", "02")]);
    check_references(Some(2), vec![link(2, Some("child_of"))], &[("CHILD_OF", "02")]);
}

#[test]
fn an_event_that_names_itself_keeps_its_name() {
    let mut span = span(1);
    let attributes = vec![text("event", "own")];
    span.events = vec![Event { name: "other".into(), attributes, ..Default::default() }];
    let got = map(&data(vec![], vec![span]));
    let fields = &got["spans"][0]["logs"][0]["fields"];
    assert_eq!(*fields, json!([{"key": "event", "type": "string", "value": "own"}]));
}

#[test]
fn equal_resources_are_one_process_and_an_empty_one_has_a_name() {
    let mut all = data(vec![text("service.name", "a")], vec![span(1)]);
    all.resource_spans.extend(data(vec![], vec![span(2)]).resource_spans);
    all.resource_spans.extend(data(vec![text("service.name", "a")], vec![span(3)]).resource_spans);
    let got = map(&all);
    let processes: Vec<_> =
        got["spans"].as_array().unwrap().iter().map(|span| span["processID"].clone()).collect();
    assert_eq!(processes, ["p1", "p2", "p1"]);
    assert_eq!(got["processes"]["p2"]["serviceName"], "OTLPResourceNoServiceName");
}

#[test]
fn a_span_that_ends_before_it_starts_lasts_no_time() {
    let mut span = span(1);
    span.end_time_unix_nano = 1;
    assert_eq!(map(&data(vec![], vec![span]))["spans"][0]["duration"], 0);
}

#[test]
fn short_ids_print_16_digits() {
    assert_eq!(id_text(TraceId::parse("ab").unwrap()), "00000000000000ab");
    assert_eq!(id_text(TraceId([1; 16])), "01".repeat(16));
}
