//! Role `endpoints`: each address and port behind a service, by the older API.

use super::{
    KubernetesDiscovery,
    interner::Interner,
    metadata::LabelWriter,
    objects::{Key, Objects, Reference},
    pods_behind::{PodsBehind, attach_node},
    service::NamedPort,
};
use crate::{
    Labels,
    discovery::{TargetGroup, naming::host_and_port},
};
use k8s_openapi::api::core::v1 as core;
use std::sync::Arc;

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
        let mut pods = PodsBehind::default();
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
