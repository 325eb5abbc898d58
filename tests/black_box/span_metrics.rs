//! Metrics that the server makes from spans.

use crate::{now_unix_nano, sigyn};
use sigyn_proto::otlp::trace::v1::{Status, status::StatusCode};
use sigyn_rig::{Server, SpanMaker, eventually};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn spans_become_rates_and_edges_whose_exemplars_are_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path())
        .config(
            "metrics_generator:\n  span_metrics: {enable_target_info: true}\n  service_graphs: {}\n",
        )
        .start();
    let now = now_unix_nano();
    let mut front = SpanMaker::new("front", 1, now);
    let mut back = SpanMaker::new("back", 2, now);
    let mut trace_ids = Vec::new();
    for round in 0..10 {
        let root = front.root("GET /");
        let mut call = front.child(&root, "call back");
        call.kind = 3;
        let mut answer = back.child(&call, "answer");
        answer.kind = 2;
        if round < 3 {
            answer.status =
                Some(Status { code: StatusCode::Error as i32, message: "no".to_owned() });
        }
        trace_ids.push(root.trace_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        // The two sides of a call come from two places, the answer first.
        let bodies = [back.request(vec![answer]), front.request(vec![root, call])];
        for body in bodies {
            let answer =
                server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    let expected = [
        "traces_spanmetrics_calls_total{service=\"back\",span_name=\"answer\",span_kind=\"SPAN_KIND_SERVER\",status_code=\"STATUS_CODE_ERROR\"} 3\n",
        "traces_spanmetrics_calls_total{service=\"front\",span_name=\"call back\",span_kind=\"SPAN_KIND_CLIENT\",status_code=\"STATUS_CODE_UNSET\"} 10\n",
        "traces_service_graph_request_total{client=\"front\",server=\"back\"} 10\n",
        "traces_spanmetrics_size_total{service=\"back\",span_name=\"answer\",span_kind=\"SPAN_KIND_SERVER\",status_code=\"STATUS_CODE_ERROR\"} ",
        "traces_service_graph_request_failed_total{client=\"front\",server=\"back\"} 3\n",
    ];
    let text = eventually(PATIENCE, || {
        let text = server.api.get("/metrics/spans").text();
        match expected.iter().find(|line| !text.contains(**line)) {
            None => Ok(text),
            Some(missing) => Err(format!("{missing} is not in\n{text}")),
        }
    });
    assert!(!text.contains("connection_info"), "it was not asked for");
    // Whoever has seen an exemplar can rely on it.
    let (_, after) = text.split_once("traceID=\"").expect("a histogram has an exemplar");
    let trace_id = after.split('"').next().unwrap().to_owned();
    assert!(trace_ids.contains(&trace_id), "{trace_id}");
    let trace = server.api.json(&format!("/api/sigyn/v1/traces/{trace_id}"));
    assert_eq!(trace["pins"][0]["reason"], "exemplar", "{trace}");
    assert_eq!(server.api.metric("sigyn_generator_missed_spans_total"), Some(0.0));

    // A restart goes on where the process ended, be it told to or killed; what the journal brings back is not counted
    // twice, and what came after the state was saved is not forgotten.
    let mut options = server.options().clone();
    assert_eq!(server.stop().code, Some(0));
    for round in 1..=3 {
        let server = options.clone().start();
        let root = front.root("GET /");
        let mut call = front.child(&root, "call back");
        call.kind = 3;
        let body = front.request(vec![root, call]);
        let answer = server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let is_counted = |server: &Server| {
            eventually(PATIENCE, || {
                let text = server.api.get("/metrics/spans").text();
                let line = format!(
                    "span_name=\"call back\",span_kind=\"SPAN_KIND_CLIENT\",status_code=\"STATUS_CODE_UNSET\"}} {}\n",
                    10 + round
                );
                if text.contains(&line) { Ok(()) } else { Err(format!("{line} is not in\n{text}")) }
            });
        };
        // Killed before or after it is counted.
        if round != 2 {
            is_counted(&server);
        }
        options = server.kill();
        let server = options.clone().start();
        is_counted(&server);
        options = server.kill();
    }
}

#[test]
fn who_is_connected_is_said_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path())
        .config("metrics_generator: {service_graphs: {enable_connection_info: true}}\n")
        .start();
    let now = now_unix_nano();
    let mut front = SpanMaker::new("front", 1, now);
    let mut back = SpanMaker::new("back", 2, now);
    for _ in 0..3 {
        let mut call = front.root("call back");
        call.kind = 3;
        let mut answer = back.child(&call, "answer");
        answer.kind = 2;
        for body in [front.request(vec![call]), back.request(vec![answer])] {
            let answer =
                server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    let expected = [
        "# TYPE traces_service_graph_connection_info gauge\n",
        "traces_service_graph_connection_info{client=\"front\",server=\"back\"} 1\n",
        "traces_service_graph_request_total{client=\"front\",server=\"back\"} 3\n",
    ];
    let text = eventually(PATIENCE, || {
        let text = server.api.get("/metrics/spans").text();
        match expected.iter().find(|line| !text.contains(**line)) {
            None => Ok(text),
            Some(missing) => Err(format!("{missing} is not in\n{text}")),
        }
    });
    assert!(!text.contains("traces_spanmetrics"), "only the graph was asked for");
}

#[test]
fn a_server_that_makes_none_says_how_to_turn_it_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let answer = server.api.get("/metrics/spans");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("metrics_generator"), "{}", answer.text());
}
