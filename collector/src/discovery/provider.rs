//! One running mechanism: the groups that it has found so far.

use crate::discovery::{Metrics, PodSighting, TargetGroup};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};
use tokio::sync::Notify;

/// Where a mechanism hands its groups over.
#[derive(Clone)]
pub(crate) struct Emitter {
    mechanism: &'static str,
    shared: Arc<ProviderState>,
    changed: Arc<Notify>,
    metrics: Metrics,
}

/// The latest groups of one provider, by source.
#[derive(Default)]
pub(crate) struct ProviderState {
    groups: Mutex<BTreeMap<String, Arc<TargetGroup>>>,
    /// Set by a mechanism that knows pods, once it follows them.
    pods: OnceLock<ExplainPod>,
}

/// From namespace and name to what is known of the pod; none when the mechanism has ended.
type ExplainPod = Box<dyn Fn(&str, &str) -> Option<PodSighting> + Send + Sync>;

impl ProviderState {
    pub(crate) fn groups(&self) -> Vec<Arc<TargetGroup>> {
        self.groups.lock().values().cloned().collect()
    }

    /// What is known of a pod.
    pub(crate) fn sighting(&self, namespace: &str, name: &str) -> PodSighting {
        let known = self.pods.get().and_then(|explain| explain(namespace, name));
        known.unwrap_or(PodSighting::NotListed { reason: String::new() })
    }
}

impl Emitter {
    pub(crate) fn new(
        mechanism: &'static str,
        shared: Arc<ProviderState>,
        changed: Arc<Notify>,
        metrics: Metrics,
    ) -> Self {
        Self { mechanism, shared, changed, metrics }
    }

    /// Says who is to be asked about single pods.
    pub(crate) fn explains_pods(
        &self,
        explain: impl Fn(&str, &str) -> Option<PodSighting> + Send + Sync + 'static,
    ) {
        // A mechanism says so once, when it starts.
        let _ = self.shared.pods.set(Box::new(explain));
    }

    /// Takes over changed groups; one without targets removes its source.
    pub(crate) fn update(&self, groups: impl IntoIterator<Item = TargetGroup>) {
        let mut any = false;
        let mut have = self.shared.groups.lock();
        for group in groups {
            if group.targets.is_empty() {
                any |= have.remove(&group.source).is_some();
            } else if have.get(&group.source).is_none_or(|old| **old != group) {
                have.insert(group.source.clone(), Arc::new(group));
                any = true;
            }
        }
        drop(have);
        if any {
            self.changed.notify_one();
        }
    }

    /// Takes over all groups that there are now; what is not among them is gone.
    pub(crate) fn replace(&self, groups: impl IntoIterator<Item = TargetGroup>) {
        self.replace_where(|_| true, groups);
    }

    /// As [`Self::replace`], but only for the sources that `is_mine` names.
    pub(crate) fn replace_where(
        &self,
        is_mine: impl Fn(&str) -> bool,
        groups: impl IntoIterator<Item = TargetGroup>,
    ) {
        let groups: BTreeMap<String, TargetGroup> =
            groups.into_iter().map(|group| (group.source.clone(), group)).collect();
        let gone: Vec<TargetGroup> = self
            .shared
            .groups
            .lock()
            .keys()
            .filter(|source| is_mine(source) && !groups.contains_key(*source))
            .map(|source| TargetGroup { source: source.clone(), ..TargetGroup::default() })
            .collect();
        self.update(gone.into_iter().chain(groups.into_values()));
    }

    /// Takes over what a refresh found; when it failed, what was found before stays.
    pub(crate) fn refreshed(&self, found: Result<Vec<TargetGroup>, String>) {
        match found {
            Ok(groups) => self.replace(groups),
            Err(reason) => self.failed(&format!("{reason}; the targets found before stay")),
        }
    }

    /// Notes that a refresh failed; what was found before stays.
    pub(crate) fn failed(&self, reason: &str) {
        tracing::warn!(mechanism = self.mechanism, reason, "discovery could not refresh");
        self.metrics.refresh_failed(self.mechanism);
    }
}
