//! A fresh machine has no CA certificates: what is plain works, and https says what is missing.

use crate::{SIGYN, app::App, sigyn};
use serde_json::Value;
use sigyn_fake_kubernetes::FakeKubernetes;
use sigyn_rig::eventually;
use std::{process::Command, time::Duration};
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(20);
/// Where the system's CA certificates are looked for; nothing is there.
const NOWHERE: [(&str, &str); 2] = [("SSL_CERT_FILE", "nowhere"), ("SSL_CERT_DIR", "nowhere")];

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(SIGYN).args(arguments).envs(NOWHERE).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn without_authorities_plain_targets_are_read_and_https_ones_say_why_not() {
    let runtime = Runtime::new().unwrap();
    let kubernetes = runtime.block_on(FakeKubernetes::start());
    let folder = tempfile::tempdir().unwrap();
    let app = App::start("cart");
    app.span("add item");
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - {{job_name: plain, static_configs: [{{targets: ['{address}']}}]}}
  - {{job_name: secure, scheme: https, static_configs: [{{targets: ['{address}']}}]}}
  - {{job_name: pods, kubernetes_sd_configs: [{{role: pod, api_server: '{api_server}'}}]}}
",
        address = app.address,
        api_server = kubernetes.url(),
    );
    let options = sigyn(folder.path()).config(&config);
    let options = NOWHERE.iter().fold(options, |all, (name, value)| all.environment(name, value));
    let server = options.start();

    let targets = eventually(PATIENCE, || {
        let answer = server.api.json("/api/v1/targets?state=active");
        let targets = answer["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
        let read = targets.len() == 2 && targets.iter().all(|each| each["health"] != "unknown");
        if read { Ok(targets) } else { Err(answer.to_string()) }
    });
    let error_of = |job: &str| {
        let target: &Value = targets.iter().find(|each| each["scrapePool"] == job).unwrap();
        target["lastError"].as_str().unwrap().to_owned()
    };
    assert_eq!(error_of("plain"), "");
    let refusal = error_of("secure");
    assert!(refusal.contains("no CA certificates"), "{refusal}");
    assert!(refusal.contains("tls_config.ca_file"), "{refusal}");
    eventually(PATIENCE, || match kubernetes.lists() {
        0 => Err("the API server was not asked".to_owned()),
        _ => Ok(()),
    });

    let address = format!("--server={}", server.api.base());
    let (code, said) = run(&["query", &address, "{ }"]);
    assert!(code == Some(0) && said.contains("add item"), "{said}");
    let (_, said) = run(&["doctor", &address]);
    assert!(said.contains("sigyn answers"), "{said}");
    let (code, said) = run(&["query", "--server=https://127.0.0.1:1", "{ }"]);
    assert!(code == Some(1) && said.contains("no CA certificates"), "{said}");
    server.stop();
}
