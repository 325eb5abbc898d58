//! Metrics from spans, sent by remote write: to a real Prometheus, and in version 2 to another Sigyn.

use crate::{now_unix_nano, sigyn};
use serde_json::Value;
use sigyn_rig::{Prometheus, Server, SpanMaker, eventually};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const CALLS: &str = "traces_spanmetrics_calls_total{service=\"checkout\"}";

fn push(server: &Server, maker: &mut SpanMaker, spans: usize) {
    let spans: Vec<_> = (0..spans)
        .map(|_| {
            let mut span = maker.root("pay");
            span.end_time_unix_nano = span.start_time_unix_nano + 250_000_000;
            span
        })
        .collect();
    let body = maker.request(spans);
    let answer = server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[track_caller]
fn has(prometheus: &Prometheus, promql: &str, expected: f64) {
    eventually(PATIENCE, || match &prometheus.query(promql)[..] {
        [(_, value)] if *value == expected => Ok(()),
        other => Err(format!("{promql}: {other:?}, not {expected}")),
    });
}

/// All samples of a query in the last ten minutes: time and value.
fn samples(prometheus: &Prometheus, selector: &str) -> Vec<(f64, f64)> {
    let query: String =
        format!("{selector}[10m]").bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = prometheus.api.json(&format!("/api/v1/query?query={query}"));
    let values = answer["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
    let number = |it: &Value| it.as_f64().or_else(|| it.as_str()?.parse().ok()).unwrap();
    values.iter().map(|it| (number(&it[0]), number(&it[1]))).collect()
}

#[test]
fn prometheus_has_every_value_though_both_ends_restart() {
    let folder = tempfile::tempdir().unwrap();
    let Some(prometheus) = Prometheus::start(&folder.path().join("prometheus"), "") else {
        return;
    };
    let server = sigyn(folder.path())
        .config(&format!(
            "global: {{external_labels: {{cluster: eu-1}}}}\n\
             metrics_generator:\n  span_metrics: {{}}\n  service_graphs: {{}}\n  histograms: both\n  collection_interval: 1s\n  \
             remote_write:\n    - url: {}/api/v1/write\n      name: peer\n      send_exemplars: true\n      send_native_histograms: true\n      \
             queue_config: {{max_backoff: 200ms}}\n",
            prometheus.api.base()
        ))
        .start();
    let mut maker = SpanMaker::new("checkout", 1, now_unix_nano());
    push(&server, &mut maker, 20);
    has(&prometheus, CALLS, 20.0);
    has(&prometheus, "sum by (cluster) (traces_spanmetrics_latency_count{cluster=\"eu-1\"})", 20.0);
    // A rate sees the first spans of a series, because it began at 0.
    assert_eq!(samples(&prometheus, CALLS)[0].1, 0.0);
    let quantile = prometheus.query("histogram_quantile(0.5, traces_spanmetrics_latency)");
    let [(_, seconds)] = &quantile[..] else { panic!("{quantile:?}") };
    assert!((seconds / 0.25).log2().abs() <= 0.125, "{seconds}");
    let exemplars = eventually(PATIENCE, || {
        let path = "/api/v1/query_exemplars?query=traces_spanmetrics_latency_bucket";
        let all = prometheus.api.json(path)["data"].clone();
        if all[0]["exemplars"][0].is_object() { Ok(all) } else { Err(all.to_string()) }
    });
    let trace_id = exemplars[0]["exemplars"][0]["labels"]["traceID"].as_str().unwrap();
    let trace = server.api.json(&format!("/api/sigyn/v1/traces/{trace_id}"));
    assert_eq!(trace["pins"][0]["reason"], "exemplar", "{trace}");

    // Prometheus goes away, spans come, and meanwhile the server is restarted, once in order and once not.
    let prometheus = prometheus.kill();
    push(&server, &mut maker, 5);
    let waits = |server: &Server, more: f64| {
        eventually(PATIENCE, || {
            let pending = server.api.metric("sigyn_remote_write_pending_samples{remote=\"peer\"}");
            if pending > Some(more) { Ok(pending.unwrap()) } else { Err(format!("{pending:?}")) }
        })
    };
    waits(&server, 0.0);
    let options = server.options().clone();
    assert_eq!(server.stop().code, Some(0));
    let server = options.start();
    push(&server, &mut maker, 7);
    let pending = waits(&server, 0.0);
    waits(&server, pending);
    let server = server.kill().start();
    push(&server, &mut maker, 8);
    let prometheus = prometheus.start();
    has(&prometheus, CALLS, 40.0);
    has(&prometheus, &format!("resets({CALLS}[10m])"), 0.0);
    let all = samples(&prometheus, CALLS);
    assert!(all.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{all:?}");
    for value in [20.0, 25.0] {
        assert!(
            all.iter().any(|it| it.1 == value),
            "what was collected in between is there: {all:?}"
        );
    }
    // No hole: what was collected while Prometheus was away came with its own times.
    let hole = all.windows(2).map(|it| it[1].0 - it[0].0).fold(0.0, f64::max);
    assert!(hole < 25.0, "{hole} s without a sample: {all:?}");
    assert_eq!(server.api.metric_sum("sigyn_remote_write_dropped_samples_total"), 0.0);
}

#[test]
fn a_series_that_ends_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let Some(prometheus) = Prometheus::start(&folder.path().join("prometheus"), "") else {
        return;
    };
    let server = sigyn(folder.path())
        .config(&format!(
            "metrics_generator:\n  span_metrics: {{}}\n  histograms: both\n  collection_interval: 1s\n  stale_duration: 8s\n  \
             remote_write: [{{url: '{}/api/v1/write', send_native_histograms: true}}]\n",
            prometheus.api.base()
        ))
        .start();
    let mut maker = SpanMaker::new("checkout", 1, now_unix_nano());
    push(&server, &mut maker, 1);
    let all = "count({__name__=~\"traces_spanmetrics.*\"})";
    // 15 buckets, count, sum and the native histogram; calls and size.
    has(&prometheus, all, 20.0);
    // Without a marker Prometheus would go on with the last value for five minutes.
    eventually(PATIENCE, || match &prometheus.query(all)[..] {
        [] => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(server.api.metric_sum("sigyn_remote_write_dropped_samples_total"), 0.0);
}

#[test]
fn version_two_is_understood_by_another_sigyn() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let receiver = sigyn(folders[0].path()).start();
    let server = sigyn(folders[1].path())
        .config(&format!(
            "metrics_generator:\n  span_metrics: {{}}\n  histograms: both\n  collection_interval: 1s\n  remote_write:\n    \
             - url: {}/api/v1/write\n      name: peer\n      send_exemplars: true\n      send_native_histograms: true\n      \
             protobuf_message: io.prometheus.write.v2.Request\n",
            receiver.api.base()
        ))
        .start();
    let mut maker = SpanMaker::new("checkout", 1, now_unix_nano());
    push(&server, &mut maker, 20);
    eventually(PATIENCE, || match receiver.api.metric("sigyn_exemplars_written_total") {
        Some(written) if written >= 1.0 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    eventually(PATIENCE, || {
        let sent = ["samples", "histograms", "exemplars"]
            .map(|what| server.api.metric_sum(&format!("sigyn_remote_write_sent_{what}_total")));
        if sent.iter().all(|&it| it >= 1.0) { Ok(()) } else { Err(format!("{sent:?}")) }
    });
    assert_eq!(server.api.metric_sum("sigyn_remote_write_dropped_samples_total"), 0.0);
}
