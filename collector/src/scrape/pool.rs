//! The targets of one job, and the rules that made them.

use super::{
    context::Context,
    exemplar_loop, span_loop,
    state::{Loop, Order, TargetState, place},
    status::{DroppedTarget, TargetStatus},
};
use crate::{
    config::ScrapeConfig,
    discovery::TargetGroup,
    http_client::Client,
    target::{self, Target, Targets},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A scrape pool.
pub(super) struct Pool {
    config: Arc<ScrapeConfig>,
    client: Arc<Client>,
    /// What the targets were made from; `None` before the first sync.
    groups: Option<Vec<Arc<TargetGroup>>>,
    /// By [`place`].
    targets: BTreeMap<u64, Arc<TargetState>>,
    /// At most `keep_dropped_targets`.
    dropped: Vec<target::DroppedTarget>,
    dropped_count: u64,
}

impl Pool {
    pub(super) fn new(config: ScrapeConfig) -> Self {
        let client = Arc::new(client(&config));
        Self {
            config: Arc::new(config),
            client,
            groups: None,
            targets: BTreeMap::new(),
            dropped: Vec::new(),
            dropped_count: 0,
        }
    }

    /// Goes over to another configuration; the next sync builds the targets anew. Equal
    /// configuration changes nothing at all.
    pub(super) fn configure(&mut self, config: ScrapeConfig) {
        if *self.config == config {
            return;
        }
        if self.config.http != config.http || self.config.scrape_interval != config.scrape_interval
        {
            self.client = Arc::new(client(&config));
        }
        self.config = Arc::new(config);
        self.groups = None;
    }

    /// Makes the targets that the groups describe: keeps loops whose place stays, starts new
    /// ones, lets vanished ones go. Waits for nobody.
    pub(super) fn sync(&mut self, context: &Arc<Context>, groups: &[Arc<TargetGroup>]) {
        self.targets.retain(|_, state| !state.is_over());
        if self.groups.as_deref().is_some_and(|have| same_groups(have, groups)) {
            return;
        }
        self.groups = Some(groups.to_vec());
        let Targets { active, dropped, dropped_count, failed } =
            target::build(&self.config, groups);
        for error in &failed {
            tracing::warn!(
                job = self.config.job_name,
                discovered_labels = %error.discovered_labels,
                error = error.reason,
                "target cannot be scraped"
            );
        }
        context.metrics.sync_failed(&self.config.job_name, failed.len());
        (self.dropped, self.dropped_count) = (dropped, dropped_count);
        let refused = self.refusal(active.len());
        let mut vanished = std::mem::take(&mut self.targets);
        for target in active {
            let place = place(&target);
            if self.targets.contains_key(&place) {
                // Only hidden labels tell the two apart: reading both would bring all spans twice.
                tracing::debug!(job = target.job, url = target.url, "target stands twice");
                continue;
            }
            let had = vanished.remove(&place);
            let state = self.start(context, target, refused.clone(), had);
            self.targets.insert(place, state);
        }
        for (place, state) in vanished {
            state.leave();
            self.targets.insert(place, state);
        }
    }

    /// Lets all targets go. The loops end on their own, unless another sync takes them back.
    pub(super) fn leave(&mut self) {
        self.groups = None;
        self.targets.values().for_each(|state| state.leave());
    }

    pub(super) fn is_over(&self) -> bool {
        self.targets.values().all(|state| state.is_over())
    }

    /// Sorted by URL and labels.
    pub(super) fn status(&self) -> Vec<TargetStatus> {
        let mut all: Vec<_> = self.targets.values().filter_map(|state| state.snapshot()).collect();
        all.sort_by(|a, b| (&a.scrape_url, &a.labels).cmp(&(&b.scrape_url, &b.labels)));
        all
    }

    pub(super) fn loops(&self) -> impl Iterator<Item = Arc<TargetState>> {
        self.targets.values().filter(|state| !state.is_over()).cloned()
    }

    pub(super) fn config(&self) -> Arc<ScrapeConfig> {
        Arc::clone(&self.config)
    }

    pub(super) fn dropped(&self) -> Vec<DroppedTarget> {
        let dropped = self.dropped.iter().map(|dropped| DroppedTarget {
            scrape_pool: self.config.job_name.clone(),
            discovered_labels: dropped.discovered.labels(&self.config),
            rule: dropped.rule,
        });
        dropped.collect()
    }

    pub(super) fn dropped_count(&self) -> u64 {
        self.dropped_count
    }

    fn start(
        &self,
        context: &Arc<Context>,
        target: Target,
        refused: Option<String>,
        had: Option<Arc<TargetState>>,
    ) -> Arc<TargetState> {
        let reads_exemplars = target.exemplars_url.is_some();
        let target = match &had {
            // Loops compare by pointer what they computed from a target.
            Some(state) if *state.order().target == target => state.order().target,
            _ => Arc::new(target),
        };
        let order = Order {
            target,
            config: Arc::clone(&self.config),
            client: Arc::clone(&self.client),
            gone: false,
            refused,
        };
        let state = match had {
            Some(state) => {
                state.give(order);
                state
            }
            None => {
                let labels = &order.target.labels;
                let series = context.metrics.target(labels.get("job"), labels.get("instance"));
                Arc::new(TargetState::new(order, series))
            }
        };
        if state.claim(Loop::Spans) {
            context.tasks.spawn(span_loop::run(Arc::clone(context), Arc::clone(&state)));
        }
        if reads_exemplars && state.claim(Loop::Exemplars) {
            context.tasks.spawn(exemplar_loop::run(Arc::clone(context), Arc::clone(&state)));
        }
        state
    }

    fn refusal(&self, targets: usize) -> Option<String> {
        let limit = self.config.target_limit;
        (limit > 0 && targets as u64 > limit).then(|| {
            format!("target_limit exceeded (number of targets: {targets}, limit: {limit})")
        })
    }
}

fn client(config: &ScrapeConfig) -> Client {
    // A connection must outlive the pause between two reads.
    let idle_time_max = (config.scrape_interval.0 * 2).max(Duration::from_secs(90));
    Client::new(config.http.clone(), idle_time_max)
}

fn same_groups(have: &[Arc<TargetGroup>], new: &[Arc<TargetGroup>]) -> bool {
    have.len() == new.len() && have.iter().zip(new).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
}
