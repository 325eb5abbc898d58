use crate::{
    rig::{Rig, START_UNIX_NANO, TRACE, attribute, of_service, span, trace_id},
    strict::{self, AnyValue},
};
use http::StatusCode;
use prost::Message;
use serde_json::json;
use sigyn_proto::{
    otlp::{common::v1::any_value::Value, trace::v1::TracesData},
    tempo::{
        SearchTagValuesResponse, SearchTagValuesV2Response, SearchTagsResponse,
        SearchTagsV2Response, TagValue, TraceByIdResponse,
    },
};

const PROTOBUF: &str = "application/protobuf";

fn span_count(data: &TracesData) -> usize {
    let scopes = data.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len()).sum()
}

#[tokio::test]
async fn echo_is_what_a_health_check_wants() {
    let answer = Rig::new().await.get("/api/echo").await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "echo"));
}

#[tokio::test]
async fn a_trace_by_id_as_json() {
    let rig = Rig::with_shop().await;
    let version_1 = rig.json(&format!("/api/traces/{TRACE}")).await;
    let version_2 = rig.json(&format!("/api/v2/traces/{TRACE}")).await;
    let batches = version_1["batches"].as_array().unwrap();
    assert_eq!(batches.len(), 2);
    assert_eq!(version_1["batches"], version_2["trace"]["resourceSpans"]);
    let seats = batches
        .iter()
        .find(|batch| batch["resource"]["attributes"].to_string().contains("seats"))
        .unwrap();
    let span = &seats["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"], "APBnqgupArdL+S81d7NNpg==");
    assert_eq!(span["parentSpanId"], "AAAAAAAAAAE=");
    assert_eq!(span["kind"], "SPAN_KIND_SERVER");
    assert_eq!(span["startTimeUnixNano"], "1790000000005000000");
    assert_eq!(span["status"], json!({"code": "STATUS_CODE_ERROR", "message": "sold out"}));
    assert!(version_2["metrics"]["inspectedBytes"].is_string());
}

#[tokio::test]
async fn ids_are_hex_when_asked() {
    let rig = Rig::with_shop().await;
    let trace = rig.json(&format!("/api/traces/{TRACE}?ids=hex")).await;
    let span = &trace["batches"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"], TRACE);
    let answer = rig.get(&format!("/api/traces/{TRACE}?ids=octal")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.text(), "the parameter ids=\"octal\" is not hex or base64");
}

#[tokio::test]
async fn a_trace_by_id_as_protobuf() {
    let rig = Rig::with_shop().await;
    let answer = rig.get_as(&format!("/api/traces/{TRACE}"), PROTOBUF).await;
    assert_eq!(answer.headers["content-type"], PROTOBUF);
    assert_eq!(span_count(&TracesData::decode(answer.body).unwrap()), 2);

    let answer = rig.get_as(&format!("/api/v2/traces/{TRACE}"), PROTOBUF).await;
    assert_eq!(answer.headers["content-type"], PROTOBUF);
    let response = TraceByIdResponse::decode(answer.body).unwrap();
    assert_eq!(span_count(&TracesData::decode(response.trace.unwrap()).unwrap()), 2);
    assert_eq!(response.status, 0);
}

#[tokio::test]
async fn an_unknown_trace() {
    let rig = Rig::with_shop().await;
    let answer = rig.get("/api/traces/abc").await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_FOUND, 0));
    let answer = rig.get_as("/api/v2/traces/abc", PROTOBUF).await;
    assert_eq!(answer.status, StatusCode::OK);
    let response = TraceByIdResponse::decode(answer.body).unwrap();
    assert_eq!(response.trace.as_deref(), Some(&b""[..]), "the field is there, and empty");
    let json = rig.json("/api/v2/traces/abc").await;
    assert_eq!(json["trace"], json!({"resourceSpans": []}));
}

#[tokio::test]
async fn ids_of_any_spelling_find_their_trace() {
    let rig = Rig::with_shop().await;
    let short = TRACE.trim_start_matches('0');
    for id in [TRACE, short, &TRACE.to_uppercase(), &format!("0{short}")] {
        for range in ["", "?start=1&end=2", "?start=9", "?start=0&end=0", "?end=3"] {
            let answer = rig.get(&format!("/api/traces/{id}{range}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{id}{range}");
        }
    }
    for (range, sentence) in [
        ("start=9&end=3", "end=3 is not after start=9; both are Unix seconds"),
        ("start=9&end=9", "end=9 is not after start=9; both are Unix seconds"),
        ("start=x", "the parameter start=\"x\" is not a time in Unix seconds"),
    ] {
        for version in ["", "/v2"] {
            let answer = rig.get(&format!("/api{version}/traces/{TRACE}?{range}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{range}");
            assert_eq!(answer.text(), sentence);
        }
    }
    for (id, sentence) in [
        ("12x4", "invalid trace ID: 'x' at position 3 of the ID is not a hex digit"),
        ("%F0%9F%92%A5", "invalid trace ID: '💥' at position 1 of the ID is not a hex digit"),
        (
            "4bf92f3577b34da6a3ce929d0e0e47361",
            "invalid trace ID: the ID has 33 digits, at most 32 are possible",
        ),
    ] {
        for version in ["", "/v2"] {
            let answer = rig.get(&format!("/api{version}/traces/{id}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            assert_eq!(answer.text(), sentence);
        }
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_is_refused() {
    let answer = Rig::new().await.get("/api/traces/%ff").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = Rig::new().await.get("/api/sigyn/v1/traces/%ff").await;
    assert!(answer.json()["error"].as_str().unwrap().contains("UTF-8"));
}

#[tokio::test]
async fn a_trace_of_a_hundred_thousand_spans() {
    let rig = Rig::new().await;
    for part in 0..10_u64 {
        let spans = (0..10_000_u64).map(|index| {
            let mut span = span(1, 0, "step", 0, 1);
            span.span_id = (part * 10_000 + index + 1).to_be_bytes().to_vec();
            span
        });
        rig.append(vec![of_service("seats", spans.collect())]).await;
    }
    let answer = rig.get_as(&format!("/api/v2/traces/{TRACE}"), PROTOBUF).await;
    let response = TraceByIdResponse::decode(answer.body).unwrap();
    assert_eq!(span_count(&TracesData::decode(response.trace.unwrap()).unwrap()), 100_000);
    let answer = rig.get(&format!("/api/traces/{TRACE}")).await;
    assert_eq!(answer.text().matches("\"spanId\"").count(), 100_000);
}

async fn search(rig: &Rig, parameters: &str) -> strict::SearchResponse {
    let answer = rig.get(&format!("/api/search?{parameters}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "application/json");
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{e}: {}", answer.text()))
}

#[tokio::test]
async fn a_search_answers_key_by_key_as_grafana_knows_it() {
    let rig = Rig::with_shop().await;
    let query = "q=%7B+span.fare.class+%3D+%22first%22+%26%26+span.seat+%3E+10+%7D";
    let found = search(&rig, query).await;
    let [trace] = &found.traces[..] else { panic!("{found:?}") };
    assert_eq!(trace.trace_id, TRACE.trim_start_matches('0'));
    assert_eq!(trace.root_service_name, "kiosk");
    assert_eq!(trace.root_trace_name, "POST /hold");
    assert_eq!(trace.start_time_unix_nano, START_UNIX_NANO.to_string());
    assert_eq!(trace.duration_ms, 412);
    assert_eq!(trace.span_set.as_ref(), trace.span_sets.first());
    assert_eq!(trace.span_sets.len(), 1);
    let set = &trace.span_sets[0];
    assert_eq!(set.matched, 1);
    assert_eq!(set.spans[0].span_id, "0000000000000002");
    assert_eq!(set.spans[0].name, "hold seat");
    assert_eq!(set.spans[0].duration_nanos, "300000000");
    let value = |key: &str| {
        let attributes = &set.spans[0].attributes;
        attributes.iter().find(|attribute| attribute.key == key).map(|found| &found.value)
    };
    assert_eq!(value("fare.class"), Some(&AnyValue::StringValue("first".into())));
    assert_eq!(value("seat"), Some(&AnyValue::IntValue("12".into())));
    let seats = strict::ServiceStats { span_count: 1, error_count: 1 };
    assert_eq!(trace.service_stats.get("seats"), Some(&seats));
    assert!(!found.metrics.inspected_bytes.is_empty());
}

#[tokio::test]
async fn a_trace_without_its_root_says_so() {
    let rig = Rig::new().await;
    rig.append(vec![of_service("seats", vec![span(2, 1, "hold seat", 0, 1)])]).await;
    let found = search(&rig, "").await;
    assert_eq!(found.traces[0].root_service_name, "<root span not yet received>");
    assert_eq!(found.traces[0].root_trace_name, "");
}

#[tokio::test]
async fn searches_of_the_old_form() {
    let rig = Rig::with_shop().await;
    for (parameters, count) in [
        ("tags=name%3D%22HOLD+s%22", 1),
        ("tags=fare.class%3Dfir+seat%3D12", 1),
        ("tags=service.name%3Dseats+status%3Derror", 1),
        ("tags=fare.class%3Dsecond", 0),
        ("minDuration=400ms&maxDuration=1s", 1),
        ("minDuration=413ms", 0),
        ("tags=root.service.name%3Dkiosk&minDuration=10ms", 1),
    ] {
        assert_eq!(search(&rig, parameters).await.traces.len(), count, "{parameters}");
    }
}

#[tokio::test]
async fn language_models_get_fewer_words() {
    let rig = Rig::with_shop().await;
    let (accepted, written) = ("application/vnd.grafana.llm", "application/vnd.grafana.llm+json");
    let of_span =
        |id: u8| json!({ "spanId": format!("000000000000000{id}"), "kind": "SPAN_KIND_SERVER" });
    let answer = rig.get_as(&format!("/api/v2/traces/{TRACE}"), accepted).await;
    assert_eq!(answer.headers["content-type"], written);
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let (mut root, mut hold) = (of_span(1), of_span(2));
    let more = json!({
        "name": "POST /hold", "startTimeUnixNano": "1790000000000000000",
        "endTimeUnixNano": "1790000000412000000", "durationMs": 412.0,
        "status": { "code": "STATUS_CODE_UNSET", "message": "" },
    });
    root.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let more = json!({
        "name": "hold seat", "parentSpanId": "0000000000000001",
        "startTimeUnixNano": "1790000000005000000", "endTimeUnixNano": "1790000000305000000",
        "durationMs": 300.0, "attributes": { "fare.class": "first", "seat": 12 },
        "events": [{
            "name": "retry", "timeUnixNano": "1790000000006000000", "attributes": { "attempt": 3 },
        }],
        "status": { "code": "STATUS_CODE_ERROR", "message": "sold out" },
    });
    hold.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let of_service = |service: &str, span| json!({ "serviceName": service, "scopes": [{ "name": "shop", "spans": [span] }] });
    let services = [of_service("kiosk", root), of_service("seats", hold.clone())];
    assert_eq!(answer["trace"], json!({ "traceId": TRACE, "services": services }));
    assert!(answer["metrics"]["inspectedBytes"].as_u64().unwrap() > 0);
    assert_eq!((&answer["status"], &answer["message"]), (&json!("COMPLETE"), &json!(null)));

    let filtered = format!("/api/v2/traces/{TRACE}?q=%7Bstatus%3Derror%7D");
    let answer = rig.get_as(&filtered, accepted).await;
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["trace"]["services"], json!([of_service("seats", hold)]));
    assert_eq!(answer["status"], "PARTIAL");
    assert_eq!(rig.get_as("/api/v2/traces/abc", accepted).await.text(), "{}");

    let answer = rig.get_as("/api/v2/search/tag/resource.service.name/values", accepted).await;
    assert_eq!(answer.headers["content-type"], written);
    assert_eq!(answer.text(), r#"{"tagValues":{"string":["kiosk","seats"]}}"#);
    // Where there is nothing of the kind, and where plain JSON would do as well, it is that.
    for (path, accepted) in [
        (format!("/api/traces/{TRACE}"), accepted),
        ("/api/search?q=%7B%7D".to_owned(), accepted),
        ("/api/v2/search/tags".to_owned(), accepted),
        (format!("/api/v2/traces/{TRACE}"), "application/vnd.grafana.llm, application/json"),
    ] {
        let answer = rig.get_as(&path, accepted).await;
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
    }
}

#[tokio::test]
async fn lists_come_as_protobuf_too() {
    async fn of<M: Message + Default>(rig: &Rig, path: &str) -> M {
        let answer = rig.get_as(path, PROTOBUF).await;
        assert_eq!(answer.headers["content-type"], PROTOBUF, "{path}");
        M::decode(answer.body).unwrap()
    }
    let rig = Rig::with_shop().await;
    let tags: SearchTagsResponse = of(&rig, "/api/search/tags?scope=span").await;
    assert_eq!(tags.tag_names, ["fare.class", "seat"]);
    let tags: SearchTagsV2Response = of(&rig, "/api/v2/search/tags?scope=span").await;
    let scopes: Vec<_> = tags.scopes.into_iter().map(|scope| (scope.name, scope.tags)).collect();
    assert_eq!(scopes, [("span".to_owned(), vec!["fare.class".to_owned(), "seat".to_owned()])]);
    let values: SearchTagValuesResponse = of(&rig, "/api/search/tag/seat/values").await;
    assert_eq!(values.tag_values, ["12"]);
    let values: SearchTagValuesV2Response = of(&rig, "/api/v2/search/tag/span.seat/values").await;
    assert_eq!(values.tag_values, [TagValue { r#type: "int".into(), value: "12".into() }]);
}

#[tokio::test]
async fn a_search_stays_in_its_range() {
    let rig = Rig::with_shop().await;
    for (range, count) in [
        ("start=1789999999&end=1790000001", 1),
        ("start=1789999990&end=1790000000", 1),
        ("start=1790000002&end=1790000009", 0),
        ("start=1789999990&end=1789999999", 0),
    ] {
        assert_eq!(search(&rig, range).await.traces.len(), count, "{range}");
    }
}

#[tokio::test]
async fn a_trace_that_reaches_into_the_range_is_found_by_what_it_has_outside() {
    let rig = Rig::new().await;
    // In the second trace nothing lasts from the first to the last: it does not reach into what is between.
    for (id, parent, name, start, duration) in
        [(1, 0, "ride", 0, 20_000), (2, 1, "board", 1_000, 10), (3, 1, "leave", 19_000, 10)]
    {
        let mut span = span(id, parent, name, start, duration);
        rig.append(vec![of_service("trams", vec![span.clone()])]).await;
        if parent > 0 {
            span.trace_id = trace_id("2");
            rig.append(vec![of_service("trams", vec![span])]).await;
        }
    }
    for (range, query, count) in [
        ("start=1790000005&end=1790000006", "", 1),
        ("start=1790000005&end=1790000006", "name=\"ride\"", 1),
        ("start=1790000005&end=1790000006", "name=\"board\"", 1),
        ("start=1790000005&end=1790000006", "name=\"leave\"", 1),
        ("start=1789999990&end=1790000000", "name=\"leave\"", 1),
        ("start=1789999990&end=1790000001", "name=\"board\"", 2),
        ("start=1789999990&end=1789999998", "name=\"leave\"", 0),
        ("start=1790000018&end=1790000021", "name=\"leave\"", 2),
        ("start=1790000020&end=1790000021", "name=\"board\"", 1),
        ("start=1790000021&end=1790000022", "", 0),
    ] {
        let path = format!("{range}&q=%7B{}%7D", query.replace('"', "%22"));
        assert_eq!(search(&rig, &path).await.traces.len(), count, "{range} {query}");
    }
}

#[tokio::test]
async fn searches_are_newest_first_and_limited() {
    let rig = Rig::new().await;
    for number in 1..=5_u8 {
        let mut span = span(1, 0, "step", u64::from(number) * 10, 1);
        span.trace_id = trace_id(&number.to_string());
        rig.append(vec![of_service("seats", vec![span])]).await;
    }
    let found = search(&rig, "limit=3&q=%7B%7D").await;
    let ids: Vec<&str> = found.traces.iter().map(|trace| trace.trace_id.as_str()).collect();
    assert_eq!(ids, ["5", "4", "3"]);
    let spans: Vec<_> = (1..=5).map(|id| span(id, 0, "of many", 1_000, 1)).collect();
    rig.append(vec![of_service("seats", spans)]).await;
    for (spans_per_span_set, shown) in [("", 3), ("&spss=2", 2), ("&spss=0", 5)] {
        let query = format!("q=%7B+name+%3D+%22of+many%22+%7D{spans_per_span_set}");
        let found = rig.json(&format!("/api/search?{query}")).await;
        let set = &found["traces"][0]["spanSets"][0];
        assert_eq!(set["spans"].as_array().unwrap().len(), shown, "{query}");
        assert_eq!(set["matched"], 5);
    }
}

#[tokio::test]
async fn bad_searches_get_a_sentence() {
    let rig = Rig::new().await;
    for (parameters, sentence) in [
        ("limit=0", "the parameter limit=\"0\" is not a whole number from 1 to 262144"),
        ("limit=262145", "the parameter limit=\"262145\" is not a whole number from 1 to 262144"),
        ("spss=101", "the parameter spss=\"101\" is not a whole number from 1 to 100"),
        ("start=5&end=4", "end=4 is not after start=5; both are Unix seconds"),
        ("q=%7B%7D&tags=a%3D1", "q and tags cannot be used together; put the tags into q"),
        ("tags=a%3D1+a%3D2", "the parameter tags is not logfmt: the key \"a\" comes twice"),
    ] {
        let answer = rig.get(&format!("/api/search?{parameters}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{parameters}");
        assert_eq!(answer.text(), sentence);
    }
    let answer = rig.get("/api/search?q=%7B+name+%3D").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let text = answer.text();
    assert!(text.starts_with("invalid TraceQL query: parse error at line 1, col "), "{text}");
}

#[tokio::test]
async fn tag_names_by_scope() {
    let rig = Rig::with_shop().await;
    let all = rig.json("/api/v2/search/tags?limit=5000").await;
    let scopes = all["scopes"].as_array().unwrap();
    let tags = |name: &str| {
        let scope = scopes.iter().find(|scope| scope["name"] == name);
        scope.map(|scope| scope["tags"].clone())
    };
    assert_eq!(tags("resource"), Some(json!(["service.name"])));
    assert_eq!(tags("span"), Some(json!(["fare.class", "seat"])));
    assert_eq!(tags("event"), Some(json!(["attempt"])));
    assert_eq!(tags("link"), None, "empty scopes are left out");
    let intrinsics = tags("intrinsic").unwrap();
    assert!(intrinsics.as_array().unwrap().contains(&json!("trace:rootService")));

    let one = rig.json("/api/v2/search/tags?scope=span&limit=1").await;
    assert_eq!(one, json!({"scopes": [{"name": "span", "tags": ["fare.class"]}]}));
    let old = rig.json("/api/search/tags").await;
    assert_eq!(old, json!({"tagNames": ["attempt", "fare.class", "seat", "service.name"]}));
    assert_eq!(rig.json("/api/v2/search/tags?scope=trace").await["scopes"], json!([]));
    let answer = rig.get("/api/v2/search/tags?scope=galaxy").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn tag_values_have_types() {
    let rig = Rig::with_shop().await;
    for (tag, expected) in [
        ("span.seat", json!([{"type": "int", "value": "12"}])),
        (".fare.class", json!([{"type": "string", "value": "first"}])),
        (
            "resource.service.name",
            json!([
                {"type": "string", "value": "kiosk"}, {"type": "string", "value": "seats"}
            ]),
        ),
        (
            "status",
            json!([
                {"type": "keyword", "value": "error"},
                {"type": "keyword", "value": "ok"},
                {"type": "keyword", "value": "unset"},
            ]),
        ),
        ("duration", json!([])),
    ] {
        let got = rig.json(&format!("/api/v2/search/tag/{tag}/values")).await;
        assert_eq!(got["tagValues"], expected, "{tag}");
    }
    let old = rig.json("/api/search/tag/service.name/values").await;
    assert_eq!(old, json!({"tagValues": ["kiosk", "seats"]}));
    let old = rig.json("/api/search/tag/status.code/values").await;
    assert_eq!(old["tagValues"], json!(["error", "ok", "unset"]));
    let old = rig.json("/api/search/tag/name/values").await;
    assert_eq!(old, json!({"tagValues": ["POST /hold", "hold seat"]}));
    // The service is that of the resource, whatever spans call so.
    let mut disguised = span(9, 0, "disguised", 0, 1);
    disguised.attributes = vec![attribute("service.name", Value::StringValue("nobody".into()))];
    rig.append(vec![of_service("seats", vec![disguised])]).await;
    let old = rig.json("/api/search/tag/service.name/values").await;
    assert_eq!(old, json!({"tagValues": ["kiosk", "seats"]}));
}

#[tokio::test]
async fn a_tag_may_hold_slashes_spaces_and_quotes() {
    let rig = Rig::new().await;
    let mut span = span(1, 0, "step", 0, 1);
    span.attributes = vec![
        attribute("a//b", Value::BoolValue(true)),
        attribute("c d/values", Value::DoubleValue(0.5)),
    ];
    rig.append(vec![of_service("seats", vec![span])]).await;
    let one = json!({"tagValues": [{"type": "bool", "value": "true"}]});
    for path in ["span.a%2F%2Fb/values", "span.a//b/values", "span.a/b/values?tag=span.a%2F%2Fb"] {
        assert_eq!(rig.json(&format!("/api/v2/search/tag/{path}")).await, one, "{path}");
    }
    let path = "/api/v2/search/tag/span.%22c%20d%2Fvalues%22/values";
    let other = json!({"tagValues": [{"type": "float", "value": "0.5"}]});
    assert_eq!(rig.json(path).await, other);
    let answer = rig.get("/api/v2/search/tag/no%20field%20%7D/values").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(rig.get("/api/v2/search/tag/name").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_search_is_no_metrics_query_but_a_metrics_query_finds_its_spans() {
    let rig = Rig::with_shop().await;
    for path in ["/api/metrics/query_range", "/api/metrics/query"] {
        for query in ["", "%7B%7D"] {
            let answer = rig.get(&format!("{path}?q={query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        }
        let answer = rig.get(&format!("{path}?q=%7B%7D")).await;
        assert!(answer.text().starts_with("not a metrics query"), "{}", answer.text());
    }
    let found = search(&rig, "q=%7B+span.seat+%3D+12+%7D+%7C+rate()+by+(name)").await;
    assert_eq!(found.traces.len(), 1);
}

#[tokio::test]
async fn a_filter_narrows_lists_even_half_typed() {
    let rig = Rig::with_shop().await;
    let names = "/api/v2/search/tags?scope=span&q=";
    let values = "/api/v2/search/tag/span.seat/values?q=";
    for query in ["%7B+name+%3D", "not+a+query", "%7B", "%7B%7D+%7C+count()+%3E+2"] {
        for path in [names, values] {
            let answer = rig.get(&format!("{path}{query}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}{query}");
        }
    }
}

#[tokio::test]
async fn the_build_names_the_api_that_is_spoken() {
    let info = Rig::new().await.json("/api/status/buildinfo").await;
    assert_eq!(info["version"], "2.9.0");
    assert_eq!(info["revision"], "abc");
    assert_eq!(info["goVersion"], "");
}
