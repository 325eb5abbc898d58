//! From a metric's exemplar to its trace, and back.

use crate::{app::App, now_unix_nano, sigyn};
use sigyn_rig::{eventually, spans_of_trace};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn an_exemplar_leads_to_its_trace_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start("checkout");
    let context = app.span("place order");
    let (trace_id, span_id) = (context.trace_id().to_string(), context.span_id().to_string());
    let observed = now_unix_nano() as f64 / 1e9;
    app.expose(format!(
        "# TYPE http_request_duration_seconds histogram\n# UNIT http_request_duration_seconds seconds\n# HELP http_request_duration_seconds Time to answer.\nhttp_request_duration_seconds_bucket{{le=\"0.5\"}} 1 # {{trace_id=\"{trace_id}\",span_id=\"{span_id}\"}} 0.43 {observed:.3}\nhttp_request_duration_seconds_bucket{{le=\"+Inf\"}} 1\nhttp_request_duration_seconds_count 1\nhttp_request_duration_seconds_sum 0.43\n# EOF\n"
    ));
    let server = sigyn(folder.path())
        .config(&format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n  - job_name: apps\n    exemplars_path: /metrics\n    static_configs: [{{targets: ['{}']}}]\n",
            app.address
        ))
        .start();

    let trace = eventually(PATIENCE, || {
        let answer = server.api.get(&format!("/api/sigyn/v1/traces/{trace_id}"));
        let trace: serde_json::Value =
            serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        let linked = trace["exemplars"].as_array().is_some_and(|all| !all.is_empty());
        if linked && trace["resourceSpans"].is_array() { Ok(trace) } else { Err(trace.to_string()) }
    });
    let exemplar = &trace["exemplars"][0];
    assert_eq!(exemplar["value"], 0.43);
    assert_eq!(exemplar["spanId"], span_id);
    let series = &exemplar["seriesLabels"];
    assert_eq!(series["__name__"], "http_request_duration_seconds_bucket");
    assert_eq!((&series["le"], &series["job"]), (&"0.5".into(), &"apps".into()));
    assert_eq!(series["instance"], app.address.to_string());
    assert_eq!(trace["pins"][0]["reason"], "exemplar");

    let query = "/api/v1/query_exemplars?query=rate(http_request_duration_seconds_bucket%7Bjob%3D%22apps%22%7D%5B5m%5D)";
    let found = server.api.json(query);
    assert_eq!(found["data"][0]["exemplars"][0]["labels"]["trace_id"], trace_id, "{found}");
    let other = server.api.json(
        "/api/v1/query_exemplars?query=http_request_duration_seconds_bucket%7Bjob%3D%22other%22%7D",
    );
    assert_eq!(other["data"], serde_json::json!([]));

    // Exposed again and again, it is one exemplar; a restart keeps it, and so does a kill, after
    // which the exposition shows it again.
    let options = server.options().clone();
    assert_eq!(server.stop().code, Some(0));
    let server = options.start();
    assert_eq!(server.api.json(query)["data"][0]["exemplars"].as_array().unwrap().len(), 1);
    let options = server.kill();
    let server = options.start();
    eventually(PATIENCE, || {
        let found = server.api.json(query);
        match found["data"][0]["exemplars"].as_array().map(Vec::len) {
            Some(1) => Ok(()),
            _ => Err(found.to_string()),
        }
    });
    assert_eq!(spans_of_trace(&server.api, &trace_id).len(), 1);
}
