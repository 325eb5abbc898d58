//! Bad input gets a clear answer and costs nothing else.

use crate::{now_unix_nano, sigyn};
use flate2::{Compression, write::GzEncoder};
use sigyn_proto::otlp::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};
use sigyn_rig::{Server, SpanMaker, spans_of_trace};
use std::io::Write;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn push(server: &Server, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, String) {
    let answer = server.otlp.post("/v1/traces", "application/x-protobuf", headers, body).unwrap();
    (answer.status, answer.text())
}

#[track_caller]
fn still_works(server: &Server, seed: u64) {
    let mut maker = SpanMaker::new("after", seed, now_unix_nano());
    let span = maker.root("good");
    let body = maker.request(vec![span.clone()]);
    assert_eq!(push(server, &[], body).0, 200);
    assert_eq!(spans_of_trace(&server.api, &hex(&span.trace_id)).len(), 1);
}

#[test]
fn bodies_that_are_no_otlp_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let mut maker = SpanMaker::new("bad", 10, now_unix_nano());
    let spans = (0..50).map(|_| maker.root("truncated")).collect();
    let good = maker.request(spans);

    let (status, text) = push(&server, &[], good[..good.len() / 2].to_vec());
    assert_eq!(status, 400, "{text}");
    let (status, text) = push(&server, &[], b"<html>not otlp</html>".to_vec());
    assert_eq!(status, 400, "{text}");
    let (status, text) = push(&server, &[("content-encoding", "gzip")], good.clone());
    assert_eq!(status, 400, "{text}");
    let (status, text) = push(&server, &[("content-encoding", "br")], good.clone());
    assert_eq!(status, 415, "{text}");
    let answer = server.otlp.post("/v1/traces", "text/plain", &[], good).unwrap();
    assert_eq!(answer.status, 415, "{}", answer.text());
    let answer =
        server.otlp.post("/v1/traces", "application/json", &[], b"{\"resourceSpans\":[{".to_vec());
    assert_eq!(answer.unwrap().status, 400);

    assert_eq!(server.api.metric_sum("sigyn_ingested_spans_total"), 0.0);
    still_works(&server, 11);
}

#[test]
fn a_compressed_bomb_is_refused_without_being_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let zeros = vec![0u8; 1 << 20];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    (0..512).for_each(|_| gzip.write_all(&zeros).unwrap());
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 4 << 20, "512 MiB packed into {} bytes", bomb.len());
    let (status, text) = push(&server, &[("content-encoding", "gzip")], bomb);
    assert_eq!(status, 413, "{text}");
    still_works(&server, 12);
}

#[test]
fn a_huge_attribute_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let mut maker = SpanMaker::new("huge", 13, now_unix_nano());
    let mut span = maker.root("100 MB");
    span.attributes = vec![KeyValue {
        key: "blob".to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue("x".repeat(100 << 20))) }),
        ..KeyValue::default()
    }];
    let body = maker.request(vec![span]);
    let (status, text) = push(&server, &[], body);
    assert_eq!(status, 413, "{text}");
    assert_eq!(server.api.metric_sum("sigyn_ingested_spans_total"), 0.0);
    still_works(&server, 14);
}

#[test]
fn odd_spans_are_kept_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let mut maker = SpanMaker::new("odd", 15, now_unix_nano());

    let mut first = maker.root("cyclic one");
    let mut second = maker.child(&first, "cyclic two");
    first.parent_span_id = second.span_id.clone();
    let mut backwards = maker.child(&first, "ends before it starts");
    backwards.end_time_unix_nano = backwards.start_time_unix_nano - 5_000_000_000;
    let mut future = maker.child(&first, "from the future");
    future.start_time_unix_nano = u64::MAX - 10;
    future.end_time_unix_nano = u64::MAX;
    second.name = "cyclic two".to_owned();
    let trace_id = hex(&first.trace_id);
    let spans: Vec<Span> = vec![first, second, backwards, future];
    assert_eq!(push(&server, &[], maker.request(spans.clone())).0, 200);

    let mut stored = spans_of_trace(&server.api, &trace_id);
    stored.sort_by(|a, b| a.span_id.cmp(&b.span_id));
    assert_eq!(stored, spans);
    let found = server.api.search("{ resource.service.name = \"odd\" }");
    assert_eq!(found["traces"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(server.api.get(&format!("/jaeger/api/traces/{trace_id}")).status, 200);
    still_works(&server, 16);
}

#[test]
fn spans_with_broken_ids_are_rejected_and_the_rest_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let mut maker = SpanMaker::new("ids", 17, now_unix_nano());
    let good = maker.root("good");
    let mut short = maker.root("short");
    short.trace_id.truncate(7);
    let mut zero = maker.root("zero");
    zero.span_id = vec![0; 8];
    let trace_id = hex(&good.trace_id);
    let body = maker.request(vec![short, good, zero]);
    let answer = server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();
    assert_eq!(answer.status, 200);
    let response: sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceResponse =
        prost::Message::decode(&answer.body[..]).unwrap();
    assert_eq!(response.partial_success.unwrap().rejected_spans, 2);
    assert_eq!(spans_of_trace(&server.api, &trace_id).len(), 1);
}

#[test]
fn bad_queries_point_at_the_fault() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    for (path, says) in [
        ("/api/search?q=%7B%20name%20%3D%20", "line 1, col"),
        ("/api/search?q=%7B%7D&limit=0", "limit"),
        ("/api/search?q=%7B%7D&start=20&end=10", "end"),
        ("/api/v1/query_exemplars?query=sum(", ""),
        ("/api/v2/search/tag/nope/values", ""),
    ] {
        let answer = server.api.get(path);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert!(answer.text().contains(says), "{path}: {}", answer.text());
    }
    let answer = server.api.get("/api/nothing/here");
    assert_eq!(answer.status, 404);
    assert!(!answer.text().is_empty());
}
