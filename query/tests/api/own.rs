use crate::rig::{NOW_UNIX_NANO, Rig, START_UNIX_NANO, TRACE, of_service, pairs, span};
use http::StatusCode;
use prost::Message;
use serde_json::json;
use sigyn_proto::otlp::trace::v1::TracesData;
use sigyn_store::{Batch, Exemplar, Gap, Overlay, Reach, SpanId, TraceId, Via};
use std::sync::Arc;

#[tokio::test]
async fn a_trace_with_all_that_is_known_about_it() {
    let rig = Rig::with_shop().await;
    let id = TraceId::parse(TRACE).unwrap();
    let exemplar = Exemplar {
        series: pairs(&[("__name__", "h_bucket"), ("le", "0.5")]),
        labels: pairs(&[("trace_id", TRACE)]),
        trace_id: id,
        span_id: Some(SpanId::parse("2").unwrap()),
        value: 0.43,
        timestamp_unix_milli: 1_790_000_000_125,
    };
    rig.store.add_exemplars(vec![exemplar]).await.unwrap();
    let attributes = pairs(&[("job", "shop")]);
    let lost = Gap {
        lost: Some(7),
        from_unix_nano: START_UNIX_NANO - 1,
        to_unix_nano: START_UNIX_NANO + 1,
    };
    let overlay = Arc::new(Overlay { attributes, ..Default::default() });
    lose(&rig, overlay, lost).await;

    let page = rig.json(&format!("/api/sigyn/v1/traces/{TRACE}")).await;
    assert_eq!(page["traceId"], TRACE);
    let spans: Vec<_> = page["resourceSpans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| resource["scopeSpans"][0]["spans"][0].clone())
        .collect();
    let hold = spans.iter().find(|span| span["name"] == "hold seat").unwrap();
    assert_eq!(hold["spanId"], "0000000000000002");
    assert_eq!(hold["kind"], 2);
    assert_eq!(hold["startTimeUnixNano"], "1790000000005000000");
    assert_eq!(
        page["exemplars"],
        json!([{
            "seriesLabels": {"__name__": "h_bucket", "le": "0.5"},
            "labels": {"trace_id": TRACE},
            "value": 0.43,
            "timestamp": 1_790_000_000.125,
            "spanId": "0000000000000002",
        }])
    );
    assert_eq!(page["pins"][0]["reason"], "exemplar");
    let until: u64 = page["pins"][0]["untilUnixNano"].as_str().unwrap().parse().unwrap();
    assert!(until > NOW_UNIX_NANO);
    let gap = &page["gaps"][0];
    assert_eq!((&gap["lost"], &gap["labels"]["job"]), (&json!(7), &json!("shop")));
    assert_eq!(gap["fromUnixNano"], (START_UNIX_NANO - 1).to_string());
}

async fn lose(rig: &Rig, overlay: Arc<Overlay>, gap: Gap) {
    let batch = Batch {
        via: Via::Scrape,
        body: TracesData::default().encode_to_vec().into(),
        compressed: None,
        overlay,
        reach: Some(Reach { target: "t".into(), cursor: "c".into() }),
        gap: Some(gap),
    };
    rig.store.append(batch).await.unwrap();
}

#[tokio::test]
async fn a_span_whose_clock_is_days_off_brings_no_gaps_of_all_these_days() {
    const DAY: u64 = 86_400_000_000_000;
    let rig = Rig::with_shop().await;
    let mut ahead = span(3, 1, "in three days", 0, 1);
    ahead.start_time_unix_nano += 3 * DAY;
    ahead.end_time_unix_nano += 3 * DAY;
    rig.append(vec![of_service("seats", vec![ahead])]).await;
    for (lost, at) in
        [(1, START_UNIX_NANO), (2, START_UNIX_NANO + DAY / 2), (3, START_UNIX_NANO + 2 * DAY)]
    {
        let gap = Gap { lost: Some(lost), from_unix_nano: at, to_unix_nano: at + 1 };
        lose(&rig, Arc::default(), gap).await;
    }
    for path in ["", "/columns"] {
        let page = rig.json(&format!("/api/sigyn/v1/traces/{TRACE}{path}")).await;
        let gaps = page["gaps"].as_array().unwrap();
        assert_eq!(gaps.iter().map(|gap| &gap["lost"]).collect::<Vec<_>>(), [&json!(1)], "{path}");
    }
}

#[tokio::test]
async fn a_trace_of_which_nothing_else_is_known() {
    let page = Rig::with_shop().await.json(&format!("/api/sigyn/v1/traces/{TRACE}")).await;
    for list in ["exemplars", "pins", "gaps"] {
        assert_eq!(page[list], json!([]));
    }
}

#[tokio::test]
async fn unknown_and_bad_ids() {
    let rig = Rig::new().await;
    let answer = rig.get("/api/sigyn/v1/traces/abc").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let sentence = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(sentence.contains("00000000000000000000000000000abc"), "{sentence}");
    let answer = rig.get("/api/sigyn/v1/traces/0g").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let sentence = "invalid trace ID: 'g' at position 2 of the ID is not a hex digit";
    assert_eq!(answer.json(), json!({"error": sentence}));
}

#[tokio::test]
async fn services_and_operations() {
    let rig = Rig::with_shop().await;
    let services = rig.json("/api/sigyn/v1/services").await;
    assert_eq!(services, json!({"services": [{"name": "kiosk"}, {"name": "seats"}]}));
    let operations = rig.json("/api/sigyn/v1/operations?service=seats").await;
    assert_eq!(operations, json!({"operations": [{"name": "hold seat", "kind": "server"}]}));
    let answer = rig.get("/api/sigyn/v1/operations").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_description_is_served() {
    let description = Rig::new().await.json("/api/sigyn/v1/openapi.json").await;
    assert_eq!(description["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_query_that_is_typed_is_completed() {
    let rig = Rig::with_shop().await;
    let texts = async |parameters: &str| {
        let completed = rig.json(&format!("/api/sigyn/v1/complete?{parameters}")).await;
        let candidates = completed["candidates"].as_array().unwrap().clone();
        let texts: Vec<String> =
            candidates.iter().map(|each| each["text"].as_str().unwrap().to_owned()).collect();
        (completed, texts)
    };
    let (completed, names) = texts("q=%7B+fare").await;
    assert_eq!((&completed["from"], &completed["to"]), (&json!(2), &json!(6)));
    assert_eq!(names[0], "span.fare.class");
    let (_, values) = texts("q=%7B+resource.service.name+%3D+").await;
    assert!(values.starts_with(&["\"kiosk\"".into(), "\"seats\"".into()]), "{values:?}");
    let (_, values) = texts("q=%7B+resource.service.name+%3D+%22se").await;
    assert_eq!(values, ["\"seats\""]);
    let (_, words) = texts("q=%7B+status+%3D+e").await;
    assert_eq!(words[0], "error");
    let (_, functions) = texts("q=%7B+%7D+%7C+ra").await;
    assert_eq!(functions[0], "rate(");
    // The cursor counts as browsers do; what is behind it plays no part.
    let (completed, _) = texts("q=%7B+.a+%3D+%22%F0%9F%92%A5%22+%26%26+fa+%7D&position=17").await;
    assert_eq!((&completed["from"], &completed["to"]), (&json!(15), &json!(17)));
}

#[tokio::test]
async fn a_parser_says_where_a_query_is_at_fault() {
    let rig = Rig::new().await;
    let good = rig.json("/api/sigyn/v1/parse?q=%7B.a%3D1%7D").await;
    assert_eq!(good, json!({"valid": true, "kind": "search", "canonical": "{ .a = 1 }"}));
    let metrics = rig.json("/api/sigyn/v1/parse?q=%7B%7D%7Crate()").await;
    assert_eq!(metrics["kind"], "metrics");
    let bad = rig.json("/api/sigyn/v1/parse?q=%7B+.a+%3D+%22%F0%9F%92%A5%22+x+%7D").await;
    let error = &bad["error"];
    assert_eq!((&bad["valid"], &error["kind"]), (&json!(false), &json!("parse")));
    assert_eq!((&error["from"], &error["to"]), (&json!(12), &json!(13)));
    assert!(error["rendered"].as_str().unwrap().ends_with('^'));
    let bad = rig.json("/api/sigyn/v1/parse?q=%7B+1+%7D").await;
    assert_eq!(bad["error"]["kind"], "validation");
}
