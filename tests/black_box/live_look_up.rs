//! A trace that an exemplar names is fetched from a buffer whose turn is far off, and counted once.

use crate::{app::App, sigyn};
use sigyn_rig::{Server, eventually, spans_of_trace};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the spans of this name are counted; there is one.
#[track_caller]
fn counts(server: &Server, span_name: &str) {
    let label = format!("span_name=\"{span_name}\"");
    eventually(PATIENCE, || {
        let text = server.api.get("/metrics/spans").text();
        let mut calls = text.lines().filter(|it| it.starts_with("traces_spanmetrics_calls_total"));
        match calls.find(|line| line.contains(&label)) {
            Some(line) if line.ends_with(" 1") => Ok(()),
            other => Err(format!("{span_name}: {other:?}, not 1")),
        }
    });
}

#[test]
fn a_trace_that_was_fetched_for_its_exemplar_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let (front, back) = (App::start("front"), App::start("back"));
    let config = |interval: &str| {
        format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
             scrape_configs:\n  \
             - {{job_name: front, exemplars_path: /metrics, static_configs: [{{targets: ['{}']}}]}}\n  \
             - {{job_name: back, scrape_interval: {interval}, static_configs: [{{targets: ['{}']}}]}}\n\
             metrics_generator: {{span_metrics: {{}}}}\n",
            front.address, back.address
        )
    };
    let server = sigyn(folder.path()).config(&config("12h")).start();

    // The span lies in another instance than the one whose metrics name it: that is read out of its turn, and then asked by
    // trace, because it may have been read long ago.
    let trace_id = back.span("far off").trace_id().to_string();
    front.expose(format!(
        "# TYPE hits counter\nhits_total 1 # {{trace_id=\"{trace_id}\"}} 1\n# EOF\n"
    ));
    eventually(PATIENCE, || {
        match server.api.metric("sigyn_ingested_spans_total{via=\"lookup\"}") {
            Some(1.0) => Ok(()),
            other => Err(format!("{other:?} spans were asked for by trace")),
        }
    });
    // What came later is counted, so that the span that came by trace has been passed over and does not merely wait.
    front.span("later");
    counts(&server, "later");
    counts(&server, "far off");
    assert_eq!(server.api.metric("sigyn_generator_repeated_spans_total"), Some(0.0));
    assert_eq!(spans_of_trace(&server.api, &trace_id).len(), 1);
    let found = "sigyn_exemplars_sought_total{outcome=\"found\"}";
    eventually(PATIENCE, || match server.api.metric(found) {
        Some(1.0) => Ok(()),
        other => Err(format!("{other:?} found")),
    });

    // Its turn brings nothing that was not counted, and neither does a restart.
    std::fs::write(server.options().config_path(), config("200ms")).unwrap();
    server.signal("HUP");
    back.span("in its turn");
    counts(&server, "in its turn");
    counts(&server, "far off");
    eventually(PATIENCE, || {
        let state = folder.path().join("data/generator/state").metadata();
        state.map_err(|error| format!("no state was saved: {error}"))
    });
    let server = server.kill().start();
    front.span("after");
    counts(&server, "after");
    counts(&server, "far off");
}
