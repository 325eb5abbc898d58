//! `kubernetes_sd_configs`: what the Kubernetes API lists and watches, in six roles.
//!
//! [`follow`] lists and watches a kind of object, [`objects`] keeps the few fields that labels need,
//! a file per role makes target groups of them, and [`watch`] says which groups a change touches.

mod access;
mod endpoint_slice;
mod endpoints;
mod follow;
mod ingress;
mod interner;
mod kind;
mod metadata;
mod node;
mod objects;
mod pod;
mod pods_behind;
mod print;
mod read;
mod retry;
mod selector;
mod service;
mod sighting;
#[cfg(test)]
mod tests;
mod watch;

pub use access::Access;
pub use kind::Role;
pub use selector::Selector;
pub use sighting::{JobSighting, PodSighting};

use crate::discovery::{TargetGroup, provider::Emitter};
use interner::Interner;
use kind::Kind;
use objects::{Objects, Sent};
use std::collections::BTreeMap;

/// One item of `kubernetes_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KubernetesDiscovery {
    /// What becomes a target.
    pub role: Role,
    /// Which API server, and how.
    pub access: Access,
    /// Namespaces to watch; empty (and not `own_namespace`): all.
    pub namespaces: Vec<String>,
    /// Also the namespace that Sigyn itself runs in.
    pub own_namespace: bool,
    /// What is asked for, by the role whose objects they select.
    pub selectors: BTreeMap<Role, Selector>,
    /// What is known of other objects and shall be attached.
    pub attach: Attach,
    /// Whether pods in phase Succeeded or Failed give targets.
    pub keep_finished_pods: bool,
}

/// `attach_metadata`: labels that come from another object than the target's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attach {
    /// Labels and annotations of the pod's node.
    pub node: bool,
    /// Labels and annotations of the namespace.
    pub namespace: bool,
    /// Name of the deployment that the pod belongs to.
    pub deployment: bool,
    /// Name of the job that the pod belongs to.
    pub job: bool,
    /// Name of the cron job that the pod belongs to.
    pub cronjob: bool,
}

impl KubernetesDiscovery {
    /// The groups that these objects would give, without asking any API server. Objects are as in
    /// manifests; those of other kinds are left out.
    pub fn groups_of(
        &self,
        manifests: impl IntoIterator<Item = serde_json::Value>,
    ) -> serde_json::Result<Vec<TargetGroup>> {
        let (mut objects, mut interner) = (Objects::default(), Interner::default());
        self.role.kinds(self.attach).into_iter().for_each(|kind| objects.listed(kind));
        for manifest in manifests {
            if let Some((kind, sent)) = Sent::of_manifest(manifest)? {
                let key = sent.key(&mut interner);
                objects.insert(kind, key, sent.keep(&mut interner));
            }
        }
        let keys = objects.of_kind(self.role.primary()).map(|(key, _)| key);
        Ok(keys.map(|key| objects.group(key, self, &mut interner)).collect())
    }

    /// Whether pods on unknown nodes give no targets, as in Prometheus: where nodes are attached, a
    /// selector for nodes chooses pods, too. Nodes that may not be listed are no reason to lose all.
    fn needs_node(&self, objects: &Objects) -> bool {
        let selects = self.selectors.contains_key(&Role::Node);
        self.role == Role::Pod && self.attach.node && (selects || objects.are_listed(Kind::Node))
    }

    pub(crate) async fn run(self, emitter: Emitter) {
        watch::run(self, emitter).await;
    }
}
