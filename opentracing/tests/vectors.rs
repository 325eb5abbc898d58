//! The vectors that the tracers of all languages pass.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy cannot know")]

use prost::Message;
use serde_json::Value as Json;
use sigyn_opentracing::{Format, Formats, ReferenceKind, SpanBuffer, SpanContext, Tracer, Value};
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

fn load(file: &str) -> Json {
    let path = format!("{}/../clients/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn tracer() -> Tracer {
    Tracer::new("cart", SpanBuffer::new(64 << 10))
}

fn headers(json: &Json) -> BTreeMap<String, String> {
    let pairs = json.as_object().unwrap().iter();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn time(json: &Json) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs_f64(json.as_f64().unwrap())
}

fn value(typed: &Json) -> Value {
    let value = &typed["value"];
    match typed["type"].as_str().unwrap() {
        "string" => value.as_str().unwrap().to_owned().into(),
        "bool" => value.as_bool().unwrap().into(),
        "int" => value.as_str().unwrap().parse::<i64>().unwrap().into(),
        "double" => value.as_f64().unwrap().into(),
        other => panic!("{other} is no type of a tag"),
    }
}

fn fields(json: &Json) -> Vec<(String, Value)> {
    let fields = json.as_array().into_iter().flatten();
    fields.map(|field| (field["key"].as_str().unwrap().to_owned(), value(field))).collect()
}

fn run(tracer: &Tracer, span: &Json) {
    let mut builder = tracer
        .span(span["operation_name"].as_str().unwrap().to_owned())
        .start_time(time(&span["start"]));
    for reference in span["references"].as_array().into_iter().flatten() {
        let kind = match reference["type"].as_str().unwrap() {
            "child_of" => ReferenceKind::ChildOf,
            _ => ReferenceKind::FollowsFrom,
        };
        let context = tracer.extract(&headers(&reference["headers"])).unwrap();
        builder = builder.reference(kind, context);
    }
    let mut started = builder.start();
    for (key, value) in fields(&span["tags"]) {
        started.set_tag(key, value);
    }
    for log in span["logs"].as_array().into_iter().flatten() {
        started.log_at(time(&log["time"]), fields(&log["fields"]));
    }
    if let Some(name) = span["rename"].as_str() {
        started.set_operation_name(name.to_owned());
    }
    for item in span["baggage"].as_array().into_iter().flatten() {
        started.set_baggage_item(item[0].as_str().unwrap(), item[1].as_str().unwrap());
    }
    started.finish_at(time(&span["finish"]));
}

#[test]
fn spans_have_the_expected_bytes() {
    let file = load("opentracing.json");
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= 21);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let tracer = tracer();
        run(&tracer, &case["span"]);
        let read = tracer.buffer().read(None, 1 << 20).unwrap();
        let body: Vec<u8> = read.chunks.iter().flat_map(|chunk| chunk.to_vec()).collect();
        // Same length, so that what stands around the IDs is compared byte for byte.
        let decoded = ExportTraceServiceRequest::decode(&body[..]).unwrap();
        let span = &decoded.resource_spans[0].scope_spans[0].spans[0];
        let is_root = span.parent_span_id.is_empty();
        let mut hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
        let id = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        hex = hex.replacen(&id(&span.span_id), &"88".repeat(8), 1);
        if is_root {
            hex = hex.replacen(&id(&span.trace_id), &"77".repeat(16), 1);
        }
        assert_eq!(hex, case["hex"].as_str().unwrap(), "{name}: {decoded:?}");
    }
}

#[track_caller]
fn same(context: Option<&SpanContext>, expected: &Json, name: &str) {
    let Some(context) = context else { return assert!(expected.is_null(), "{name}") };
    assert!(!expected.is_null(), "{name}: {context:?}");
    assert_eq!(context.trace_id(), expected["trace_id"], "{name}");
    assert_eq!(context.span_id(), expected["span_id"], "{name}");
    assert_eq!(context.is_sampled(), expected["sampled"], "{name}");
    assert_eq!(context.trace_state(), expected["trace_state"], "{name}");
    let baggage: BTreeMap<String, String> =
        context.baggage_items().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    assert_eq!(baggage, headers(&expected["baggage"]), "{name}");
}

fn bytes(case: &Json) -> Vec<u8> {
    let hex = case["hex"].as_str().unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.chunks(2).map(byte).collect()
}

#[test]
fn contexts_cross_borders() {
    let file = load("propagation.json");
    let cases = |group: &str| file[group].as_array().unwrap().clone();
    for case in cases("extract") {
        let name = case["name"].as_str().unwrap();
        same(tracer().extract(&headers(&case["headers"])).as_ref(), &case["expect"], name);
    }
    for case in cases("inject") {
        let name = case["name"].as_str().unwrap();
        let context = tracer().extract(&headers(&case["from"])).unwrap();
        let formats = match case["formats"].as_array() {
            None => Formats::default(),
            Some(named) => {
                let has = |format: &str| named.iter().any(|it| it == format);
                Formats { w3c: has("w3c"), jaeger: has("jaeger"), b3: has("b3") }
            }
        };
        let mut carrier = BTreeMap::new();
        tracer().with_formats(formats).inject(&context, Format::HttpHeaders, &mut carrier);
        assert_eq!(carrier, headers(&case["expect"]), "{name}");
    }
    for case in cases("binary") {
        let name = case["name"].as_str().unwrap();
        let context = tracer().extract_binary(&bytes(&case));
        same(context.as_ref(), &case["expect"], name);
        assert_eq!(tracer().inject_binary(&context.unwrap()), bytes(&case), "{name}");
    }
    for case in cases("binary_broken") {
        let context = tracer().extract_binary(&bytes(&case));
        assert_eq!(context, None, "{}", case["name"]);
    }
}

#[test]
fn a_span_lives_as_the_specification_says() {
    let tracer = tracer();
    let mut parent = tracer.span("parent").start();
    parent.set_baggage_item("user", "7");
    let child = tracer.start_span("child", [(ReferenceKind::ChildOf, parent.context())]);
    assert_eq!(child.baggage_item("user"), Some("7"), "baggage goes to children");
    assert_eq!(child.context().trace_id(), parent.context().trace_id());
    assert_ne!(child.context().span_id(), parent.context().span_id());
    assert_eq!(tracer.buffer().stats().recorded, 0, "nothing has ended");
    drop(child);
    parent.finish();
    assert_eq!(tracer.buffer().stats().recorded, 2);

    let only_baggage = tracer.extract(&BTreeMap::from([("baggage".to_owned(), "a=b".to_owned())]));
    let span = tracer.span("from outside").child_of_extracted(only_baggage).start();
    assert_eq!(span.baggage_item("a"), Some("b"));
    assert_ne!(span.context().trace_id(), "0".repeat(32), "baggage alone is no parent");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a span that began earlier, by the clock that it will end by"
)]
fn the_duration_is_of_the_monotonic_clock() {
    let tracer = tracer();
    let begun = SystemTime::now() - Duration::from_secs(5);
    tracer.span("late").start_time(begun).start().finish();
    let read = tracer.buffer().read(None, 1 << 20).unwrap();
    let body: Vec<u8> = read.chunks.iter().flat_map(|chunk| chunk.to_vec()).collect();
    let decoded = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let span = &decoded.resource_spans[0].scope_spans[0].spans[0];
    let nanos = span.end_time_unix_nano - span.start_time_unix_nano;
    assert!((5_000_000_000..6_000_000_000).contains(&nanos), "{nanos}");
}
