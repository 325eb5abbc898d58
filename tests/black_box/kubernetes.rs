//! Kubernetes discovery: an API server made by the test, real buffers behind its pods, the real binary.

use crate::{app::App, sigyn};
use serde_json::{Value, json};
use sigyn_buffer::{Drain, SpanBuffer};
use sigyn_fake_kubernetes::{FakeKubernetes, Resource::Pods};
use sigyn_rig::{Options, Server, eventually, spans_of_trace};
use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};
use tokio::runtime::Runtime;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

fn with_pods(folder: &Path, kubernetes: &FakeKubernetes) -> Options {
    kubernetes.write_kubeconfig(&folder.join("kubeconfig.yml")).unwrap();
    sigyn(folder).config(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs:\n  - job_name: pods\n    kubernetes_sd_configs: [{role: pod, kubeconfig_file: kubeconfig.yml}]\n    relabel_configs:\n      - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}\n      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}\n      - {source_labels: [__meta_kubernetes_pod_label_app], target_label: app}\n",
    )
}

fn pod_of(app: &App, name: &str) -> Value {
    pod("shop", name, "127.0.0.1", app.address.port())
}

/// A running, ready pod with one container and one port.
pub(crate) fn pod(namespace: &str, name: &str, ip: &str, port: u16) -> Value {
    let app = name.rsplit_once('-').map_or(name, |(app, _)| app);
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": format!("uid-of-{namespace}-{name}"),
            "labels": {"app": app},
            "annotations": {},
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [{
                "name": app,
                "image": format!("registry.example/{app}:1"),
                "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
            }],
        },
        "status": {
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "hostIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{
                "name": app,
                "image": format!("registry.example/{app}:1"),
                "imageID": "",
                "containerID": format!("containerd://{name}"),
                "ready": true,
                "restartCount": 0,
            }],
        },
    })
}

#[track_caller]
fn active(server: &Server, expected: &[&str]) {
    eventually(PATIENCE, || {
        let targets = server.api.json("/api/v1/targets?state=active");
        let mut pods: Vec<String> = targets["data"]["activeTargets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|target| target["labels"]["pod"].as_str().unwrap_or("?").to_owned())
            .collect();
        pods.sort();
        if pods == expected { Ok(()) } else { Err(format!("active: {pods:?}, not {expected:?}")) }
    });
}

#[track_caller]
fn listed_anew(kubernetes: &FakeKubernetes, lists_before: u64) {
    eventually(PATIENCE, || match kubernetes.lists() > lists_before {
        true => Ok(()),
        false => Err("no new list after 410".to_owned()),
    });
}

#[track_caller]
fn held(server: &Server, trace_id: &str) {
    eventually(PATIENCE, || match spans_of_trace(&server.api, trace_id).len() {
        1 => Ok(()),
        count => Err(format!("{count} spans of {trace_id}")),
    });
}

#[test]
fn pods_are_found_as_they_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let kubernetes = runtime.block_on(FakeKubernetes::start());
    let (cart, checkout) = (App::start("cart"), App::start("checkout"));
    let first = cart.span("add item").trace_id().to_string();
    kubernetes.put(Pods, pod_of(&cart, "cart-0"));
    let server = with_pods(folder.path(), &kubernetes).start();
    active(&server, &["cart-0"]);
    held(&server, &first);
    let found = server.api.search(
        "{ resource.namespace = \"shop\" && resource.pod = \"cart-0\" && resource.app = \"cart\" && resource.k8s.pod.name = \"cart-0\" }",
    );
    assert_eq!(found["traces"].as_array().unwrap().len(), 1, "{found}");

    let second = checkout.span("place order").trace_id().to_string();
    kubernetes.put(Pods, pod_of(&checkout, "checkout-0"));
    active(&server, &["cart-0", "checkout-0"]);
    held(&server, &second);

    kubernetes.delete(Pods, "shop", "cart-0");
    active(&server, &["checkout-0"]);
    let mut finished = pod_of(&cart, "cart-1");
    finished["status"]["phase"] = "Succeeded".into();
    kubernetes.put(Pods, finished);
    kubernetes.put(Pods, pod_of(&cart, "cart-2"));
    active(&server, &["cart-2", "checkout-0"]);
}

#[test]
fn an_api_server_in_trouble_costs_no_target() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let kubernetes = runtime.block_on(FakeKubernetes::start());
    // A buffer each: two pods that lead to one buffer would each bring its spans, under their own labels.
    let apps = [(); 4].map(|()| App::start("cart"));
    kubernetes.put(Pods, pod_of(&apps[0], "cart-0"));
    let server = with_pods(folder.path(), &kubernetes).start();
    active(&server, &["cart-0"]);

    // While it is away, the world changes and the past is forgotten: the watch comes back to a 410.
    let lists = kubernetes.lists();
    runtime.block_on(kubernetes.stop());
    kubernetes.put(Pods, pod_of(&apps[1], "cart-1"));
    kubernetes.forget_events();
    runtime.block_on(kubernetes.restart());
    listed_anew(&kubernetes, lists);
    // The other form of the same: an error inside the watch. Only a watch that is open can fail, and
    // after the list it may not be so yet.
    let lists = kubernetes.lists();
    eventually(PATIENCE, || {
        kubernetes.fail_watches(410);
        if kubernetes.lists() > lists { Ok(()) } else { Err("no new list after 410".to_owned()) }
    });
    kubernetes.put(Pods, pod_of(&apps[2], "cart-2"));
    active(&server, &["cart-0", "cart-1", "cart-2"]);

    kubernetes.send_bookmarks();
    runtime.block_on(kubernetes.stop());
    for app in &apps[..3] {
        let during = app.span("while the API server is away").trace_id().to_string();
        held(&server, &during);
    }
    active(&server, &["cart-0", "cart-1", "cart-2"]);
    runtime.block_on(kubernetes.restart());
    kubernetes.delete(Pods, "shop", "cart-1");
    kubernetes.delete(Pods, "shop", "cart-2");
    active(&server, &["cart-0"]);

    kubernetes.refuse(403);
    kubernetes.end_watches();
    active(&server, &["cart-0"]);
    kubernetes.accept();
    kubernetes.put(Pods, pod_of(&apps[3], "cart-3"));
    active(&server, &["cart-0", "cart-3"]);
}

#[test]
fn an_ending_pod_is_read_at_once_and_drained() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let kubernetes = runtime.block_on(FakeKubernetes::start());
    let app = App::start("cart");
    kubernetes.put(Pods, pod_of(&app, "cart-0"));
    // An interval that the test would never wait for: only the drain can bring the last spans.
    let options = with_pods(folder.path(), &kubernetes);
    let slow = "global: {scrape_interval: 10m, scrape_timeout: 5s}\nscrape_configs:\n  - job_name: pods\n    kubernetes_sd_configs: [{role: pod, kubeconfig_file: kubeconfig.yml}]\n    relabel_configs:\n      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}\n";
    let server = options.config(slow).start();
    active(&server, &["cart-0"]);
    let last = app.span("the last one").trace_id().to_string();
    app.buffer.start_draining();
    assert!(kubernetes.terminate_pod("shop", "cart-0"));
    held(&server, &last);
    assert_eq!(app.buffer.drained_blocking(PATIENCE), Drain::Confirmed);
}

/// An app at a known address, whose buffer says which pod it is in, or does not.
fn app_at(address: SocketAddr, uid: Option<&str>) -> App {
    let builder = SpanBuffer::builder().capacity_bytes(1 << 20);
    let buffer = match uid {
        Some(uid) => builder.uid(uid).build(),
        None => builder.build(),
    };
    // The last owner's connections may take a moment to let go of the address.
    let listener = eventually(PATIENCE, || TcpListener::bind(address).map_err(|it| it.to_string()));
    App::over("cart", listener, buffer)
}

/// Neither `pod` nor anything else of the labels that spans get says which pod it is: only the UID does.
fn jobs_alone(folder: &Path, kubernetes: &FakeKubernetes) -> Options {
    kubernetes.write_kubeconfig(&folder.join("kubeconfig.yml")).unwrap();
    sigyn(folder).config(
        "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\nscrape_configs:\n  - job_name: pods\n    kubernetes_sd_configs: [{role: pod, kubeconfig_file: kubeconfig.yml}]\n",
    )
}

#[track_caller]
fn belongs_to(server: &Server, pod: &str, traces: &[String]) {
    let query = format!("{{ resource.k8s.pod.name = \"{pod}\" }}");
    eventually(PATIENCE, || {
        let found = server.api.search(&query);
        let found = found["traces"].as_array().map_or(0, Vec::len);
        match found == traces.len() {
            true => Ok(()),
            false => Err(format!("{found} of {} traces of {pod}", traces.len())),
        }
    });
    // Once each.
    traces.iter().for_each(|trace| held(server, trace));
}

fn traces(app: &App, count: usize) -> Vec<String> {
    (0..count).map(|_| app.span("work").trace_id().to_string()).collect()
}

#[test]
fn an_address_with_another_pod_behind_it_is_a_new_target() {
    for says_uid in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let kubernetes = runtime.block_on(FakeKubernetes::start());
        let uid = |name: &str| says_uid.then(|| format!("uid-of-shop-{name}"));
        let first = app_at(([127, 0, 0, 1], 0).into(), uid("cart-0").as_deref());
        let address = first.address;
        kubernetes.put(Pods, pod_of(&first, "cart-0"));
        let server = jobs_alone(folder.path(), &kubernetes).start();
        // More than the second will record: a continuation would begin behind its spans.
        belongs_to(&server, "cart-0", &traces(&first, 20));

        kubernetes.delete(Pods, "shop", "cart-0");
        drop(first);
        let second = app_at(address, uid("cart-1").as_deref());
        let of_second = traces(&second, 3);
        kubernetes.put(Pods, pod_of(&second, "cart-1"));
        belongs_to(&server, "cart-1", &of_second);
        let found = server.api.search("{ resource.k8s.pod.name = \"cart-0\" }");
        assert_eq!(found["traces"].as_array().unwrap().len(), 20);
        // A continuation would have found another life, and not have known what it lost.
        assert_eq!(server.api.metric_sum("sigyn_lost_spans_total"), 0.0);
    }
}

#[test]
fn an_address_that_changed_hands_unseen_gives_nothing_to_the_old_pod() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let kubernetes = runtime.block_on(FakeKubernetes::start());
    let first = app_at(([127, 0, 0, 1], 0).into(), Some("uid-of-shop-cart-0"));
    let address = first.address;
    kubernetes.put(Pods, pod_of(&first, "cart-0"));
    let server = jobs_alone(folder.path(), &kubernetes).start();
    belongs_to(&server, "cart-0", &traces(&first, 2));

    // Discovery learns of it later than the reader.
    runtime.block_on(kubernetes.stop());
    drop(first);
    let second = app_at(address, Some("uid-of-shop-cart-1"));
    let of_second = traces(&second, 4);
    eventually(PATIENCE, || {
        let targets = server.api.json("/api/v1/targets?state=active");
        let error = targets["data"]["activeTargets"][0]["lastError"].as_str().unwrap_or_default();
        match error.contains("new owner") {
            true => Ok(()),
            false => Err(targets.to_string()),
        }
    });
    let stored = server.api.search("{ }")["traces"].as_array().unwrap().len();
    assert_eq!(stored, 2, "what the new owner answered was thrown away");

    kubernetes.delete(Pods, "shop", "cart-0");
    kubernetes.put(Pods, pod_of(&second, "cart-1"));
    runtime.block_on(kubernetes.restart());
    belongs_to(&server, "cart-1", &of_second);
    assert_eq!(server.api.metric_sum("sigyn_lost_spans_total"), 0.0);
}
