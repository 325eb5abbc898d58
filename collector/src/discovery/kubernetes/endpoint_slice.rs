//! Role `endpointslice`: each address and port behind a service.

use super::{
    KubernetesDiscovery,
    interner::Interner,
    metadata::LabelWriter,
    objects::{Key, Objects, Reference},
    pods_behind::{PodsBehind, attach_node},
};
use crate::{
    Labels,
    discovery::{
        TargetGroup,
        naming::{clean, host_and_port},
    },
};
use k8s_openapi::api::discovery::v1 as discovery_api;
use std::sync::Arc;

/// What is kept of an EndpointSlice.
#[derive(PartialEq)]
pub(super) struct Slice {
    labels: Labels,
    /// Name of the service that it belongs to.
    pub(super) service: Arc<str>,
    address_type: Arc<str>,
    endpoints: Box<[Endpoint]>,
    ports: Box<[Port]>,
}

#[derive(PartialEq)]
struct Endpoint {
    addresses: Box<[Arc<str>]>,
    /// What is the same for all addresses and ports.
    labels: Labels,
    is_ending: bool,
    node: Option<Arc<str>>,
    target: Option<Reference>,
}

/// Each part may be absent, which is not the same as empty.
#[derive(PartialEq)]
struct Port {
    number: Option<i32>,
    name: Option<Arc<str>>,
    protocol: Option<Arc<str>>,
    app_protocol: Option<Arc<str>>,
}

impl Slice {
    pub(super) fn of(sent: &discovery_api::EndpointSlice, interner: &mut Interner) -> Self {
        let namespace = sent.metadata.namespace.as_deref().unwrap_or_default();
        let mut labels = LabelWriter::new(interner);
        labels
            .set("namespace", namespace)
            .maybe("endpointslice_name", sent.metadata.name.as_deref())
            .set("endpointslice_address_type", &sent.address_type)
            .metadata("endpointslice", &sent.metadata);
        let labels = labels.done();
        let all = sent.metadata.labels.as_ref();
        let service = all.and_then(|labels| labels.get("kubernetes.io/service-name"));
        let endpoints =
            sent.endpoints.iter().map(|endpoint| Endpoint::of(endpoint, namespace, interner));
        let endpoints = endpoints.collect();
        let mut share = |text: Option<&str>| text.map(|text| interner.share(text));
        let ports = sent.ports.iter().flatten().map(|port| Port {
            number: port.port,
            name: share(port.name.as_deref()),
            protocol: share(port.protocol.as_deref()),
            app_protocol: share(port.app_protocol.as_deref()),
        });
        let ports = ports.collect();
        Self {
            labels,
            ports,
            endpoints,
            service: interner.share(service.map_or("", String::as_str)),
            address_type: interner.share(&sent.address_type),
        }
    }

    /// Whether one of the addresses is a pod's.
    pub(super) fn refers_to(&self, pod: &Key) -> bool {
        let mut endpoints = self.endpoints.iter();
        endpoints.any(|it| it.target.as_ref().and_then(Reference::pod).as_ref() == Some(pod))
    }

    pub(super) fn group(
        &self,
        key: &Key,
        discovery: &KubernetesDiscovery,
        objects: &Objects,
        interner: &mut Interner,
    ) -> TargetGroup {
        let mut group = TargetGroup { labels: self.labels.clone(), ..TargetGroup::default() };
        if let Some(service) = objects.service(&key.0, &self.service) {
            if !service.first_family.is_empty() && service.first_family != self.address_type {
                // The same pods stand in the slice of the other family.
                return group;
            }
            group.labels.merge(&service.labels);
        }
        if let Some(namespace) = objects.namespace(&key.0) {
            group.labels.merge(namespace);
        }
        let mut pods = PodsBehind::default();
        for endpoint in &self.endpoints {
            for port in &self.ports {
                for address in &endpoint.addresses {
                    let mut labels = LabelWriter::over(interner, endpoint.labels.clone());
                    port.set_labels(address, &mut labels);
                    let of_target = endpoint.target.as_ref().and_then(Reference::node);
                    let node = of_target.or(endpoint.node.as_deref());
                    attach_node(node, discovery, objects, &mut labels);
                    let pod = endpoint.target.as_ref().and_then(Reference::pod);
                    let number = port.number.map(|number| (number, None));
                    let target = pods.target(pod, number, discovery, objects, labels);
                    group.targets.extend(target.map(|mut target| {
                        target.ending |= endpoint.is_ending;
                        target
                    }));
                }
            }
        }
        group.targets.extend(pods.uncovered(discovery, objects, interner));
        group
    }
}

impl Endpoint {
    fn of(sent: &discovery_api::Endpoint, namespace: &str, interner: &mut Interner) -> Self {
        let mut labels = LabelWriter::new(interner);
        let conditions = sent.conditions.clone().unwrap_or_default();
        for (name, condition) in [
            ("ready", conditions.ready),
            ("serving", conditions.serving),
            ("terminating", conditions.terminating),
        ] {
            if let Some(value) = condition {
                let value = if value { "true" } else { "false" };
                labels.set_parts(&["endpointslice_endpoint_conditions_", name], value);
            }
        }
        labels
            .maybe("endpointslice_endpoint_zone", sent.zone.as_deref())
            .maybe("endpointslice_endpoint_hostname", sent.hostname.as_deref())
            .maybe("endpointslice_endpoint_node_name", sent.node_name.as_deref());
        for (key, value) in sent.deprecated_topology.iter().flatten() {
            let key = clean(key);
            labels
                .set_parts(&["endpointslice_endpoint_topology_", &key], value)
                .set_parts(&["endpointslice_endpoint_topology_present_", &key], "true");
        }
        if let Some(target) = &sent.target_ref {
            labels
                .maybe("endpointslice_address_target_kind", target.kind.as_deref())
                .maybe("endpointslice_address_target_name", target.name.as_deref());
        }
        let labels = labels.done();
        Self {
            labels,
            addresses: sent.addresses.iter().map(|address| interner.share(address)).collect(),
            is_ending: conditions.terminating == Some(true),
            node: sent.node_name.as_deref().map(|node| interner.share(node)),
            target: Reference::of(sent.target_ref.as_ref(), namespace, interner),
        }
    }
}

impl Port {
    fn set_labels(&self, address: &str, labels: &mut LabelWriter<'_>) {
        match self.number {
            Some(number) => {
                labels
                    .address(&host_and_port(address, number))
                    .set("endpointslice_port", &number.to_string());
            }
            None => {
                labels.address(address);
            }
        }
        labels
            .maybe("endpointslice_port_name", self.name.as_deref())
            .maybe("endpointslice_port_protocol", self.protocol.as_deref())
            .maybe("endpointslice_port_app_protocol", self.app_protocol.as_deref());
    }
}
