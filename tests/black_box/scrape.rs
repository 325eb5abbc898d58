//! Pull: targets are found, buffers are read, nothing is lost or doubled over restarts.

use crate::{app::App, sigyn};
use sigyn_rig::{Server, eventually, spans_of_trace};
use std::{net::TcpListener, time::Duration};

const PATIENCE: Duration = Duration::from_secs(20);

fn static_job(app: &App) -> String {
    format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n  - job_name: apps\n    static_configs:\n      - targets: ['{}']\n        labels: {{namespace: shop}}\n",
        app.address
    )
}

fn find(server: &Server, traceql: &str, count: usize) -> serde_json::Value {
    eventually(PATIENCE, || {
        let found = server.api.search(traceql);
        let traces = found["traces"].as_array().map_or(0, Vec::len);
        if traces >= count { Ok(found) } else { Err(format!("{traces} traces for {traceql}")) }
    })
}

#[test]
fn spans_of_a_static_target_carry_its_labels() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start("cart");
    let context = app.span("add item");
    let server = sigyn(folder.path()).config(&static_job(&app)).start();
    let instance = app.address.to_string();
    find(
        &server,
        &format!(
            "{{ resource.job = \"apps\" && resource.instance = \"{instance}\" && resource.namespace = \"shop\" && resource.service.name = \"cart\" }}"
        ),
        1,
    );
    assert_eq!(spans_of_trace(&server.api, &context.trace_id().to_string()).len(), 1);

    let targets = server.api.json("/api/v1/targets?state=active");
    let target = &targets["data"]["activeTargets"][0];
    assert_eq!(target["health"], "up", "{target}");
    assert_eq!(target["scrapeUrl"], format!("http://{instance}/debug/spans"));
    assert_eq!(target["labels"]["job"], "apps");
    assert_eq!(target["buffer"]["tracked"], true);
    assert_eq!(target["buffer"]["spansTotal"], 1);
    assert_eq!(target["buffer"]["lostTotal"], 0);
    let up = format!("sigyn_target_up{{job=\"apps\",instance=\"{instance}\"}}");
    assert_eq!(server.api.metric(&up), Some(1.0));
}

#[test]
fn a_restart_continues_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start("cart");
    let mut ids: Vec<String> = Vec::new();
    let record = |count: usize, ids: &mut Vec<String>| {
        for _ in 0..count {
            ids.push(app.span("work").trace_id().to_string());
        }
    };
    record(50, &mut ids);
    let server = sigyn(folder.path()).config(&static_job(&app)).start();
    find(&server, "{ name = \"work\" }", 50);
    let options = server.kill();
    record(50, &mut ids);
    let server = options.start();
    find(&server, "{ name = \"work\" }", 100);
    let options = {
        let options = server.options().clone();
        let exit = server.stop();
        assert_eq!(exit.code, Some(0), "{}", exit.log);
        options
    };
    record(50, &mut ids);
    let server = options.start();
    find(&server, "{ name = \"work\" }", 150);
    for id in &ids {
        assert_eq!(spans_of_trace(&server.api, id).len(), 1, "{id}");
    }
    assert_eq!(server.api.metric_sum("sigyn_lost_spans_total"), 0.0);
    // Only what was new was read by the third life.
    assert_eq!(server.api.metric_sum("sigyn_ingested_spans_total"), 50.0);
}

#[test]
fn overwritten_spans_are_counted_exactly() {
    let folder = tempfile::tempdir().unwrap();
    // Small enough that 20,000 spans overwrite most of themselves before anyone reads.
    let app = App::listen("busy", TcpListener::bind("127.0.0.1:0").unwrap(), 64 << 10);
    app.span("first");
    let server = sigyn(folder.path()).config(&static_job(&app)).start();
    find(&server, "{ name = \"first\" }", 1);
    let total = 20_000;
    (0..total).for_each(|_| drop(app.span("burst")));
    let ingested_and_lost = || {
        server.api.metric_sum("sigyn_ingested_spans_total")
            + server.api.metric_sum("sigyn_lost_spans_total")
    };
    eventually(PATIENCE, || match ingested_and_lost() {
        sum if sum == f64::from(total + 1) => Ok(()),
        sum => Err(format!("read + lost = {sum}")),
    });
    assert!(server.api.metric_sum("sigyn_lost_spans_total") > 0.0);
    let targets = server.api.json("/api/v1/targets");
    let lost = targets["data"]["activeTargets"][0]["buffer"]["lostTotal"].as_f64();
    assert_eq!(lost, Some(server.api.metric_sum("sigyn_lost_spans_total")));
}

#[test]
fn file_discovery_follows_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (App::start("first"), App::start("second"));
    first.span("of first");
    second.span("of second");
    let file = folder.path().join("targets.yml");
    std::fs::write(&file, format!("- targets: ['{}']\n", first.address)).unwrap();
    let server = sigyn(folder.path())
        .config("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs:\n  - job_name: files\n    file_sd_configs: [{files: ['targets.yml']}]\n    relabel_configs:\n      - {source_labels: [__meta_filepath], regex: '.*/(.*)', target_label: file}\n")
        .start();
    find(&server, "{ resource.file = \"targets.yml\" && name = \"of first\" }", 1);
    // As editors and ConfigMaps do it: a new file renamed over the old one.
    let new = folder.path().join("new");
    std::fs::write(&new, format!("- targets: ['{}']\n", second.address)).unwrap();
    std::fs::rename(&new, &file).unwrap();
    find(&server, "{ name = \"of second\" }", 1);
    eventually(PATIENCE, || {
        let targets = server.api.json("/api/v1/targets?state=active");
        let active = targets["data"]["activeTargets"].as_array().unwrap().len();
        if active == 1 { Ok(()) } else { Err(format!("{active} active targets")) }
    });
    // A broken file keeps the last good state.
    std::fs::write(&new, "- targets: 5\n").unwrap();
    std::fs::rename(&new, &file).unwrap();
    eventually(PATIENCE, || match server.api.metric_sum("sigyn_sd_refresh_failures_total") {
        0.0 => Err("no failure counted".to_owned()),
        _ => Ok(()),
    });
    let targets = server.api.json("/api/v1/targets?state=active");
    assert_eq!(targets["data"]["activeTargets"].as_array().unwrap().len(), 1);
}

#[test]
fn a_target_that_is_no_span_buffer_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start("cart");
    let config = static_job(&app)
        .replace("    static_configs", "    traces_path: /metrics\n    static_configs");
    let server = sigyn(folder.path()).config(&config).start();
    let error = eventually(PATIENCE, || {
        let targets = server.api.json("/api/v1/targets");
        let target = targets["data"]["activeTargets"][0].clone();
        if target["health"] == "down" {
            Ok(target["lastError"].to_string())
        } else {
            Err(target.to_string())
        }
    });
    assert!(error.contains("openmetrics-text") && error.contains("traces_path"), "{error}");
}

#[test]
fn dropped_targets_name_their_rule() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path())
        .config("scrape_configs:\n  - job_name: apps\n    static_configs: [{targets: ['127.0.0.1:1']}]\n    relabel_configs:\n      - {target_label: a, replacement: b}\n      - {source_labels: [a], regex: b, action: drop}\n")
        .start();
    let dropped = eventually(PATIENCE, || {
        let targets = server.api.json("/api/v1/targets?state=dropped");
        let dropped = targets["data"]["droppedTargets"][0].clone();
        if dropped.is_null() { Err(targets.to_string()) } else { Ok(dropped) }
    });
    assert_eq!(dropped["droppedByRule"], 1, "{dropped}");
    let labels = "%7B%22__address__%22%3A%22127.0.0.1%3A1%22%7D";
    let steps =
        server.api.json(&format!("/api/v1/targets/relabel_steps?scrapePool=apps&labels={labels}"));
    let steps = steps["data"]["steps"].as_array().unwrap().clone();
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert_eq!(steps[0]["output"]["a"], "b");
    assert_eq!(steps[1]["keep"], false);
}
