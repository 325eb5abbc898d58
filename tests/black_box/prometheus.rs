//! Beside a real Prometheus: its exemplars lead to our traces by each way that they can come, and it
//! takes the metrics that we make from spans.

use crate::{app::App, now_unix_nano, sigyn};
use sigyn_rig::{Prometheus, Server, SpanMaker, eventually};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// An application with one observation whose exemplar names one of its spans.
fn app() -> (App, String) {
    let app = App::start("checkout");
    let context = app.span("place order");
    let trace_id = context.trace_id().to_string();
    let observed = now_unix_nano() as f64 / 1e9;
    app.expose(format!(
        "# TYPE orders counter\norders_total 1 # {{TraceID=\"{}\",SpanID=\"{}\"}} 1 {observed:.3}\n# EOF\n",
        trace_id.trim_start_matches('0'),
        context.span_id()
    ));
    (app, trace_id)
}

fn is_linked(server: &Server, trace_id: &str) -> Result<(), String> {
    let answer = server.api.get(&format!("/api/sigyn/v1/traces/{trace_id}"));
    let trace: serde_json::Value =
        serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    let series = &trace["exemplars"][0]["seriesLabels"];
    // The job is the one under which Prometheus scraped: the link is Prometheus' own.
    let is_linked = series["__name__"] == "orders_total" && series["job"] == "metrics";
    let is_pinned = trace["pins"][0]["reason"] == "exemplar";
    if is_linked && is_pinned { Ok(()) } else { Err(trace.to_string()) }
}

#[test]
fn what_prometheus_scraped_is_polled() {
    let folder = tempfile::tempdir().unwrap();
    let (app, trace_id) = app();
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n  - job_name: metrics\n    static_configs: [{{targets: ['{}']}}]\n",
        app.address
    );
    let Some(prometheus) = Prometheus::start(&folder.path().join("prometheus"), &config) else {
        return;
    };
    let server = sigyn(folder.path())
        .config(&format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nexemplars: {{prometheus: [{{url: '{}', interval: 200ms}}]}}\nscrape_configs:\n  - job_name: spans\n    static_configs: [{{targets: ['{}']}}]\n",
            prometheus.api.base(),
            app.address
        ))
        .start();
    eventually(PATIENCE, || is_linked(&server, &trace_id));
    let up = format!("sigyn_exemplars_poll_up{{url=\"{}\"}}", prometheus.api.base());
    assert_eq!(server.api.metric(&up), Some(1.0));
}

#[test]
fn what_prometheus_writes_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (app, trace_id) = app();
    let server = sigyn(folder.path())
        .config(&format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n  - job_name: spans\n    static_configs: [{{targets: ['{}']}}]\n",
            app.address
        ))
        .start();
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n  - job_name: metrics\n    static_configs: [{{targets: ['{}']}}]\nremote_write:\n  - url: {}/api/v1/write\n    send_exemplars: true\n    queue_config: {{batch_send_deadline: 100ms}}\n",
        app.address,
        server.api.base()
    );
    let Some(_prometheus) = Prometheus::start(&folder.path().join("prometheus"), &config) else {
        return;
    };
    eventually(PATIENCE, || is_linked(&server, &trace_id));
}

#[test]
fn prometheus_takes_the_metrics_of_spans() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path())
        .config("metrics_generator: {span_metrics: {}, service_graphs: {}, histograms: native}\n")
        .start();
    let address = server.api.base().trim_start_matches("http://").to_owned();
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n  - job_name: spans\n    metrics_path: /metrics/spans\n    static_configs: [{{targets: ['{address}']}}]\n",
    );
    let Some(prometheus) = Prometheus::start(&folder.path().join("prometheus"), &config) else {
        return;
    };
    let mut maker = SpanMaker::new("checkout", 1, now_unix_nano());
    let spans = (0..20).map(|_| {
        let mut span = maker.root("pay");
        span.end_time_unix_nano = span.start_time_unix_nano + 250_000_000;
        span
    });
    let spans: Vec<_> = spans.collect();
    let body = maker.request(spans);
    let answer = server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());

    eventually(PATIENCE, || {
        let calls = prometheus.query("traces_spanmetrics_calls_total{service=\"checkout\"}");
        match &calls[..] {
            [(labels, 20.0)] if labels["span_name"] == "pay" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    // The buckets are Prometheus' native ones: a quantile of equal values is within one of them.
    let quantile = prometheus.query("histogram_quantile(0.5, traces_spanmetrics_latency)");
    let [(_, seconds)] = &quantile[..] else { panic!("{quantile:?}") };
    assert!((seconds / 0.25).log2().abs() <= 0.125, "{seconds}");
}
