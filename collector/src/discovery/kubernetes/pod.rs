//! Role `pod`: a target for each declared port of each container.

use super::{
    Attach, KubernetesDiscovery,
    interner::Interner,
    kind::Kind,
    metadata::LabelWriter,
    objects::{Key, Objects, Owner},
};
use crate::{
    Labels,
    discovery::{DiscoveredTarget, TargetGroup, naming::host_and_port},
};
use k8s_openapi::api::core::v1 as core;
use std::{collections::BTreeMap, sync::Arc};

/// What is kept of a pod.
#[derive(PartialEq)]
pub(super) struct Pod {
    /// All labels of its group, but for what is attached.
    pub(super) labels: Labels,
    pub(super) ip: Arc<str>,
    pub(super) node: Arc<str>,
    pub(super) owner: Option<Owner>,
    /// In phase Succeeded or Failed.
    pub(super) has_finished: bool,
    /// Its deletion has begun.
    pub(super) is_ending: bool,
    pub(super) containers: Box<[Container]>,
}

/// What is kept of a container.
#[derive(PartialEq)]
pub(super) struct Container {
    name: Arc<str>,
    id: Arc<str>,
    image: Arc<str>,
    is_init: bool,
    pub(super) ports: Box<[Port]>,
}

/// A declared port.
#[derive(PartialEq)]
pub(super) struct Port {
    pub(super) number: i32,
    name: Arc<str>,
    protocol: Arc<str>,
}

impl Pod {
    pub(super) fn of(sent: &core::Pod, interner: &mut Interner) -> Self {
        let status = sent.status.clone().unwrap_or_default();
        let node = sent.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let phase = status.phase.as_deref().unwrap_or_default();
        let owner = Owner::of(&sent.metadata, interner);
        let mut labels = LabelWriter::new(interner);
        labels
            .maybe("namespace", sent.metadata.namespace.as_deref())
            .maybe("pod_name", sent.metadata.name.as_deref())
            .maybe("pod_uid", sent.metadata.uid.as_deref())
            .maybe("pod_ip", status.pod_ip.as_deref())
            .maybe("pod_host_ip", status.host_ip.as_deref())
            .maybe("pod_node_name", node)
            .set("pod_phase", phase)
            .set("pod_ready", &ready(&status))
            .maybe("pod_controller_kind", owner.as_ref().map(|owner| &*owner.kind))
            .maybe("pod_controller_name", owner.as_ref().map(|owner| &*owner.name))
            .metadata("pod", &sent.metadata);
        let labels = labels.done();
        let containers = containers(sent, &status, interner);
        Self {
            labels,
            ip: interner.share(status.pod_ip.as_deref().unwrap_or_default()),
            node: interner.share(node.unwrap_or_default()),
            owner,
            has_finished: matches!(phase, "Succeeded" | "Failed"),
            is_ending: sent.metadata.deletion_timestamp.is_some(),
            containers,
        }
    }

    /// The group of a pod. It has no targets when the pod has no IP yet, or has finished.
    pub(super) fn group(
        &self,
        key: &Key,
        discovery: &KubernetesDiscovery,
        objects: &Objects,
        interner: &mut Interner,
    ) -> TargetGroup {
        let mut group = TargetGroup::default();
        let node = objects.node(&self.node);
        if self.ip.is_empty()
            || (self.has_finished && !discovery.keep_finished_pods)
            || (discovery.needs_node(objects) && node.is_none())
        {
            return group;
        }
        group.labels = self.labels.clone();
        if let Some(node) = node.filter(|_| discovery.attach.node) {
            group.labels.merge(&node.labels);
        }
        if let Some(namespace) = objects.namespace(&key.0) {
            group.labels.merge(namespace);
        }
        let mut labels = LabelWriter::over(interner, group.labels);
        self.attach_owners(&key.0, discovery.attach, objects, &mut labels);
        group.labels = labels.labels;
        let ports = self.containers.iter().map(|container| container.ports.len().max(1));
        group.targets.reserve_exact(ports.sum());
        for container in &self.containers {
            let mut target = |port: Option<&Port>| {
                let mut labels = LabelWriter::new(interner);
                match port {
                    Some(port) => labels.address(&host_and_port(&self.ip, port.number)),
                    None => labels.address(&self.ip),
                };
                container.set_labels(port, port.map(|port| &*port.protocol), &mut labels);
                labels.set("pod_container_id", &container.id);
                let labels = labels.done();
                group.targets.push(DiscoveredTarget { labels, ending: self.is_ending });
            };
            if container.ports.is_empty() {
                target(None);
            }
            container.ports.iter().for_each(|port| target(Some(port)));
        }
        group
    }

    /// Names of the deployment, job and cron job that it belongs to, as far as they are wanted.
    pub(super) fn attach_owners(
        &self,
        namespace: &Arc<str>,
        attach: Attach,
        objects: &Objects,
        labels: &mut LabelWriter<'_>,
    ) {
        let Some(owner) = &self.owner else { return };
        match &*owner.kind {
            "ReplicaSet" if attach.deployment => {
                let above = objects.owner(Kind::ReplicaSet, namespace, &owner.name);
                if let Some(above) = above.filter(|above| &*above.kind == "Deployment") {
                    labels.set("pod_deployment_name", &above.name);
                }
            }
            "Job" => {
                if attach.job {
                    labels.set("pod_job_name", &owner.name);
                }
                let above = objects.owner(Kind::Job, namespace, &owner.name);
                if let Some(above) = above.filter(|it| attach.cronjob && &*it.kind == "CronJob") {
                    labels.set("pod_cronjob_name", &above.name);
                }
            }
            _ => {}
        }
    }
}

impl Container {
    /// Its labels but for the ID, which only the role pod has.
    pub(super) fn set_labels(
        &self,
        port: Option<&Port>,
        protocol: Option<&str>,
        labels: &mut LabelWriter<'_>,
    ) {
        labels
            .set("pod_container_name", &self.name)
            .set("pod_container_image", &self.image)
            .flag("pod_container_init", self.is_init);
        if let Some(port) = port {
            labels
                .set("pod_container_port_name", &port.name)
                .set("pod_container_port_number", &port.number.to_string())
                .maybe("pod_container_port_protocol", protocol);
        }
    }
}

impl Port {
    pub(super) fn protocol(&self) -> &str {
        &self.protocol
    }
}

/// Normal containers first, then those that run before them.
fn containers(
    sent: &core::Pod,
    status: &core::PodStatus,
    interner: &mut Interner,
) -> Box<[Container]> {
    let Some(spec) = &sent.spec else { return Box::default() };
    let ids = |statuses: &Option<Vec<core::ContainerStatus>>| -> BTreeMap<String, String> {
        let named = |status: &core::ContainerStatus| {
            (status.name.clone(), status.container_id.clone().unwrap_or_default())
        };
        statuses.iter().flatten().map(named).collect()
    };
    let (normal_ids, init_ids) =
        (ids(&status.container_statuses), ids(&status.init_container_statuses));
    let normal = spec.containers.iter().map(|container| (container, false, &normal_ids));
    let init = spec.init_containers.iter().flatten().map(|container| (container, true, &init_ids));
    let all = normal.chain(init).map(|(container, is_init, ids)| {
        let ports = container.ports.iter().flatten().map(|port| Port {
            number: port.container_port,
            name: interner.share(port.name.as_deref().unwrap_or_default()),
            protocol: interner.share(port.protocol.as_deref().unwrap_or_default()),
        });
        Container {
            ports: ports.collect(),
            name: interner.share(&container.name),
            id: interner.share(ids.get(&container.name).map_or("", String::as_str)),
            image: interner.share(container.image.as_deref().unwrap_or_default()),
            is_init,
        }
    });
    all.collect()
}

/// `true`, `false` or `unknown`.
fn ready(status: &core::PodStatus) -> String {
    let conditions = status.conditions.iter().flatten();
    let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
    ready.map_or_else(|| "unknown".into(), |condition| condition.status.to_ascii_lowercase())
}
