//! What Prometheus itself takes and refuses: each case of a corpus is scraped by a real one.

use super::parse;
use axum::{Router, extract::Path, http::header, routing::get};
use sigyn_rig::{Prometheus, eventually};
use std::{collections::BTreeMap, fmt::Write, sync::Arc, time::Duration};

const CASES: &str = include_str!("../../testdata/openmetrics/cases.txt");
const PATIENCE: Duration = Duration::from_secs(60);
/// What Prometheus 2.42, the one that is scraped with here, refuses and later ones take: commas before a closing brace, …
const COMMAS_SINCE: [&str; 3] =
    ["trailing comma", "exemplar trailing comma", "quoted name trailing comma"];
/// … exemplars on any sample, …
const EXEMPLARS_SINCE: [&str; 12] = [
    "exemplar on gauge",
    "exemplar on count",
    "exemplar on unknown bucket name",
    "info with exemplar",
    "summary with exemplar",
    "summary count with exemplar",
    "histogram created with exemplar",
    "histogram sum with exemplar",
    "counter created with exemplar",
    "unknown with exemplar",
    "stateset with exemplar",
    "quoted name with exemplar",
];
/// … and names in double quotes.
const QUOTES_SINCE: [&str; 14] = [
    "label name quoted",
    "label name quoted with dot",
    "label name quoted empty",
    "quoted name alone",
    "quoted name and label",
    "quoted name last",
    "quoted name empty",
    "quoted name with escape",
    "quoted name unicode",
    "quoted legacy name",
    "quoted name in type",
    "quoted name in help",
    "quoted name in unit",
    "quoted name in exemplar braces",
];

/// Names and texts. In the file `␍` and `␉` stand for a carriage return and a tab, and `␃` for the
/// end of a text without a line feed.
fn cases() -> Vec<(&'static str, String)> {
    let parts = CASES.strip_prefix("==== ").unwrap().split("\n==== ");
    let case = |part: &'static str| {
        let (name, text) = part.split_once('\n').unwrap_or((part, ""));
        let mut text = text.replace('␍', "\r").replace('␉', "\t");
        // The separator took the last line feed.
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        if let Some(cut) = text.strip_suffix("␃\n") {
            text = cut.to_owned();
        }
        (name, text)
    };
    parts.map(case).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_takes_and_refuses_the_same() {
    let cases = Arc::new(cases());
    let served = Arc::clone(&cases);
    let case = move |Path(index): Path<usize>| {
        let text = served[index].1.clone();
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        async move { ([(header::CONTENT_TYPE, content_type)], text) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/case/{index}", get(case));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let mut config =
        "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: cases\n    static_configs:\n"
            .to_owned();
    for index in 0..cases.len() {
        writeln!(
            config,
            "      - {{targets: ['{address}'], labels: {{__metrics_path__: /case/{index}, case: c{index}}}}}"
        )
        .unwrap();
    }
    let count = cases.len();
    let verdicts = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let prometheus = Prometheus::start(folder.path(), &config)?;
        Some(eventually(PATIENCE, || verdicts(&prometheus, count)))
    });
    let Some(verdicts) = verdicts.await.unwrap() else { return };
    let mut differences = String::new();
    for (index, (name, text)) in cases.iter().enumerate() {
        let ours = parse(text.as_bytes()).err().map(|error| error.to_string());
        let theirs = verdicts[&format!("c{index}")].clone();
        let lists = [&COMMAS_SINCE[..], &EXEMPLARS_SINCE, &QUOTES_SINCE];
        let since = lists.iter().any(|list| list.contains(name));
        if ours.is_none() != (theirs.is_empty() || since) {
            writeln!(differences, "{name}: ours {ours:?}, Prometheus {theirs:?}\n{text}").unwrap();
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// What Prometheus says of each case; empty: it takes it.
fn verdicts(prometheus: &Prometheus, count: usize) -> Result<BTreeMap<String, String>, String> {
    let answer = prometheus.api.json("/api/v1/targets?state=active");
    let targets = answer["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
    // A machine under load may take longer than an interval: that is no verdict.
    let scraped = targets.iter().filter(|target| {
        let late = target["lastError"].as_str().is_some_and(|error| error.contains("deadline"));
        target["health"] != "unknown" && !late
    });
    let verdicts: BTreeMap<String, String> = scraped
        .map(|target| {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            (text(&target["labels"]["case"]), text(&target["lastError"]))
        })
        .collect();
    if verdicts.len() == count {
        Ok(verdicts)
    } else {
        Err(format!("{} of {count}", verdicts.len()))
    }
}
