//! What a pod becomes: a group with its labels, and a target for each port of each container.

use crate::{
    Labels,
    discovery::{DiscoveredTarget, TargetGroup},
};
use k8s_openapi::{
    api::core::v1::{Container, ContainerStatus, Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

pub(super) const PREFIX: &str = "__meta_kubernetes_";

/// The source of a pod's group.
pub(super) fn source(meta: &ObjectMeta) -> String {
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    format!("pod/{namespace}/{}", meta.name.as_deref().unwrap_or_default())
}

/// The group of a pod. It has no targets when the pod has no IP yet, or has finished.
pub(super) fn group(pod: &Pod, keep_finished: bool) -> TargetGroup {
    let mut group = TargetGroup { source: source(&pod.metadata), ..TargetGroup::default() };
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or_default();
    let ip = status.and_then(|status| status.pod_ip.as_deref()).unwrap_or_default();
    if ip.is_empty() || (!keep_finished && matches!(phase, "Succeeded" | "Failed")) {
        return group;
    }
    let Some(spec) = &pod.spec else { return group };

    let mut labels = Labels::new();
    let mut set = |name: &str, value: &str| labels.set(format!("{PREFIX}{name}"), value);
    set("namespace", pod.metadata.namespace.as_deref().unwrap_or_default());
    set("pod_name", pod.metadata.name.as_deref().unwrap_or_default());
    set("pod_uid", pod.metadata.uid.as_deref().unwrap_or_default());
    set("pod_ip", ip);
    set("pod_phase", phase);
    set("pod_ready", &ready(pod));
    set("pod_node_name", spec.node_name.as_deref().unwrap_or_default());
    set("pod_host_ip", status.and_then(|it| it.host_ip.as_deref()).unwrap_or_default());
    let owners = pod.metadata.owner_references.iter().flatten();
    if let Some(owner) = owners.into_iter().find(|owner| owner.controller == Some(true)) {
        set("pod_controller_kind", &owner.kind);
        set("pod_controller_name", &owner.name);
    }
    set_metadata(&mut labels, "pod", &pod.metadata);
    group.labels = labels;

    let ending = pod.metadata.deletion_timestamp.is_some();
    let statuses =
        |of: fn(&k8s_openapi::api::core::v1::PodStatus) -> &Option<Vec<ContainerStatus>>| {
            status.and_then(|status| of(status).as_deref()).unwrap_or_default()
        };
    let normal = spec.containers.iter().map(|container| (container, false));
    let init = spec.init_containers.iter().flatten().map(|container| (container, true));
    for (container, is_init) in normal.chain(init) {
        let statuses = match is_init {
            true => statuses(|status| &status.init_container_statuses),
            false => statuses(|status| &status.container_statuses),
        };
        let id = statuses.iter().find(|status| status.name == container.name);
        let id = id.and_then(|status| status.container_id.as_deref()).unwrap_or_default();
        let targets = targets(container, is_init, ip, id);
        let targets = targets.into_iter().map(|labels| DiscoveredTarget { labels, ending });
        group.targets.extend(targets);
    }
    group
}

/// One for each declared port; without ports one whose address is the bare IP.
fn targets(container: &Container, is_init: bool, ip: &str, id: &str) -> Vec<Labels> {
    let mut base = Labels::new();
    let mut set =
        |name: &str, value: &str| base.set(format!("{PREFIX}pod_container_{name}"), value);
    set("name", &container.name);
    set("id", id);
    set("image", container.image.as_deref().unwrap_or_default());
    set("init", if is_init { "true" } else { "false" });
    let ports = container.ports.as_deref().unwrap_or_default();
    if ports.is_empty() {
        base.set("__address__", ip);
        return vec![base];
    }
    let with_port = |port: &k8s_openapi::api::core::v1::ContainerPort| {
        let mut labels = base.clone();
        let mut set = |name: &str, value: &str| {
            labels.set(format!("{PREFIX}pod_container_port_{name}"), value);
        };
        let number = port.container_port.to_string();
        set("name", port.name.as_deref().unwrap_or_default());
        set("number", &number);
        set("protocol", port.protocol.as_deref().unwrap_or("TCP"));
        labels.set("__address__", host_and_port(ip, &number));
        labels
    };
    ports.iter().map(with_port).collect()
}

/// `true`, `false` or `unknown`.
fn ready(pod: &Pod) -> String {
    let conditions = pod.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
    ready.map_or_else(|| "unknown".into(), |condition| condition.status.to_ascii_lowercase())
}

/// Labels and annotations of an object, each with its `present` twin.
pub(super) fn set_metadata(out: &mut Labels, kind: &str, meta: &ObjectMeta) {
    // The maps are sorted, so of two keys that clean to one name the last wins.
    for (key, value) in meta.labels.iter().flatten() {
        let key = clean(key);
        out.set(format!("{PREFIX}{kind}_label_{key}"), value);
        out.set(format!("{PREFIX}{kind}_labelpresent_{key}"), "true");
    }
    for (key, value) in meta.annotations.iter().flatten() {
        let key = clean(key);
        out.set(format!("{PREFIX}{kind}_annotation_{key}"), value);
        out.set(format!("{PREFIX}{kind}_annotationpresent_{key}"), "true");
    }
}

/// Every character outside `[a-zA-Z0-9_]` becomes one `_`.
fn clean(key: &str) -> String {
    let keep = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    key.chars().map(|letter| if keep(letter) { letter } else { '_' }).collect()
}

/// With brackets around an IPv6 address.
fn host_and_port(host: &str, port: &str) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
