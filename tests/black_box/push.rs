//! OTLP push: acknowledged when durable, searchable when acknowledged.

use crate::{now_unix_nano, sigyn};
use flate2::{Compression, write::GzEncoder};
use sigyn_proto::otlp::trace::v1::Span;
use sigyn_rig::{SpanMaker, spans_of_trace};
use std::io::Write;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_span_is_searchable_once_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let mut maker = SpanMaker::new("checkout", 1, now_unix_nano());
    for round in 0..20 {
        let name = format!("operation {round}");
        let span = maker.root(&name);
        let body = maker.request(vec![span.clone()]);
        let answer = server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let query = format!("{{ resource.service.name = \"checkout\" && name = \"{name}\" }}");
        let found = server.api.search(&query);
        let traces = found["traces"].as_array().unwrap();
        assert_eq!(traces.len(), 1, "{query}: {found}");
        assert_eq!(traces[0]["rootTraceName"], name);
        assert_eq!(spans_of_trace(&server.api, &hex(&span.trace_id)), vec![span]);
    }
}

#[test]
fn every_encoding_of_a_request_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let mut maker = SpanMaker::new("encodings", 2, now_unix_nano());
    let mut pushed: Vec<Span> = Vec::new();
    let mut post = |content_type: &str, headers: &[(&str, &str)], body: Vec<u8>, span: Span| {
        let answer = server.otlp.post("/v1/traces", content_type, headers, body).unwrap();
        assert_eq!(answer.status, 200, "{content_type} {headers:?}: {}", answer.text());
        pushed.push(span);
    };

    let span = maker.root("plain");
    post("application/x-protobuf", &[], maker.request(vec![span.clone()]), span);

    let span = maker.root("gzip");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&maker.request(vec![span.clone()])).unwrap();
    post("application/x-protobuf", &[("content-encoding", "gzip")], gzip.finish().unwrap(), span);

    let span = maker.root("zstd");
    let zstd = zstd::encode_all(&maker.request(vec![span.clone()])[..], 1).unwrap();
    post("application/x-protobuf", &[("content-encoding", "zstd")], zstd, span);

    let span = maker.root("json");
    let json = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"encodings"}}}}]}},
        "scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"{}","name":"json","startTimeUnixNano":"{}","endTimeUnixNano":"{}"}}]}}]}}]}}"#,
        hex(&span.trace_id),
        hex(&span.span_id),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
    );
    post("application/json", &[], json.into_bytes(), span);

    for span in pushed {
        let stored = spans_of_trace(&server.api, &hex(&span.trace_id));
        assert_eq!(stored.len(), 1, "{}", span.name);
        assert_eq!((&stored[0].span_id, &stored[0].name), (&span.span_id, &span.name));
    }
}

#[test]
fn grpc_is_taken_on_its_own_port() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let mut maker = SpanMaker::new("grpc", 3, now_unix_nano());
    let span = maker.root("over grpc");
    let message = maker.request(vec![span.clone()]);
    let address = server.address("otlp_grpc").expect("the gRPC port is bound");
    let status = sigyn_rig::grpc_unary(
        &format!("http://{address}"),
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        &message,
    );
    assert_eq!(status, Ok(()));
    assert_eq!(spans_of_trace(&server.api, &hex(&span.trace_id)).len(), 1);
}

#[test]
fn what_was_acknowledged_survives_a_clean_stop() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let mut maker = SpanMaker::new("stop", 4, now_unix_nano());
    let span = maker.root("before the stop");
    let body = maker.request(vec![span.clone()]);
    assert_eq!(
        server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap().status,
        200
    );
    let options = server.options().clone();
    let exit = server.stop();
    assert_eq!(exit.code, Some(0), "{}", exit.log);
    let server = options.start();
    assert_eq!(spans_of_trace(&server.api, &hex(&span.trace_id)).len(), 1);
}
