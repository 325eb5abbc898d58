//! Several stores in one bucket: none knows of the others, each merges its own blocks, any of them may die for ever.

use super::{
    Faults, Power, Random, SimulatedDisk, SimulatedObjects, seeds,
    spans::{body, by_id, by_search},
};
use crate::{
    Batch, BlockPlace, Config, Overlay, Reach, Store, TraceId, Via,
    index::Index,
    store::{Parts, Tasks},
    test_kit::{START_UNIX_NANO, TestClock, config},
};
use futures::TryStreamExt;
use object_store::{ObjectStore, memory::InMemory};
use prometheus_client::registry::Registry;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

const SEEDS: u64 = 150;
const MEMBERS: usize = 3;
const TRACES: u64 = 4;
const STEPS_MAX: u64 = 24;
const RETENTION: Duration = Duration::from_secs(86_400);
const ADVANCE_MAX: Duration = Duration::from_secs(3 * 86_400);

/// The bucket, who writes into it, and the time.
struct Fleet {
    random: Random,
    bucket: Arc<InMemory>,
    clock: Arc<TestClock>,
    advanced: Duration,
    members: Vec<Member>,
    spans: u64,
}

/// A store with a machine of its own.
struct Member {
    power: Power,
    disk: SimulatedDisk,
    objects: Arc<SimulatedObjects>,
    folder: PathBuf,
    index: Arc<Index>,
    /// `None`: it is dead, and its disk with it.
    store: Option<Store>,
    /// In the order of the cursor.
    batches: Vec<Batched>,
}

struct Batched {
    spans: Vec<(TraceId, u64)>,
    /// When it was seen to be in.
    acknowledged: Option<Duration>,
}

impl Member {
    async fn open(&mut self, clock: &Arc<TestClock>) {
        for attempt in 0.. {
            let config = Config {
                blocks: BlockPlace::Store(self.objects.clone()),
                read_cache_bytes_max: 0,
                free_bytes_min: 0,
                retention: RETENTION,
                ..config(&self.folder)
            };
            let parts = Parts {
                disk: Arc::new(self.disk.clone()),
                tasks: Tasks::Rest,
                index: Some((Arc::clone(&self.index), false)),
            };
            let (clock, mut registry) = (clock.clone(), Registry::default());
            match Store::open_with(parts, config, clock, &mut registry).await {
                Ok(store) => {
                    self.store = Some(store);
                    return;
                }
                Err(error) => assert!(attempt < 10_000, "it never opens: {error}"),
            }
            tokio::task::yield_now().await;
        }
    }

    async fn restart(&mut self, crash: bool, clock: &Arc<TestClock>) {
        if crash {
            self.power.cut_after(0);
        }
        let store = self.store.take().unwrap();
        let _ = store.close().await;
        drop(store);
        if crash {
            self.disk.crash();
            self.index.lose_unflushed();
            self.power.restore();
        }
        self.open(clock).await;
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn reached(&self) -> usize {
        self.store().cursor("target").map_or(0, |cursor| cursor.parse().unwrap())
    }

    /// What the cursor has passed is in.
    fn settle(&mut self, now: Duration) {
        let reached = self.reached();
        for batch in &mut self.batches[..reached] {
            batch.acknowledged.get_or_insert(now);
        }
    }
}

impl Fleet {
    async fn new(seed: u64, folder: &std::path::Path, indexes: &[Arc<Index>]) -> Self {
        let bucket = Arc::new(InMemory::new());
        let clock = TestClock::new();
        let mut members = Vec::new();
        for (at, index) in indexes.iter().enumerate() {
            let power = Power::new(seed * 31 + at as u64);
            index.begin(power.clone());
            let mut member = Member {
                disk: SimulatedDisk::new(power.clone()),
                objects: Arc::new(SimulatedObjects::sharing(power.clone(), &bucket)),
                power,
                folder: folder.join(at.to_string()),
                index: Arc::clone(index),
                store: None,
                batches: Vec::new(),
            };
            member.open(&clock).await;
            members.push(member);
        }
        let random = Random::new(seed ^ 0x5151);
        Self { random, bucket, clock, advanced: Duration::ZERO, members, spans: 0 }
    }

    fn advance(&mut self, by: Duration) {
        self.advanced += by;
        self.clock.advance(by);
    }

    fn alive(&self) -> Vec<usize> {
        (0..MEMBERS).filter(|&at| self.members[at].store.is_some()).collect()
    }

    async fn append(&mut self, at: usize) {
        let reached = self.members[at].reached();
        if reached == self.members[at].batches.len() {
            let count = 1 + self.random.below(3);
            let spans = (0..count).map(|_| {
                self.spans += 1;
                (TraceId([1 + self.random.below(TRACES) as u8; 16]), self.spans)
            });
            let spans = spans.collect();
            self.members[at].batches.push(Batched { spans, acknowledged: None });
        }
        let member = &mut self.members[at];
        let batch = Batch {
            via: Via::Scrape,
            body: body(member.batches[reached].spans.iter().copied()).into(),
            compressed: None,
            overlay: Arc::new(Overlay::default()),
            reach: Some(Reach { target: "target".into(), cursor: (reached + 1).to_string() }),
            gap: None,
        };
        member.store().append(batch).await.unwrap();
        member.settle(self.advanced);
    }

    async fn step(&mut self) {
        let alive = self.alive();
        let at = alive[self.random.below(alive.len() as u64) as usize];
        match self.random.below(24) {
            0..8 => self.append(at).await,
            8..12 => drop(self.members[at].store().flush().await),
            12..16 => drop(self.members[at].store().turn().await),
            16 | 17 => {
                let by = [120, 1200, 4 * 3600, 20 * 3600][self.random.below(4) as usize];
                let by = Duration::from_secs(by);
                if self.advanced + by < ADVANCE_MAX {
                    self.advance(by);
                }
            }
            18..20 => {
                let crash = self.random.once_in(2);
                // Names of blocks hold the time of their writing; no process starts within a millisecond.
                self.advance(Duration::from_millis(1));
                let clock = self.clock.clone();
                self.members[at].restart(crash, &clock).await;
                self.members[at].settle(self.advanced);
            }
            20 if alive.len() > 1 && self.random.once_in(2) => {
                // Its disk is lost too, so what had not come into a block is gone by nobody's fault.
                self.flush(at).await;
                let member = &mut self.members[at];
                member.store.take().unwrap().close().await.unwrap();
            }
            _ => {
                let request_once_in = 2 + self.random.below(6);
                let member = &self.members[at];
                member.power.set_faults(Faults { request_once_in, ..Faults::default() });
                drop(member.store().flush().await);
                drop(member.store().turn().await);
                member.power.set_faults(Faults::default());
            }
        }
    }

    async fn flush(&mut self, at: usize) {
        self.members[at].store().flush().await.expect("nothing fails now");
    }

    /// Whoever is alive sees everything that any of them ever acknowledged and that is young enough, once.
    async fn check(&mut self) {
        for at in self.alive() {
            self.flush(at).await;
        }
        for _ in 0..2 {
            for at in self.alive() {
                self.members[at].store().turn().await.expect("nothing fails now");
            }
        }
        for at in self.alive() {
            let store = self.members[at].store();
            let mut found = by_search(store).await;
            let mut by_trace: BTreeMap<TraceId, Vec<u64>> = BTreeMap::new();
            for (writer, member) in self.members.iter().enumerate() {
                for Batched { spans, acknowledged } in &member.batches {
                    for &(trace, span) in spans {
                        let times = found.remove(&(trace, span)).unwrap_or(0);
                        let whose = format!("span {span} of {writer}, seen from {at}");
                        assert!(times <= 1, "{whose}: {times} times");
                        let Some(since) = acknowledged else {
                            assert_eq!(times, 0, "{whose}: before its cursor");
                            continue;
                        };
                        if self.advanced < *since + RETENTION {
                            assert_eq!(times, 1, "{whose}: lost");
                        }
                        if times == 1 {
                            by_trace.entry(trace).or_default().push(span);
                        }
                    }
                }
            }
            assert!(found.is_empty(), "nobody appended {found:?}");
            for (trace, mut spans) in by_trace {
                spans.sort_unstable();
                assert_eq!(by_id(store, trace).await, spans, "{trace} by ID, seen from {at}");
            }
        }
    }

    /// In the end nothing is left of anybody, not of the dead, nor of what was never finished.
    async fn outlive(&mut self) {
        self.advance(RETENTION);
        for _ in 0..4 {
            self.advance(Duration::from_secs(9 * 3600));
            for at in self.alive() {
                self.members[at].store().turn().await.expect("nothing fails now");
            }
        }
        for at in self.alive() {
            assert_eq!(by_search(self.members[at].store()).await, BTreeMap::new());
        }
        let left: Vec<_> = self.bucket.list(None).try_collect().await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }

    async fn run(&mut self) {
        for _ in 0..1 + self.random.below(STEPS_MAX) {
            self.step().await;
            if self.random.once_in(8) {
                self.check().await;
            }
        }
        self.check().await;
        self.outlive().await;
        for member in &mut self.members {
            if let Some(store) = member.store.take() {
                store.close().await.unwrap();
            }
        }
    }
}

#[test]
fn stores_that_share_a_bucket_lose_and_double_nothing_of_each_other() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let mut indexes = Vec::new();
        for at in 0..MEMBERS {
            let path = folder.path().join(format!("index {at}"));
            indexes.push(Arc::new(Index::open(&path, START_UNIX_NANO).await.unwrap().0));
        }
        seeds::live(SEEDS, async |seed| {
            Fleet::new(seed, folder.path(), &indexes).await.run().await;
        })
        .await;
    });
}
