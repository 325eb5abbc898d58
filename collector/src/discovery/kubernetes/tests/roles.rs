//! Every role over the same clusters: each target with all its labels, as Prometheus finds them.

use super::choose_tls;
use crate::{
    discovery::{
        Discovery, JobGroups, Mechanism, Metrics,
        tests::{addresses, jobs, oracle, until},
    },
    fixture::TestClock,
    target,
};
use serde_json::json;
use sigyn_fake_kubernetes::{FakeKubernetes, Resource, odd, shop};

/// Discovery of one job `k` with this block over the small cluster.
async fn start(role: &str, options: &str) -> (FakeKubernetes, Discovery, Metrics) {
    choose_tls();
    let api = FakeKubernetes::start().await;
    api.put_all(shop());
    let (discovery, metrics) = over(&api, role, options);
    (api, discovery, metrics)
}

fn over(api: &FakeKubernetes, role: &str, options: &str) -> (Discovery, Metrics) {
    let yaml = format!(
        "scrape_configs: [{{job_name: k, kubernetes_sd_configs: [{{role: {role}, api_server: \
         '{}'{options}}}]}}]",
        api.url()
    );
    let metrics = Metrics::default();
    (Discovery::start(&jobs(&yaml), metrics.clone(), TestClock::start()), metrics)
}

/// Compares what a block finds in both clusters with what Prometheus finds there.
async fn check(name: &str, block: &str) {
    choose_tls();
    let api = FakeKubernetes::start().await;
    api.put_all(shop().into_iter().chain(odd()));
    let block = format!("{{role: {block}, api_server: '{}'}}", api.url());
    let block_of_prometheus = format!("kubernetes_sd_configs: [{block}]");
    let expected = oracle::expected(&format!("kubernetes/{name}"), block_of_prometheus).await;
    // Prometheus keeps finished pods.
    let block = block.replacen('{', "{keep_finished_pods: true, ", 1);
    let yaml = format!("scrape_configs: [{{job_name: k, kubernetes_sd_configs: [{block}]}}]");
    let discovery = Discovery::start(&jobs(&yaml), Metrics::default(), TestClock::start());
    oracle::assert_found(&mut discovery.groups(), "k", &expected).await;
}

const ALL: &str = "attach_metadata: {node: true, namespace: true, deployment: true, job: true, \
                   cronjob: true}";

#[tokio::test]
async fn role_pod() {
    check("pod", &format!("pod, {ALL}")).await;
    check("pod-plain", "pod").await;
    check("pod-node", "pod, attach_metadata: {node: true}").await;
    check(
        "pod-selected",
        "pod, namespaces: {names: [odd, bank]}, selectors: [{role: pod, label: app}]",
    )
    .await;
}

#[tokio::test]
async fn role_node() {
    check("node", "node").await;
}

#[tokio::test]
async fn role_service() {
    check("service", "service, attach_metadata: {namespace: true}").await;
    check("service-plain", "service").await;
}

#[tokio::test]
async fn role_endpoints() {
    check("endpoints", &format!("endpoints, {ALL}")).await;
    check("endpoints-plain", "endpoints").await;
}

#[tokio::test]
async fn role_endpointslice() {
    check("endpointslice", &format!("endpointslice, {ALL}")).await;
    check("endpointslice-plain", "endpointslice").await;
}

#[tokio::test]
async fn role_ingress() {
    check("ingress", "ingress, attach_metadata: {namespace: true}").await;
    check("ingress-plain", "ingress").await;
}

#[tokio::test]
async fn changes_of_related_objects_change_the_targets() {
    let (api, discovery, _) = start("endpointslice", ", attach_metadata: {node: true}").await;
    let mut groups = discovery.groups();
    let label = |groups: &JobGroups, address: &str, name: &str| {
        let group = groups["k"].iter().find(|it| it.source == "endpointslice/shop/cart-v4");
        let group = group?;
        let target = group.targets.iter().find(|it| it.labels.get("__address__") == address)?;
        let mut labels = group.labels.clone();
        labels.merge(&target.labels);
        Some(labels.get(&format!("__meta_kubernetes_{name}")).to_owned())
    };
    let address = "10.0.0.1:8080";
    for (resource, namespace, name, change, wanted, value) in [
        (Resource::Pods, "shop", "cart-0", "/metadata/labels/app", "pod_label_app", "new"),
        (Resource::Services, "shop", "cart", "/metadata/labels/tier", "service_label_tier", "new"),
        (
            Resource::Nodes,
            "",
            "n1",
            "/metadata/annotations/example.com~1rack",
            "node_annotation_example_com_rack",
            "new",
        ),
    ] {
        until(&mut groups, "the slice", |groups| label(groups, address, wanted).is_some()).await;
        assert!(api.change(resource, namespace, name, |object| {
            *object.pointer_mut(change).unwrap() = json!(value);
        }));
        let is_there =
            |groups: &JobGroups| label(groups, address, wanted).as_deref() == Some(value);
        until(&mut groups, wanted, is_there).await;
    }
    // A pod that ends takes its targets along; a finished one has none.
    assert!(api.terminate_pod("shop", "cart-0"));
    until(&mut groups, "the end", |groups| {
        let targets = groups["k"].iter().flat_map(|group| &group.targets);
        targets.filter(|target| target.ending).count() == 6
    })
    .await;
    api.change(Resource::Pods, "shop", "cart-0", |pod| {
        pod["status"]["phase"] = json!("Succeeded");
    });
    until(&mut groups, "the pod's end", |groups| label(groups, address, "pod_name").is_none())
        .await;

    // The service has two families: only slices of the first give targets.
    api.change(Resource::Services, "shop", "cart", |service| {
        service["spec"]["ipFamilyPolicy"] = json!("PreferDualStack");
        service["spec"]["ipFamilies"] = json!(["IPv6", "IPv4"]);
    });
    until(&mut groups, "one family", |groups| {
        !groups["k"].iter().any(|group| group.source == "endpointslice/shop/cart-v4")
    })
    .await;
}

#[tokio::test]
async fn what_may_not_be_seen_holds_up_nothing_else() {
    choose_tls();
    let api = FakeKubernetes::start().await;
    api.put_all(shop());
    api.forbid(Resource::Nodes, 403);
    api.forbid(Resource::Services, 403);
    let (discovery, metrics) = over(&api, "endpoints", ", attach_metadata: {node: true}");
    let mut groups = discovery.groups();
    until(&mut groups, "the endpoints", |groups| groups["k"].len() == 2).await;
    assert!(metrics.failures("kubernetes") >= 2);
    let has_node = |groups: &JobGroups| {
        let targets = groups["k"].iter().flat_map(|group| &group.targets);
        let mut named =
            targets.filter(|it| !it.labels.get("__meta_kubernetes_node_name").is_empty());
        named.next().is_some()
            && groups["k"]
                .iter()
                .any(|group| group.labels.get("__meta_kubernetes_service_label_tier") == "front")
    };
    assert!(!has_node(&groups.borrow()));
    api.allow();
    until(&mut groups, "nodes and services", has_node).await;
}

#[tokio::test]
async fn a_node_selector_leaves_out_pods_of_other_nodes() {
    let options = ", attach_metadata: {node: true}, \
                   selectors: [{role: node, label: node-role.kubernetes.io/worker}]";
    let (api, discovery, _) = start("pod", options).await;
    let mut groups = discovery.groups();
    until(&mut groups, "pods of one node", |groups| groups["k"].len() == 2).await;
    api.change(Resource::Nodes, "", "n2", |node| {
        node["metadata"]["labels"] = json!({"node-role.kubernetes.io/worker": "x"});
    });
    until(&mut groups, "pods of both nodes", |groups| groups["k"].len() == 4).await;
}

#[tokio::test]
async fn a_watch_that_fell_silent_is_begun_again() {
    let (api, discovery, _) = start("node", "").await;
    let mut groups = discovery.groups();
    until(&mut groups, "the nodes", |groups| groups["k"].len() == 2).await;
    api.mute();
    api.delete(Resource::Nodes, "", "n2");
    api.speak();
    until(&mut groups, "the news", |groups| addresses(groups, "k") == ["192.168.0.1:10250"]).await;
}

#[tokio::test]
async fn a_slow_api_server_is_waited_for() {
    choose_tls();
    let api = FakeKubernetes::start().await;
    api.put_all(shop());
    api.answer_slowly(std::time::Duration::from_millis(300));
    let (discovery, metrics) = over(&api, "ingress", "");
    let mut groups = discovery.groups();
    until(&mut groups, "the ingress", |groups| groups["k"].len() == 1).await;
    assert_eq!(metrics.failures("kubernetes"), 0);
}

/// Which addresses a job of this role reads with this rule, in the small cluster.
fn read_with(role: &str, rule: &str) -> Vec<String> {
    let yaml = format!(
        "scrape_configs: [{{job_name: k, kubernetes_sd_configs: [{{role: {role}, api_server: \
         'http://x'}}], relabel_configs: [{rule}]}}]"
    );
    let job = jobs(&yaml).remove(0);
    let Mechanism::Kubernetes(discovery) = &job.discovery[0] else { panic!("{yaml}") };
    let groups = discovery.groups_of(shop()).unwrap();
    let built: Vec<_> = groups.iter().map(|group| target::build(&job, group)).collect();
    let active = target::collapse(&built);
    active.iter().map(|target| target.labels.get("instance").to_owned()).collect()
}

#[test]
fn one_rule_leaves_out_targets_without_a_port() {
    let ghosts = |rule| {
        let all = read_with("pod", rule);
        all.into_iter().filter(|address| !address.contains(':')).count()
    };
    assert_eq!(ghosts(""), 2);
    let rule =
        "{source_labels: [__meta_kubernetes_pod_container_port_number], regex: .+, action: keep}";
    assert_eq!(ghosts(rule), 0);
    assert!(read_with("pod", rule).contains(&"10.0.0.1:8080".to_owned()));
}

#[test]
fn one_rule_leaves_out_ports_that_no_service_names() {
    for (role, label) in
        [("endpoints", "endpoint_port_name"), ("endpointslice", "endpointslice_port_name")]
    {
        let further = "10.0.0.1:9090".to_owned();
        assert!(read_with(role, "").contains(&further), "{role}");
        let rule =
            format!("{{source_labels: [__meta_kubernetes_{label}], regex: .+, action: keep}}");
        let kept = read_with(role, &rule);
        assert!(!kept.contains(&further) && kept.contains(&"10.0.0.1:8080".to_owned()), "{kept:?}");
    }
}
