//! Feeds the generator with what the store takes in, shows its metrics and has them sent.

mod exemplars;
mod metrics;
pub(crate) mod replicas;
mod samples;
mod saved;
mod settings;

use anyhow::{Context, anyhow};
use exemplars::Shown;
use metrics::Metrics;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use replicas::{Answers, Peer, Replicas, Standing};
use samples::Moments;
use saved::SavedState;
use settings::{interval_max, settings};
use sigyn_collector::{
    config::Config,
    remote_write::{Metrics as RemoteMetrics, Remote, Series},
};
use sigyn_generator::{Arrival, Family, Format, Generator, write};
use sigyn_store::{Clock, Store};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How often new spans are counted, and the others are asked where they stand.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often the state is written to disk, or taken over from the replica that leads. A tenth of the time at most goes
/// into that.
const SAVE_INTERVAL: Duration = Duration::from_secs(5);
/// Prometheus' own usual interval.
const COLLECTION_INTERVAL: Duration = Duration::from_secs(15);
/// Whoever takes over waits at least this long for the one that led, so that it has read all that the other had.
const TAKEOVER_WAIT_MIN: Duration = Duration::from_secs(5);
/// What is left in the queues is sent for this long when the server stops.
const SEND_GRACE: Duration = Duration::from_secs(2);

/// The running generator.
pub(crate) struct SpanMetricsSource {
    counting: Arc<Counting>,
    following: Mutex<Option<JoinHandle<()>>>,
    stopping: CancellationToken,
}

struct Counting {
    generator: Generator,
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    shown: Mutex<Shown>,
    standing: Mutex<Standing>,
    replicas: Replicas,
    takeover_wait: Duration,
    saved: SavedState,
    remotes: Vec<Remote>,
    collection_interval: Duration,
}

/// What the loop remembers from one round to the next.
struct Progress {
    /// Where to go on in the store, when this one leads.
    next: u64,
    /// The state to go on from when this one begins to lead.
    state: Option<Vec<u8>>,
    /// Whose that is, if it is not this one's own.
    state_of: Option<(u64, u32)>,
    /// Since when nobody leads; on the monotonic clock.
    vacant_since: Duration,
    /// Whether another one has led, so that it may do so again.
    has_seen_leader: bool,
    saved: Duration,
    /// How long saving or fetching took.
    saving_took: Duration,
    collected: Duration,
    collected_unix_milli: i64,
    sent: Shown,
}

impl SpanMetricsSource {
    /// Goes on where an earlier process ended; `None` when the configuration has no `metrics_generator`.
    pub(crate) fn start(
        config: &Config,
        storage: &Path,
        store: Store,
        clock: Arc<dyn Clock>,
        registry: &mut Registry,
    ) -> anyhow::Result<Option<Self>> {
        let (Some(settings), Some(said)) = (settings(config), &config.metrics_generator) else {
            return Ok(None);
        };
        let remote_metrics = RemoteMetrics::register(registry);
        let mut remotes = Vec::new();
        for remote in &said.remote_write {
            let started = Remote::start(
                remote,
                &config.global.external_labels,
                &storage.join("remote_write"),
                clock.clone(),
                remote_metrics.clone(),
            );
            remotes.push(started.with_context(|| format!("the queue for {}", remote.url))?);
        }
        let seniority = (clock.now_unix_nano(), std::process::id());
        let wait = interval_max(config).map_or(Duration::ZERO, |interval| interval * 3);
        let counting = Arc::new(Counting {
            generator: Generator::new(&settings),
            store,
            clock,
            metrics: Metrics::register(registry),
            shown: Mutex::default(),
            standing: Mutex::new(Standing { seniority, leads_since_unix_nano: None }),
            replicas: Replicas::new(&said.peers, &said.peer_client)?,
            takeover_wait: wait.max(TAKEOVER_WAIT_MIN),
            saved: SavedState::below(storage),
            remotes,
            collection_interval: said.collection_interval.map_or(COLLECTION_INTERVAL, |it| it.0),
        });
        let stopping = CancellationToken::new();
        let following = tokio::spawn(counting.clone().follow(stopping.clone()));
        Ok(Some(Self { counting, following: Mutex::new(Some(following)), stopping }))
    }

    /// Counts what has come, saves the state, sends the last values. To be called when nothing comes in any more.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        let following = self.following.lock().take();
        if let Some(following) = following {
            let _ = following.await;
        }
    }

    /// The metrics as they are now; nothing while another replica shows them. The traces that their exemplars name are
    /// pinned first, so that no link that anyone has seen leads nowhere.
    pub(crate) async fn show(&self, format: Format) -> anyhow::Result<Vec<u8>> {
        let counting = &self.counting;
        if !counting.leads() {
            return Ok(write(&[], format));
        }
        let families = counting.generator.collect();
        counting.pin(&families).await?;
        Ok(tokio::task::spawn_blocking(move || write(&families, format)).await?)
    }

    /// Where this replica stands, for the others.
    pub(crate) fn standing(&self) -> serde_json::Value {
        self.counting.standing.lock().to_json()
    }

    /// The whole state, for the others; `None` unless this one leads.
    pub(crate) async fn state(&self) -> Option<Vec<u8>> {
        if !self.counting.leads() {
            return None;
        }
        let counting = self.counting.clone();
        let save = move || {
            let (now, unix) = (counting.clock.monotonic(), counting.clock.now_unix_nano());
            counting.generator.save(now, unix)
        };
        tokio::task::spawn_blocking(save).await.ok()
    }
}

impl Counting {
    fn leads(&self) -> bool {
        self.standing.lock().leads_since_unix_nano.is_some()
    }

    async fn follow(self: Arc<Self>, stopping: CancellationToken) {
        let now = self.clock.monotonic();
        let mut progress = Progress {
            next: self.store.tail(u64::MAX).next,
            state: self.saved.read().unwrap_or_else(|error| {
                tracing::error!(%error, "the saved state of span metrics cannot be read; counters begin at 0");
                None
            }),
            state_of: None,
            vacant_since: now,
            has_seen_leader: false,
            saved: now,
            saving_took: Duration::ZERO,
            collected: now,
            collected_unix_milli: self.now_unix_milli(),
            sent: Shown::default(),
        };
        let mut is_last = false;
        loop {
            if let Err(error) = self.clone().round(&mut progress, is_last).await {
                tracing::error!(error = format!("{error:#}"), "span metrics");
            }
            if is_last {
                break;
            }
            is_last = tokio::select! {
                () = stopping.cancelled() => true,
                () = tokio::time::sleep(INTERVAL) => false,
            };
        }
        futures::future::join_all(self.remotes.iter().map(|it| it.stop(SEND_GRACE))).await;
    }

    async fn round(self: Arc<Self>, progress: &mut Progress, is_last: bool) -> anyhow::Result<()> {
        let now = self.clock.monotonic();
        let leader = self.decide(progress, now).await?;
        let is_due =
            now.saturating_sub(progress.saved) >= SAVE_INTERVAL.max(progress.saving_took * 10);
        if !self.leads() {
            if let Some(leader) = leader
                && (is_due || progress.state_of != Some(leader.standing.seniority))
            {
                progress.saved = now;
                let state = self
                    .replicas
                    .state_of(&leader)
                    .await
                    .context("asking the replica that leads")?;
                progress.state = Some(state.clone());
                progress.state_of = Some(leader.standing.seniority);
                self.on_disk(move |counting| counting.saved.write(state)).await?;
                progress.saving_took = self.clock.monotonic().saturating_sub(now);
            }
            return Ok(());
        }
        let tail = self.store.tail(progress.next);
        progress.next = tail.next;
        self.metrics.missed_spans.inc_by(tail.missed);
        self.on_disk(move |counting| {
            let now = counting.clock.monotonic();
            for (source, rows) in &tail.parts {
                counting.generator.observe(&**source, rows.clone(), Arrival::Live, now)?;
            }
            counting.generator.expire(now);
            counting.metrics.show(&counting.generator.stats());
            Ok(())
        })
        .await?;
        if is_due || is_last {
            progress.saved = now;
            self.on_disk(|counting| {
                let (now, unix) = (counting.clock.monotonic(), counting.clock.now_unix_nano());
                counting.saved.write(counting.generator.save(now, unix))
            })
            .await?;
            progress.saving_took = self.clock.monotonic().saturating_sub(now);
        }
        let is_due = now.saturating_sub(progress.collected) >= self.collection_interval;
        if !self.remotes.is_empty() && (is_due || is_last) {
            self.collect(progress).await?;
        }
        Ok(())
    }

    /// Who shows the metrics from now on; `Some` when it is another one.
    async fn decide(
        self: &Arc<Self>,
        progress: &mut Progress,
        now: Duration,
    ) -> anyhow::Result<Option<Peer>> {
        let own = self.standing.lock().clone();
        let mut answers = Answers { all_are_there: true, peers: Vec::new() };
        if !self.replicas.is_alone() {
            answers = self.replicas.ask().await;
            // A name that stands for all replicas stands for this one too.
            answers.peers.retain(|peer| peer.standing.seniority != own.seniority);
            self.metrics.peers_reachable.set(answers.peers.len() as i64);
        }
        let peers = &answers.peers;
        let rank = |it: &Standing| it.leads_since_unix_nano.map(|since| (since, it.seniority));
        let leader = peers.iter().filter(|it| rank(&it.standing).is_some());
        let leader = leader.min_by_key(|it| rank(&it.standing)).cloned();
        match (&leader, own.leads_since_unix_nano) {
            // Two lead after the network was cut in two: the one that has led for longer goes on.
            (Some(other), Some(_)) if rank(&other.standing) < rank(&own) => {
                tracing::info!("another replica leads; its span metrics are shown");
                self.standing.lock().leads_since_unix_nano = None;
                self.metrics.leads.set(0);
            }
            (_, Some(_)) => return Ok(None),
            (Some(_), None) => {}
            (None, None) => {
                let is_senior = peers.iter().all(|it| own.seniority < it.standing.seniority);
                // When all are there and none has led, there is nobody to wait for.
                let none_may_come = answers.all_are_there && !progress.has_seen_leader;
                let waited = now.saturating_sub(progress.vacant_since);
                if is_senior && (none_may_come || waited >= self.takeover_wait) {
                    self.lead(progress).await?;
                }
                return Ok(None);
            }
        }
        progress.vacant_since = now;
        progress.has_seen_leader = true;
        Ok(leader)
    }

    /// Goes on from the last known state: counts what the store holds and that state does not.
    async fn lead(self: &Arc<Self>, progress: &mut Progress) -> anyhow::Result<()> {
        // Without a state, what has come since the start of the process is counted.
        if let Some(state) = progress.state.take() {
            // First where to go on, then what is there: a span in both is counted once.
            progress.next = self.store.tail(u64::MAX).next;
            self.on_disk(move |counting| counting.catch_up(&state)).await?;
        }
        progress.collected = self.clock.monotonic();
        progress.collected_unix_milli = self.now_unix_milli();
        self.standing.lock().leads_since_unix_nano = Some(self.clock.now_unix_nano());
        self.metrics.leads.set(1);
        Ok(())
    }

    fn catch_up(&self, state: &[u8]) -> anyhow::Result<()> {
        let now = self.clock.monotonic();
        let moment = match self.generator.restore(state, now, self.clock.now_unix_nano()) {
            Ok(moment) => moment,
            Err(error) => {
                tracing::warn!(%error, "the counters of span metrics begin at 0");
                return Ok(());
            }
        };
        for source in self.store.snapshot().sources {
            if source.time_range().start_max_unix_nano >= moment {
                let rows = 0..source.rows();
                self.generator.observe(&*source, rows, Arrival::Again(moment), now)?;
            }
        }
        Ok(())
    }

    /// Hands the metrics as they are now to all receivers' queues.
    async fn collect(self: &Arc<Self>, progress: &mut Progress) -> anyhow::Result<()> {
        let moments = Moments {
            // A clock that was set back must not send a series back in time.
            now_unix_milli: self.now_unix_milli().max(progress.collected_unix_milli + 1),
            before: progress.collected,
            before_unix_milli: progress.collected_unix_milli,
        };
        progress.collected = self.clock.monotonic();
        progress.collected_unix_milli = moments.now_unix_milli;
        let (live, ended) = self.generator.collect_to_send();
        self.pin(&live).await?;
        let (_, sent) = progress.sent.news(&live);
        let before = std::mem::replace(&mut progress.sent, sent);
        self.on_disk(move |counting| {
            for remote in &counting.remotes {
                let mut requests = remote.requests();
                let mut add = |series: &Series<'_>| requests.add(series);
                samples::for_each(&live, &ended, &moments, &before, &mut add);
                remote
                    .enqueue(requests, moments.now_unix_milli)
                    .context("the remote-write queue")?;
            }
            Ok(())
        })
        .await
    }

    /// Pins the traces of exemplars that nobody has seen yet.
    async fn pin(&self, families: &[Family]) -> anyhow::Result<()> {
        let (exemplars, shown) = self.shown.lock().news(families);
        if !exemplars.is_empty() {
            self.store.add_exemplars(exemplars).await?;
        }
        *self.shown.lock() = shown;
        Ok(())
    }

    /// Work that takes long or waits for the disk.
    async fn on_disk(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let counting = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&counting)).await;
        done.map_err(|error| anyhow!(error)).flatten()
    }

    fn now_unix_milli(&self) -> i64 {
        (self.clock.now_unix_nano() / 1_000_000) as i64
    }
}
