//! The store as a whole.

use super::*;
use crate::{
    AttributeScope, ErrorKind, Field, Overlay, Reach, SpanId, Via,
    test_kit::{
        START_UNIX_NANO, TestClock, any_overlay, any_request, config, expected, flattened, request,
    },
};
use arrow_array::{Array, cast::AsArray, types::UInt32Type};
use proptest::prelude::*;
use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;
use std::{collections::BTreeSet, fs};

fn batch(request: &ExportTraceServiceRequest, overlay: Overlay) -> Batch {
    Batch {
        via: Via::Otlp,
        body: request.encode_to_vec().into(),
        compressed: None,
        overlay: Arc::new(overlay),
        reach: None,
        gap: None,
    }
}

fn reaching(spans: &[(u8, u64)], cursor: &str) -> Batch {
    let reach = Reach { target: "pod".to_owned(), cursor: cursor.to_owned() };
    Batch { reach: Some(reach), ..batch(&request(spans), Overlay::default()) }
}

mod faults;
mod rows;

async fn open(config: Config) -> Store {
    Store::open(config, TestClock::new(), &mut Registry::default()).await.unwrap()
}

/// Everything in the store, through `trace`.
async fn contents(store: &Store) -> BTreeSet<Vec<u8>> {
    let mut ids = BTreeSet::new();
    let snapshot = store.snapshot();
    for source in &snapshot.sources {
        let column = source.field(Field::TraceId).unwrap();
        let column = column.as_fixed_size_binary();
        assert_eq!(column.len(), source.rows());
        ids.extend((0..column.len()).map(|row| TraceId(column.value(row).try_into().unwrap())));
    }
    let mut spans = BTreeSet::new();
    for id in ids {
        spans.extend(flattened(&store.trace(id).await.unwrap().unwrap()));
    }
    spans
}

fn span_count(store: &Store) -> usize {
    store.snapshot().sources.iter().map(|source| source.rows()).sum()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..Default::default() })]

    #[test]
    fn what_comes_in_goes_out_from_head_block_and_journal(
        batches in proptest::collection::vec((any_request(), any_overlay()), 1..4),
    ) {
        runtime().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = open(config(folder.path())).await;
            let mut model = BTreeSet::new();
            for (request, overlay) in &batches {
                let (spans, rejected) = expected(request, overlay);
                let appended = store.append(batch(request, overlay.clone())).await.unwrap();
                assert_eq!(appended.rejected, rejected);
                model.extend(spans);
            }
            assert_eq!(contents(&store).await, model, "from the head");
            check_columns(&store);
            store.close().await.unwrap();
            drop(store);

            let store = open(config(folder.path())).await;
            assert_eq!(contents(&store).await, model, "from the journal");
            store.flush().await.unwrap();
            assert_eq!(contents(&store).await, model, "from a block");
            check_columns(&store);
            store.close().await.unwrap();
            drop(store);

            let store = open(config(folder.path())).await;
            assert_eq!(contents(&store).await, model, "from a block, opened again");
            store.close().await.unwrap();
        });
    }
}

/// Every array that a source gives has a row for each span, and every attribute that is named is found.
fn check_columns(store: &Store) {
    for source in store.snapshot().sources {
        for field in Field::ALL {
            assert_eq!(source.field(field).unwrap().len(), source.rows(), "{field:?}");
        }
        for scope in
            [AttributeScope::Span, AttributeScope::Resource, AttributeScope::Instrumentation]
        {
            for name in source.attribute_names(scope).unwrap() {
                let arrays = source.attribute(scope, &name).unwrap();
                assert!(!arrays.is_empty(), "{scope:?} {name}");
                for array in arrays {
                    assert_eq!(array.len(), source.rows());
                    assert!(array.null_count() < array.len());
                }
            }
        }
        for scope in [AttributeScope::Event, AttributeScope::Link] {
            let children = source.children(scope).unwrap();
            let names = source.attribute_names(scope).unwrap();
            assert_eq!(children.parent_rows().len(), children.len());
            for array in [
                children.names().unwrap(),
                children.times_unix_nano().unwrap(),
                children.trace_ids().unwrap(),
                children.span_ids().unwrap(),
            ] {
                assert_eq!(array.len(), children.len());
            }
            for name in names {
                let arrays = children.attribute(&name).unwrap();
                assert!(!arrays.is_empty());
                arrays.iter().for_each(|array| assert_eq!(array.len(), children.len()));
            }
        }
        let ids = source.field(Field::TraceId).unwrap();
        let ids = ids.as_fixed_size_binary();
        for row in 0..source.rows() {
            let rows = source.rows_of(&TraceId(ids.value(row).try_into().unwrap())).unwrap();
            let own = (0..source.rows()).filter(|&it| ids.value(it) == ids.value(row));
            assert!(own.map(|it| it as u32).eq(rows.values().iter().copied()));
        }
        assert!(source.rows_of(&TraceId([0xfe; 16])).unwrap().is_empty());
    }
}

#[tokio::test]
async fn head_and_block_answer_alike() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path())).await;
    store.append(batch(&request(&[(1, 1), (2, 2), (1, 3)]), Overlay::default())).await.unwrap();
    for place in ["head", "block"] {
        let snapshot = store.snapshot();
        assert_eq!(snapshot.sources.len(), 1, "{place}");
        let source = &snapshot.sources[0];
        assert_eq!(source.time_range().start_max_unix_nano, START_UNIX_NANO + 3);
        let service = source.attribute(AttributeScope::Resource, "service.name").unwrap();
        let service = service[0].as_dictionary::<UInt32Type>();
        assert_eq!(service.values().as_string::<i32>().value(0), "shop");
        assert_eq!(source.rows_of(&TraceId([1; 16])).unwrap().len(), 2);
        assert!(source.rows_of(&TraceId([3; 16])).unwrap().is_empty());
        store.flush().await.unwrap();
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn batch_and_cursor_come_back_together() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path())).await;
    store.append(reaching(&[(1, 1)], "one")).await.unwrap();
    store.append(reaching(&[(1, 2)], "two")).await.unwrap();
    assert_eq!(store.cursor("pod").as_deref(), Some("two"));
    // Not closed: as after a kill, only what was acknowledged is on disk. The lock goes with the store.
    drop(store);
    let store = reopen(&config(folder.path())).await;
    assert_eq!(store.cursor("pod").as_deref(), Some("two"));
    assert_eq!(span_count(&store), 2);
    store.flush().await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let store = open(config(folder.path())).await;
    assert_eq!(store.cursor("pod").as_deref(), Some("two"), "outlives the journal's records");
    assert_eq!(span_count(&store), 2);
}

/// A store that was dropped gives its lock back when its tasks have noticed.
async fn reopen(config: &Config) -> Store {
    loop {
        match Store::open(config.clone(), TestClock::new(), &mut Registry::default()).await {
            Ok(store) => return store,
            Err(Error::Locked { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_crash_between_block_and_journal_neither_loses_nor_doubles() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let store = open(config(folder.path())).await;
    store.append(reaching(&[(1, 1), (2, 2)], "one")).await.unwrap();
    let before: Vec<_> = fs::read_dir(&journal)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    store.flush().await.unwrap();
    store.append(reaching(&[(3, 3)], "two")).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    for (path, bytes) in before.iter().filter(|(path, _)| !path.exists()) {
        fs::write(path, bytes).unwrap();
    }
    let store = open(config(folder.path())).await;
    assert_eq!(span_count(&store), 3);
    assert_eq!(store.cursor("pod").as_deref(), Some("two"));
    store.close().await.unwrap();
    drop(store);

    // The other half: files of a block without meta.json are not a block.
    let block = fs::read_dir(folder.path().join("blocks")).unwrap().next().unwrap().unwrap();
    fs::remove_file(block.path().join("meta.json")).unwrap();
    let store = open(config(folder.path())).await;
    assert_eq!(span_count(&store), 3, "the journal still has them");
}

#[tokio::test]
async fn the_same_span_twice_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path())).await;
    for _ in 0..2 {
        store.append(batch(&request(&[(1, 1), (1, 2)]), Overlay::default())).await.unwrap();
    }
    assert_eq!(contents(&store).await.len(), 2, "in the answer");
    store.flush().await.unwrap();
    assert_eq!(span_count(&store), 2, "in the block");
    store.append(batch(&request(&[(1, 1)]), Overlay::default())).await.unwrap();
    assert_eq!(contents(&store).await.len(), 2, "in head and block");
}

#[tokio::test]
async fn a_full_journal_refuses_and_takes_again_after_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { journal_bytes_max: 256 << 10, ..config(folder.path()) };
    let store = open(config).await;
    let (mut taken, mut refused) = (0u64, None);
    for number in 1..10_000u64 {
        let spans: Vec<_> =
            (0..50).map(|it| ((number % 200) as u8 + 1, number * 100 + it)).collect();
        match store.append(batch(&request(&spans), Overlay::default())).await {
            Ok(appended) => taken += appended.spans as u64,
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    assert_eq!(refused.expect("it is bounded").kind(), ErrorKind::TryLater);
    store.flush().await.unwrap();
    // The journal forgets behind the flush; an append waits in the same queue.
    store.append(batch(&request(&[(250, 1)]), Overlay::default())).await.unwrap();
    assert_eq!(span_count(&store) as u64, taken + 1);
}

#[tokio::test]
async fn the_head_is_cut_when_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let mut registry = Registry::default();
    let store = Store::open(config(folder.path()), clock.clone(), &mut registry).await.unwrap();
    store.append(batch(&request(&[(1, 1)]), Overlay::default())).await.unwrap();
    clock.advance(Duration::from_secs(3601));
    let (metrics, wait) = (&store.inner.core.metrics, Duration::from_millis(20));
    for _ in 0..250 {
        if metrics.blocks.get() == 1 {
            break;
        }
        tokio::time::sleep(wait).await;
    }
    assert_eq!(metrics.blocks.get(), 1);
    assert_eq!(metrics.head_spans.get(), 0);
    assert_eq!(span_count(&store), 1);
}

#[tokio::test]
async fn who_follows_the_head_sees_each_span_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path())).await;
    let (mut next, mut seen) = (0, Vec::new());
    for round in 0..30u8 {
        let spans: Vec<(u8, u64)> = (0..u64::from(round % 4)).map(|at| (round, at + 1)).collect();
        store.append(batch(&request(&spans), Overlay::default())).await.unwrap();
        if round % 3 == 0 || round % 7 == 6 {
            let tail = store.tail(next);
            assert_eq!(tail.missed, 0);
            for (source, rows) in &tail.parts {
                let ids = source.field(Field::TraceId).unwrap();
                let ids = ids.as_fixed_size_binary();
                seen.extend(rows.clone().map(|row| ids.value(row)[0]));
            }
            next = tail.next;
        }
        if round % 7 == 6 {
            store.flush().await.unwrap();
        }
    }
    let tail = store.tail(next);
    let rest: usize = tail.parts.iter().map(|(_, rows)| rows.len()).sum();
    let expected: Vec<u8> = (0..30).flat_map(|it| vec![it; usize::from(it % 4)]).collect();
    assert_eq!(seen, expected[..expected.len() - rest]);
    assert_eq!(rest, 1);
    // Who comes too late is told how much is gone.
    store.flush().await.unwrap();
    let late = store.tail(3);
    assert_eq!((late.parts.len(), late.missed), (0, expected.len() as u64 - 3));
}

#[tokio::test]
async fn what_was_asked_for_by_trace_is_not_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path())).await;
    let (mut seen, mut expected, mut next) = (Vec::new(), Vec::new(), 0);
    for round in 0..40u8 {
        let spans: Vec<(u8, u64)> = (0..u64::from(round % 5)).map(|at| (round, at + 1)).collect();
        let is_lookup = round % 3 == 1 || round % 7 == 2;
        let via = if is_lookup { Via::Lookup } else { Via::Scrape };
        let batch = Batch { via, ..batch(&request(&spans), Overlay::default()) };
        store.append(batch).await.unwrap();
        if !is_lookup {
            expected.extend(vec![round; spans.len()]);
        }
        if round % 4 == 3 {
            let tail = store.tail(next);
            for (source, rows) in &tail.parts {
                let ids = source.field(Field::TraceId).unwrap();
                let ids = ids.as_fixed_size_binary();
                seen.extend(rows.clone().map(|row| ids.value(row)[0]));
            }
            next = tail.next;
        }
        if round % 12 == 11 {
            store.flush().await.unwrap();
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(span_count(&store), 80, "but it is all there");
}

#[tokio::test]
async fn one_process_at_a_time_and_no_newer_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path())).await;
    let second =
        Store::open(config(folder.path()), TestClock::new(), &mut Registry::default()).await;
    assert_eq!(second.err().expect("locked").kind(), ErrorKind::Locked);
    store.close().await.unwrap();
    let version = folder.path().join("version");
    let text = fs::read_to_string(&version).unwrap().replace("store 1", "store 9");
    fs::write(&version, text).unwrap();
    let newer =
        Store::open(config(folder.path()), TestClock::new(), &mut Registry::default()).await;
    assert!(matches!(newer.err(), Some(Error::NewerVersion { found: 9, known: 1, .. })));
}

#[tokio::test]
async fn bad_bodies_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path())).await;
    let whole = request(&[(1, 1), (1, 2)]).encode_to_vec();
    for end in 1..whole.len() {
        let cut = Batch {
            body: whole[..end].to_vec().into(),
            ..batch(&request(&[]), Overlay::default())
        };
        let error = store.append(cut).await.expect_err("a body that is cut off is refused");
        assert_eq!(error.kind(), ErrorKind::BadInput, "{end}: {error}");
    }
    assert_eq!(span_count(&store), 0);
}

#[tokio::test]
async fn exemplars_gaps_and_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let mut registry = Registry::default();
    let store = Store::open(config(folder.path()), TestClock::new(), &mut registry).await.unwrap();
    let exemplar = |value: f64, milli: i64| Exemplar {
        series: vec![("__name__".into(), "latency_bucket".into()), ("le".into(), "1".into())],
        labels: vec![("trace_id".into(), "01".into())],
        trace_id: TraceId([1; 16]),
        span_id: Some(SpanId([2; 8])),
        value,
        timestamp_unix_milli: milli,
    };
    let seen = vec![exemplar(0.4, 2000), exemplar(0.3, 1000)];
    assert_eq!(store.add_exemplars(seen.clone()).await.unwrap(), 2);
    assert_eq!(store.add_exemplars(seen).await.unwrap(), 0, "seen before");
    let found = store.exemplars_of(TraceId([1; 16])).await.unwrap();
    assert_eq!(found, vec![exemplar(0.3, 1000), exemplar(0.4, 2000)]);
    let series = store.exemplars(Box::new(|_| true), 1500, 2000).await.unwrap();
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].exemplars, vec![exemplar(0.4, 2000)]);
    assert!(store.exemplars(Box::new(|_| false), 0, 9999).await.unwrap().is_empty());
    assert_eq!(store.pins_of(TraceId([1; 16])).await.unwrap().len(), 1);
    assert!(store.pins_of(TraceId([2; 16])).await.unwrap().is_empty());

    let gap = Gap { lost: Some(7), from_unix_nano: 100, to_unix_nano: 200 };
    let overlay = Overlay { attributes: vec![("job".into(), "pods".into())], ..Overlay::default() };
    let gapped = Batch { gap: Some(gap.clone()), ..batch(&request(&[]), overlay) };
    store.append(gapped).await.unwrap();
    let gaps = store.gaps(150, 160).await.unwrap();
    assert_eq!(gaps, vec![(vec![("job".to_owned(), "pods".to_owned())], gap)]);
    assert!(store.gaps(201, 300).await.unwrap().is_empty());
    assert!(store.gaps(0, 99).await.unwrap().is_empty());

    store.append(batch(&request(&[(1, 1), (1, 2)]), Overlay::default())).await.unwrap();
    // The gauges are set behind the answer; a batch of nothing new waits for nothing, so look again.
    let mut text = String::new();
    for _ in 0..100 {
        text.clear();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        if text.contains("sigyn_store_head_spans 2") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for line in [
        "sigyn_ingested_spans_total{via=\"otlp\"} 2",
        "# UNIT sigyn_ingested_bytes bytes",
        "sigyn_store_head_spans 2",
        "sigyn_store_blocks 0",
        "sigyn_store_pinned_traces 1",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    for name in ["sigyn_store_head_bytes", "sigyn_store_journal_bytes", "sigyn_store_block_bytes"] {
        assert!(text.contains(&format!("\n{name} ")), "{name} in\n{text}");
    }
}

#[tokio::test]
async fn the_share_of_exemplars_that_lead_somewhere_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let mut registry = Registry::default();
    let store = Store::open(config(folder.path()), clock.clone(), &mut registry).await.unwrap();
    let core = &store.inner.core;
    let ratio = || {
        core.watch_exemplar_links().unwrap();
        core.metrics.exemplars_resolved.get()
    };
    assert_eq!(ratio(), 1.0, "nothing points nowhere");
    assert_eq!(store.exemplars_resolved_ratio(), None);
    let now_unix_milli = (clock.now_unix_nano() / 1_000_000) as i64;
    let exemplar = |trace: u8| Exemplar {
        series: vec![("__name__".into(), "latency_bucket".into())],
        labels: Vec::new(),
        trace_id: TraceId([trace; 16]),
        span_id: None,
        value: 1.0,
        timestamp_unix_milli: now_unix_milli,
    };
    store.append(batch(&request(&[(1, 1)]), Overlay::default())).await.unwrap();
    store.add_exemplars(vec![exemplar(1), exemplar(9)]).await.unwrap();
    assert_eq!(ratio(), 1.0, "too young to judge");
    clock.advance(Duration::from_secs(60));
    assert_eq!(ratio(), 0.5, "one of two is held");
    assert_eq!(store.exemplars_resolved_ratio(), Some(0.5));
    store.flush().await.unwrap();
    assert_eq!(ratio(), 0.5, "in a block it is held too");
    clock.advance(Duration::from_secs(600));
    assert_eq!(ratio(), 1.0, "history");
}

#[tokio::test]
async fn the_reference_workload_comes_back_from_many_chunks_and_a_block() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path())).await;
    let (bodies, _) = sigyn_workload::Workload::bodies(1, 600, START_UNIX_NANO, 1_000_000_000);
    let mut model = BTreeSet::new();
    for body in bodies {
        let request = ExportTraceServiceRequest::decode(&body.bytes[..]).unwrap();
        model.extend(expected(&request, &Overlay::default()).0);
        store.append(batch(&request, Overlay::default())).await.unwrap();
        // Looking on the way freezes copies of a chunk that goes on growing.
        assert!(span_count(&store) <= 20_000);
    }
    assert!(store.snapshot().sources.len() > 1, "more than one chunk");
    assert_eq!(contents(&store).await, model, "from the head");
    store.flush().await.unwrap();
    assert_eq!(span_count(&store), model.len());
    assert_eq!(contents(&store).await, model, "from the block");
}
