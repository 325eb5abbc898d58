//! Our own search, and exemplars that are spread over all times and values.

use crate::rig::{Rig, START_UNIX_NANO, TRACE, of_service, pairs, shop, span};
use serde_json::{Value as Json, json};
use sigyn_store::{Exemplar, TraceId};

/// Traces 1 to 9, each of one span; the later one starts, the shorter it is.
async fn shrinking() -> Rig {
    let rig = Rig::new().await;
    let spans = (1..10u8).map(|at| {
        let mut span = span(at, 0, "shrink", u64::from(at), 100 - 10 * u64::from(at / 2));
        span.trace_id = vec![at; 16];
        span
    });
    rig.append(vec![of_service("shop", spans.collect())]).await;
    rig
}

fn first_digits(page: &Json) -> Vec<u64> {
    let traces = page["traces"].as_array().unwrap();
    let digit = |trace: &Json| trace["traceId"].as_str().unwrap()[1..2].parse().unwrap();
    traces.iter().map(digit).collect()
}

#[tokio::test]
async fn a_found_trace_says_what_a_list_shows() {
    let rig = Rig::with_shop().await;
    let found = rig.json("/api/sigyn/v1/search?q=%7Bstatus%3Derror%7D").await;
    let expected = json!([{
        "traceId": TRACE,
        "rootServiceName": "kiosk",
        "rootName": "POST /hold",
        "startUnixNano": START_UNIX_NANO.to_string(),
        "durationNanos": 412_000_000,
        "matched": 1,
        "services": [
            {"name": "kiosk", "spanCount": 1, "errorCount": 0},
            {"name": "seats", "spanCount": 1, "errorCount": 1},
        ],
    }]);
    assert_eq!(found["traces"], expected);
    assert_eq!((&found["next"], &found["partial"]), (&json!(null), &json!(null)));
    assert_eq!(found["stats"]["inspectedSpans"], 2);
    let longest = rig.json("/api/sigyn/v1/search?q=%7Bstatus%3Derror%7D&order=duration").await;
    assert_eq!(longest["traces"], expected);

    let rootless = Rig::new().await;
    rootless.append(shop().split_off(1)).await;
    let found = rootless.json("/api/sigyn/v1/search").await;
    assert_eq!(found["traces"][0]["rootName"], json!(null));
}

/// All pages of four traces in this order.
async fn pages(rig: &Rig, order: &str) -> Vec<Vec<u64>> {
    let first = format!("/api/sigyn/v1/search?order={order}&limit=4");
    let (mut path, mut pages) = (first.clone(), Vec::new());
    loop {
        let page = rig.json(&path).await;
        pages.push(first_digits(&page));
        let Some(next) = page["next"].as_str() else { return pages };
        path = format!("{first}&after={next}");
    }
}

#[tokio::test]
async fn traces_are_listed_page_by_page() {
    let rig = shrinking().await;
    for flushed in [false, true] {
        if flushed {
            rig.store.flush().await.unwrap();
        }
        // Two each are equally long; that with the smaller ID comes first.
        let longest = [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9]];
        assert_eq!(pages(&rig, "duration").await, longest, "{flushed}");
        let newest = [vec![9, 8, 7, 6], vec![5, 4, 3, 2], vec![1]];
        assert_eq!(pages(&rig, "newest").await, newest, "{flushed}");
    }
    // The range is of the spans that match.
    let (from, to) = (START_UNIX_NANO + 4_000_000, START_UNIX_NANO + 7_000_000);
    let path = format!("/api/sigyn/v1/search?order=duration&start={from}&end={to}");
    assert_eq!(first_digits(&rig.json(&path).await), [4, 5, 6]);
    let none = rig.json("/api/sigyn/v1/search?order=duration&q=%7Bstatus%3Derror%7D").await;
    assert_eq!((&none["traces"], &none["next"]), (&json!([]), &json!(null)));
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_with_a_sentence() {
    let rig = Rig::new().await;
    for (parameters, part) in [
        ("order=slowest", "order=\"slowest\" is not one of newest, duration"),
        ("after=5-1", "after=\"5-1\" is not a key"),
        ("order=duration&after=yesterday", "after=\"yesterday\" is not a key"),
        ("limit=0", "limit=\"0\""),
        ("limit=10001", "from 1 to 10000"),
        ("q=%7B", "line 1, col 2"),
        ("start=5&end=4", "after its start"),
    ] {
        let answer = rig.get(&format!("/api/sigyn/v1/search?{parameters}")).await;
        let sentence = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer.status, 400, "{parameters}");
        assert!(sentence.contains(part), "{parameters}: {sentence}");
    }
}

#[tokio::test]
async fn exemplars_are_spread_over_all_times_and_values() {
    let rig = Rig::new().await;
    let start_unix_milli = (START_UNIX_NANO / 1_000_000) as i64;
    let exemplar = |at: i64, value: f64| Exemplar {
        series: pairs(&[("__name__", "h_bucket")]),
        labels: Vec::new(),
        trace_id: TraceId(u128::to_be_bytes(at as u128 + 1)),
        span_id: None,
        value,
        timestamp_unix_milli: start_unix_milli + at,
    };
    let crowd = (0..50).map(|at| exemplar(990_000 + 100 * at, 1.0));
    let few = [exemplar(0, 1.0), exemplar(500_000, 64.0)];
    rig.store.add_exemplars(crowd.chain(few).collect()).await.unwrap();
    let seconds = START_UNIX_NANO / 1_000_000_000;
    let range = format!("start={seconds}&end={}", seconds + 1_000);
    let spread = rig.json(&format!("/api/sigyn/v1/exemplars?{range}&spread=3")).await;
    let values = |answer: &Json| -> Vec<f64> {
        let dots = answer["dots"].as_array().unwrap().iter();
        dots.map(|dot| dot["value"].as_f64().unwrap()).collect()
    };
    assert_eq!(values(&spread), [1.0, 64.0, 1.0]);
    assert_eq!(spread["exemplars"], 52, "dots are some, counts are of all");
    let newest = rig.json(&format!("/api/sigyn/v1/exemplars?{range}&limit=3")).await;
    assert_eq!(values(&newest), [1.0, 1.0, 1.0]);
    assert_eq!(newest["hitRatio"], json!(null), "nobody has followed them yet");
    let answer = rig.get("/api/sigyn/v1/exemplars?spread=3&limit=3").await;
    assert_eq!(answer.status, 400);
}
