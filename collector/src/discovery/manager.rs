//! Runs the providers and gathers their groups by job.

use crate::{
    config::ScrapeConfig,
    discovery::{
        JobSighting, Mechanism, Metrics, TargetGroup,
        provider::{Emitter, ProviderState},
    },
};
use parking_lot::Mutex;
use sigyn_store::Clock;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

/// The target groups of every job, by job name. A job without targets has an empty list, so that
/// its pool is synced to empty; a job that is not here is gone.
pub type JobGroups = BTreeMap<String, Vec<Arc<TargetGroup>>>;

/// After a change, further ones are waited for this long, so that a storm of events costs few
/// syncs. It bounds the delay of each event, too, however many follow.
const SETTLE: Duration = Duration::from_millis(100);

/// The running discovery. Dropping it ends all providers.
#[derive(Debug)]
pub struct Discovery {
    shared: Arc<Shared>,
    gathering: JoinHandle<()>,
}

struct Shared {
    groups: watch::Sender<Arc<JobGroups>>,
    running: Mutex<Running>,
    changed: Arc<Notify>,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Running {
    providers: BTreeMap<Mechanism, Provider>,
    /// Which mechanisms each job takes its targets from, in the order of the file.
    jobs: BTreeMap<String, Vec<Mechanism>>,
}

struct Provider {
    state: Arc<ProviderState>,
    task: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.gathering.abort();
        self.shared.running.lock().providers.clear();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Discovery {
    /// Starts the providers of all jobs. Must be called inside a tokio runtime. The process must
    /// have installed a rustls provider before.
    pub fn start(configs: &[ScrapeConfig], metrics: Metrics, clock: Arc<dyn Clock>) -> Self {
        let shared = Arc::new(Shared {
            groups: watch::Sender::new(Arc::default()),
            running: Mutex::default(),
            changed: Arc::default(),
            metrics,
            clock,
        });
        let gathering = tokio::spawn(Arc::clone(&shared).gather());
        let discovery = Self { shared, gathering };
        discovery.apply(configs);
        discovery
    }

    /// The latest groups. A change arrives here within a second of its event.
    pub fn groups(&self) -> watch::Receiver<Arc<JobGroups>> {
        self.shared.groups.subscribe()
    }

    /// What each `kubernetes_sd_configs` block of each job knows of a pod.
    pub fn sightings(&self, namespace: &str, name: &str) -> Vec<JobSighting> {
        let running = self.shared.running.lock();
        let uses = running.jobs.iter().flat_map(|(job, uses)| uses.iter().map(move |it| (job, it)));
        let sighting = |(job, mechanism): (&String, &Mechanism)| {
            let Mechanism::Kubernetes(discovery) = mechanism else { return None };
            let sighting = running.providers.get(mechanism)?.state.sighting(namespace, name);
            Some(JobSighting { scrape_pool: job.clone(), role: discovery.role.name(), sighting })
        };
        uses.filter_map(sighting).collect()
    }

    /// Goes over to another configuration, at once. Providers that both have keep running and keep
    /// what they found; those that no job uses any more end.
    pub fn apply(&self, configs: &[ScrapeConfig]) {
        let mut running = self.shared.running.lock();
        running.jobs = configs
            .iter()
            .map(|config| (config.job_name.clone(), config.discovery.clone()))
            .collect();
        let Running { providers, jobs } = &mut *running;
        providers.retain(|mechanism, _| jobs.values().any(|uses| uses.contains(mechanism)));
        for mechanism in jobs.values().flatten() {
            providers
                .entry(mechanism.clone())
                .or_insert_with(|| self.shared.start_provider(mechanism.clone()));
        }
        self.shared.publish(&running);
    }
}

impl Shared {
    fn start_provider(&self, mechanism: Mechanism) -> Provider {
        let state = Arc::new(ProviderState::default());
        let emitter = Emitter::new(
            mechanism.name(),
            Arc::clone(&state),
            Arc::clone(&self.changed),
            self.metrics.clone(),
        );
        Provider { state, task: tokio::spawn(mechanism.run(emitter, Arc::clone(&self.clock))) }
    }

    /// Publishes whenever a provider has something new.
    async fn gather(self: Arc<Self>) {
        loop {
            self.changed.notified().await;
            self.publish(&self.running.lock());
            tokio::time::sleep(SETTLE).await;
        }
    }

    /// The caller holds the lock of `running`, so that no older state overtakes a newer one.
    fn publish(&self, running: &Running) {
        let groups_of = |uses: &Vec<Mechanism>| {
            let providers = uses.iter().filter_map(|mechanism| running.providers.get(mechanism));
            providers.flat_map(|provider| provider.state.groups()).collect()
        };
        let jobs = running.jobs.iter();
        let new: JobGroups = jobs.map(|(job, uses)| (job.clone(), groups_of(uses))).collect();
        let old = self.groups.send_replace(Arc::new(new));
        self.metrics.show(&old, &self.groups.borrow());
    }
}
