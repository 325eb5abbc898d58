//! Role `endpoints`: each address and port behind a service, by the older API.

use super::{
    KubernetesDiscovery,
    interner::Interner,
    metadata::LabelWriter,
    objects::{Key, Objects, Reference},
    pod::Pod,
    service::NamedPort,
};
use crate::{
    Labels,
    discovery::{DiscoveredTarget, TargetGroup, naming::host_and_port},
};
use k8s_openapi::api::core::v1 as core;
use std::{collections::BTreeMap, sync::Arc};

/// What is kept of an Endpoints object.
#[derive(PartialEq)]
pub(super) struct Endpoints {
    labels: Labels,
    subsets: Box<[Subset]>,
}

#[derive(PartialEq)]
struct Subset {
    /// The ready ones first.
    addresses: Box<[Address]>,
    ports: Box<[NamedPort]>,
}

#[derive(PartialEq)]
struct Address {
    ip: Arc<str>,
    is_ready: bool,
    hostname: Arc<str>,
    node: Option<Arc<str>>,
    target: Option<Reference>,
}

impl Endpoints {
    pub(super) fn of(sent: &core::Endpoints, interner: &mut Interner) -> Self {
        let namespace = sent.metadata.namespace.as_deref().unwrap_or_default();
        let mut labels = LabelWriter::new(interner);
        labels
            .set("namespace", namespace)
            .maybe("endpoints_name", sent.metadata.name.as_deref())
            .metadata("endpoints", &sent.metadata);
        let labels = labels.done();
        let subsets = sent.subsets.iter().flatten().map(|subset| {
            let ready = subset.addresses.iter().flatten().map(|address| (address, true));
            let other = subset.not_ready_addresses.iter().flatten().map(|address| (address, false));
            let addresses = ready.chain(other).map(|(address, is_ready)| Address {
                ip: interner.share(&address.ip),
                is_ready,
                hostname: interner.share(address.hostname.as_deref().unwrap_or_default()),
                node: address.node_name.as_deref().map(|node| interner.share(node)),
                target: Reference::of(address.target_ref.as_ref(), namespace, interner),
            });
            let addresses = addresses.collect();
            let ports = subset.ports.iter().flatten().map(|port| {
                NamedPort::of(port.name.as_deref(), port.port, port.protocol.as_deref(), interner)
            });
            Subset { addresses, ports: ports.collect() }
        });
        Self { labels, subsets: subsets.collect() }
    }

    /// Whether one of the addresses is a pod's.
    pub(super) fn refers_to(&self, pod: &Key) -> bool {
        let mut addresses = self.subsets.iter().flat_map(|subset| &subset.addresses);
        addresses.any(|it| it.target.as_ref().and_then(Reference::pod).as_ref() == Some(pod))
    }

    pub(super) fn group(
        &self,
        key: &Key,
        discovery: &KubernetesDiscovery,
        objects: &Objects,
        interner: &mut Interner,
    ) -> TargetGroup {
        let mut group = TargetGroup { labels: self.labels.clone(), ..TargetGroup::default() };
        if let Some(service) = objects.service(&key.0, &key.1) {
            group.labels.merge(&service.labels);
        }
        if let Some(namespace) = objects.namespace(&key.0) {
            group.labels.merge(namespace);
        }
        let mut pods = SeenPods::default();
        for subset in &self.subsets {
            for port in &subset.ports {
                for address in &subset.addresses {
                    let mut labels = LabelWriter::new(interner);
                    labels
                        .address(&host_and_port(&address.ip, port.number))
                        .set("endpoint_port_name", &port.name)
                        .set("endpoint_port_protocol", &port.protocol)
                        .flag("endpoint_ready", address.is_ready)
                        .maybe("endpoint_node_name", address.node.as_deref())
                        .set("endpoint_hostname", &address.hostname);
                    if let Some(target) = &address.target {
                        labels
                            .set("endpoint_address_target_kind", &target.kind)
                            .set("endpoint_address_target_name", &target.name);
                    }
                    let of_target = || address.target.as_ref().and_then(Reference::node);
                    let node = address.node.as_deref().or_else(of_target);
                    attach_node(node, discovery, objects, &mut labels);
                    let pod = address.target.as_ref().and_then(Reference::pod);
                    let port = Some((port.number, Some(&*port.protocol)));
                    group.targets.extend(pods.target(pod, port, discovery, objects, labels));
                }
            }
        }
        group.targets.extend(pods.uncovered(discovery, objects, interner));
        group
    }
}

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
pub(super) struct SeenPods(BTreeMap<Key, Vec<i32>>);

impl SeenPods {
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
