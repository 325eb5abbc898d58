//! gRPC on the port of the HTTP API, over a real connection without TLS: how Grafana streams.

use crate::{now_unix_nano, sigyn};
use prost::Message;
use sigyn_proto::tempo::{QueryRangeRequest, QueryRangeResponse, SearchRequest, SearchResponse};
use sigyn_rig::{SpanMaker, grpc_streaming};

const MINUTE_NANOS: u64 = 60_000_000_000;

#[test]
fn searches_and_metrics_stream_from_the_http_port() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let now = now_unix_nano();
    let mut maker = SpanMaker::new("checkout", 40, now);
    let spans: Vec<_> = (0..5).map(|_| maker.root("place order")).collect();
    let body = maker.request(spans);
    let answer = server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = |method: &str, message: &[u8]| {
        let method = format!("/tempopb.StreamingQuerier/{method}");
        grpc_streaming(server.api.base(), &method, message)
    };

    let query = "{ resource.service.name = \"checkout\" }".to_owned();
    let search = SearchRequest { query: query.clone(), limit: 20, ..Default::default() };
    let messages = call("Search", &search.encode_to_vec()).unwrap();
    let answers = messages.iter().map(|message| SearchResponse::decode(&message[..]).unwrap());
    let traces: Vec<_> = answers.flat_map(|answer| answer.traces).collect();
    assert_eq!(traces.len(), 5);
    assert!(traces.iter().all(|trace| trace.root_trace_name == "place order"), "{traces:?}");

    let range = QueryRangeRequest {
        query: format!("{query} | count_over_time()"),
        start: now - 10 * MINUTE_NANOS,
        end: now + 10 * MINUTE_NANOS,
        step: MINUTE_NANOS,
        ..Default::default()
    };
    let messages = call("MetricsQueryRange", &range.encode_to_vec()).unwrap();
    let last = QueryRangeResponse::decode(&messages.last().unwrap()[..]).unwrap();
    let [series] = &last.series[..] else { panic!("{last:?}") };
    assert_eq!(series.samples.iter().map(|sample| sample.value).sum::<f64>(), 5.0);

    // The same port goes on speaking HTTP/1.
    assert_eq!(server.api.search(&query)["traces"].as_array().unwrap().len(), 5);
}
