//! `sigyn doctor` walks from the application through a real Prometheus to Grafana, whose API is answered here in its documented
//! shapes.

use crate::{SIGYN, app::App, now_unix_nano, sigyn};
use axum::{Json, Router, extract::Path, http::StatusCode, routing::get};
use serde_json::{Value, json};
use sigyn_rig::{Api, Prometheus, eventually};
use std::{process::Command, time::Duration};
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(60);

/// Grafana's data sources, and its proxy to the one for traces.
struct Grafana {
    url: String,
    _runtime: Runtime,
}

impl Grafana {
    fn start(sources: Value, sigyn: Api) -> Self {
        let list = get(move || async move { Json(sources) });
        let proxy = get(move |Path((uid, id)): Path<(String, String)>| async move {
            let ask = move || sigyn.get(&format!("/api/v2/traces/{id}"));
            let answer = tokio::task::spawn_blocking(ask).await.unwrap();
            let status = if uid == "sigyn" { StatusCode::OK } else { StatusCode::NOT_FOUND };
            (status, Json(serde_json::from_slice::<Value>(&answer.body).unwrap()))
        });
        let router = Router::new()
            .route("/api/datasources", list)
            .route("/api/datasources/proxy/uid/{uid}/api/v2/traces/{id}", proxy);
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, _runtime: runtime }
    }
}

fn sources(label: &str) -> Value {
    json!([
        {"id": 1, "uid": "sigyn", "name": "Sigyn", "type": "tempo", "url": "http://sigyn:7449", "access": "proxy", "jsonData": {}},
        {"id": 2, "uid": "prometheus", "name": "Prometheus", "type": "prometheus", "url": "http://prometheus:9090", "access": "proxy",
         "jsonData": {"exemplarTraceIdDestinations": [{"name": label, "datasourceUid": "sigyn"}]}},
    ])
}

#[test]
fn each_link_from_the_application_to_grafana_is_walked() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start("checkout");
    let context = app.span("place order");
    let (trace_id, span_id) = (context.trace_id().to_string(), context.span_id().to_string());
    let observed = now_unix_nano() as f64 / 1e9;
    app.expose(format!(
        "# TYPE hits counter\nhits_total 1 # {{trace_id=\"{trace_id}\",span_id=\"{span_id}\"}} 1 {observed:.3}\n# EOF\n"
    ));
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: apps\n    static_configs: [{{targets: ['{}']}}]\n",
        app.address
    );
    let Some(prometheus) = Prometheus::start(&folder.path().join("prometheus"), &config) else {
        return;
    };
    let server = sigyn(folder.path())
        .config(&format!(
            "{config}exemplars:\n  prometheus: [{{url: '{}', interval: 1s}}]\n",
            prometheus.api.base()
        ))
        .start();
    let doctor = |grafana: &Grafana| {
        let output = Command::new(SIGYN)
            .arg("doctor")
            .arg(format!("--server={}", server.api.base()))
            .arg(format!("--prometheus={}", prometheus.api.base()))
            .arg(format!("--grafana={}", grafana.url))
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };

    let good = Grafana::start(sources("trace_id"), server.api.clone());
    let said = eventually(PATIENCE, || match doctor(&good) {
        (Some(0), said) => Ok(said),
        (_, said) => Err(said),
    });
    for expected in [
        "good  1 of 1 applications expose exemplars that name traces".to_owned(),
        "stores exemplars".to_owned(),
        "good  all 1 newest exemplars lead to their traces".to_owned(),
        "good  the 1 found are pinned".to_owned(),
        "good  exemplars of grafana's data source Prometheus link to traces".to_owned(),
        format!("good  grafana's data source \"sigyn\" opens the trace {trace_id}"),
    ] {
        assert!(said.contains(&expected), "{expected}: {said}");
    }

    let misspelt = Grafana::start(sources("traceID"), server.api.clone());
    let (code, said) = doctor(&misspelt);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("in the label traceID, but exemplars have it in trace_id"), "{said}");
    let (code, said) = doctor(&Grafana::start(json!([]), server.api.clone()));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("BAD   grafana has no Tempo data source"), "{said}");
}
