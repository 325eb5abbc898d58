//! Whole lives of a store, drawn from seeds: appends, cuts, merges, retention, restarts, power cuts at any step, full and
//! failing disks, failing requests, uploads in parts that break off, an index that forgets; each checked against a model
//! that knows what must be there.

use super::{
    spans::{body, by_id, by_search},
    *,
};
use crate::{
    Batch, BlockPlace, Config, Error, ErrorKind, Gap, Overlay, Pin, PinReason, Reach, Store,
    TraceId, Via,
    index::Index,
    store::{Parts, Tasks},
    test_kit::{START_UNIX_NANO, TestClock, config},
};
use prometheus_client::registry::Registry;
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

const SEEDS: u64 = 1000;
const TARGETS: u64 = 3;
const TRACES: u64 = 6;
/// Of one life at most; half as many on average.
const STEPS_MAX: u64 = 14;
const RETENTION: Duration = Duration::from_secs(86_400);
/// Cursors that nobody moves are forgotten after a week; no life is as long.
const ADVANCE_MAX: Duration = Duration::from_secs(6 * 86_400);

type Key = (u64, u64);

/// A store, its machine, and what must be in it.
struct World<'a> {
    seed: u64,
    random: Random,
    power: Power,
    disk: SimulatedDisk,
    objects: Arc<SimulatedObjects>,
    clock: Arc<TestClock>,
    folder: &'a Path,
    index: Arc<Index>,
    store: Option<Store>,
    /// By target, the spans of each batch in order and when it was acknowledged; batch 1 reaches cursor "1".
    targets: Vec<Vec<Batched>>,
    /// By trace.
    pins: BTreeMap<u64, Pinned>,
    /// How often the index was flushed when it was looked at last.
    flushes: u64,
    spans: u64,
    advanced: Duration,
}

#[derive(Clone)]
struct Batched {
    spans: Vec<Key>,
    acknowledged_unix_nano: Option<u64>,
    /// A number by which the gap before it is known.
    gap: Option<u64>,
    /// The index was lost with the gap in it, when the journal may have forgotten it.
    gap_may_be_lost: bool,
}

/// What is known of a trace's pin.
#[derive(Clone, Copy)]
struct Pinned {
    until_unix_nano: u64,
    /// As far as no power cut can take it away.
    durable_until_unix_nano: u64,
}

fn trace_id(seed: u64, trace: u64) -> TraceId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(seed + 1).to_be_bytes());
    id[8..].copy_from_slice(&(trace + 1).to_be_bytes());
    TraceId(id)
}

impl<'a> World<'a> {
    fn new(seed: u64, folder: &'a Path, index: Arc<Index>) -> Self {
        let power = Power::new(seed ^ 0xabcdef);
        index.begin(power.clone());
        Self {
            seed,
            random: Random::new(seed),
            disk: SimulatedDisk::new(power.clone()),
            objects: Arc::new(SimulatedObjects::new(power.clone())),
            power,
            clock: TestClock::new(),
            folder,
            index,
            store: None,
            targets: vec![Vec::new(); TARGETS as usize],
            pins: BTreeMap::new(),
            flushes: 0,
            spans: 0,
            advanced: Duration::ZERO,
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn now_unix_nano(&self) -> u64 {
        START_UNIX_NANO + self.advanced.as_nanos() as u64
    }

    fn trace_id(&self, trace: u64) -> TraceId {
        trace_id(self.seed, trace)
    }

    /// Opens the store; a machine that goes dark or a request that fails on the way is tried again.
    async fn open(&mut self, index_was_lost: bool) {
        for attempt in 0.. {
            let config = Config {
                blocks: BlockPlace::Store(self.objects.clone()),
                read_cache_bytes_max: 0,
                free_bytes_min: 0,
                journal_bytes_max: 1 << 20,
                retention: RETENTION,
                ..config(self.folder)
            };
            let parts = Parts {
                disk: Arc::new(self.disk.clone()),
                tasks: Tasks::Rest,
                index: Some((Arc::clone(&self.index), index_was_lost)),
            };
            let clock = self.clock.clone();
            match Store::open_with(parts, config, clock, &mut Registry::default()).await {
                Ok(store) => {
                    self.store = Some(store);
                    return;
                }
                // The threads of the store before are on their way out.
                Err(Error::Locked { .. }) => tokio::task::yield_now().await,
                Err(error) => assert!(attempt < 10_000, "it never opens: {error}"),
            }
            if self.power.is_off() {
                self.disk.crash();
                self.power.restore();
            }
        }
    }

    /// Ends the process: in order, or because the light goes out.
    async fn restart(&mut self, crash: bool) {
        // Names of blocks hold the time of their writing; no process starts within a millisecond.
        self.advanced += Duration::from_millis(1);
        self.clock.advance(Duration::from_millis(1));
        if crash {
            self.power.cut_after(0);
        }
        let store = self.store.take().unwrap();
        let _ = store.close().await;
        drop(store);
        let mut index_was_lost = false;
        if crash || self.power.is_off() {
            self.disk.crash();
            index_was_lost = self.crash_index();
            self.power.restore();
        }
        self.open(index_was_lost).await;
        self.settle();
    }

    /// What a power cut leaves of the index: what was flushed, often more, now and then nothing that opens. True if so.
    fn crash_index(&mut self) -> bool {
        self.note_flushes();
        match self.random.below(10) {
            0 => {
                self.index.lose_all();
                self.pins.clear();
                for batch in self.targets.iter_mut().flatten() {
                    batch.gap_may_be_lost = true;
                }
                return true;
            }
            1..5 => return false,
            _ => self.index.lose_unflushed(),
        }
        let (index, seed) = (Arc::clone(&self.index), self.seed);
        self.pins.retain(|&trace, pin| {
            let held = index.pins_of(trace_id(seed, trace), 0).unwrap();
            let until = held.iter().map(|pin| pin.until_unix_nano).max().unwrap_or(0);
            assert!(until >= pin.durable_until_unix_nano, "the pin of {trace} is gone");
            pin.until_unix_nano = until;
            until > 0
        });
        false
    }

    /// What is pinned now stays pinned, if the index has been flushed since it was looked at last.
    fn note_flushes(&mut self) {
        if self.flushes != self.index.flushes() {
            self.flushes = self.index.flushes();
            for pin in self.pins.values_mut() {
                pin.durable_until_unix_nano = pin.until_unix_nano;
            }
        }
    }

    /// After a restart it is known which batches are in: those up to the cursor.
    fn settle(&mut self) {
        let now = self.now_unix_nano();
        for target in 0..TARGETS {
            let reached = self.cursor(target);
            let batches = &mut self.targets[target as usize];
            let acknowledged =
                batches.iter().filter(|it| it.acknowledged_unix_nano.is_some()).count();
            assert!(reached >= acknowledged, "cursor {reached} fell behind {acknowledged}");
            assert!(reached <= batches.len(), "cursor {reached} is ahead of what was read");
            for batch in &mut batches[acknowledged..reached] {
                batch.acknowledged_unix_nano = Some(now);
            }
        }
    }

    fn cursor(&self, target: u64) -> usize {
        let cursor = self.store().cursor(&format!("target {target}"));
        cursor.map_or(0, |cursor| cursor.parse().unwrap())
    }

    /// Reads on from a target's cursor, as a scrape loop does.
    async fn append(&mut self) {
        let target = self.random.below(TARGETS);
        let reached = self.cursor(target);
        if reached == self.targets[target as usize].len() {
            let spans = (0..1 + self.random.below(3)).map(|_| {
                self.spans += 1;
                (self.random.below(TRACES), self.spans)
            });
            let spans = spans.collect();
            let gap = self.random.once_in(4).then_some(self.spans);
            let (acknowledged_unix_nano, gap_may_be_lost) = (None, false);
            let batch = Batched { spans, acknowledged_unix_nano, gap, gap_may_be_lost };
            self.targets[target as usize].push(batch);
        }
        let Batched { spans, gap, .. } = self.targets[target as usize][reached].clone();
        let (from_unix_nano, to_unix_nano) = (START_UNIX_NANO, self.now_unix_nano());
        let reach = Reach { target: format!("target {target}"), cursor: (reached + 1).to_string() };
        let batch = Batch {
            via: Via::Scrape,
            body: body(spans.iter().map(|&(trace, span)| (self.trace_id(trace), span))).into(),
            compressed: None,
            overlay: Arc::new(Overlay::default()),
            reach: Some(reach),
            gap: gap.map(|lost| Gap { lost: Some(lost), from_unix_nano, to_unix_nano }),
        };
        match self.store().append(batch).await {
            Ok(appended) => {
                assert_eq!(appended.spans, spans.len());
                assert_eq!(self.cursor(target), reached + 1);
                let now = self.now_unix_nano();
                self.targets[target as usize][reached].acknowledged_unix_nano = Some(now);
            }
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::BadInput, "{error}");
                assert_eq!(self.cursor(target), reached, "refused, but the cursor moved");
                if self.store().health().is_err() {
                    // Poisoned: only a restart tells what is on disk.
                    self.restart(true).await;
                }
            }
        }
    }

    async fn step(&mut self) {
        match self.random.below(24) {
            0..10 => self.append().await,
            10..13 => drop(self.store().flush().await),
            13..16 => drop(self.store().turn().await),
            16 | 17 => {
                let by = Duration::from_secs(
                    [60, 1200, 4 * 3600, 26 * 3600][self.random.below(4) as usize],
                );
                if self.advanced + by < ADVANCE_MAX {
                    self.advanced += by;
                    self.clock.advance(by);
                }
            }
            18 => self.restart(false).await,
            19 => self.restart(true).await,
            20 => {
                let trace = self.random.below(TRACES);
                let until_unix_nano = self.now_unix_nano() + 3 * RETENTION.as_nanos() as u64;
                let (trace_id, reason) = (self.trace_id(trace), PinReason::User);
                self.store().pin(Pin { trace_id, reason, until_unix_nano }).await.unwrap();
                self.note_flushes();
                let held = self.pins.get(&trace);
                let durable_until_unix_nano = held.map_or(0, |pin| pin.durable_until_unix_nano);
                self.pins.insert(trace, Pinned { until_unix_nano, durable_until_unix_nano });
            }
            21 => {
                // Full for a while, and then not any more.
                let room = self.random.below(300);
                self.disk.set_bytes_max(self.disk.used_bytes() + room);
                for _ in 0..3 {
                    self.append().await;
                }
                self.disk.set_bytes_max(u64::MAX);
            }
            22 => {
                self.power.set_faults(Faults { sync: true, ..Faults::default() });
                self.append().await;
                self.power.set_faults(Faults::default());
            }
            _ => {
                let request_once_in = 2 + self.random.below(6);
                self.power.set_faults(Faults { request_once_in, ..Faults::default() });
                drop(self.store().flush().await);
                drop(self.store().turn().await);
                self.power.set_faults(Faults::default());
            }
        }
    }

    /// Everything that must be there is there once, by search and by ID, and nothing else is.
    async fn check(&self) {
        let mut found = by_search(self.store()).await;
        let gaps = self.store().gaps(0, u64::MAX).await.unwrap();
        let mut gaps: Vec<u64> = gaps.into_iter().filter_map(|(_, gap)| gap.lost).collect();
        let mut by_trace: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let now = self.now_unix_nano();
        for (target, batches) in self.targets.iter().enumerate() {
            let reached = self.cursor(target as u64);
            for (at, batch) in batches.iter().enumerate() {
                if let Some(gap) = batch.gap {
                    let known = gaps.len();
                    gaps.retain(|it| *it != gap);
                    let (times, is_in) = (known - gaps.len(), at < reached);
                    assert!(times <= usize::from(is_in), "gap {gap} is there {times} times");
                    assert!(!is_in || batch.gap_may_be_lost || times == 1, "gap {gap} is lost");
                }
                for &(trace, span) in &batch.spans {
                    let times = found.remove(&(self.trace_id(trace), span)).unwrap_or(0);
                    assert!(times <= 1, "span {span} is there {times} times");
                    if at >= reached {
                        assert_eq!(times, 0, "span {span} is there before its cursor");
                        continue;
                    }
                    let since = batch.acknowledged_unix_nano.expect("the cursor passed it");
                    let is_young = now < since + RETENTION.as_nanos() as u64;
                    let retention = RETENTION.as_nanos() as u64;
                    // A pin that came when the span was old already may have come too late.
                    let is_pinned = self.pins.get(&trace).is_some_and(|pin| {
                        let until = pin.until_unix_nano;
                        until > now && until - 3 * retention < since + retention
                    });
                    if is_young || is_pinned {
                        assert_eq!(times, 1, "span {span} of trace {trace} is lost");
                    }
                    if times == 1 {
                        by_trace.entry(trace).or_default().push(span);
                    }
                }
            }
        }
        assert!(found.is_empty(), "nobody appended {found:?}");
        for (trace, mut spans) in by_trace {
            let got = by_id(self.store(), self.trace_id(trace)).await;
            spans.sort_unstable();
            assert_eq!(got, spans, "trace {trace} by ID");
        }
    }

    async fn run(&mut self) {
        self.open(false).await;
        for _ in 0..1 + self.random.below(STEPS_MAX) {
            let cuts_power = self.random.once_in(6);
            if cuts_power {
                self.power.cut_after(self.random.below(25));
            }
            self.step().await;
            self.note_flushes();
            if cuts_power || self.power.is_off() {
                self.restart(true).await;
                self.check().await;
            }
        }
        self.check().await;
        self.restart(true).await;
        self.check().await;
        self.store.take().unwrap().close().await.unwrap();
    }
}

#[test]
fn no_life_of_a_store_loses_or_doubles_a_span() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let (index, _) = Index::open(&folder.path().join("one_index"), 0).await.unwrap();
        let index = Arc::new(index);
        seeds::live(SEEDS, async |seed| {
            World::new(seed, folder.path(), Arc::clone(&index)).run().await;
        })
        .await;
    });
}
