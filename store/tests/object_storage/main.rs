//! Blocks in a real S3 server, which is killed and comes back.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is a test from end to end")]

#[path = "../kit/pypi.rs"]
mod pypi;
mod seaweed;

use prometheus_client::registry::Registry;
use prost::Message;
use seaweed::Seaweed;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData},
};
use sigyn_store::{Batch, BlockPlace, Clock, Config, ErrorKind, Overlay, Store, TraceId, Via};
use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

const START_UNIX_NANO: u64 = 1_800_000_000_000_000_000;
/// Parts of an upload are 8 MiB; a block of this size has more than one.
const LARGE_BYTES: usize = 10_000;

struct Still;

impl Clock for Still {
    fn now_unix_nano(&self) -> u64 {
        START_UNIX_NANO
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Spans of one trace, each with so many bytes that do not compress.
fn batch(trace: u8, spans: std::ops::Range<u64>, bytes: usize) -> Batch {
    let mut state = u64::from(trace) << 32 | spans.start;
    let mut noise = || {
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        std::iter::repeat_with(next).take(bytes).collect::<Vec<u8>>()
    };
    let spans = spans.map(|number| Span {
        trace_id: vec![trace; 16],
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: format!("span {number}"),
        start_time_unix_nano: START_UNIX_NANO + number,
        attributes: vec![KeyValue {
            key: "noise".to_owned(),
            value: Some(AnyValue { value: Some(Value::BytesValue(noise())) }),
            ..KeyValue::default()
        }],
        ..Span::default()
    });
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    };
    Batch {
        via: Via::Otlp,
        body: request.encode_to_vec().into(),
        compressed: None,
        overlay: Arc::new(Overlay::default()),
        reach: None,
        gap: None,
    }
}

async fn open(server: &Seaweed, folder: &Path) -> Store {
    open_with(server, folder, 128 << 20).await
}

async fn open_with(server: &Seaweed, folder: &Path, head_bytes_max: u64) -> Store {
    let blocks = BlockPlace::Url { url: "s3://traces/eu-1".to_owned(), options: server.options() };
    let config = Config {
        blocks,
        read_cache_bytes_max: 64 << 20,
        head_bytes_max,
        head_age_max: Duration::from_secs(3600),
        ..Config::at(folder)
    };
    Store::open(config, Arc::new(Still), &mut Registry::default()).await.unwrap()
}

/// Span IDs of a trace, each of which must be there once.
async fn spans_of(store: &Store, trace: u8) -> BTreeSet<Vec<u8>> {
    let found = store.trace(TraceId([trace; 16])).await.unwrap().unwrap_or_default();
    let data = TracesData::decode(found).unwrap();
    let spans = data.resource_spans.iter().flat_map(|it| &it.scope_spans).flat_map(|it| &it.spans);
    let ids: Vec<_> = spans.map(|span| span.span_id.clone()).collect();
    let once: BTreeSet<_> = ids.iter().cloned().collect();
    assert_eq!(ids.len(), once.len(), "a span came back twice");
    once
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_survive_a_server_that_is_killed_in_the_middle_of_an_upload() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = Seaweed::start(&folder.path().join("s3")).await else { return };
    let store = open(&server, &folder.path().join("one")).await;
    store.append(batch(1, 0..3, 10)).await.unwrap();
    store.flush().await.expect("a small block is put whole");
    assert_eq!(spans_of(&store, 1).await.len(), 3);

    for part in 0..10 {
        store.append(batch(2, part * 100..(part + 1) * 100, LARGE_BYTES)).await.unwrap();
    }
    let flushing = tokio::spawn({
        let store = store.clone();
        async move { store.flush().await }
    });
    server.wait_for_upload().await;
    server.kill();
    assert_eq!(spans_of(&store, 2).await.len(), 1000, "the head answers meanwhile");
    server.restart().await;
    // What the requests' own repetitions do not bridge, the next cut does.
    if flushing.await.unwrap().is_err() {
        store.flush().await.expect("the server is back");
    }
    assert_eq!(spans_of(&store, 2).await.len(), 1000);
    store.close().await.unwrap();
    drop(store);

    // Another collector, whose disk knows nothing, finds all of it in the bucket, and then on its disk.
    let store = open(&server, &folder.path().join("two")).await;
    for _ in 0..2 {
        assert_eq!(spans_of(&store, 1).await.len(), 3);
        assert_eq!(spans_of(&store, 2).await.len(), 1000);
    }
    let copies = std::fs::read_dir(folder.path().join("two/cache")).unwrap().count();
    assert!(copies > 30, "{copies} copies");
    store.close().await.unwrap();
}

/// Spans of trace 3, `BATCH_SPANS` in each batch.
const BATCH_SPANS: u64 = 20;

/// Appends until the store refuses, and returns how many batches it has taken in all.
async fn fill(store: &Store, mut taken: u64) -> u64 {
    loop {
        let spans = taken * BATCH_SPANS..(taken + 1) * BATCH_SPANS;
        match store.append(batch(3, spans, LARGE_BYTES)).await {
            Ok(_) => taken += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TryLater, "{error}");
                assert!(store.health().is_ok(), "it mends by itself");
                return taken;
            }
        }
        assert!(taken < 1000, "the head is bounded");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_costs_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = Seaweed::start(&folder.path().join("s3")).await else { return };
    let path = folder.path().join("one");
    let store = open_with(&server, &path, 8 << 20).await;
    server.kill();
    let taken = fill(&store, 0).await;
    assert!(taken * BATCH_SPANS * LARGE_BYTES as u64 > 3 << 20, "{taken} batches");
    let all = |taken: u64| (taken * BATCH_SPANS) as usize;
    assert_eq!(spans_of(&store, 3).await.len(), all(taken), "the head answers meanwhile");
    assert_eq!(fill(&store, taken).await, taken, "it is still away");
    let began = tokio::time::Instant::now();
    store.close().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "an upload holds the end up");
    drop(store);

    server.restart().await;
    let store = open_with(&server, &path, 8 << 20).await;
    assert_eq!(spans_of(&store, 3).await.len(), all(taken), "the journal has kept them");
    let mut more = taken;
    while more < taken + 30 {
        // What is refused has only to be sent again.
        let spans = more * BATCH_SPANS..(more + 1) * BATCH_SPANS;
        more += u64::from(store.append(batch(3, spans, LARGE_BYTES)).await.is_ok());
    }
    store.flush().await.expect("the server is back");
    assert_eq!(spans_of(&store, 3).await.len(), all(more));
    store.close().await.unwrap();
    drop(store);
    let store = open(&server, &folder.path().join("two")).await;
    assert_eq!(spans_of(&store, 3).await.len(), all(more), "all of it is in the bucket");
    store.close().await.unwrap();
}
