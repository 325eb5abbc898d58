//! Databases that earlier versions wrote, kept for good: they open, and all of it is there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use prometheus_client::registry::Registry;
use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData},
};
use sigyn_store::{Batch, Clock, Config, Overlay, Reach, Store, TraceId, Via};
use std::{fs, path::Path, sync::Arc, time::Duration};

const START_UNIX_NANO: u64 = 1_800_000_000_000_000_000;
/// By the version of their blocks.
const FOLDERS: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/database-1"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/database-2"),
];

struct Still;

impl Clock for Still {
    fn now_unix_nano(&self) -> u64 {
        START_UNIX_NANO
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Batch 1 and 2 are in a block, batch 3 is in the journal.
fn batch(number: u64) -> Batch {
    let spans = (1..=2).map(|span| Span {
        trace_id: vec![number as u8; 16],
        span_id: (number * 10 + span).to_be_bytes().to_vec(),
        parent_span_id: if span == 1 { Vec::new() } else { (number * 10 + 1).to_be_bytes().into() },
        name: format!("span {span}"),
        start_time_unix_nano: START_UNIX_NANO + span,
        end_time_unix_nano: START_UNIX_NANO + span + 5,
        attributes: vec![KeyValue {
            key: "number".to_owned(),
            value: Some(AnyValue { value: Some(Value::IntValue(number as i64)) }),
            ..KeyValue::default()
        }],
        ..Span::default()
    });
    let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let attributes = vec![("job".to_owned(), "shop".to_owned())];
    Batch {
        via: Via::Scrape,
        body: ExportTraceServiceRequest { resource_spans }.encode_to_vec().into(),
        compressed: None,
        overlay: Arc::new(Overlay { attributes, ..Overlay::default() }),
        reach: Some(Reach { target: "pod".to_owned(), cursor: format!("cursor {number}") }),
        gap: None,
    }
}

async fn open(folder: &Path) -> Result<Store, sigyn_store::Error> {
    Store::open(Config::at(folder), Arc::new(Still), &mut Registry::default()).await
}

#[tokio::test]
async fn databases_of_all_versions_open_and_are_whole() {
    for kept in FOLDERS {
        opens_and_is_whole(Path::new(kept)).await;
    }
}

async fn opens_and_is_whole(kept: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    copy(kept, &path);
    let store = open(&path).await.unwrap();
    assert_eq!(store.cursor("pod").as_deref(), Some("cursor 3"));
    for number in 1..=3u8 {
        let data = store.trace(TraceId([number; 16])).await.unwrap().unwrap();
        let data = TracesData::decode(data).unwrap();
        let resource = data.resource_spans[0].resource.as_ref().unwrap();
        assert_eq!(resource.attributes[0].key, "job");
        let expected = ExportTraceServiceRequest::decode(batch(number.into()).body).unwrap();
        let spans = |list: &[ResourceSpans]| -> Vec<Span> {
            list.iter().flat_map(|it| &it.scope_spans).flat_map(|it| it.spans.clone()).collect()
        };
        assert_eq!(spans(&data.resource_spans), spans(&expected.resource_spans));
    }
    store.close().await.unwrap();
    drop(store);

    let version = path.join("version");
    let text = fs::read_to_string(&version).unwrap();
    fs::write(&version, text.replace("sigyn-store 1 ", "sigyn-store 2 ")).unwrap();
    let error = open(&path).await.err().unwrap().to_string();
    assert!(error.contains("has format version 2, this binary knows up to 1"), "{error}");
}

/// Writes the last database. It is for the day on which another version needs a fixture of its own, not for making this test
/// pass: `SIGYN_WRITE_FIXTURE=1`.
#[tokio::test]
async fn the_database_is_written_once() {
    if std::env::var_os("SIGYN_WRITE_FIXTURE").is_none() {
        return;
    }
    let path = Path::new(FOLDERS[FOLDERS.len() - 1]);
    assert!(!path.exists(), "{} is kept for good", path.display());
    let store = open(path).await.unwrap();
    store.append(batch(1)).await.unwrap();
    store.append(batch(2)).await.unwrap();
    store.flush().await.unwrap();
    store.append(batch(3)).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    // sled's own files are not ours to keep, and the lock is nothing but a name.
    fs::remove_dir_all(path.join("index")).unwrap();
    fs::remove_dir_all(path.join("cache")).unwrap_or_default();
    fs::remove_file(path.join("lock")).unwrap();
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
