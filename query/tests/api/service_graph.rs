//! Who calls whom, over HTTP.

use crate::rig::{Rig, TRACE, of_service, span, text, trace_id};
use http::StatusCode;
use serde_json::{Value as Json, json};
use sigyn_proto::otlp::trace::v1::{Span, Status};

const PATH: &str = "/api/sigyn/v1/service-graph?start=1789999990&end=1790000010";

const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

fn of_kind(kind: i32, span: Span) -> Span {
    Span { kind, ..span }
}

fn failed(span: Span) -> Span {
    Span { status: Some(Status { code: 2, ..Default::default() }), ..span }
}

fn with(attributes: &[(&str, &str)], span: Span) -> Span {
    Span { attributes: attributes.iter().map(|(key, value)| text(key, value)).collect(), ..span }
}

/// A kiosk asks seats (once in vain), which ask a database, tell a printer and an audit by a queue, and pay at a bank without spans.
async fn shop() -> Rig {
    let rig = Rig::new().await;
    let kiosk = vec![
        span(1, 0, "sell", 0, 400),
        of_kind(CLIENT, span(2, 1, "hold", 1, 110)),
        of_kind(CLIENT, span(3, 1, "hold", 2, 210)),
        // Nobody answered, and it does not say whom it asked.
        of_kind(CLIENT, span(4, 1, "lost", 3, 10)),
    ];
    let query = of_kind(CLIENT, span(7, 5, "select", 4, 20));
    let query = with(&[("db.system", "sqlite"), ("network.peer.address", "10.0.0.9")], query);
    let peer = with(&[("peer.service", "bank")], of_kind(CLIENT, failed(span(8, 5, "pay", 5, 30))));
    let seats = vec![
        of_kind(SERVER, span(5, 2, "hold", 2, 100)),
        failed(of_kind(SERVER, span(6, 3, "hold", 3, 200))),
        query,
        peer,
        of_kind(PRODUCER, span(9, 5, "queue", 6, 1)),
    ];
    // The called before the calling one, and each in a source of its own.
    rig.append(vec![of_service("seats", seats)]).await;
    rig.append(vec![of_service("printer", vec![of_kind(CONSUMER, span(10, 9, "print", 9, 7))])])
        .await;
    rig.append(vec![of_service("kiosk", kiosk)]).await;
    rig.append(vec![of_service("audit", vec![of_kind(CONSUMER, span(11, 9, "audit", 9, 3))])])
        .await;
    rig
}

fn edge<'a>(graph: &'a Json, client: &str, server: &str) -> &'a Json {
    let edges = graph["edges"].as_array().unwrap();
    edges.iter().find(|it| it["client"] == client && it["server"] == server).unwrap()
}

fn is_near(value: &Json, expected: f64) -> bool {
    (value.as_f64().unwrap() / expected - 1.0).abs() < 0.01
}

#[tokio::test]
async fn edges_are_those_of_the_metrics() {
    let graph = shop().await.json(PATH).await;
    let edges = graph["edges"].as_array().unwrap().iter().map(|edge| {
        let text = |key: &str| edge[key].as_str().unwrap().to_owned();
        let counts = (edge["calls"].as_u64().unwrap(), edge["failed"].as_u64().unwrap());
        (text("client"), text("server"), text("connectionType"), counts)
    });
    let expected = [
        ("kiosk", "seats", "", (2, 1)),
        ("seats", "audit", "messaging_system", (1, 0)),
        ("seats", "printer", "messaging_system", (1, 0)),
        ("seats", "10.0.0.9", "database", (1, 0)),
        ("seats", "bank", "virtual_node", (1, 1)),
        ("user", "kiosk", "virtual_node", (1, 0)),
    ]
    .map(|(client, server, how, counts)| (client.into(), server.into(), how.into(), counts));
    assert_eq!(edges.collect::<Vec<(String, String, String, _)>>(), expected);
    assert_eq!(graph["unpaired"], 1);
    assert_eq!(graph["partial"], Json::Null);
    let calls = edge(&graph, "kiosk", "seats");
    assert!(is_near(&calls["p50Seconds"], 0.1) && is_near(&calls["p99Seconds"], 0.2), "{calls}");
    assert!(is_near(&edge(&graph, "seats", "10.0.0.9")["p95Seconds"], 0.02));
    assert_eq!(calls["traceIds"], json!([TRACE]));

    let nodes = graph["nodes"].as_array().unwrap().iter();
    let nodes = nodes.map(|it| (it["name"].clone(), it["type"].clone(), it["calls"].clone()));
    let expected = [
        ("10.0.0.9", "database", 1),
        ("audit", "service", 1),
        ("bank", "virtual_node", 1),
        ("kiosk", "service", 1),
        ("printer", "service", 1),
        ("seats", "service", 2),
        ("user", "virtual_node", 0),
    ]
    .map(|(name, kind, calls)| (json!(name), json!(kind), json!(calls)));
    assert_eq!(nodes.collect::<Vec<_>>(), expected);
    let seats = &graph["nodes"][5];
    assert_eq!(
        (&seats["ratePerSecond"], &seats["errorRatePerSecond"]),
        (&json!(0.1), &json!(0.05))
    );
}

#[tokio::test]
async fn a_copy_of_a_span_is_no_second_call() {
    let rig = Rig::new().await;
    let client = || of_kind(CLIENT, span(1, 0, "ask", 0, 9));
    for _ in 0..3 {
        rig.append(vec![of_service("a", vec![client()])]).await;
        rig.append(vec![of_service("b", vec![of_kind(SERVER, span(2, 1, "answer", 1, 5))])]).await;
    }
    let graph = rig.json(PATH).await;
    assert_eq!(graph["edges"].as_array().unwrap().len(), 1);
    assert_eq!(graph["edges"][0]["calls"], 1);
}

#[tokio::test]
async fn many_traces_are_counted_exactly() {
    let rig = Rig::new().await;
    let mut callers = Vec::new();
    let mut called = Vec::new();
    for number in 1..=2_000_u64 {
        let of_trace = |span: Span| Span { trace_id: trace_id(&format!("{number:x}")), ..span };
        callers.push(of_trace(of_kind(CLIENT, span(1, 9, "ask", number, 9))));
        called.push(of_trace(of_kind(SERVER, span(2, 1, "answer", number, 5))));
    }
    for part in callers.chunks(700) {
        rig.append(vec![of_service("a", part.to_vec())]).await;
    }
    for part in called.chunks(300) {
        rig.append(vec![of_service("b", part.to_vec())]).await;
    }
    let graph = rig.json(PATH).await;
    assert_eq!(edge(&graph, "a", "b")["calls"], 2_000);
    assert_eq!(edge(&graph, "a", "b")["traceIds"].as_array().unwrap().len(), 5);
    assert_eq!(graph["unpaired"], 0);
    assert_eq!(rig.json(PATH).await["edges"], graph["edges"], "the same question, the same answer");
}

#[tokio::test]
async fn only_the_range_counts() {
    let rig = shop().await;
    let graph = rig.json("/api/sigyn/v1/service-graph?start=1790000005&end=1790000009").await;
    assert_eq!((&graph["nodes"], &graph["edges"]), (&json!([]), &json!([])));
    let answer = rig.get("/api/sigyn/v1/service-graph?start=9&end=3").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}
