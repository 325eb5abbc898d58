//! `sigyn doctor --pod`: for every way in which a pod can fail to be read, the sentence that says so.

use crate::{
    SIGYN,
    app::App,
    kubernetes::{PATIENCE, pod},
    sigyn,
};
use axum::{Router, http::StatusCode, routing::get};
use serde_json::{Value, json};
use sigyn_fake_kubernetes::{FakeKubernetes, Resource::Pods};
use sigyn_rig::{Server, eventually};
use std::process::Command;
use tokio::runtime::Runtime;

#[track_caller]
fn says(server: &Server, pod: &str, expected: &[&str]) {
    eventually(PATIENCE, || {
        let output = Command::new(SIGYN)
            .args(["doctor", &format!("--server={}", server.api.base()), "--pod", pod])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_good = expected.iter().all(|part| part.starts_with("job pods reads"));
        let code = if is_good { 0 } else { 1 };
        match expected.iter().all(|part| said.contains(part)) && output.status.code() == Some(code)
        {
            true => Ok(()),
            false => Err(format!("{expected:?} in {said}")),
        }
    });
}

/// A server whose buffer wants credentials and is nowhere else.
async fn guarded() -> u16 {
    let router = Router::new().route("/debug/spans", get(async || StatusCode::UNAUTHORIZED));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// A pod that the job keeps, changed.
fn kept(name: &str, port: u16, change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = pod("shop", name, "127.0.0.1", port);
    pod["metadata"]["annotations"]["scrape"] = json!("true");
    change(&mut pod);
    pod
}

#[test]
fn every_reason_has_its_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let kubernetes = runtime.block_on(FakeKubernetes::start());
    let app = App::start("cart");
    let guarded = runtime.block_on(guarded());
    kubernetes.put_all([
        kept("good-0", app.address.port(), |_| {}),
        kept("finished-0", 1, |pod| pod["status"]["phase"] = json!("Succeeded")),
        kept("evicted-0", 1, |pod| {
            pod["status"] = json!({"phase": "Failed", "reason": "Evicted"});
        }),
        kept("pending-0", 1, |pod| pod["status"] = json!({"phase": "Pending"})),
        kept("silent-0", 1, |pod| pod["metadata"]["annotations"] = json!({})),
        kept("portless-0", 1, |pod| pod["spec"]["containers"][0]["ports"] = json!([])),
        kept("closed-0", 1, |_| {}),
        kept("elsewhere-0", guarded, |pod| {
            pod["metadata"]["annotations"]["path"] = json!("/nothing");
        }),
        kept("guarded-0", guarded, |_| {}),
    ]);
    kubernetes.write_kubeconfig(&folder.path().join("kubeconfig.yml")).unwrap();
    let config = "global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs:
  - job_name: pods
    kubernetes_sd_configs: [{role: pod, kubeconfig_file: kubeconfig.yml, namespaces: {names: [shop]}}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_annotation_path], regex: (.+), target_label: __metrics_path__}
      - {source_labels: [__meta_kubernetes_pod_annotation_scrape], regex: 'true', action: keep}
";
    let other_roles = "  - job_name: services
    kubernetes_sd_configs: [{role: service, kubeconfig_file: kubeconfig.yml}]
  - job_name: slices
    kubernetes_sd_configs: [{role: endpointslice, kubeconfig_file: kubeconfig.yml}]
  - job_name: some
    kubernetes_sd_configs: [{role: pod, kubeconfig_file: kubeconfig.yml, selectors: [{role: pod, label: team=red}]}]
  - job_name: nodes
    kubernetes_sd_configs: [{role: pod, kubeconfig_file: kubeconfig.yml, attach_metadata: {node: true}, selectors: [{role: node, label: disk=ssd}]}]
";
    let options = sigyn(folder.path()).argument("--web.enable-lifecycle").config(config);
    let server = options.start();
    for (pod, expected) in [
        ("good-0", "job pods reads http://127.0.0.1"),
        ("finished-0", "has finished (phase Succeeded), so job pods does not read it"),
        ("evicted-0", "has finished (phase Failed)"),
        ("pending-0", "has no IP address yet (phase Pending)"),
        ("silent-0", "rule 2 of job pods (action keep"),
        ("portless-0", "container portless declares no port"),
        ("closed-0", "nobody answers there"),
        ("elsewhere-0", "this is the wrong path"),
        ("guarded-0", "401 Unauthorized"),
        ("nobody-0", "the API server has no pod shop/nobody-0"),
    ] {
        says(&server, &format!("shop/{pod}"), &[expected]);
    }
    says(&server, "bank/pay-0", &["does not watch the namespace bank: its namespaces are shop"]);

    // Jobs that cannot see the pod, each for its own reason.
    kubernetes.put_all([pod("bank", "pay-0", "10.0.0.9", 80)]);
    let reload = |config: &str| {
        server.options().clone().config(config).write_config();
        let answer = server.api.post("/-/reload", "text/plain", &[], Vec::new()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    reload(&format!("{config}{other_roles}"));
    says(
        &server,
        "bank/pay-0",
        &[
            "job services has the role service, whose targets are not pods",
            "job slices has the role endpointslice, and no such object refers to pod bank/pay-0",
            "job some sees no pod bank/pay-0 with its selectors (label team=red)",
            "job nodes selects nodes, and node-1, the node of pod bank/pay-0, is none of them",
            "job pods does not watch the namespace bank",
        ],
    );

    // The account may not list pods.
    kubernetes.forbid(Pods, 403);
    reload(
        "scrape_configs: [{job_name: fresh, kubernetes_sd_configs: [{role: pod, kubeconfig_file: kubeconfig.yml, namespaces: {names: [bank]}}]}]\n",
    );
    says(
        &server,
        "bank/pay-0",
        &["job fresh cannot list the pods of the namespace bank", "the account needs a role"],
    );
    reload("scrape_configs: []\n");
    says(&server, "bank/pay-0", &["no job has kubernetes_sd_configs"]);
}
