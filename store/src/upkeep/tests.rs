//! Blocks over their whole life, in stores where nothing happens by itself.

use crate::{
    Batch, BlockPlace, Config, Exemplar, Field, Overlay, Pin, PinReason, SpanId, Store, TraceId,
    Via,
    journal::SystemDisk,
    store::{Parts, Tasks},
    test_kit::{TestClock, config, flattened, request},
};
use arrow_array::{Array, cast::AsArray};
use object_store::{ObjectStore, memory::InMemory};
use prometheus_client::registry::Registry;
use prost::Message;
use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

struct Rig {
    folder: tempfile::TempDir,
    clock: Arc<TestClock>,
    /// `None` while it is closed.
    store: Option<Store>,
    config: Config,
}

impl Rig {
    async fn new() -> Self {
        Self::with(TestClock::new(), |_| {}).await
    }

    async fn with(clock: Arc<TestClock>, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { retention: 14 * DAY, ..config(folder.path()) };
        change(&mut config);
        let store = Some(Self::open(&config, &clock).await);
        Self { folder, clock, store, config }
    }

    async fn open(config: &Config, clock: &Arc<TestClock>) -> Store {
        let parts = Parts { disk: Arc::new(SystemDisk), tasks: Tasks::Rest, index: None };
        let (config, clock) = (config.clone(), clock.clone());
        let mut registry = Registry::default();
        Store::open_with(parts, config, clock, &mut registry).await.unwrap()
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    async fn close(&mut self) {
        self.store.take().unwrap().close().await.unwrap();
    }

    async fn reopen(&mut self) {
        if self.store.is_some() {
            self.close().await;
        }
        self.store = Some(Self::open(&self.config, &self.clock).await);
    }

    /// Cuts a block of spans given by trace and number.
    async fn cut(&self, spans: &[(u8, u64)]) {
        let batch = Batch {
            via: Via::Otlp,
            body: request(spans).encode_to_vec().into(),
            compressed: None,
            overlay: Arc::new(Overlay::default()),
            reach: None,
            gap: None,
        };
        self.store().append(batch).await.unwrap();
        self.store().flush().await.unwrap();
    }

    async fn turn(&self) {
        self.store().turn().await.unwrap();
    }

    /// How often each trace is found by a search, and that by ID it has as many spans.
    async fn traces(&self) -> BTreeMap<u8, usize> {
        let traces = self.traces_by_search().await;
        for (&trace, &spans) in &traces {
            let found = self.store().trace(TraceId([trace; 16])).await.unwrap().unwrap();
            assert_eq!(flattened(&found).len(), spans, "trace {trace}");
        }
        traces
    }

    /// How often each trace is found by a search.
    async fn traces_by_search(&self) -> BTreeMap<u8, usize> {
        let snapshot = self.store().snapshot();
        let search = move || {
            let mut traces = BTreeMap::new();
            for source in snapshot.sources {
                let ids = source.field(Field::TraceId).unwrap();
                let ids = ids.as_fixed_size_binary();
                (0..ids.len()).for_each(|row| *traces.entry(ids.value(row)[0]).or_default() += 1);
            }
            traces
        };
        tokio::task::spawn_blocking(search).await.unwrap()
    }

    fn folders(&self) -> usize {
        fs::read_dir(self.folder.path().join("blocks")).unwrap().count()
    }

    fn metric(&self, get: impl Fn(&crate::metrics::Metrics) -> i64) -> i64 {
        get(self.store().metrics())
    }
}

fn pin(trace: u8, until: Duration) -> Pin {
    let until_unix_nano = crate::test_kit::START_UNIX_NANO + until.as_nanos() as u64;
    Pin { trace_id: TraceId([trace; 16]), reason: PinReason::User, until_unix_nano }
}

#[tokio::test]
async fn small_blocks_become_one_and_nothing_is_lost_or_doubled() {
    let mut rig = Rig::new().await;
    for number in 0..10 {
        // Trace 200 is in all of them, and one of its spans comes every time.
        rig.cut(&[(number as u8 + 1, number + 1), (200, 1000), (200, 2000 + number)]).await;
        rig.clock.advance(Duration::from_secs(120));
    }
    let before = 10 + 10 + 10;
    assert_eq!(rig.traces_by_search().await.values().sum::<usize>(), before);
    rig.clock.advance(HOUR);
    let held = rig.store().snapshot();
    rig.turn().await;
    let merged = rig.traces().await;
    assert_eq!(merged.values().sum::<usize>(), 10 + 10 + 1, "the same span is there once");
    assert_eq!(rig.folders(), 11, "readers still hold the old ones");
    let rows: usize = held.sources.iter().map(|it| it.field(Field::Name).unwrap().len()).sum();
    assert_eq!(rows, before, "and read them to the end");
    drop(held);
    rig.turn().await;
    assert_eq!(rig.folders(), 1);
    rig.clock.advance(7 * HOUR);
    rig.turn().await;
    assert_eq!(rig.traces().await, merged);
    rig.reopen().await;
    assert_eq!(rig.traces().await, merged, "nothing comes back from the journal");
}

#[tokio::test]
async fn what_is_old_goes_and_what_is_pinned_stays_for_its_time() {
    let mut rig = Rig::new().await;
    rig.cut(&[(1, 1), (1, 2), (2, 3)]).await;
    rig.store().pin(pin(1, 30 * DAY)).await.unwrap();
    rig.clock.advance(13 * DAY);
    rig.cut(&[(1, 4), (3, 5)]).await;
    rig.turn().await;
    assert_eq!(rig.traces().await, BTreeMap::from([(1, 3), (2, 1), (3, 1)]));
    rig.clock.advance(DAY);
    rig.turn().await;
    assert_eq!(rig.traces().await, BTreeMap::from([(1, 3), (3, 1)]), "only trace 2 is gone");
    assert_eq!(rig.metric(|it| it.pinned_blocks.get()), 1);
    let pinned_only =
        rig.store().snapshot().sources.iter().filter(|it| it.is_pinned_only()).count();
    assert_eq!(pinned_only, 1, "statistics can tell");
    rig.reopen().await;
    rig.clock.advance(13 * DAY);
    rig.turn().await;
    assert_eq!(rig.traces().await, BTreeMap::from([(1, 3)]), "with the span that came late");
    let reasons: Vec<_> = fs::read_dir(rig.folder.path().join("blocks"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path().join("meta.json")).unwrap())
        .collect();
    assert!(reasons.iter().all(|meta| meta.contains("\"user\"")), "{reasons:?}");

    rig.store().pin(pin(1, 40 * DAY)).await.unwrap();
    rig.clock.advance(4 * DAY);
    rig.turn().await;
    assert_eq!(rig.traces().await, BTreeMap::from([(1, 3)]), "the pin was made longer");
    rig.clock.advance(10 * DAY);
    rig.turn().await;
    rig.turn().await;
    assert_eq!(rig.traces().await, BTreeMap::new());
    assert_eq!(rig.folders(), 0, "all its files are gone");
}

#[tokio::test]
async fn an_exemplar_pins_and_the_oldest_goes_when_there_is_too_much() {
    let rig = Rig::with(TestClock::new(), |config| config.retention_bytes = 1).await;
    let exemplar = Exemplar {
        series: vec![("__name__".into(), "latency".into())],
        labels: Vec::new(),
        trace_id: TraceId([1; 16]),
        span_id: Some(SpanId([0, 0, 0, 0, 0, 0, 0, 1])),
        value: 1.0,
        timestamp_unix_milli: 0,
    };
    rig.store().add_exemplars(vec![exemplar]).await.unwrap();
    rig.cut(&[(1, 1), (2, 2)]).await;
    rig.turn().await;
    assert_eq!(rig.traces().await, BTreeMap::from([(1, 1)]));
    let id = TraceId([1; 16]);
    assert_eq!(rig.store().pins_of(id).await.unwrap()[0].reason, PinReason::Exemplar);
}

#[tokio::test]
async fn a_lost_index_learns_its_pins_from_the_blocks() {
    let mut rig = Rig::new().await;
    rig.cut(&[(1, 1), (2, 2)]).await;
    rig.store().pin(pin(1, 30 * DAY)).await.unwrap();
    rig.clock.advance(15 * DAY);
    rig.turn().await;
    rig.close().await;
    fs::write(rig.folder.path().join("index").join("conf"), [b'x'; 64]).unwrap();
    rig.reopen().await;
    let pins = rig.store().pins_of(TraceId([1; 16])).await.unwrap();
    assert_eq!(pins, vec![pin(1, 30 * DAY)]);
}

#[tokio::test]
async fn stores_that_share_a_bucket_follow_each_other_without_a_word() {
    let bucket: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let clock = TestClock::new();
    let shared = |config: &mut Config| config.blocks = BlockPlace::Store(Arc::clone(&bucket));
    let (one, two) =
        (Rig::with(clock.clone(), shared).await, Rig::with(clock.clone(), shared).await);
    for number in 0..4u64 {
        one.cut(&[(1, 1 + number)]).await;
        two.cut(&[(1, 100 + number), (2, 1 + number)]).await;
        clock.advance(Duration::from_secs(60));
    }
    two.store().pin(pin(1, 60 * DAY)).await.unwrap();
    one.turn().await;
    two.turn().await;
    let all = BTreeMap::from([(1, 8), (2, 4)]);
    assert_eq!((one.traces().await, two.traces().await), (all.clone(), all.clone()));
    clock.advance(HOUR);
    for _ in 0..3 {
        one.turn().await;
        two.turn().await;
        assert_eq!((one.traces().await, two.traces().await), (all.clone(), all.clone()));
        clock.advance(HOUR);
    }
    let blocks = |rig: &Rig| rig.store().snapshot().sources.len();
    assert_eq!((blocks(&one), blocks(&two)), (2, 2), "each has merged its own");
    clock.advance(14 * DAY);
    for _ in 0..3 {
        // The first knows of no pin, and must leave the second the time to save what it has pinned.
        one.turn().await;
        two.turn().await;
        clock.advance(HOUR);
    }
    one.turn().await;
    let pinned = BTreeMap::from([(1, 8)]);
    assert_eq!((one.traces().await, two.traces().await), (pinned.clone(), pinned));
}

#[tokio::test]
async fn a_crash_at_any_step_of_a_merge_leaves_the_old_or_the_new() {
    // Copies of the folder after each file operation would need a file system of our own; the steps are few, so they
    // are made by hand: without `meta.json`, with it, and with some of the old ones deleted.
    let mut rig = Rig::new().await;
    for number in 1..=3 {
        rig.cut(&[(1, number), (2, 7)]).await;
    }
    rig.close().await;
    let old = rig.folder.path().join("old");
    let blocks = rig.folder.path().join("blocks");
    copy(&blocks, &old);
    rig.reopen().await;
    rig.clock.advance(HOUR);
    rig.turn().await;
    let merged = BTreeMap::from([(1, 3), (2, 1)]);
    assert_eq!(rig.traces().await, merged);
    rig.turn().await;
    rig.close().await;
    let names: Vec<_> =
        fs::read_dir(&old).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    for left in 1..=names.len() {
        names[..left].iter().for_each(|name| copy(&old.join(name), &blocks.join(name)));
        rig.reopen().await;
        assert_eq!(rig.traces().await, merged, "{left} old blocks are still there");
        rig.turn().await;
        assert_eq!(rig.folders(), 1, "and are deleted now");
        rig.close().await;
    }
    copy(&old, &blocks);
    for entry in fs::read_dir(&blocks).unwrap().map(|entry| entry.unwrap()) {
        if !names.contains(&entry.file_name()) {
            fs::remove_file(entry.path().join("meta.json")).unwrap();
        }
    }
    rig.reopen().await;
    assert_eq!(rig.folders(), 3, "what was not finished is swept up");
    assert_eq!(rig.traces_by_search().await, BTreeMap::from([(1, 3), (2, 3)]));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
