//! How long searches take over the reference workload, in the head and in blocks. Prints one JSON object a line.
//!
//! `cargo bench -p sigyn-query --bench search [-- TRACES]`; 12,000 traces are some 230,000 spans.

#![allow(clippy::print_stdout, reason = "its lines are its result")]
#![allow(clippy::unwrap_used, reason = "a benchmark has nobody to report to")]

use sigyn_query::{
    engine::{
        Engine, MetricsRequest, MetricsWindow, SearchRequest, SpanSelection, Value, ValueCount,
    },
    traceql,
};
use sigyn_store::{Batch, Clock, Config, Overlay, Store, Via};
use sigyn_workload::Workload;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

const START_UNIX_NANO: u64 = 1_800_000_000_000_000_000;
const ROUNDS: usize = 7;

struct Ticking(Instant);

impl Clock for Ticking {
    fn now_unix_nano(&self) -> u64 {
        START_UNIX_NANO + self.0.elapsed().as_nanos() as u64
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

const QUERIES: [(&str, &str); 9] = [
    ("newest", "{ }"),
    ("service", r#"{ resource.service.name = "checkout" }"#),
    (
        "service + duration",
        r#"{ resource.service.name = "checkout" && kind = server && duration > 500ms }"#,
    ),
    ("service + error", r#"{ resource.service.name = "payment" && status = error }"#),
    ("one user ID", r#"{ span.app.user.id = "USER" }"#),
    ("regular expression", r#"{ span.db.query.text =~ ".*FROM catalog.products.*" }"#),
    ("unscoped, nothing found", r#"{ .no.such.attribute = "x" }"#),
    (
        "structural",
        r#"{ resource.service.name = "frontend" } >> { kind = client && duration > 20ms }"#,
    ),
    ("count", r#"{ resource.service.name = "checkout" } | count() > 8"#),
];

const METRICS: [(&str, &str); 5] = [
    ("errors by service", "{ status = error } | rate() by (resource.service.name)"),
    ("p99 by service", "{ } | quantile_over_time(duration, .99) by (resource.service.name)"),
    ("roots", "{ nestedSetParent < 0 } | rate()"),
    ("heatmap", "{ kind = server } | histogram_over_time(duration)"),
    ("metrics of a structure", "{ kind = server } >> { status = error } | rate() by (name)"),
];

const HOUR_NANO: u64 = 3_600_000_000_000;

/// Prints the median of what some rounds took.
async fn timed<T>(place: &str, query: &str, spans: usize, mut round: impl AsyncFnMut() -> T) -> T {
    let mut rounds = Vec::with_capacity(ROUNDS);
    let mut last = None;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        last = Some(round().await);
        rounds.push(started.elapsed());
    }
    rounds.sort();
    let ms = rounds[ROUNDS / 2].as_secs_f64() * 1e3;
    let best_ms = rounds[0].as_secs_f64() * 1e3;
    let line = serde_json::json!({
        "bench": "search", "place": place, "query": query, "ms": ms, "best_ms": best_ms, "spans": spans,
    });
    println!("{line}");
    last.unwrap()
}

/// Metrics, tags and values.
async fn measure_series(engine: &Engine, place: &str, spans: usize) {
    for (name, text) in METRICS {
        let response = timed(place, name, spans, async || {
            let window = MetricsWindow::aligned(
                START_UNIX_NANO,
                START_UNIX_NANO + HOUR_NANO,
                HOUR_NANO / 240,
            );
            let request = MetricsRequest {
                query: traceql::parse(text).unwrap(),
                window: window.unwrap(),
                exemplars_max: 100,
                series_max: 1_000,
            };
            engine.metrics(request).await.unwrap()
        })
        .await;
        assert!(!response.series.is_empty() && response.partial.is_none(), "{name}");
    }
    let selection = || SpanSelection {
        query: Some(traceql::parse(r#"{ resource.service.name = "checkout" }"#).unwrap()),
        ..SpanSelection::default()
    };
    timed(place, "tags of a service", spans, async || engine.tag_names(selection()).await.unwrap())
        .await;
    let field = traceql::parse_field("name").unwrap();
    timed(place, "names of a service", spans, async || {
        engine.tag_values(&field, selection(), 5_000).await.unwrap()
    })
    .await;
    timed(place, "all tags", spans, async || {
        engine.tag_names(SpanSelection::default()).await.unwrap()
    })
    .await;
}

async fn measure(engine: &Engine, place: &str, spans: usize) {
    // A user who has been there.
    let field = traceql::parse_field("span.app.user.id").unwrap();
    let user = match engine.tag_values(&field, SpanSelection::default(), 1).await.unwrap().pop() {
        Some(ValueCount { value: Value::String(user), .. }) => user,
        other => panic!("the workload has users, not {other:?}"),
    };
    for (name, text) in QUERIES {
        let mut rounds = Vec::with_capacity(ROUNDS);
        let mut last = None;
        for _ in 0..ROUNDS {
            let request = SearchRequest {
                query: traceql::parse(&text.replace("USER", &user)).unwrap(),
                start_unix_nano: None,
                end_unix_nano: None,
                reach_nano: 0,
                limit: 20,
                spans_per_span_set: 3,
            };
            let started = Instant::now();
            last = Some(engine.search(request).await.unwrap());
            rounds.push(started.elapsed());
        }
        rounds.sort();
        let last = last.unwrap();
        let line = serde_json::json!({
            "bench": "search",
            "place": place,
            "query": name,
            "ms": rounds[ROUNDS / 2].as_secs_f64() * 1e3,
            "best_ms": rounds[0].as_secs_f64() * 1e3,
            "traces": last.traces.len(),
            "inspected_spans": last.inspected_spans,
            "spans": spans,
        });
        println!("{line}");
    }
}

#[tokio::main]
async fn main() {
    // Cargo adds `--bench`; the number of traces is what is a number.
    let traces = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let (bodies, _) =
        Workload::bodies(7, traces.unwrap_or(12_000), START_UNIX_NANO, 600_000_000_000);
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        head_bytes_max: 4 << 30,
        head_age_max: Duration::from_secs(3600),
        journal_bytes_max: 4 << 30,
        exemplar_retention: Duration::from_secs(3600),
        ..Config::at(folder.path())
    };
    let mut registry = prometheus_client::registry::Registry::default();
    let store =
        Store::open(config, Arc::new(Ticking(Instant::now())), &mut registry).await.unwrap();
    let mut spans = 0;
    let overlay = Arc::new(Overlay::default());
    for body in bodies {
        spans += body.spans;
        let batch = Batch {
            via: Via::Otlp,
            body: body.bytes.into(),
            compressed: None,
            overlay: overlay.clone(),
            reach: None,
            gap: None,
        };
        store.append(batch).await.unwrap();
    }
    let engine = Engine::new(store.clone());
    measure(&engine, "head", spans).await;
    measure_series(&engine, "head", spans).await;
    store.flush().await.unwrap();
    measure(&engine, "blocks", spans).await;
    measure_series(&engine, "blocks", spans).await;
    store.close().await.unwrap();
}
