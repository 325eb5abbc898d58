//! Lives of a sidecar, one after the other, on one file.

use crate::{
    Error, Opened, Sidecar, SidecarConfig,
    layout::{RECORDS_AT, Record, RecordKind},
};
use prost::Message;
use sigyn_buffer::Lost;
use sigyn_collector::receivers::Sink;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use sigyn_store::{Batch, Via};
use std::{collections::BTreeMap, os::unix::fs::FileExt, path::Path};

fn config(folder: &Path) -> SidecarConfig {
    SidecarConfig { path: folder.join("ring"), capacity_bytes: 1 << 20, uid: None }
}

fn open(folder: &Path) -> (Sidecar, Opened) {
    Sidecar::open(&config(folder)).unwrap()
}

/// A span whose every part follows from its number.
fn span(number: u64) -> Span {
    let pad = Value::StringValue("x".repeat((number % 300) as usize));
    let pad = KeyValue {
        key: "pad".into(),
        value: Some(AnyValue { value: Some(pad) }),
        ..KeyValue::default()
    };
    Span {
        trace_id: u128::from(number + 1).to_be_bytes().to_vec(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: format!("span {number}"),
        start_time_unix_nano: number,
        end_time_unix_nano: number + 1,
        attributes: vec![pad],
        ..Span::default()
    }
}

/// A request of a service with a Resource of its own.
fn request(service: u64, numbers: std::ops::Range<u64>) -> ExportTraceServiceRequest {
    let name = Value::StringValue(format!("service {service}"));
    let name = KeyValue {
        key: "service.name".into(),
        value: Some(AnyValue { value: Some(name) }),
        ..KeyValue::default()
    };
    let scope = InstrumentationScope { name: "tests".into(), ..InstrumentationScope::default() };
    let scope_spans = ScopeSpans {
        scope: Some(scope),
        spans: numbers.map(span).collect(),
        ..ScopeSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: vec![name], ..Resource::default() }),
            scope_spans: vec![scope_spans],
            ..ResourceSpans::default()
        }],
    }
}

async fn push(sidecar: &Sidecar, request: ExportTraceServiceRequest) -> usize {
    let batch = Batch {
        via: Via::Otlp,
        body: request.encode_to_vec().into(),
        compressed: None,
        overlay: Default::default(),
        reach: None,
        gap: None,
    };
    sidecar.take(batch).await.unwrap().spans
}

/// Numbers of spans with their services; and where to go on, and what was lost.
fn read(sidecar: &Sidecar, cursor: Option<&str>) -> (BTreeMap<u64, String>, String, Lost) {
    let read = sidecar.buffer().read(cursor, 16 << 20).unwrap();
    let body: Vec<u8> = read.chunks.iter().flat_map(|chunk| chunk.to_vec()).collect();
    let body = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let mut numbers = BTreeMap::new();
    for resource_spans in body.resource_spans {
        let resource = resource_spans.resource.unwrap();
        let Some(Value::StringValue(service)) =
            resource.attributes[0].value.clone().and_then(|value| value.value)
        else {
            panic!("the Resource names its service");
        };
        for scope_spans in resource_spans.scope_spans {
            assert_eq!(scope_spans.scope.unwrap().name, "tests");
            for found in scope_spans.spans {
                let number = found.start_time_unix_nano;
                assert_eq!(found, span(number));
                assert_eq!(numbers.insert(number, service.clone()), None, "each span once");
            }
        }
    }
    assert!(!read.more);
    (numbers, read.cursor, read.lost)
}

fn numbers(of: &BTreeMap<u64, String>) -> Vec<u64> {
    of.keys().copied().collect()
}

#[tokio::test]
async fn the_next_life_goes_on_where_the_last_one_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut cursor = None;
    for life in 0..5u64 {
        // Nothing is said at the end of a life: dropping it is all that a kill leaves of it.
        let (sidecar, opened) = open(folder.path());
        assert_eq!(opened, Opened { spans: life * 20, damaged: 0, new_epoch: None });
        let from = life * 20;
        assert_eq!(push(&sidecar, request(life, from..from + 10)).await, 10);
        let (found, reached, lost) = read(&sidecar, cursor.as_deref());
        // What the last life recorded after its read comes now.
        assert_eq!(numbers(&found), (from.saturating_sub(10)..from + 10).collect::<Vec<_>>());
        assert_eq!(lost, Lost::Spans(0));
        assert_eq!(found[&from], format!("service {life}"));
        cursor = Some(reached);
        push(&sidecar, request(life, from + 10..from + 20)).await;
    }
    let (sidecar, _) = open(folder.path());
    let (all, ..) = read(&sidecar, None);
    assert_eq!(numbers(&all), (0..100).collect::<Vec<_>>());
    assert_eq!(all[&45], "service 2");
}

#[tokio::test]
async fn many_laps_keep_the_newest_and_count_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (sidecar, _) = open(folder.path());
    push(&sidecar, request(0, 0..1)).await;
    let (_, cursor, _) = read(&sidecar, None);
    // Some 6 MB through a ring of 1 MiB and a file of 3.6 MB, from more services than origins have numbers.
    for round in 0..1_500u64 {
        push(&sidecar, request(round, 1 + round * 16..1 + (round + 1) * 16)).await;
    }
    let (before, reached, lost) = read(&sidecar, Some(&cursor));
    assert!(before.len() > 3_000, "{}", before.len());
    assert_eq!(lost, Lost::Spans(24_000 - before.len() as u64));
    let recorded = sidecar.buffer().stats().recorded;
    drop(sidecar);
    let (sidecar, opened) = open(folder.path());
    assert_eq!((opened.damaged, opened.new_epoch), (0, None));
    assert_eq!(sidecar.buffer().stats().recorded, recorded);
    let (found, reached_again, lost) = read(&sidecar, Some(&cursor));
    assert_eq!(reached_again, reached);
    // Of what the last push pushed out, some may be there again: the slot is written before that.
    assert_eq!(lost, Lost::Spans(24_000 - found.len() as u64));
    assert!(before.keys().all(|number| found.contains_key(number)));
    for (number, service) in &found {
        assert!(*service == format!("service {}", (number - 1) / 16), "{number} is of {service}");
    }
}

/// Where the records of spans begin in the file, by the number of their span.
fn records(bytes: &[u8]) -> BTreeMap<u64, usize> {
    let area = &bytes[RECORDS_AT as usize..];
    let mut found = BTreeMap::new();
    let mut offset = 0;
    while offset < area.len() {
        match Record::decode(area, offset) {
            Some(record) => {
                if record.kind == RecordKind::Span {
                    let span = Span::decode(&record.payload[8..]).unwrap();
                    found.insert(span.start_time_unix_nano, RECORDS_AT as usize + offset);
                }
                offset += Record::framed_bytes(record.payload.len());
            }
            None => offset += 8,
        }
    }
    found
}

fn file(folder: &Path) -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open(folder.join("ring")).unwrap()
}

#[tokio::test]
async fn a_damaged_span_is_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (sidecar, _) = open(folder.path());
    push(&sidecar, request(0, 0..10)).await;
    let (_, cursor, _) = read(&sidecar, None);
    push(&sidecar, request(0, 10..50)).await;
    drop(sidecar);
    let at = records(&std::fs::read(folder.path().join("ring")).unwrap());
    // One in the middle, one in its head, and the newest, whose number must not be given out again.
    for (number, within) in [(20, 40), (30, 0), (49, 50)] {
        file(folder.path()).write_all_at(&[0xff], (at[&number] + within) as u64).unwrap();
    }
    let (sidecar, opened) = open(folder.path());
    assert_eq!(opened, Opened { spans: 47, damaged: 3, new_epoch: None });
    assert_eq!(sidecar.buffer().stats().damaged, 3);
    assert!(sidecar.buffer().stats().to_string().contains(", damaged=3"));
    let (found, reached, lost) = read(&sidecar, Some(&cursor));
    let whole = (10..49).filter(|number| ![20, 30].contains(number));
    assert_eq!(numbers(&found), whole.collect::<Vec<_>>());
    assert_eq!(lost, Lost::Spans(3));
    push(&sidecar, request(0, 50..51)).await;
    let (found, _, lost) = read(&sidecar, Some(&reached));
    assert_eq!((numbers(&found), lost), (vec![50], Lost::Spans(0)));
}

#[tokio::test]
async fn what_was_written_last_may_be_torn() {
    let folder = tempfile::tempdir().unwrap();
    let (sidecar, _) = open(folder.path());
    push(&sidecar, request(0, 0..10)).await;
    let slots = std::fs::read(folder.path().join("ring")).unwrap()[..RECORDS_AT as usize].to_vec();
    push(&sidecar, request(0, 10..12)).await;
    drop(sidecar);
    // As if it had been killed before the second slot, in the middle of the second record.
    let at = records(&std::fs::read(folder.path().join("ring")).unwrap());
    file(folder.path()).write_all_at(&slots, 0).unwrap();
    file(folder.path()).write_all_at(&[0; 40], at[&11] as u64 + 24).unwrap();
    let (sidecar, opened) = open(folder.path());
    assert_eq!(opened, Opened { spans: 11, damaged: 0, new_epoch: None });
    push(&sidecar, request(0, 12..13)).await;
    let (found, ..) = read(&sidecar, None);
    assert_eq!(numbers(&found), [&(0..11).collect::<Vec<_>>()[..], &[12]].concat());
}

#[tokio::test]
async fn readers_begin_anew_where_the_file_cannot_say_how_far_it_came() {
    for (what, at, bytes) in [
        ("both slots", 512, vec![0; 2_048]),
        ("the header", 20, vec![7; 4]),
        ("another boot", 48, vec![]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (sidecar, _) = open(folder.path());
        push(&sidecar, request(3, 0..30)).await;
        let (_, cursor, _) = read(&sidecar, None);
        drop(sidecar);
        if bytes.is_empty() {
            let path = folder.path().join("ring");
            let read = std::fs::read(&path).unwrap();
            let header = crate::layout::Header::decode(&read).unwrap();
            let header = crate::layout::Header { boot: header.boot ^ 1, ..header };
            file(folder.path()).write_all_at(&header.encode(), 0).unwrap();
        } else {
            file(folder.path()).write_all_at(&bytes, at).unwrap();
        }
        let (sidecar, opened) = open(folder.path());
        assert_eq!((opened.spans, opened.damaged), (30, 0), "{what}");
        assert!(opened.new_epoch.is_some(), "{what}");
        let (found, _, lost) = read(&sidecar, Some(&cursor));
        assert_eq!((found.len(), lost), (30, Lost::Unknown), "{what}");
        drop(sidecar);
        assert_eq!(open(folder.path()).1, Opened { spans: 30, damaged: 0, new_epoch: None });
    }
}

#[tokio::test]
async fn a_new_capacity_takes_the_spans_along() {
    let folder = tempfile::tempdir().unwrap();
    let (sidecar, _) = open(folder.path());
    push(&sidecar, request(0, 0..100)).await;
    drop(sidecar);
    let larger = SidecarConfig { capacity_bytes: 4 << 20, ..config(folder.path()) };
    let (sidecar, opened) = Sidecar::open(&larger).unwrap();
    assert_eq!((opened.spans, opened.new_epoch.is_some()), (100, true));
    assert_eq!(read(&sidecar, None).0.len(), 100);
    assert_eq!(sidecar.buffer().stats().capacity_bytes, 4 << 20);
}

#[test]
fn a_file_belongs_to_one_process_and_to_us() {
    let folder = tempfile::tempdir().unwrap();
    let (_sidecar, _) = open(folder.path());
    assert!(matches!(Sidecar::open(&config(folder.path())), Err(Error::Locked { .. })));
    let foreign = SidecarConfig { path: folder.path().join("foreign"), ..config(folder.path()) };
    std::fs::write(&foreign.path, "shopping list").unwrap();
    assert!(matches!(Sidecar::open(&foreign), Err(Error::NotOurs { .. })));
    assert_eq!(std::fs::read(&foreign.path).unwrap(), b"shopping list");
    std::fs::write(&foreign.path, b"SIGYNRNG\x09\0\0\0").unwrap();
    assert!(matches!(Sidecar::open(&foreign), Err(Error::NewerVersion { found: 9, .. })));
}

#[tokio::test]
async fn spans_without_ids_are_told_and_large_ones_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (sidecar, _) = open(folder.path());
    let mut bad = request(0, 0..3);
    bad.resource_spans[0].scope_spans[0].spans[1].span_id = vec![0; 8];
    assert_eq!(push(&sidecar, bad).await, 2);
    assert_eq!((sidecar.stats().received_otlp, sidecar.stats().rejected), (2, 1));
    let mut large = request(0, 3..4);
    let huge = Value::StringValue("x".repeat(1 << 20));
    large.resource_spans[0].scope_spans[0].spans[0].attributes[0].value =
        Some(AnyValue { value: Some(huge) });
    push(&sidecar, large).await;
    let found = sidecar.buffer().read(None, 16 << 20).unwrap();
    assert_eq!(found.spans, 3);
    assert!(found.chunks.iter().map(|chunk| chunk.len()).sum::<usize>() < 10_000);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    /// Whatever is damaged, the sidecar starts, and what it holds is what was recorded.
    #[test]
    fn any_damage_is_survived(
        damage in proptest::collection::vec((8usize..120_000, proptest::num::u8::ANY), 1..40),
        end in proptest::option::weighted(0.2, 0usize..120_000),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (sidecar, _) = open(folder.path());
        runtime.block_on(push(&sidecar, request(1, 0..300)));
        drop(sidecar);
        let path = folder.path().join("ring");
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, value) in damage {
            // The version is beyond repair: the file might be of a newer sigyn.
            if !(8..12).contains(&at) {
                bytes[at] = value;
            }
        }
        bytes.truncate(end.unwrap_or(usize::MAX).max(12));
        std::fs::write(&path, &bytes).unwrap();
        let (sidecar, opened) = open(folder.path());
        let (found, cursor, _) = read(&sidecar, None);
        proptest::prop_assert_eq!(found.len() as u64, opened.spans);
        runtime.block_on(push(&sidecar, request(2, 300..310)));
        let (found, _, lost) = read(&sidecar, Some(&cursor));
        proptest::prop_assert_eq!((found.len(), lost), (10, Lost::Spans(0)));
    }
}
