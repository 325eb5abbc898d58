//! Whole lives of a store, drawn from seeds: appends, cuts, merges, retention, restarts, power cuts at any step, full and
//! failing disks, failing requests; each checked against a model that knows what must be there.
//!
//! `SIGYN_SEED=17` runs one seed again, `SIGYN_SOAK=1` many more.

use super::*;
use crate::{
    Batch, BlockPlace, Config, Error, ErrorKind, Field, Overlay, Pin, PinReason, Reach, Store,
    TraceId, Via,
    index::Index,
    store::{Parts, Tasks},
    test_kit::{START_UNIX_NANO, TestClock, config},
};
use arrow_array::{Array, cast::AsArray};
use prometheus_client::registry::Registry;
use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData},
};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

const SEEDS: u64 = 1000;
const SEEDS_OF_A_SOAK: u64 = 50_000;
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
    pins: BTreeMap<u64, u64>,
    spans: u64,
    advanced: Duration,
}

#[derive(Clone)]
struct Batched {
    spans: Vec<Key>,
    acknowledged_unix_nano: Option<u64>,
}

impl<'a> World<'a> {
    fn new(seed: u64, folder: &'a Path, index: Arc<Index>) -> Self {
        let power = Power::new(seed ^ 0xabcdef);
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
        // The index is one for all seeds.
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(self.seed + 1).to_be_bytes());
        id[8..].copy_from_slice(&(trace + 1).to_be_bytes());
        TraceId(id)
    }

    /// Opens the store; a machine that goes dark or a request that fails on the way is tried again.
    async fn open(&mut self) {
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
                index: Some(Arc::clone(&self.index)),
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
        if crash {
            self.power.cut_after(0);
        }
        let store = self.store.take().unwrap();
        let _ = store.close().await;
        drop(store);
        if crash || self.power.is_off() {
            self.disk.crash();
            self.power.restore();
        }
        self.open().await;
        self.settle();
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
            let batch = Batched { spans: spans.collect(), acknowledged_unix_nano: None };
            self.targets[target as usize].push(batch);
        }
        let spans = self.targets[target as usize][reached].spans.clone();
        let reach = Reach { target: format!("target {target}"), cursor: (reached + 1).to_string() };
        let batch = Batch {
            via: Via::Scrape,
            body: self.body(&spans).into(),
            compressed: None,
            overlay: Arc::new(Overlay::default()),
            reach: Some(reach),
            gap: None,
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

    fn body(&self, spans: &[Key]) -> Vec<u8> {
        let spans = spans.iter().map(|&(trace, span)| Span {
            trace_id: self.trace_id(trace).0.to_vec(),
            span_id: span.to_be_bytes().to_vec(),
            name: "span".to_owned(),
            start_time_unix_nano: START_UNIX_NANO + span,
            ..Span::default()
        });
        let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
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
                self.pins.insert(trace, until_unix_nano);
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
        let snapshot = self.store().snapshot();
        let search = move || {
            let mut found: BTreeMap<([u8; 16], u64), usize> = BTreeMap::new();
            for source in snapshot.sources {
                let (traces, spans) =
                    (source.field(Field::TraceId).unwrap(), source.field(Field::SpanId).unwrap());
                let (traces, spans) = (traces.as_fixed_size_binary(), spans.as_fixed_size_binary());
                for row in 0..traces.len() {
                    let span = u64::from_be_bytes(spans.value(row).try_into().unwrap());
                    *found.entry((traces.value(row).try_into().unwrap(), span)).or_default() += 1;
                }
            }
            found
        };
        let mut found = tokio::task::spawn_blocking(search).await.unwrap();
        let mut by_trace: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let now = self.now_unix_nano();
        for (target, batches) in self.targets.iter().enumerate() {
            let reached = self.cursor(target as u64);
            for (at, batch) in batches.iter().enumerate() {
                for &(trace, span) in &batch.spans {
                    let times = found.remove(&(self.trace_id(trace).0, span)).unwrap_or(0);
                    assert!(times <= 1, "span {span} is there {times} times");
                    if at >= reached {
                        assert_eq!(times, 0, "span {span} is there before its cursor");
                        continue;
                    }
                    let since = batch.acknowledged_unix_nano.expect("the cursor passed it");
                    let is_young = now < since + RETENTION.as_nanos() as u64;
                    let is_pinned = self.pins.get(&trace).is_some_and(|&until| until > now);
                    // A pin that came when the span was old already may have come too late.
                    if is_young
                        || is_pinned
                            && self.pins[&trace] - 3 * (RETENTION.as_nanos() as u64)
                                < since + RETENTION.as_nanos() as u64
                    {
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
            let data = self.store().trace(self.trace_id(trace)).await.unwrap().unwrap();
            let data = TracesData::decode(data).unwrap();
            let scopes = data.resource_spans.iter().flat_map(|it| &it.scope_spans);
            let mut got: Vec<u64> = scopes
                .flat_map(|it| &it.spans)
                .map(|span| u64::from_be_bytes(span.span_id[..].try_into().unwrap()))
                .collect();
            got.sort_unstable();
            spans.sort_unstable();
            assert_eq!(got, spans, "trace {trace} by ID");
        }
    }

    async fn run(&mut self) {
        self.open().await;
        for _ in 0..1 + self.random.below(STEPS_MAX) {
            let cuts_power = self.random.once_in(6);
            if cuts_power {
                self.power.cut_after(self.random.below(25));
            }
            self.step().await;
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
    let seeds = match std::env::var("SIGYN_SEED") {
        Ok(seed) => seed.parse().map(|seed: u64| seed..seed + 1).unwrap(),
        Err(_) if std::env::var_os("SIGYN_SOAK").is_some() => 0..SEEDS_OF_A_SOAK,
        Err(_) => 0..SEEDS,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let (index, _) = Index::open(&folder.path().join("one_index"), 0).await.unwrap();
        let index = Arc::new(index);
        for seed in seeds {
            let told = TellSeed(seed);
            World::new(seed, folder.path(), Arc::clone(&index)).run().await;
            std::mem::forget(told);
            if (seed + 1).is_multiple_of(100) {
                println!("{} seeds are done", seed + 1);
            }
        }
    });
}

/// Says which seed it was when a check fails.
struct TellSeed(u64);

impl Drop for TellSeed {
    fn drop(&mut self) {
        println!("failed at seed {0}; SIGYN_SEED={0} runs it again", self.0);
    }
}
