//! What a block of `kubernetes_sd_configs` knows of one pod: why it gives targets, or none.

use super::{KubernetesDiscovery, Role, kind::Kind, objects::Key, objects::Objects, watch::Watch};
use serde::Serialize;

/// What a job knows of a pod that somebody asks about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobSighting {
    /// The job's name.
    pub scrape_pool: String,
    /// The role of the block that was asked.
    pub role: &'static str,
    /// What it said.
    #[serde(flatten)]
    pub sighting: PodSighting,
}

/// What one block knows of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PodSighting {
    /// It gives targets, which relabeling may drop.
    Discovered,
    /// It has ended by itself, and such pods give no targets.
    Finished {
        /// `Succeeded` or `Failed`.
        phase: String,
    },
    /// It has no IP yet.
    WithoutAddress {
        /// Such as `Pending`.
        phase: String,
    },
    /// Its node is none of those that the block's selector for nodes chooses.
    NodeNotSelected {
        /// The node's name; empty while the pod has none.
        node: String,
    },
    /// No Endpoints or EndpointSlice object refers to it.
    BehindNoService,
    /// The API server has no such pod, or the selectors leave it out.
    Unknown {
        /// The selectors that narrow what is seen, such as `label app=cart`.
        selectors: Vec<String>,
    },
    /// The block watches other namespaces only.
    OtherNamespace {
        /// Those.
        namespaces: Vec<String>,
    },
    /// The role's targets are not pods.
    RoleWithoutPods,
    /// Pods could not be listed.
    NotListed {
        /// What the API server said; empty while its answer is awaited.
        reason: String,
    },
}

impl PodSighting {
    /// What is known after what has been watched so far.
    pub(super) fn of(
        pod: &Key,
        discovery: &KubernetesDiscovery,
        objects: &Objects,
        watches: &[Watch],
    ) -> Self {
        let role = discovery.role;
        if !role.kinds(discovery.attach).contains(&Kind::Pod) {
            return Self::RoleWithoutPods;
        }
        let of_pods = || watches.iter().filter(|watch| watch.kind == Kind::Pod);
        let is_here = |watch: &&Watch| watch.namespace.as_ref().is_none_or(|it| *it == pod.0);
        let Some(watch) = of_pods().find(is_here) else {
            let namespaces = of_pods().filter_map(|watch| watch.namespace.as_deref());
            return Self::OtherNamespace { namespaces: namespaces.map(str::to_owned).collect() };
        };
        let Some(known) = objects.pod(pod) else {
            let reason = watch.refused.clone().unwrap_or_default();
            return match watch.is_settled && reason.is_empty() {
                true => Self::Unknown { selectors: selectors(discovery) },
                false => Self::NotListed { reason },
            };
        };
        let phase = || known.labels.get("__meta_kubernetes_pod_phase").to_owned();
        if known.has_finished && !discovery.keep_finished_pods {
            Self::Finished { phase: phase() }
        } else if known.ip.is_empty() {
            Self::WithoutAddress { phase: phase() }
        } else if discovery.needs_node(objects) && objects.node(&known.node).is_none() {
            Self::NodeNotSelected { node: known.node.to_string() }
        } else if role != Role::Pod && !objects.any_refers_to(role.primary(), pod) {
            Self::BehindNoService
        } else {
            Self::Discovered
        }
    }
}

fn selectors(discovery: &KubernetesDiscovery) -> Vec<String> {
    let of_pods = discovery.selectors.get(&Role::Pod).into_iter();
    let named = of_pods.flat_map(|selector| {
        let label = selector.label.iter().map(|text| format!("label {text}"));
        label.chain(selector.field.iter().map(|text| format!("field {text}")))
    });
    named.collect()
}
