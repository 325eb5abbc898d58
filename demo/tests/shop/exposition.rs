//! Reading `/metrics`, as far as exemplars need it.

use crate::reading::{SpanKey, client};
use sigyn_demo::{ScrapeTarget, Shop};

/// Reads all `/metrics` and returns each exemplar's service and span.
pub(crate) async fn read_exemplars(shop: &Shop) -> Vec<(&'static str, SpanKey)> {
    let mut exemplars = Vec::new();
    for target in shop.scrape_targets() {
        let text = metrics_of(target).await;
        // A service that has answered nothing yet exposes no histogram.
        if text.contains("_bucket{") {
            assert!(text.contains("_duration_seconds seconds\n"), "no unit: {text}");
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            exemplars.extend(parse_sample(line).map(|key| (target.service, key)));
        }
    }
    exemplars
}

/// A target's whole exposition.
pub(crate) async fn metrics_of(target: &ScrapeTarget) -> String {
    let response = client().get(format!("http://{}/metrics", target.address)).send().await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = response.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    text
}

/// Parses a sample line as far as this test needs; panics where it is malformed.
fn parse_sample(line: &str) -> Option<SpanKey> {
    let (sample, exemplar) = match line.split_once(" # ") {
        Some((sample, exemplar)) => (sample, Some(exemplar)),
        None => (line, None),
    };
    let (_, value) = sample.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    value.parse::<f64>().unwrap_or_else(|_| panic!("not a number: {line}"));
    let exemplar = exemplar?;
    assert!(sample.contains("_bucket{"), "an exemplar outside of a bucket: {line}");
    let rest = exemplar.strip_prefix("{trace_id=\"").unwrap_or_else(|| panic!("{line}"));
    let (trace_id, rest) = rest.split_once("\",span_id=\"").unwrap_or_else(|| panic!("{line}"));
    let (span_id, rest) = rest.split_once("\"} ").unwrap_or_else(|| panic!("{line}"));
    let numbers: Vec<f64> = rest.split(' ').map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 2, "an exemplar has a value and a time: {line}");
    Some((unhex(trace_id), unhex(span_id)))
}

/// Bytes of lower-case hex digits.
pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
