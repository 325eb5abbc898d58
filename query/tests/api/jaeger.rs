use crate::rig::{Rig, TRACE};
use http::StatusCode;
use serde_json::{Value as Json, json};

#[tokio::test]
async fn services_and_operations() {
    let rig = Rig::with_shop().await;
    assert_eq!(
        rig.json("/jaeger/api/services").await,
        json!({"data": ["kiosk", "seats"], "total": 2, "limit": 0, "offset": 0, "errors": null})
    );
    let names = rig.json("/jaeger/api/services/kiosk/operations").await;
    assert_eq!(names["data"], json!(["POST /hold"]));
    let operations = rig.json("/jaeger/api/operations?service=seats").await;
    assert_eq!(operations["data"], json!([{"name": "hold seat", "spanKind": "server"}]));
    let none = rig.json("/jaeger/api/operations?service=seats&spanKind=client").await;
    assert_eq!(none["data"], json!([]));
    let unknown = rig.json("/jaeger/api/services/no%2Fbody/operations").await;
    assert_eq!(unknown["data"], json!([]));
    let answer = rig.get("/jaeger/api/operations").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let error = json!([{"code": 400, "msg": "the parameter service is required"}]);
    assert_eq!(answer.json()["errors"], error);
}

#[tokio::test]
async fn a_trace_by_id() {
    let rig = Rig::with_shop().await;
    for id in [TRACE, TRACE.trim_start_matches('0'), "APBnqgupArdL+S81d7NNpg=="] {
        // Milliseconds, as Grafana sends them, and a range that is wrong.
        let path = format!("/jaeger/api/traces/{id}?start=1&end=1790000000000");
        let trace = rig.json(&path).await["data"][0].clone();
        assert_eq!(trace["traceID"], TRACE);
        assert_eq!(trace["spans"].as_array().unwrap().len(), 2);
        assert_eq!(trace["processes"].as_object().unwrap().len(), 2);
        let hold = &trace["spans"][1];
        assert_eq!(hold["operationName"], "hold seat");
        let parent =
            json!([{"refType": "CHILD_OF", "traceID": TRACE, "spanID": "0000000000000001"}]);
        assert_eq!(hold["references"], parent);
        assert_eq!(hold["duration"], 300_000);
    }
}

#[tokio::test]
async fn an_unknown_trace_is_404_and_a_bad_id_400() {
    let rig = Rig::with_shop().await;
    let answer = rig.get("/jaeger/api/traces/abc").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["errors"], json!([{"code": 404, "msg": "trace not found"}]));
    let answer = rig.get("/jaeger/api/traces/xyz").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let message = answer.json()["errors"][0]["msg"].clone();
    assert_eq!(message, "invalid trace ID: 'x' at position 1 of the ID is not a hex digit");
}

fn found(answer: &Json) -> usize {
    answer["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn searches() {
    let rig = Rig::with_shop().await;
    for (parameters, count) in [
        ("service=seats", 1),
        ("service=nobody", 0),
        ("service=seats&operation=hold+seat", 1),
        // All conditions hold for one span: this operation is the kiosk's.
        ("service=seats&operation=POST+%2Fhold", 0),
        ("service=seats&tags=%7B%22seat%22:%2212%22,%22fare.class%22:%22first%22%7D", 1),
        ("tag=error:true", 1),
        ("service=kiosk&tag=error:true", 0),
        ("tag=span.kind:server&minDuration=400ms", 1),
        ("tag=attempt:3", 1),
        ("maxDuration=1ms", 0),
        ("start=1789999999000000&end=1790000001000000&limit=10&lookback=1h", 1),
        ("start=1790000002000000&end=1790000003000000", 0),
    ] {
        let answer = rig.json(&format!("/jaeger/api/traces?{parameters}")).await;
        assert_eq!(found(&answer), count, "{parameters}");
    }
}

#[tokio::test]
async fn a_search_whose_prefix_was_lost() {
    let rig = Rig::with_shop().await;
    assert_eq!(found(&rig.json(&format!("/api/traces?traceID={TRACE}")).await), 1);
}

#[tokio::test]
async fn several_ids_at_once() {
    let rig = Rig::with_shop().await;
    let answer = rig.json(&format!("/jaeger/api/traces?traceID={TRACE}&traceID=abc")).await;
    assert_eq!(found(&answer), 1);
    let missing = json!([{"code": 404, "msg": "trace not found", "traceID": "0000000000000abc"}]);
    assert_eq!(answer["errors"], missing);
}
