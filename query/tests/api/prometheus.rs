use crate::rig::{Rig, TRACE, pairs};
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;
use sigyn_store::{Exemplar, SpanId, TraceId};

async fn with_exemplars() -> Rig {
    let rig = Rig::with_shop().await;
    let exemplar = |job: &str, le: &str, milli| Exemplar {
        series: pairs(&[("__name__", "h_bucket"), ("job", job), ("le", le)]),
        labels: pairs(&[("trace_id", TRACE), ("span_id", "0000000000000002")]),
        trace_id: TraceId::parse(TRACE).unwrap(),
        span_id: Some(SpanId::parse("2").unwrap()),
        value: 0.43,
        timestamp_unix_milli: milli,
    };
    let all = vec![
        exemplar("shop", "0.5", 1_790_000_000_125),
        exemplar("bank", "+Inf", 1_790_000_000_500),
    ];
    assert_eq!(rig.store.add_exemplars(all).await.unwrap(), 2);
    rig
}

#[tokio::test]
async fn exemplars_of_the_series_that_an_expression_looks_at() {
    let rig = with_exemplars().await;
    let query =
        "histogram_quantile(0.9,+sum+by+(le)+(rate(h_bucket%7Bjob%3D~%22sh.*%22%7D%5B5m%5D)))";
    let answer = rig.json(&format!("/api/v1/query_exemplars?query={query}")).await;
    assert_eq!(
        answer,
        json!({"status": "success", "data": [{
            "seriesLabels": {"__name__": "h_bucket", "job": "shop", "le": "0.5"},
            "exemplars": [{
                "labels": {"trace_id": TRACE, "span_id": "0000000000000002"},
                "value": "0.43",
                "timestamp": 1_790_000_000.125,
            }],
        }]})
    );
}

#[tokio::test]
async fn exemplars_in_a_range_sorted_by_series() {
    let rig = with_exemplars().await;
    for (range, jobs) in [
        ("", vec!["bank", "shop"]),
        ("&start=1790000000.125&end=1790000000.5", vec!["bank", "shop"]),
        ("&start=1790000000.2", vec!["bank"]),
        ("&end=2026-09-21T14:13:20.125Z", vec!["shop"]),
        ("&start=1&end=2", vec![]),
    ] {
        let answer = rig.json(&format!("/api/v1/query_exemplars?query=h_bucket{range}")).await;
        let found = answer["data"].as_array().unwrap();
        let found: Vec<_> = found.iter().map(|series| &series["seriesLabels"]["job"]).collect();
        assert_eq!(found, jobs, "{range}");
    }
}

#[tokio::test]
async fn exemplars_asked_with_a_form() {
    let rig = with_exemplars().await;
    let form = Request::post("/api/v1/query_exemplars")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("query=h_bucket%7Bjob%3D%22bank%22%7D&start=1790000000"))
        .unwrap();
    let answer = rig.send(form).await;
    assert_eq!(answer.json()["data"].as_array().unwrap().len(), 1);
    let large = Request::post("/api/v1/query_exemplars")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(vec![b'a'; 2 << 20]))
        .unwrap();
    assert_eq!(rig.send(large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn bad_questions_get_the_envelope() {
    let rig = Rig::new().await;
    for (parameters, part) in [
        ("", "the parameter query is required"),
        ("?query=up&start=2&end=1", "end timestamp must not be before start timestamp"),
        ("?query=up&start=noon", "start=\"noon\" is not a time"),
        ("?query=rate(", "invalid parameter \"query\""),
    ] {
        let answer = rig.get(&format!("/api/v1/query_exemplars{parameters}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{parameters}");
        let body = answer.json();
        assert_eq!((&body["status"], &body["errorType"]), (&json!("error"), &json!("bad_data")));
        assert!(body["error"].as_str().unwrap().contains(part), "{body}");
    }
}

#[tokio::test]
async fn targets_by_state_and_pool() {
    let rig = Rig::new().await;
    for (parameters, active, dropped, counts) in [
        ("", 1, 1, json!({"shop": 3})),
        ("?state=active", 1, 0, json!(null)),
        ("?state=dropped", 0, 1, json!({"shop": 3})),
        ("?state=any&scrapePool=other", 0, 0, json!({})),
        ("?state=nonsense", 0, 0, json!({"shop": 3})),
    ] {
        let data = rig.json(&format!("/api/v1/targets{parameters}")).await["data"].clone();
        let length = |key: &str| data[key].as_array().unwrap().len();
        assert_eq!((length("activeTargets"), length("droppedTargets")), (active, dropped));
        assert_eq!(data["droppedTargetCounts"], counts, "{parameters}");
    }
    let data = rig.json("/api/v1/targets").await["data"].clone();
    assert_eq!(data["activeTargets"][0]["scrapeUrl"], "http://10.1.2.3:8080/debug/spans");
    assert_eq!(data["activeTargets"][0]["discoveredLabels"]["__address__"], "10.1.2.3:8080");
    let pools = rig.json("/api/v1/scrape_pools").await;
    assert_eq!(pools["data"], json!({"scrapePools": ["shop"]}));
}

#[tokio::test]
async fn relabel_steps_need_pool_and_labels() {
    let rig = Rig::new().await;
    let path = "/api/v1/targets/relabel_steps";
    let good = rig.json(&format!("{path}?scrapePool=shop&labels=%7B%22a%22:%221%22%7D")).await;
    assert_eq!(good["data"], json!({"steps": [{"output": {"a": "1"}, "keep": true}]}));
    for parameters in [
        "",
        "?scrapePool=shop",
        "?labels=%7B%7D",
        "?scrapePool=no&labels=%7B%7D",
        "?scrapePool=shop&labels=%5B%5D",
    ] {
        let answer = rig.get(&format!("{path}{parameters}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{parameters}");
    }
}

#[tokio::test]
async fn the_state_of_the_server() {
    let rig = Rig::new().await;
    for (path, expected) in [
        ("config", json!({"yaml": "scrape_configs: []\n"})),
        ("flags", json!({"storage.path": "data"})),
        ("runtimeinfo", json!({"startTime": "2026-08-21T10:00:00Z"})),
        ("buildinfo", json!({"version": "0.1.0", "revision": "abc"})),
    ] {
        let answer = rig.json(&format!("/api/v1/status/{path}")).await;
        assert_eq!(answer, json!({"status": "success", "data": expected}));
    }
}
