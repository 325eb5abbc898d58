use crate::rig::{Rig, TRACE, attribute, shop, text};
use http::StatusCode;
use serde_json::{Value as Json, json};
use sigyn_proto::otlp::common::v1::any_value::Value as AnyValue;

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

const RANGE: &str =
    "query.startTimeMin=2026-09-21T14:13:10Z&query.startTimeMax=2026-09-21T14:13:40Z";

#[tokio::test]
async fn version_3_lists_services_and_operations() {
    let rig = Rig::new().await;
    assert_eq!(rig.json("/jaeger/api/v3/services").await, json!({"services": []}));
    let rig = Rig::with_shop().await;
    assert_eq!(rig.json("/jaeger/api/v3/services").await, json!({"services": ["kiosk", "seats"]}));
    let hold = json!({"operations": [{"name": "hold seat", "spanKind": "server"}]});
    for parameters in ["service=seats", "service=seats&span_kind=server"] {
        assert_eq!(rig.json(&format!("/jaeger/api/v3/operations?{parameters}")).await, hold);
    }
    let none = rig.json("/jaeger/api/v3/operations?service=seats&spanKind=client").await;
    assert_eq!(none, json!({"operations": []}));
}

#[tokio::test]
async fn version_3_gives_traces_as_otlp_in_hex_and_numbers() {
    let rig = Rig::with_shop().await;
    // Grafana's spelling, with an offset whose plus sign is not escaped.
    let snake = "query.start_time_min=2026-09-21T16:13:10+02:00&query.start_time_max=2026-09-21T16:13:40+02:00";
    for path in [
        format!("/jaeger/api/v3/traces/{TRACE}?start_time=x"),
        format!(
            "/jaeger/api/v3/traces?{RANGE}&query.serviceName=seats&query.operationName=hold+seat"
        ),
        format!(
            "/jaeger/api/v3/traces?{snake}&query.attributes=%7B%22seat%22:%2212%22%7D&query.duration_min=1ms"
        ),
    ] {
        let answer = rig.json(&path).await;
        let resources = answer["result"]["resourceSpans"].as_array().unwrap();
        assert_eq!(resources.len(), 2, "{path}");
        let hold = &resources[1]["scopeSpans"][0]["spans"][0];
        assert_eq!((&hold["traceId"], &hold["kind"]), (&json!(TRACE), &json!(2)));
        assert_eq!(hold["startTimeUnixNano"], "1790000000005000000");
        assert_eq!(hold["status"]["code"], 2);
    }
}

#[tokio::test]
async fn version_3_sums_traces_up() {
    let rig = Rig::with_shop().await;
    let path = format!("/jaeger/api/v3/trace-summaries?{RANGE}");
    let summary = json!({
        "traceId": TRACE, "rootServiceName": "kiosk", "rootOperationName": "POST /hold",
        "minStartTimeUnixNano": "1790000000000000000", "maxEndTimeUnixNano": "1790000000412000000",
        "spanCount": 2, "errorSpanCount": 1,
        "services": [
            {"name": "kiosk", "spanCount": 1},
            {"name": "seats", "spanCount": 1, "errorSpanCount": 1},
        ],
    });
    assert_eq!(rig.json(&path).await, json!({"summaries": [summary]}));
    assert_eq!(rig.json(&format!("{path}&query.serviceName=none")).await, json!({}));
}

#[tokio::test]
async fn version_3_has_errors_of_its_own() {
    let rig = Rig::with_shop().await;
    for (path, code, part) in [
        (format!("/jaeger/api/v3/traces?{RANGE}&query.serviceName=none"), 404, "No traces found"),
        ("/jaeger/api/v3/traces/abc".to_owned(), 404, "No traces found"),
        ("/jaeger/api/v3/traces/xyz".to_owned(), 400, "invalid trace ID"),
        (
            "/jaeger/api/v3/traces?query.serviceName=x".to_owned(),
            400,
            "query.startTimeMin is required",
        ),
        (format!("/jaeger/api/v3/traces?{RANGE}&query.durationMin=5"), 400, "is not a duration"),
        (format!("/jaeger/api/v3/traces?{RANGE}&query.filter=%7B%7D"), 400, "query.filter"),
        (
            format!(
                "/jaeger/api/v3/traces?{RANGE}&query.serviceName=x&query.filter={}",
                filter(HAS_SEAT)
            ),
            400,
            "not both",
        ),
        ("/jaeger/api/v3/operations".to_owned(), 400, "service is required"),
        ("/jaeger/api/v3/nothing".to_owned(), 404, "there is no API"),
    ] {
        let answer = rig.get(&path).await;
        assert_eq!(answer.status.as_u16(), code, "{path}");
        let error = &answer.json()["error"];
        assert_eq!(error["httpCode"], code);
        assert!(error["message"].as_str().unwrap().contains(part), "{path}: {error}");
    }
}

const HAS_SEAT: &str = r#"{"op":"exists","args":[{"attr":{"key":"seat"}}]}"#;

/// A value of `query.filter`.
fn filter(json: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric();
    json.bytes()
        .map(
            |byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") },
        )
        .collect()
}

#[tokio::test]
async fn version_3_takes_filters() {
    let rig = Rig::new().await;
    let mut spans = shop();
    let hold = &mut spans[1].scope_spans[0].spans[0];
    // A second event: what one has, the other has not.
    let mut other = hold.events[0].clone();
    other.name = "give up".into();
    other.attributes = vec![attribute("attempt", AnyValue::IntValue(9)), text("why", "sold out")];
    hold.events.push(other);
    hold.attributes.push(text("region", "oslo"));
    spans[1].resource.as_mut().unwrap().attributes.push(text("region", "turku"));
    rig.append(spans).await;

    let event = |name: &str, attempt: u32| {
        format!(
            r#"{{"call":{{"op":"eq","args":[{{"field":{{"name":"name","level":"event"}}}},{{"scalar":{{"value":"{name}"}}}}]}}}},
               {{"call":{{"op":"eq","args":[{{"attr":{{"key":"attempt","level":"event"}}}},{{"scalar":{{"value":"{attempt}"}}}}]}}}}"#
        )
    };
    let some = |inner: &str| {
        format!(
            r#"{{"op":"some","args":[{{"nested":{{"level":"event"}}}},{{"call":{{"op":"and","args":[{inner}]}}}}]}}"#
        )
    };
    let region = |operator: &str, value: &str| {
        format!(
            r#"{{"op":"{operator}","args":[{{"attr":{{"key":"region"}}}},{{"scalar":{{"value":"{value}"}}}}]}}"#
        )
    };
    let not = |inner: &str| format!(r#"{{"op":"not","args":[{{"call":{inner}}}]}}"#);
    let of_root = |inner: &str| {
        format!(
            r#"{{"op":"and","args":[{{"call":{inner}}},{{"call":{{"op":"eq","args":[{{"field":{{"name":"service","level":"resource"}}}},{{"scalar":{{"value":"kiosk"}}}}]}}}}]}}"#
        )
    };
    for (json, is_found) in [
        (HAS_SEAT.to_owned(), true),
        (r#"{"op":"gte","args":[{"attr":{"key":"seat"}},{"scalar":{"value":"12"}}]}"#.to_owned(), true),
        (r#"{"op":"gt","args":[{"attr":{"key":"seat"}},{"scalar":{"value":"9"}}]}"#.to_owned(), true),
        (r#"{"op":"gt","args":[{"attr":{"key":"seat"}},{"scalar":{"value":"12"}}]}"#.to_owned(), false),
        (r#"{"op":"eq","args":[{"attr":{"key":"seat"}},{"scalar":{"value":"12","type":"string"}}]}"#.to_owned(), false),
        (r#"{"op":"eq","args":[{"attr":{"key":"seat"}},{"scalar":{"value":"12","type":"int"}}]}"#.to_owned(), true),
        // Each condition is about some event, unless one is bound.
        (format!(r#"{{"op":"and","args":[{}]}}"#, event("retry", 9)), true),
        (some(&event("retry", 9)), false),
        (some(&event("retry", 3)), true),
        (some(&event("give up", 9)), true),
        // A value of several: one is enough to match, and none may match to differ.
        (region("eq", "oslo"), true),
        (region("eq", "turku"), true),
        (region("ne", "oslo"), false),
        (region("ne", "bergen"), true),
        // The root has no region: it differs from nothing, and only a negation holds for it.
        (of_root(&region("ne", "bergen")), false),
        (of_root(&not(&region("eq", "bergen"))), true),
        (r#"{"op":"regex","args":[{"field":{"name":"name","level":"span"}},{"scalar":{"value":"old s"}}]}"#.to_owned(), true),
        (r#"{"op":"in","args":[{"field":{"name":"duration","level":"span"}},{"list":{"values":["1s","300ms"]}}]}"#.to_owned(), true),
        (r#"{"op":"some","args":[{"nested":{"level":"link"}},{"call":{"op":"exists","args":[{"field":{"name":"traceID","level":"link"}}]}}]}"#.to_owned(), false),
    ] {
        let path = format!("/jaeger/api/v3/trace-summaries?{RANGE}&query.filter={}", filter(&json));
        let answer = rig.json(&path).await;
        assert_eq!(answer["summaries"].is_array(), is_found, "{json}: {answer}");
    }
}

#[tokio::test]
async fn version_3_has_dependencies() {
    let rig = Rig::with_shop().await;
    let range = "start_time=2026-09-21T14:13:10Z&end_time=2026-09-21T14:13:40Z";
    let found = rig.json(&format!("/jaeger/api/v3/dependencies?{range}")).await;
    assert_eq!(
        found["dependencies"],
        json!([{"parent": "user", "child": "kiosk", "callCount": 1}])
    );
    let answer = rig.get("/jaeger/api/v3/dependencies?startTime=2026-09-21T14:13:10Z").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn dependencies_are_calls_between_services() {
    let rig = Rig::new().await;
    let mut spans = shop();
    // The root of the sale calls; a client span may stand for the call.
    spans[0].scope_spans[0].spans[0].kind = 3;
    rig.append(spans).await;
    let found = rig.json("/jaeger/api/dependencies?endTs=1790000001000&lookback=60000").await;
    let calls = found["data"].as_array().unwrap();
    let call = json!({"parent": "kiosk", "child": "seats", "callCount": 1});
    assert!(calls.contains(&call), "{found}");
    let of_nobody = rig.json("/jaeger/api/dependencies?endTs=1790000001000&service=nobody").await;
    assert_eq!(of_nobody["data"], json!([]));
    assert_eq!(
        rig.get("/jaeger/api/dependencies?lookback=0").await.status,
        StatusCode::BAD_REQUEST
    );
}
