//! All scrape pools: they follow discovery and the configuration.

use super::{
    context::{Context, IN_FLIGHT_BYTES_MAX},
    metrics::Metrics,
    phase::{CurrentSeed, Seed},
    pool::Pool,
    seeker,
    state::TargetState,
    status::{DroppedTarget, TargetStatus},
};
use crate::{budget::Budget, config::ScrapeConfig, discovery::JobGroups, exemplars::Intake};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use sigyn_store::{Clock, Store};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What is in hand gets this long when the manager stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(8);

/// What a manager works with.
pub struct Options {
    /// Where batches go.
    pub store: Store,
    /// Where exemplars go, into the same store.
    pub exemplars: Intake,
    /// Wall and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Spreads phases: from the host's full name and the external labels.
    pub seed: Seed,
}

/// The running scrape loops. Dropping it ends them at once; [`Manager::stop`] is graceful.
pub struct Manager {
    inner: Arc<Inner>,
}

struct Inner {
    context: Arc<Context>,
    groups: watch::Receiver<Arc<JobGroups>>,
    pools: Mutex<Pools>,
}

#[derive(Default)]
struct Pools {
    active: BTreeMap<String, Pool>,
    /// Of jobs that are no longer configured, until their loops have ended.
    leaving: Vec<Pool>,
}

impl Manager {
    /// Makes the pools and follows discovery from now on. Must be called inside a tokio runtime.
    pub fn start(
        configs: &[ScrapeConfig],
        groups: watch::Receiver<Arc<JobGroups>>,
        options: Options,
        registry: &mut Registry,
    ) -> Self {
        let context = Arc::new(Context {
            store: options.store,
            exemplars: options.exemplars,
            clock: options.clock,
            budget: Budget::new(IN_FLIGHT_BYTES_MAX),
            metrics: Metrics::register(registry),
            seed: CurrentSeed::new(options.seed),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let inner = Arc::new(Inner { context, groups, pools: Mutex::default() });
        inner.context.tasks.spawn(follow(Arc::clone(&inner)));
        let followed = Arc::clone(&inner);
        let targets = move || followed.loops();
        inner.context.tasks.spawn(seeker::run(Arc::clone(&inner.context), targets));
        let manager = Self { inner };
        manager.apply(configs);
        manager
    }

    /// Spreads phases by another seed from now on: the external labels have changed.
    pub fn spread(&self, seed: Seed) {
        self.inner.context.seed.set(seed);
    }

    /// Goes over to another configuration. Pools that both have keep their loops and what these
    /// know; a target that both configurations give goes on where it stood.
    pub fn apply(&self, configs: &[ScrapeConfig]) {
        let mut pools = self.inner.pools.lock();
        let mut before = std::mem::take(&mut pools.active);
        for config in configs {
            // A job that comes back while its loops are ending gets those back: two loops of one
            // target would read the same spans.
            let kept = before.remove(&config.job_name);
            let pool = match kept.or_else(|| pools.take_leaving(&config.job_name)) {
                Some(mut pool) => {
                    pool.configure(config.clone());
                    pool
                }
                None => Pool::new(config.clone()),
            };
            pools.active.insert(config.job_name.clone(), pool);
        }
        for (job, mut pool) in before {
            pool.leave();
            self.inner.context.metrics.forget_job(&job);
            pools.leaving.push(pool);
        }
        drop(pools);
        self.inner.sync();
    }

    /// All targets at this moment, by pool, and by URL and labels within a pool.
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.inner.pools.lock().active.values().flat_map(Pool::status).collect()
    }

    /// Dropped targets (bounded by `keep_dropped_targets`) and the count of all drops by pool.
    pub fn dropped(&self) -> (Vec<DroppedTarget>, BTreeMap<String, u64>) {
        let pools = self.inner.pools.lock();
        let mut all = Vec::new();
        let mut counts = BTreeMap::new();
        for (job, pool) in &pools.active {
            all.extend(pool.dropped());
            counts.insert(job.clone(), pool.dropped_count());
        }
        (all, counts)
    }

    /// Names of the scrape pools, sorted.
    pub fn scrape_pools(&self) -> Vec<String> {
        self.inner.pools.lock().active.keys().cloned().collect()
    }

    /// A pool's configuration, whose rules can be run over labels; `None`: no such pool.
    pub fn config(&self, scrape_pool: &str) -> Option<Arc<ScrapeConfig>> {
        self.inner.pools.lock().active.get(scrape_pool).map(Pool::config)
    }

    /// Begins no further read, gives up those that are waiting for an answer, and returns when
    /// all that came is stored (or after 8 s).
    pub async fn stop(&self) {
        let context = &self.inner.context;
        context.stopping.cancel();
        context.tasks.close();
        if tokio::time::timeout(STOP_TIME_MAX, context.tasks.wait()).await.is_err() {
            tracing::warn!("reads were still being stored when scraping stopped");
        }
    }
}

impl Pools {
    fn take_leaving(&mut self, job: &str) -> Option<Pool> {
        let position = self.leaving.iter().position(|pool| pool.config().job_name == job)?;
        Some(self.leaving.swap_remove(position))
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.inner.context.stopping.cancel();
    }
}

impl Inner {
    /// All targets that are read.
    fn loops(&self) -> Vec<Arc<TargetState>> {
        self.pools.lock().active.values().flat_map(Pool::loops).collect()
    }

    fn sync(&self) {
        let groups = self.groups.borrow().clone();
        let mut pools = self.pools.lock();
        pools.leaving.retain(|pool| !pool.is_over());
        for (job, pool) in &mut pools.active {
            pool.sync(&self.context, groups.get(job).map_or(&[], Vec::as_slice));
        }
    }
}

/// Syncs the pools after each change of the groups, until the collector stops.
async fn follow(inner: Arc<Inner>) {
    let mut groups = inner.groups.clone();
    loop {
        tokio::select! {
            biased;
            () = inner.context.stopping.cancelled() => return,
            changed = groups.changed() => match changed {
                Ok(()) => {}
                Err(_) => return,
            },
        }
        groups.mark_unchanged();
        inner.sync();
    }
}
