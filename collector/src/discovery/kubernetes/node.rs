//! Role `node`: the kubelet of each node.

use super::{interner::Interner, metadata::LabelWriter};
use crate::{
    Labels,
    discovery::{DiscoveredTarget, TargetGroup, naming::host_and_port},
};
use k8s_openapi::api::core::v1 as core;
use std::sync::Arc;

/// The kinds of addresses, the one that is asked first in front.
const PREFERENCE: [&str; 6] =
    ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"];

/// What is kept of a node.
#[derive(PartialEq)]
pub(super) struct Node {
    /// What can be attached to pods: name, labels and annotations.
    pub(super) labels: Labels,
    provider_id: Arc<str>,
    /// Types in lower case, and `true`, `false` or `unknown`.
    conditions: Box<[(Arc<str>, Arc<str>)]>,
    /// Types and addresses.
    addresses: Box<[(Arc<str>, Arc<str>)]>,
    kubelet_port: i32,
}

impl Node {
    pub(super) fn of(sent: &core::Node, interner: &mut Interner) -> Self {
        let mut labels = LabelWriter::new(interner);
        labels.maybe("node_name", sent.metadata.name.as_deref()).metadata("node", &sent.metadata);
        let labels = labels.done();
        let status = sent.status.as_ref();
        let provider_id = sent.spec.as_ref().and_then(|spec| spec.provider_id.as_deref());
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let conditions = conditions.iter().map(|it| {
            let (kind, status) = (it.type_.to_lowercase(), it.status.to_lowercase());
            (interner.share(&kind), interner.share(&status))
        });
        let conditions = conditions.collect();
        let addresses = status.and_then(|status| status.addresses.as_deref()).unwrap_or_default();
        let addresses =
            addresses.iter().map(|it| (interner.share(&it.type_), interner.share(&it.address)));
        let addresses = addresses.collect();
        let kubelet =
            status.and_then(|status| status.daemon_endpoints.as_ref()?.kubelet_endpoint.as_ref());
        Self {
            labels,
            provider_id: interner.share(provider_id.unwrap_or_default()),
            conditions,
            addresses,
            kubelet_port: kubelet.map_or(0, |kubelet| kubelet.port),
        }
    }

    /// The group of a node; without an address it has no target.
    pub(super) fn group(&self, interner: &mut Interner) -> TargetGroup {
        let mut group = TargetGroup::default();
        let mut of_kinds =
            PREFERENCE.iter().filter_map(|kind| self.addresses.iter().find(|it| *it.0 == **kind));
        let Some((_, address)) = of_kinds.next() else {
            tracing::debug!(labels = %self.labels, "a node has no address");
            return group;
        };
        let mut labels = LabelWriter::over(interner, self.labels.clone());
        labels.set("node_provider_id", &self.provider_id);
        for (kind, status) in &self.conditions {
            labels.set_parts(&["node_condition_", kind], status);
        }
        group.labels = labels.done();
        let mut labels = LabelWriter::new(interner);
        labels
            .address(&host_and_port(address, self.kubelet_port))
            .plain("instance", self.labels.get("__meta_kubernetes_node_name"));
        // Of several addresses of a type the first counts.
        for (kind, address) in self.addresses.iter().rev() {
            labels.set_parts(&["node_address_", kind], address);
        }
        group.targets.push(DiscoveredTarget { labels: labels.done(), ending: false });
        group
    }
}
