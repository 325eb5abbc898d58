//! The pods behind the addresses of an Endpoints or EndpointSlice object: what their labels and their
//! ports add to its targets.

use super::{
    KubernetesDiscovery,
    interner::Interner,
    metadata::LabelWriter,
    objects::{Key, Objects},
    pod::Pod,
};
use crate::discovery::{DiscoveredTarget, naming::host_and_port};
use std::collections::BTreeMap;

/// Adds the labels of a node, where they are wanted and it is known.
pub(super) fn attach_node(
    node: Option<&str>,
    discovery: &KubernetesDiscovery,
    objects: &Objects,
    labels: &mut LabelWriter<'_>,
) {
    let node = node.filter(|_| discovery.attach.node).and_then(|name| objects.node(name));
    if let Some(node) = node {
        labels.labels.merge(&node.labels);
    }
}

/// The pods behind the addresses of a group, and which of their ports are targets already.
#[derive(Default)]
pub(super) struct PodsBehind(BTreeMap<Key, Vec<i32>>);

impl PodsBehind {
    /// The target of an address, with the labels of its pod when there is one that is known. `port`
    /// is its number and protocol. None when the pod has finished.
    pub(super) fn target(
        &mut self,
        pod: Option<Key>,
        port: Option<(i32, Option<&str>)>,
        discovery: &KubernetesDiscovery,
        objects: &Objects,
        mut labels: LabelWriter<'_>,
    ) -> Option<DiscoveredTarget> {
        let known = pod.as_ref().and_then(|key| objects.pod(key));
        let (Some(key), Some(pod)) = (pod, known) else {
            return Some(DiscoveredTarget { labels: labels.done(), ending: false });
        };
        if pod.has_finished && !discovery.keep_finished_pods {
            return None;
        }
        set_pod(&key, pod, discovery, objects, &mut labels);
        if let Some((number, protocol)) = port {
            // The last container that declares the port wins; of its ports the first.
            for container in &pod.containers {
                let declared = container.ports.iter().find(|port| port.number == number);
                if let Some(port) = declared {
                    let protocol = protocol.or(Some(port.protocol()));
                    container.set_labels(Some(port), protocol, &mut labels);
                }
            }
        }
        self.0.entry(key).or_default().extend(port.map(|(number, _)| number));
        Some(DiscoveredTarget { labels: labels.done(), ending: pod.is_ending })
    }

    /// A target for each declared port of those pods that no endpoint's port covers.
    pub(super) fn uncovered(
        &self,
        discovery: &KubernetesDiscovery,
        objects: &Objects,
        interner: &mut Interner,
    ) -> Vec<DiscoveredTarget> {
        let mut targets = Vec::new();
        for (key, covered) in &self.0 {
            let Some(pod) = objects.pod(key).filter(|pod| !pod.ip.is_empty()) else { continue };
            for container in &pod.containers {
                for port in container.ports.iter().filter(|port| !covered.contains(&port.number)) {
                    let mut labels = LabelWriter::new(interner);
                    labels.address(&host_and_port(&pod.ip, port.number));
                    set_pod(key, pod, discovery, objects, &mut labels);
                    container.set_labels(Some(port), Some(port.protocol()), &mut labels);
                    targets.push(DiscoveredTarget { labels: labels.done(), ending: pod.is_ending });
                }
            }
        }
        targets
    }
}

/// The labels of a pod's group; the namespace is that of the endpoints.
fn set_pod(
    key: &Key,
    pod: &Pod,
    discovery: &KubernetesDiscovery,
    objects: &Objects,
    labels: &mut LabelWriter<'_>,
) {
    labels.labels.merge(&pod.labels);
    labels.labels.remove("__meta_kubernetes_namespace");
    pod.attach_owners(&key.0, discovery.attach, objects, labels);
}
