//! Time series, and what our own API makes of many spans.

use crate::rig::{Rig, START_UNIX_NANO, of_service, span};
use serde_json::{Value as Json, json};

const RANGE: &str = "start=1789999990&end=1790000010";

async fn range(rig: &Rig, query: &str) -> Json {
    rig.json(&format!("/api/metrics/query_range?{RANGE}&step=5s&q={query}")).await
}

fn total(series: &Json) -> f64 {
    let samples = series["samples"].as_array().unwrap();
    samples.iter().map(|sample| sample["value"].as_f64().unwrap_or_default()).sum()
}

#[tokio::test]
async fn a_range_query_answers_as_grafana_reads_it() {
    let rig = Rig::with_shop().await;
    let query = "%7B%7D+%7C+count_over_time()+by+(resource.service.name)";
    let answer = range(&rig, query).await;
    let series = answer["series"].as_array().unwrap();
    assert_eq!(series.len(), 2);
    let label = json!([{"key": "resource.service.name", "value": {"stringValue": "kiosk"}}]);
    assert_eq!(series[0]["labels"], label);
    assert_eq!(total(&series[0]), 1.0);
    let sample = &series[0]["samples"][0];
    assert!(sample["timestampMs"].as_str().unwrap().ends_with("000"), "{sample}");
    let exemplar = &series[0]["exemplars"][0];
    assert_eq!(exemplar["labels"][0]["key"], "trace:id");
    assert_eq!(exemplar["timestampMs"], (START_UNIX_NANO / 1_000_000).to_string());
    assert!(answer.get("status").is_none(), "only said when it is not whole");

    let named = range(&rig, "%7B%7D+%7C+rate()").await;
    let label = json!([{"key": "__name__", "value": {"stringValue": "rate"}}]);
    assert_eq!(named["series"][0]["labels"], label);
}

#[tokio::test]
async fn an_instant_query_has_one_value_and_no_unknown_key() {
    let rig = Rig::with_shop().await;
    let path = format!("/api/metrics/query?{RANGE}&q=%7B%7D%7Ccount_over_time()");
    let answer = rig.json(&path).await;
    assert_eq!(answer["series"][0]["value"], 2.0);
    assert_eq!(answer["series"].as_array().unwrap().len(), 1);
    for (object, known) in [
        (&answer, &["series", "metrics", "status", "message"][..]),
        (&answer["series"][0], &["labels", "value"]),
        (&answer["metrics"], &["inspectedBytes", "completedJobs", "totalJobs"]),
    ] {
        for key in object.as_object().unwrap().keys() {
            assert!(known.contains(&key.as_str()), "{key}");
        }
    }
}

#[tokio::test]
async fn times_and_steps_of_metrics() {
    let rig = Rig::with_shop().await;
    for range in [
        "",
        "start=1789999990000000000&end=1790000010000000000&step=5s",
        "start=2026-09-21T14:13:10Z&end=2026-09-21T14:13:30Z",
        "start=1789999990.5&end=1790000010.25&step=0.5",
        "since=30m&step=60",
        "since=5m&instant=true&exemplars=5&maxSeries=10",
        "start=1790000000&end=1790000000",
        "start=1790000000&end=1790010000&step=1",
    ] {
        let answer = rig.get(&format!("/api/metrics/query_range?{range}&q=%7B%7D%7Crate()")).await;
        assert_eq!(answer.status, 200, "{range}: {}", answer.text());
    }
    for range in [
        "start=5&end=4",
        "step=0",
        "start=5&end=5&instant=true",
        "step=-1",
        "start=x",
        "since=x",
        "start=1790000000&end=1790010001&step=1",
        "start=1&end=1790000000&step=1",
    ] {
        let answer = rig.get(&format!("/api/metrics/query_range?{range}&q=%7B%7D%7Crate()")).await;
        assert_eq!(answer.status, 400, "{range}");
        assert!(!answer.body.is_empty());
    }
}

#[tokio::test]
async fn a_heat_map_holds_every_span_that_matches() {
    let rig = Rig::with_shop().await;
    let map = rig.json(&format!("/api/sigyn/v1/heatmap?{RANGE}&step=5s")).await;
    assert_eq!(map["spans"], 2.0);
    let columns = map["timesUnixMilli"].as_array().unwrap().len();
    let rows = map["rows"].as_array().unwrap();
    // A row is a doubling of the duration: 300 ms and 412 ms share one.
    assert_eq!(rows.len(), 1, "{map}");
    assert_eq!(rows[0]["counts"].as_array().unwrap().len(), columns);
    assert_eq!(rows[0]["durationNanosMax"], f64::from(1 << 29));
    assert_eq!(map["exemplars"], json!([]));

    // Of the two spans of one trace, one stands for it.
    let map = rig.json(&format!("/api/sigyn/v1/heatmap?{RANGE}&step=5s&exemplars=10")).await;
    let [dot] = &map["exemplars"].as_array().unwrap()[..] else { panic!("{map}") };
    let nanos = dot["durationNanos"].as_f64().unwrap();
    assert!(nanos == 300e6 || nanos == 412e6, "{dot}");
    assert_eq!((dot["traceId"].as_str().unwrap().len(), &dot["isExemplar"]), (32, &json!(false)));
    let answer = rig.get(&format!("/api/sigyn/v1/heatmap?{RANGE}&exemplars=many")).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn columns_of_a_heat_map_may_be_shorter_than_a_second() {
    let rig = Rig::new().await;
    let spans = (0..40u8).map(|at| span(at + 1, 0, "tick", 100 * u64::from(at), 1)).collect();
    rig.append(vec![of_service("clock", spans)]).await;
    // Ten spans a second: columns of 250 ms hold two or three, those below a millisecond are widened to one.
    for (step, step_nanos, fullest) in [("250ms", 250_000_000, 3.0), ("0.0004", 1_000_000, 1.0)] {
        let range = if step == "250ms" {
            "start=1790000000&end=1790000004"
        } else {
            "start=1790000000&end=1790000001"
        };
        let map = rig.json(&format!("/api/sigyn/v1/heatmap?{range}&step={step}")).await;
        assert_eq!(map["stepNanos"], step_nanos);
        let times: Vec<i64> = map["timesUnixMilli"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_i64().unwrap())
            .collect();
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == step_nanos / 1_000_000));
        let counts = map["rows"][0]["counts"].as_array().unwrap();
        let counts: Vec<f64> = counts.iter().map(|count| count.as_f64().unwrap()).collect();
        assert_eq!(counts.len(), times.len());
        assert_eq!(counts.iter().copied().fold(0.0, f64::max), fullest, "{step}");
        assert_eq!(map["spans"], counts.iter().sum::<f64>());
    }
}

#[tokio::test]
async fn services_and_operations_with_their_figures() {
    let rig = Rig::with_shop().await;
    let names = rig.json("/api/sigyn/v1/services").await;
    assert_eq!(names, json!({"services": [{"name": "kiosk"}, {"name": "seats"}]}));
    let services = rig.json(&format!("/api/sigyn/v1/services?{RANGE}")).await;
    let seats = &services["services"][1];
    assert_eq!(seats["ratePerSecond"], 0.05);
    assert_eq!(seats["errorRatePerSecond"], 0.05);
    let median = seats["durationNanos"]["p50"].as_f64().unwrap();
    assert!((median / 300e6 - 1.0).abs() < 0.02, "{median}");
    assert_eq!(services["services"][0]["errorRatePerSecond"], 0.0);
    let path = format!("/api/sigyn/v1/operations?service=seats&{RANGE}");
    let operation = &rig.json(&path).await["operations"][0];
    assert_eq!((&operation["name"], &operation["kind"]), (&json!("hold seat"), &json!("server")));
    assert_eq!(operation["ratePerSecond"], 0.05);
    for quantile in ["p50", "p90", "p95", "p99"] {
        let nanos = operation["durationNanos"][quantile].as_f64().unwrap();
        assert!((nanos / 300e6 - 1.0).abs() < 0.02, "{quantile}: {nanos}");
    }
}

#[tokio::test]
async fn facets_ranks_and_contrasts() {
    let rig = Rig::with_shop().await;
    let facets = rig.json("/api/sigyn/v1/facets?field=resource.service.name&field=status").await;
    assert_eq!(facets["spans"], 2);
    assert_eq!(facets["facets"][0]["field"], "resource.service.name");
    assert_eq!(
        facets["facets"][0]["values"],
        json!([
            {"type": "string", "value": "kiosk", "count": 1},
            {"type": "string", "value": "seats", "count": 1},
        ])
    );
    let rank = rig.json("/api/sigyn/v1/rank?durationNanos=350000000").await;
    assert_eq!(
        (&rank["spans"], &rank["shorter"], &rank["rank"]),
        (&json!(2), &json!(1), &json!(0.5))
    );
    assert_eq!(rank["quantiles"].as_array().unwrap().len(), 4);
    let contrast =
        "/api/sigyn/v1/contrast?selection=%7Bstatus=error%7D&baseline=%7Bstatus!=error%7D";
    let contrast = rig.json(contrast).await;
    assert_eq!((&contrast["selectionSpans"], &contrast["baselineSpans"]), (&json!(1), &json!(1)));
    assert!(!contrast["fields"].as_array().unwrap().is_empty());
    for path in ["facets?field=foo", "facets?top=0", "rank", "rank?durationNanos=x", "contrast"] {
        assert_eq!(rig.get(&format!("/api/sigyn/v1/{path}")).await.status, 400, "{path}");
    }
}
