mod roles;

use crate::{
    discovery::{
        Discovery, JobGroups, Metrics,
        tests::{addresses, jobs, rig::choose_tls, until},
    },
    fixture::TestClock,
};
use serde_json::{Value, json};
use sigyn_fake_kubernetes::{FakeKubernetes, Resource};
use std::sync::Arc;
use tokio::sync::watch;

struct Rig {
    api: FakeKubernetes,
    metrics: Metrics,
    groups: watch::Receiver<Arc<JobGroups>>,
    _discovery: Discovery,
}

impl Rig {
    /// Discovery of one job against an API that already has a pod `cart-0`.
    async fn start(options: &str) -> Self {
        choose_tls();
        let api = FakeKubernetes::start().await;
        api.put(Resource::Pods, pod("cart-0", "10.0.0.1"));
        Self::over(api, options).await
    }

    async fn over(api: FakeKubernetes, options: &str) -> Self {
        let yaml = format!(
            "scrape_configs: [{{job_name: pods, kubernetes_sd_configs: [{{role: pod, \
             api_server: '{}'{options}}}]}}, {{job_name: twin, kubernetes_sd_configs: [{{role: pod, \
             api_server: '{}'{options}}}]}}]",
            api.url(),
            api.url()
        );
        let metrics = Metrics::default();
        let discovery = Discovery::start(&jobs(&yaml), metrics.clone(), TestClock::start());
        Self { api, metrics, groups: discovery.groups(), _discovery: discovery }
    }

    async fn until(&mut self, wanted: &[&str]) {
        until(&mut self.groups, &format!("{wanted:?}"), |groups| {
            addresses(groups, "pods") == wanted && addresses(groups, "twin") == wanted
        })
        .await;
    }

    async fn until_watched(&self, watches: u64) {
        let waiting = async {
            while self.api.watches() < watches {
                tokio::task::yield_now().await;
            }
        };
        let result = tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await;
        result.expect("the watch must begin");
    }
}

fn pod(name: &str, ip: &str) -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "labels": {"app.kubernetes.io/name": "cart", "empty": ""},
            "annotations": {"sigyn.io/scrape": "true"},
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Other", "name": "x", "uid": "1"},
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "cart", "uid": "2", "controller": true},
            ],
        },
        "spec": {
            "nodeName": "n1",
            "containers": [{
                "name": "app", "image": "cart:1",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            }],
        },
        "status": {
            "phase": "Running", "podIP": ip, "hostIP": "192.168.0.1",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{
                "name": "app", "image": "cart:1", "imageID": "i", "ready": true, "restartCount": 0,
                "containerID": "containerd://abc",
            }],
        },
    })
}

#[tokio::test]
async fn a_pod_becomes_a_group_with_all_its_labels() {
    let mut rig = Rig::start("").await;
    rig.until(&["10.0.0.1:8080"]).await;
    let groups = rig.groups.borrow().clone();
    let group = &groups["pods"][0];
    assert_eq!(group.source, "pod/shop/cart-0");
    let label = |name: &str| group.labels.get(&format!("__meta_kubernetes_{name}")).to_owned();
    for (name, value) in [
        ("namespace", "shop"),
        ("pod_name", "cart-0"),
        ("pod_uid", "uid-cart-0"),
        ("pod_ip", "10.0.0.1"),
        ("pod_ready", "true"),
        ("pod_phase", "Running"),
        ("pod_node_name", "n1"),
        ("pod_host_ip", "192.168.0.1"),
        ("pod_controller_kind", "StatefulSet"),
        ("pod_controller_name", "cart"),
        ("pod_label_app_kubernetes_io_name", "cart"),
        ("pod_labelpresent_app_kubernetes_io_name", "true"),
        ("pod_label_empty", ""),
        ("pod_labelpresent_empty", "true"),
        ("pod_annotation_sigyn_io_scrape", "true"),
        ("pod_annotationpresent_sigyn_io_scrape", "true"),
    ] {
        assert_eq!(label(name), value, "{name}");
    }
    let target = &group.targets[0];
    assert_eq!(
        target.labels.to_string(),
        r#"{__address__="10.0.0.1:8080", __meta_kubernetes_pod_container_id="containerd://abc", __meta_kubernetes_pod_container_image="cart:1", __meta_kubernetes_pod_container_init="false", __meta_kubernetes_pod_container_name="app", __meta_kubernetes_pod_container_port_name="http", __meta_kubernetes_pod_container_port_number="8080", __meta_kubernetes_pod_container_port_protocol="TCP"}"#
    );
    // Two jobs with equal blocks share one list and one watch.
    assert_eq!(rig.api.lists(), 1);
}

#[tokio::test]
async fn pods_come_change_end_and_go() {
    let mut rig = Rig::start("").await;
    rig.until(&["10.0.0.1:8080"]).await;
    rig.api.put(Resource::Pods, pod("cart-1", "fd00::1"));
    rig.until(&["10.0.0.1:8080", "[fd00::1]:8080"]).await;

    assert!(rig.api.terminate_pod("shop", "cart-1"));
    until(&mut rig.groups, "the end", |groups| {
        let targets = groups["pods"].iter().flat_map(|group| &group.targets);
        targets.filter(|target| target.ending).count() == 1
    })
    .await;
    assert!(rig.api.delete(Resource::Pods, "shop", "cart-1"));
    rig.until(&["10.0.0.1:8080"]).await;

    // Without an IP, or finished: no target.
    rig.api
        .change(Resource::Pods, "shop", "cart-0", |pod| pod["status"]["phase"] = json!("Failed"));
    rig.until(&[]).await;
}

#[tokio::test]
async fn containers_without_ports_and_init_containers_are_targets_too() {
    let mut rig = Rig::start(", keep_finished_pods: true").await;
    rig.api.change(Resource::Pods, "shop", "cart-0", |pod| {
        pod["status"]["phase"] = json!("Succeeded");
        pod["spec"]["containers"][0]["ports"] = json!([]);
        pod["spec"]["initContainers"] = json!([{"name": "side", "ports": [{"containerPort": 1}]}]);
    });
    rig.until(&["10.0.0.1", "10.0.0.1:1"]).await;
    let groups = rig.groups.borrow().clone();
    let init = &groups["pods"][0].targets[1].labels;
    assert_eq!(init.get("__meta_kubernetes_pod_container_init"), "true");
}

#[tokio::test]
async fn selectors_and_namespaces_narrow_what_is_seen() {
    choose_tls();
    let api = FakeKubernetes::start().await;
    for (namespace, name, ip) in
        [("shop", "a", "10.0.0.1"), ("bank", "b", "10.0.0.2"), ("dev", "c", "10.0.0.3")]
    {
        let mut pod = pod(name, ip);
        pod["metadata"]["namespace"] = json!(namespace);
        api.put(Resource::Pods, pod);
    }
    let mut elsewhere = pod("d", "10.0.0.4");
    elsewhere["spec"]["nodeName"] = json!("n2");
    api.put(Resource::Pods, elsewhere);
    let options = ", namespaces: {names: [shop, bank]}, \
                   selectors: [{role: pod, field: spec.nodeName=n1}]";
    let mut rig = Rig::over(api, options).await;
    rig.until(&["10.0.0.1:8080", "10.0.0.2:8080"]).await;
    assert_eq!(rig.api.lists(), 2);
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    choose_tls();
    let api = FakeKubernetes::start().await;
    for number in 0..1200 {
        api.put(Resource::Pods, pod(&format!("p-{number:04}"), "10.0.0.1"));
    }
    let mut rig = Rig::over(api, "").await;
    until(&mut rig.groups, "all", |groups| addresses(groups, "pods").len() == 1200).await;
}

#[tokio::test]
async fn expired_watches_are_listed_anew() {
    let mut rig = Rig::start("").await;
    rig.until(&["10.0.0.1:8080"]).await;
    rig.until_watched(1).await;
    // Inside the watch.
    rig.api.put(Resource::Pods, pod("cart-1", "10.0.0.2"));
    rig.until(&["10.0.0.1:8080", "10.0.0.2:8080"]).await;
    rig.api.fail_watches(410);
    rig.api.delete(Resource::Pods, "shop", "cart-1");
    rig.until(&["10.0.0.1:8080"]).await;

    // As the answer to a watch that begins too far in the past.
    rig.until_watched(2).await;
    let lists = rig.api.lists();
    rig.api.stop().await;
    rig.api.put(Resource::Pods, pod("cart-2", "10.0.0.3"));
    rig.api.delete(Resource::Pods, "shop", "cart-0");
    rig.api.forget_events();
    rig.api.restart().await;
    rig.until(&["10.0.0.3:8080"]).await;
    assert!(rig.api.lists() > lists);
}

#[tokio::test]
async fn a_bookmark_saves_a_list() {
    let mut rig = Rig::start("").await;
    rig.until(&["10.0.0.1:8080"]).await;
    rig.until_watched(1).await;
    rig.api.forget_events();
    rig.api.put(Resource::Nodes, json!({"metadata": {"name": "n"}}));
    rig.api.send_bookmarks();
    rig.api.end_watches();
    rig.until_watched(2).await;
    rig.api.put(Resource::Pods, pod("cart-1", "10.0.0.2"));
    rig.until(&["10.0.0.1:8080", "10.0.0.2:8080"]).await;
    assert_eq!(rig.api.lists(), 1);
}

#[tokio::test]
async fn a_refusal_is_counted_and_recovered_from() {
    choose_tls();
    let api = FakeKubernetes::start().await;
    api.put(Resource::Pods, pod("cart-0", "10.0.0.1"));
    api.refuse(403);
    let mut rig = Rig::over(api, "").await;
    while rig.metrics.failures("kubernetes") == 0 {
        tokio::task::yield_now().await;
    }
    assert!(addresses(&rig.groups.borrow(), "pods").is_empty());
    rig.api.accept();
    rig.until(&["10.0.0.1:8080"]).await;
}

#[tokio::test]
async fn a_dead_api_server_takes_no_targets_away() {
    let mut rig = Rig::start("").await;
    rig.until(&["10.0.0.1:8080"]).await;
    rig.until_watched(1).await;
    rig.api.stop().await;
    while rig.metrics.failures("kubernetes") == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(addresses(&rig.groups.borrow(), "pods"), ["10.0.0.1:8080"]);
    rig.api.put(Resource::Pods, pod("cart-1", "10.0.0.2"));
    rig.api.restart().await;
    rig.until(&["10.0.0.1:8080", "10.0.0.2:8080"]).await;
}

#[tokio::test]
async fn a_kubeconfig_is_enough() {
    choose_tls();
    let api = FakeKubernetes::start().await;
    api.put(Resource::Pods, pod("cart-0", "10.0.0.1"));
    api.require_token("secret");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    api.write_kubeconfig(&path).unwrap();
    let yaml = format!(
        "scrape_configs: [{{job_name: pods, kubernetes_sd_configs: [{{role: pod, kubeconfig_file: '{}'}}]}}]",
        path.display()
    );
    let discovery = Discovery::start(&jobs(&yaml), Metrics::default(), TestClock::start());
    until(&mut discovery.groups(), "the pod", |groups| addresses(groups, "pods").len() == 1).await;
}

#[tokio::test]
async fn nodes_and_namespaces_are_attached() {
    let mut rig = Rig::start(", attach_metadata: {node: true, namespace: true}").await;
    rig.api.put(Resource::Nodes, json!({"metadata": {"name": "n1", "labels": {"zone": "z1"}}}));
    let namespace = json!({"metadata": {"name": "shop", "annotations": {"owner": "red"}}});
    rig.api.put(Resource::Namespaces, namespace);
    until(&mut rig.groups, "node and namespace", |groups| {
        let labels = groups["pods"].first().map(|group| &group.labels);
        labels.is_some_and(|labels| {
            labels.get("__meta_kubernetes_node_name") == "n1"
                && labels.get("__meta_kubernetes_node_label_zone") == "z1"
                && labels.get("__meta_kubernetes_namespace_annotation_owner") == "red"
        })
    })
    .await;
}
