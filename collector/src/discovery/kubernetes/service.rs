//! Role `service`: each port of each service, by the service's name in DNS.

use super::{
    interner::Interner,
    metadata::LabelWriter,
    objects::{Key, Objects},
};
use crate::{
    Labels,
    discovery::{DiscoveredTarget, TargetGroup},
};
use k8s_openapi::api::core::v1 as core;
use std::sync::Arc;

/// What is kept of a service.
#[derive(PartialEq)]
pub(super) struct Service {
    /// Name, labels and annotations: what the endpoints roles attach.
    pub(super) labels: Labels,
    kind: Arc<str>,
    cluster_ip: Arc<str>,
    external_name: Arc<str>,
    load_balancer_ip: Arc<str>,
    /// Only slices of this family give targets; empty when the service has one family.
    pub(super) first_family: Arc<str>,
    ports: Box<[NamedPort]>,
}

/// A port of a service, or of the addresses behind it.
#[derive(PartialEq)]
pub(super) struct NamedPort {
    pub(super) name: Arc<str>,
    pub(super) number: i32,
    pub(super) protocol: Arc<str>,
}

impl NamedPort {
    pub(super) fn of(
        name: Option<&str>,
        number: i32,
        protocol: Option<&str>,
        interner: &mut Interner,
    ) -> Self {
        Self {
            name: interner.share(name.unwrap_or_default()),
            number,
            protocol: interner.share(protocol.unwrap_or_default()),
        }
    }
}

impl Service {
    pub(super) fn of(sent: &core::Service, interner: &mut Interner) -> Self {
        let mut labels = LabelWriter::new(interner);
        labels
            .maybe("service_name", sent.metadata.name.as_deref())
            .metadata("service", &sent.metadata);
        let labels = labels.done();
        let spec = sent.spec.clone().unwrap_or_default();
        let balancer = sent.status.as_ref().and_then(|status| status.load_balancer.as_ref());
        let ingress = balancer.and_then(|it| it.ingress.as_deref()).unwrap_or_default();
        let ips: Vec<&str> = ingress.iter().filter_map(|ingress| ingress.ip.as_deref()).collect();
        let balancer_ip = match ips.is_empty() {
            true => spec.load_balancer_ip.clone().unwrap_or_default(),
            false => ips.join(","),
        };
        let is_dual = matches!(
            spec.ip_family_policy.as_deref(),
            Some("PreferDualStack" | "RequireDualStack")
        );
        let family = spec.ip_families.iter().flatten().next().filter(|_| is_dual);
        let ports = spec.ports.iter().flatten().map(|port| {
            NamedPort::of(port.name.as_deref(), port.port, port.protocol.as_deref(), interner)
        });
        let ports = ports.collect();
        let mut share = |text: Option<&str>| interner.share(text.unwrap_or_default());
        Self {
            labels,
            ports,
            kind: share(Some(spec.type_.as_deref().unwrap_or("ClusterIP"))),
            cluster_ip: share(spec.cluster_ip.as_deref()),
            external_name: share(spec.external_name.as_deref()),
            load_balancer_ip: share(Some(&balancer_ip)),
            first_family: share(family.map(String::as_str)),
        }
    }

    pub(super) fn group(
        &self,
        key: &Key,
        objects: &Objects,
        interner: &mut Interner,
    ) -> TargetGroup {
        let mut labels = LabelWriter::over(interner, self.labels.clone());
        labels.set("namespace", &key.0);
        if let Some(namespace) = objects.namespace(&key.0) {
            labels.labels.merge(namespace);
        }
        let mut group = TargetGroup { labels: labels.done(), ..TargetGroup::default() };
        for port in &self.ports {
            let mut labels = LabelWriter::new(interner);
            labels
                .address(&format!("{}.{}.svc:{}", key.1, key.0, port.number))
                .set("service_port_name", &port.name)
                .set("service_port_number", &port.number.to_string())
                .set("service_port_protocol", &port.protocol)
                .set("service_type", &self.kind);
            match &*self.kind {
                "ExternalName" => labels.set("service_external_name", &self.external_name),
                _ => labels.set("service_cluster_ip", &self.cluster_ip),
            };
            if &*self.kind == "LoadBalancer" {
                labels.set("service_loadbalancer_ip", &self.load_balancer_ip);
            }
            group.targets.push(DiscoveredTarget { labels: labels.done(), ending: false });
        }
        group
    }
}
