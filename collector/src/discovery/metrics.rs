//! What discovery says about itself on `/metrics`.

use crate::discovery::JobGroups;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Metrics of discovery; clones count into the same numbers.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    discovered_targets: Family<JobLabel, Gauge>,
    refresh_failures: Family<MechanismLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabel {
    job: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MechanismLabel {
    mechanism: String,
}

impl Metrics {
    /// Makes them visible under their full names.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "sigyn_discovered_targets",
            "Targets that discovery knows, before relabeling",
            metrics.discovered_targets.clone(),
        );
        registry.register(
            "sigyn_sd_refresh_failures",
            "Times that a discovery mechanism could not refresh",
            metrics.refresh_failures.clone(),
        );
        metrics
    }

    pub(crate) fn refresh_failed(&self, mechanism: &str) {
        let label = MechanismLabel { mechanism: mechanism.into() };
        self.refresh_failures.get_or_create(&label).inc();
    }

    pub(crate) fn show(&self, old: &JobGroups, new: &JobGroups) {
        for job in old.keys().filter(|job| !new.contains_key(*job)) {
            self.discovered_targets.remove(&JobLabel { job: job.clone() });
        }
        for (job, groups) in new {
            let count: usize = groups.iter().map(|group| group.targets.len()).sum();
            let label = JobLabel { job: job.clone() };
            self.discovered_targets.get_or_create(&label).set(count as i64);
        }
    }

    /// How often a mechanism could not refresh.
    #[cfg(test)]
    pub(crate) fn failures(&self, mechanism: &str) -> u64 {
        let label = MechanismLabel { mechanism: mechanism.into() };
        self.refresh_failures.get_or_create(&label).get()
    }
}
