use crate::rig::{Rig, TRACE, attribute, of_service, shop, span, text};
use http::StatusCode;
use serde_json::json;
use sigyn_proto::otlp::common::v1::any_value::Value;

/// The shop, with a call to a database whose names are in mixed case.
async fn rig() -> Rig {
    let rig = Rig::new().await;
    let mut spans = shop();
    let mut store = span(3, 2, "SELECT Seats", 10, 20);
    store.kind = 3;
    store.attributes = vec![
        text("db.system", "sqlite"),
        text("peer.service", "SeatDB"),
        text("network.peer.address", "10.0.0.7"),
        attribute("network.peer.port", Value::IntValue(5432)),
    ];
    spans.push(of_service("Seats", vec![store]));
    rig.append(spans).await;
    rig
}

#[tokio::test]
async fn names_are_in_lower_case_and_sorted() {
    let rig = rig().await;
    for (path, expected) in [
        ("services", json!(["kiosk", "seats"])),
        ("spans?serviceName=seats", json!(["hold seat", "select seats"])),
        ("spans?serviceName=KIOSK", json!(["post /hold"])),
        ("spans?serviceName=nobody", json!([])),
        ("remoteServices?serviceName=seats", json!(["seatdb"])),
        ("remoteServices?serviceName=kiosk", json!([])),
        ("autocompleteKeys", json!([])),
        ("autocompleteValues?key=environment", json!([])),
    ] {
        assert_eq!(rig.json(&format!("/zipkin/api/v2/{path}")).await, expected, "{path}");
    }
    let answer = rig.get("/zipkin/api/v2/spans").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.text(), "the parameter serviceName is required");
}

#[tokio::test]
async fn many_names_may_be_kept() {
    let rig = Rig::new().await;
    let services = ["a", "b", "c", "d"].into_iter().zip(1..);
    rig.append(services.map(|(name, id)| of_service(name, vec![span(id, 0, "x", 0, 1)])).collect())
        .await;
    let answer = rig.get("/zipkin/api/v2/services").await;
    assert_eq!(answer.headers["cache-control"], "max-age=300, must-revalidate");
}

#[tokio::test]
async fn a_trace_by_its_id() {
    let rig = rig().await;
    let trace = rig.json(&format!("/zipkin/api/v2/trace/{TRACE}")).await;
    let [root, hold, store] = &trace.as_array().unwrap()[..] else { panic!("{trace}") };
    assert_eq!(
        root,
        &json!({
            "traceId": TRACE, "id": "0000000000000001", "kind": "SERVER", "name": "post /hold",
            "timestamp": 1_790_000_000_000_000_u64, "duration": 412_000,
            "localEndpoint": {"serviceName": "kiosk"}, "tags": {"otel.scope.name": "shop"},
        })
    );
    assert_eq!(hold["parentId"], "0000000000000001");
    assert_eq!(
        hold["tags"],
        json!({
            "error": "sold out", "fare.class": "first", "otel.scope.name": "shop",
            "otel.status_code": "ERROR", "seat": "12",
        })
    );
    assert_eq!(
        hold["annotations"],
        json!([{"timestamp": 1_790_000_000_006_000_u64, "value": "{\"retry\":{\"attempt\":3}}"}])
    );
    assert_eq!(store["localEndpoint"], json!({"serviceName": "seats"}));
    assert_eq!(
        store["remoteEndpoint"],
        json!({"serviceName": "seatdb", "ipv4": "10.0.0.7", "port": 5432})
    );
    let answer = rig.get("/zipkin/api/v2/trace/abc").await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (StatusCode::NOT_FOUND, "0000000000000abc not found")
    );
    assert_eq!(rig.get("/zipkin/api/v2/trace/xyz").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn several_traces() {
    let rig = rig().await;
    let found = rig.json(&format!("/zipkin/api/v2/traceMany?traceIds=abc,{TRACE}")).await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0].as_array().unwrap().len(), 3);
    for ids in ["", "abc", "abc,0abc"] {
        let answer = rig.get(&format!("/zipkin/api/v2/traceMany?traceIds={ids}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{ids}");
    }
}

#[tokio::test]
async fn searches() {
    let rig = rig().await;
    for (parameters, count) in [
        ("", 1),
        ("serviceName=SEATS", 1),
        ("serviceName=nobody", 0),
        ("serviceName=seats&spanName=Hold+Seat", 1),
        // Only the spans of the service count …
        ("serviceName=kiosk&spanName=hold+seat", 0),
        ("serviceName=kiosk&annotationQuery=error", 0),
        ("serviceName=kiosk&minDuration=412000&maxDuration=412000", 1),
        // … and different ones may meet the conditions.
        ("serviceName=seats&spanName=hold+seat&remoteServiceName=seatdb", 1),
        ("spanName=hold+seat&minDuration=400000", 1),
        ("annotationQuery=error", 1),
        ("annotationQuery=retry+and+fare.class%3Dfirst+and+db.system%3Dsqlite", 1),
        ("annotationQuery=fare.class", 1),
        ("annotationQuery=seat%3D12", 1),
        ("annotationQuery=seat%3D13", 0),
        ("remoteServiceName=nobody", 0),
        ("endTs=1790000001000&lookback=1000", 1),
        ("endTs=1789999999000", 0),
    ] {
        let found = rig.json(&format!("/zipkin/api/v2/traces?{parameters}")).await;
        assert_eq!(found.as_array().unwrap().len(), count, "{parameters}");
    }
    for parameters in ["limit=0", "limit=x", "maxDuration=5", "endTs=x", "lookback=0"] {
        let answer = rig.get(&format!("/zipkin/api/v2/traces?{parameters}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{parameters}");
    }
}

#[tokio::test]
async fn links() {
    let rig = rig().await;
    assert_eq!(
        rig.json("/zipkin/api/v2/dependencies?endTs=1790000001000&lookback=60000").await,
        json!([
            {"parent": "seats", "child": "seatdb", "callCount": 1},
            {"parent": "user", "child": "kiosk", "callCount": 1},
        ])
    );
    assert_eq!(rig.get("/zipkin/api/v2/dependencies").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(rig.get("/zipkin/api/v2/nothing").await.status, StatusCode::NOT_FOUND);
}
