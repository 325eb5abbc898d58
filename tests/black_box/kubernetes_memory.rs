//! What it costs to know many pods: only what labels need is kept, and equal texts once.

use crate::sigyn;
use serde_json::{Value, json};
use sigyn_fake_kubernetes::{FakeKubernetes, Resource::Pods};
use sigyn_rig::eventually;
use std::time::Duration;
use tokio::runtime::Runtime;

/// As large as pods are: `kubectl get pod -o json` of a small web service has some 8 KB.
fn pod(number: usize) -> Value {
    let name = format!("service-{}-7d9c5b{:04x}-{number:05}", number % 200, number % 200);
    let environment: Vec<Value> = (0..40)
        .map(|variable| json!({"name": format!("VARIABLE_{variable}"), "value": "x".repeat(60)}))
        .collect();
    let service = format!("service-{}", number % 200);
    let container = |name: &str, port: usize| {
        json!({
            "name": name, "image": format!("registry.example/{service}/{name}:1.2.3"),
            "env": environment, "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
            "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
            "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets", "readOnly": true}],
        })
    };
    let status = |name: &str| {
        json!({
            "name": name, "image": "i", "imageID": "i", "ready": true, "restartCount": 0,
            "containerID": format!("containerd://{number:064x}"),
        })
    };
    json!({
        "metadata": {
            "namespace": format!("team-{}", number % 20), "name": name,
            "uid": format!("{number:08x}-0000-4000-8000-000000000000"),
            "labels": {
                "app": service, "app.kubernetes.io/name": service, "app.kubernetes.io/version": "1.2.3",
                "app.kubernetes.io/part-of": "shop", "pod-template-hash": format!("7d9c5b{:04x}", number % 200),
                "team": format!("team-{}", number % 20), "tier": "backend", "track": "stable",
            },
            "annotations": {
                "prometheus.io/scrape": "true", "prometheus.io/port": "8080",
                "checksum/config": format!("{:064x}", number % 200),
                "kubectl.kubernetes.io/restartedAt": "2026-01-02T03:04:05Z",
            },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{service}-7d9c5b"),
                "uid": "u", "controller": true,
            }],
            "managedFields": [{"manager": "x".repeat(2000)}],
        },
        "spec": {
            "nodeName": format!("node-{}", number % 300),
            "containers": [container("app", 8080), container("proxy", 15090)],
        },
        "status": {
            "phase": "Running", "podIP": format!("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255),
            "hostIP": format!("192.168.{}.1", number % 200),
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [status("app"), status("proxy")],
        },
    })
}

/// With two targets, eight labels and four annotations, and room for a sync of all targets.
const BYTES_A_POD_MAX: usize = 6_000;

/// In bytes.
fn resident_set(process_id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

#[cfg(target_os = "linux")]
#[test]
fn a_pod_takes_little_memory() {
    let (some, all) =
        if std::env::var_os("SIGYN_SOAK").is_some() { (2_000, 12_000) } else { (1_000, 3_000) };
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let kubernetes = runtime.block_on(FakeKubernetes::start());
    (0..some).for_each(|number| kubernetes.put(Pods, pod(number)));
    kubernetes.write_kubeconfig(&folder.path().join("kubeconfig.yml")).unwrap();
    // All are dropped: what reading them would cost is not the question.
    let config = "scrape_configs:\n  - job_name: pods\n    keep_dropped_targets: 1\n    kubernetes_sd_configs: [{role: pod, kubeconfig_file: kubeconfig.yml}]\n    relabel_configs: [{source_labels: [__meta_kubernetes_pod_label_absent], regex: .+, action: keep}]\n";
    let server = sigyn(folder.path()).config(config).start();
    let discovered = |wanted: usize| {
        eventually(Duration::from_secs(120), || {
            match server.api.metric("sigyn_discovered_targets{job=\"pods\"}") {
                Some(count) if count as usize == wanted => Ok(()),
                other => Err(format!("{other:?} of {wanted} targets")),
            }
        });
    };
    // What the first ones leave behind (pages as they were sent, room for a sync) is there once.
    discovered(2 * some);
    let before = resident_set(server.process_id());
    (some..all).for_each(|number| kubernetes.put(Pods, pod(number)));
    discovered(2 * all);
    let grown = resident_set(server.process_id()).saturating_sub(before);
    let pods = all - some;
    println!("{pods} pods more: {} MB more, {} bytes a pod", grown >> 20, grown / pods);
    assert!(grown < pods * BYTES_A_POD_MAX, "{} MB for {pods} pods", grown >> 20);
}
