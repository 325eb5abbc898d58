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
    target::{self, GroupTargets},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

/// A scrape pool.
pub(super) struct Pool {
    config: Arc<ScrapeConfig>,
    client: Arc<Client>,
    /// What the targets were made from, and what each group became; `None` before the first sync.
    groups: Option<Vec<(Arc<TargetGroup>, Arc<GroupTargets>)>>,
    /// By [`place`].
    targets: BTreeMap<u64, Arc<TargetState>>,
}

impl Pool {
    pub(super) fn new(config: ScrapeConfig) -> Self {
        let client = Arc::new(client(&config));
        Self { config: Arc::new(config), client, groups: None, targets: BTreeMap::new() }
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
    /// ones, lets vanished ones go. Waits for nobody, and does nothing for groups that stay.
    pub(super) fn sync(&mut self, context: &Arc<Context>, groups: &[Arc<TargetGroup>]) {
        self.targets.retain(|_, state| !state.is_over());
        if self.groups.as_deref().is_some_and(|have| same_groups(have, groups)) {
            return;
        }
        let groups = self.build(context, groups);
        let active = target::collapse(groups.iter().map(|(_, targets)| &**targets));
        self.groups = Some(groups);
        let refused = self.refusal(active.len());
        let mut vanished = std::mem::take(&mut self.targets);
        for target in active {
            let place = place(&target);
            if self.targets.contains_key(&place) {
                // Only hidden labels tell the two apart: reading both would bring all spans twice.
                tracing::debug!(job = target.job, url = target.url, "target stands twice");
                continue;
            }
            let order = Order {
                target,
                config: Arc::clone(&self.config),
                client: Arc::clone(&self.client),
                gone: false,
                refused: refused.clone(),
            };
            let state = match vanished.remove(&place) {
                Some(state) if state.has(&order) => state,
                had => start(context, order, had),
            };
            self.targets.insert(place, state);
        }
        for (place, state) in vanished {
            state.leave();
            self.targets.insert(place, state);
        }
    }

    /// What each group becomes; for those that are known, what they became before.
    fn build(
        &mut self,
        context: &Context,
        groups: &[Arc<TargetGroup>],
    ) -> Vec<(Arc<TargetGroup>, Arc<GroupTargets>)> {
        let known = self.groups.take().unwrap_or_default();
        // The addresses stay taken while `known` holds the groups.
        let by_address: HashMap<*const TargetGroup, &Arc<GroupTargets>> =
            known.iter().map(|(group, targets)| (Arc::as_ptr(group), targets)).collect();
        let mut failed = 0;
        let mut targets_of = |group: &Arc<TargetGroup>| {
            if let Some(targets) = by_address.get(&Arc::as_ptr(group)) {
                return Arc::clone(targets);
            }
            let targets = target::build(&self.config, group);
            for error in &targets.failed {
                tracing::warn!(
                    job = self.config.job_name,
                    discovered_labels = %error.discovered_labels,
                    error = error.reason,
                    "target cannot be scraped"
                );
            }
            failed += targets.failed.len();
            Arc::new(targets)
        };
        let built = groups.iter().map(|group| (Arc::clone(group), targets_of(group))).collect();
        context.metrics.sync_failed(&self.config.job_name, failed);
        built
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

    /// At most `keep_dropped_targets`.
    pub(super) fn dropped(&self) -> Vec<DroppedTarget> {
        let shown_max = match self.config.keep_dropped_targets {
            0 => usize::MAX,
            limit => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let all = self.groups.iter().flatten().flat_map(|(_, targets)| &targets.dropped);
        let dropped = all.take(shown_max).map(|dropped| DroppedTarget {
            scrape_pool: self.config.job_name.clone(),
            discovered_labels: dropped.discovered.labels(&self.config),
            rule: dropped.rule,
        });
        dropped.collect()
    }

    pub(super) fn dropped_count(&self) -> u64 {
        let groups = self.groups.iter().flatten();
        groups.map(|(_, targets)| targets.dropped.len() as u64).sum()
    }

    fn refusal(&self, targets: usize) -> Option<String> {
        let limit = self.config.target_limit;
        (limit > 0 && targets as u64 > limit).then(|| {
            format!("target_limit exceeded (number of targets: {targets}, limit: {limit})")
        })
    }
}

/// Tells the loops of a target what is wanted of them, and starts those that do not run yet.
fn start(context: &Arc<Context>, order: Order, had: Option<Arc<TargetState>>) -> Arc<TargetState> {
    let reads_exemplars = order.target.exemplars_url.is_some();
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

fn client(config: &ScrapeConfig) -> Client {
    // A connection must outlive the pause between two reads.
    let idle_time_max = (config.scrape_interval.0 * 2).max(Duration::from_secs(90));
    Client::new(config.http.clone(), idle_time_max)
}

fn same_groups(have: &[(Arc<TargetGroup>, Arc<GroupTargets>)], new: &[Arc<TargetGroup>]) -> bool {
    let is_same =
        |((a, _), b): (&(Arc<TargetGroup>, _), &Arc<TargetGroup>)| Arc::ptr_eq(a, b) || a == b;
    have.len() == new.len() && have.iter().zip(new).all(is_same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Labels,
        config::Config,
        discovery::DiscoveredTarget,
        scrape::tests::rig::{Rig, config},
    };

    fn group(source: &str, label: &str) -> Arc<TargetGroup> {
        let address = [("__address__", format!("127.0.0.1:{source}"))].into_iter().collect();
        Arc::new(TargetGroup {
            source: source.to_owned(),
            labels: [("a", label)].into_iter().collect::<Labels>(),
            targets: vec![DiscoveredTarget { labels: address, ending: false }],
        })
    }

    #[tokio::test]
    async fn dropped_targets_are_all_counted_and_some_are_kept() {
        let rig = Rig::new().await;
        let text = "scrape_configs: [{job_name: a, keep_dropped_targets: 2, relabel_configs: \
                    [{source_labels: [__address__], action: drop}]}]";
        let (mut parsed, _) = Config::parse(text, "test.yml", &|_| None).unwrap();
        let mut pool = Pool::new(parsed.scrape_configs.remove(0));
        pool.sync(&rig.context, &["1", "2", "3"].map(|source| group(source, "x")));
        assert_eq!((pool.dropped().len(), pool.dropped_count()), (2, 3));
        rig.stop().await;
    }

    #[tokio::test]
    async fn a_sync_touches_only_what_changed() {
        let rig = Rig::new().await;
        let mut pool = Pool::new(config());
        let (stays, changes) = (group("1", "x"), group("2", "x"));
        pool.sync(&rig.context, &[Arc::clone(&stays), changes]);
        let before: Vec<_> = pool.groups.iter().flatten().map(|it| Arc::clone(&it.1)).collect();
        let states = pool.targets.clone();

        pool.sync(&rig.context, &[group("2", "y"), stays]);
        let after: Vec<_> = pool.groups.iter().flatten().map(|it| &it.1).collect();
        assert!(Arc::ptr_eq(&before[0], after[1]));
        assert!(!Arc::ptr_eq(&before[1], after[0]));
        // The loop of the one that stays was given no new order, the other is another target.
        assert_eq!(pool.status().len(), 2);
        let kept = states.iter().filter(|(place, state)| {
            pool.targets.get(place).is_some_and(|it| Arc::ptr_eq(it, state) && !it.order().gone)
        });
        let kept: Vec<_> = kept.map(|(_, state)| state.order().target).collect();
        assert!(kept.len() == 1 && Arc::ptr_eq(&kept[0], &before[0].active[0]));
        rig.stop().await;
    }
}
