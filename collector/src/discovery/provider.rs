//! One running mechanism: the groups that it has found so far.

use crate::discovery::{Metrics, TargetGroup};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};
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
}

impl ProviderState {
    pub(crate) fn groups(&self) -> Vec<Arc<TargetGroup>> {
        self.groups.lock().values().cloned().collect()
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
