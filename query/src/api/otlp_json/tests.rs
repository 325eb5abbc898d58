//! Each type and each style.

use super::*;
use proptest::prelude::*;
use serde_json::json;
use sigyn_proto::otlp::{
    common::v1::{ArrayValue, KeyValueList},
    trace::v1::TracesData,
};

fn span() -> Span {
    Span {
        trace_id: vec![0x4b; 16],
        span_id: vec![1; 8],
        name: "hold seat".into(),
        kind: 2,
        start_time_unix_nano: 1_790_000_000_000_000_000,
        status: Some(Status { code: 2, message: String::new() }),
        attributes: vec![KeyValue {
            key: "n".into(),
            value: Some(AnyValue { value: Some(Value::IntValue(0)) }),
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[test]
fn otlp_writes_hex_and_numbers() {
    let got = serde_json::to_value(Styled(&span(), Style::OTLP)).unwrap();
    assert_eq!(
        got,
        json!({
            "traceId": "4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b",
            "spanId": "0101010101010101",
            "name": "hold seat",
            "kind": 2,
            "startTimeUnixNano": "1790000000000000000",
            "attributes": [{"key": "n", "value": {"intValue": "0"}}],
            "status": {"code": 2},
        })
    );
}

#[test]
fn tempo_writes_base64_and_names() {
    let got = serde_json::to_value(Styled(&span(), Style::TEMPO)).unwrap();
    assert_eq!(got["traceId"], json!("S0tLS0tLS0tLS0tLS0tLSw=="));
    assert_eq!(got["kind"], json!("SPAN_KIND_SERVER"));
    assert_eq!(got["status"], json!({"code": "STATUS_CODE_ERROR"}));
}

#[track_caller]
fn check(value: Value, expected: serde_json::Value) {
    let value = AnyValue { value: Some(value) };
    assert_eq!(serde_json::to_value(Styled(&value, Style::TEMPO)).unwrap(), expected);
}

#[test]
fn every_type_of_value_keeps_its_type() {
    check(Value::StringValue(String::new()), json!({"stringValue": ""}));
    check(Value::BoolValue(false), json!({"boolValue": false}));
    check(Value::IntValue(i64::MIN), json!({"intValue": "-9223372036854775808"}));
    check(Value::DoubleValue(0.5), json!({"doubleValue": 0.5}));
    check(Value::DoubleValue(f64::NAN), json!({"doubleValue": "NaN"}));
    check(Value::DoubleValue(f64::NEG_INFINITY), json!({"doubleValue": "-Infinity"}));
    check(Value::BytesValue(vec![0xff, 0]), json!({"bytesValue": "/wA="}));
    check(Value::ArrayValue(Default::default()), json!({"arrayValue": {"values": []}}));
    check(Value::KvlistValue(Default::default()), json!({"kvlistValue": {"values": []}}));
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        // The reader's JSON parser is inexact in the last place of long fractions; eighths are short.
        any::<i32>().prop_map(|eighths| Value::DoubleValue(f64::from(eighths) / 8.0)),
    ];
    let leaf = leaf.prop_map(|value| AnyValue { value: Some(value) });
    leaf.prop_recursive(3, 12, 4, |inner| {
        let array = prop::collection::vec(inner.clone(), 1..4)
            .prop_map(|values| Value::ArrayValue(ArrayValue { values }));
        let list = prop::collection::vec((any::<String>(), inner), 1..4).prop_map(|entries| {
            let entry = |(key, value)| KeyValue { key, value: Some(value), ..Default::default() };
            Value::KvlistValue(KeyValueList { values: entries.into_iter().map(entry).collect() })
        });
        prop_oneof![array, list].prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let pair = (any::<String>(), any_value());
    let attribute =
        pair.prop_map(|(key, value)| KeyValue { key, value: Some(value), ..Default::default() });
    prop::collection::vec(attribute, 0..3)
}

fn any_span() -> impl Strategy<Value = Span> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 8]>(), prop::option::of(any::<[u8; 8]>()));
    let texts = (any::<String>(), any::<String>(), any::<String>());
    let numbers = (any::<u64>(), any::<u64>(), any::<u32>(), 0..=5_i32, 0..=2_i32);
    let lists = (attributes(), attributes());
    (ids, texts, numbers, lists).prop_map(|(ids, texts, numbers, lists)| Span {
        trace_id: ids.0.to_vec(),
        span_id: ids.1.to_vec(),
        parent_span_id: ids.2.map(|id| id.to_vec()).unwrap_or_default(),
        name: texts.0,
        trace_state: texts.1,
        start_time_unix_nano: numbers.0,
        end_time_unix_nano: numbers.1,
        flags: numbers.2,
        dropped_links_count: numbers.2,
        kind: numbers.3,
        status: Some(Status { code: numbers.4, message: texts.2 }),
        attributes: lists.0.clone(),
        events: vec![Event {
            time_unix_nano: numbers.1,
            name: "event".into(),
            attributes: lists.1.clone(),
            dropped_attributes_count: 1,
        }],
        links: vec![Link {
            trace_id: ids.0.to_vec(),
            span_id: ids.1.to_vec(),
            attributes: lists.1,
            flags: numbers.2,
            ..Default::default()
        }],
        ..Default::default()
    })
}

proptest! {
    /// The reader of the OpenTelemetry project is the judge of what is written here.
    #[test]
    fn what_is_written_as_otlp_is_read_back(
        spans in prop::collection::vec(any_span(), 0..3),
        resource in attributes(),
    ) {
        let written = vec![ResourceSpans {
            resource: Some(Resource { attributes: resource, ..Default::default() }),
            scope_spans: vec![ScopeSpans { spans, ..Default::default() }],
            schema_url: "url".into(),
        }];
        let json = json!({"resourceSpans": Styled(&written[..], Style::OTLP)});
        let read: TracesData = serde_json::from_str(&json.to_string()).unwrap();
        prop_assert_eq!(read.resource_spans, written);
    }
}
