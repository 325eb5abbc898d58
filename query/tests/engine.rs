//! The engine over the real store: what the head answers, blocks answer too.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use sigyn_query::{
    engine::{Engine, SearchRequest, SearchResponse, SpanSelection, Value},
    traceql,
};
use sigyn_store::{Batch, Clock, Config, Overlay, Store, Via};
use sigyn_workload::Workload;
use std::{path::Path, sync::Arc, time::Duration};

const START_UNIX_NANO: u64 = 1_800_000_000_000_000_000;

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now_unix_nano(&self) -> u64 {
        START_UNIX_NANO
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

async fn store_with(path: &Path, traces: u64) -> Store {
    let config = Config {
        head_bytes_max: 1 << 30,
        head_age_max: Duration::from_secs(3600),
        journal_bytes_max: 1 << 30,
        exemplar_retention: Duration::from_secs(3600),
        ..Config::at(path)
    };
    let mut registry = prometheus_client::registry::Registry::default();
    let store = Store::open(config, Arc::new(Still), &mut registry).await.unwrap();
    let (bodies, _) = Workload::bodies(7, traces, START_UNIX_NANO, 60_000_000_000);
    for body in bodies {
        let batch = Batch {
            via: Via::Otlp,
            body: body.bytes.into(),
            compressed: None,
            overlay: Arc::new(Overlay::default()),
            reach: None,
            gap: None,
        };
        let appended = store.append(batch).await.unwrap();
        assert_eq!(appended.rejected, 0);
    }
    store
}

async fn search(engine: &Engine, text: &str, limit: usize) -> SearchResponse {
    search_in(engine, text, limit, None).await
}

/// A search in a range, and for what reaches into it.
async fn search_in(
    engine: &Engine,
    text: &str,
    limit: usize,
    range: Option<(u64, u64)>,
) -> SearchResponse {
    let query = traceql::parse(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    let request = SearchRequest {
        query,
        start_unix_nano: range.map(|(start, _)| start),
        end_unix_nano: range.map(|(_, end)| end),
        reach_nano: 300_000_000_000,
        limit,
        spans_per_span_set: 3,
    };
    engine.search(request).await.unwrap()
}

async fn values_of(engine: &Engine, field: &traceql::FieldRef) -> Vec<Value> {
    let counted = engine.tag_values(field, SpanSelection::default(), 1_000).await.unwrap();
    counted.into_iter().map(|it| it.value).collect()
}

/// What an answer says, in a form that compares.
fn said(response: &SearchResponse) -> Vec<String> {
    assert_eq!(response.partial, None);
    response.traces.iter().map(|trace| format!("{trace:?}")).collect()
}

#[tokio::test]
async fn head_and_blocks_give_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(folder.path(), 300).await;
    let engine = Engine::new(store.clone());

    let services = engine.services().await.unwrap();
    assert!(services.len() > 10, "{services:?}");
    let service = services.iter().find(|name| *name == "checkout").unwrap_or(&services[0]).clone();
    let operations = engine.operations(&service).await.unwrap();
    assert!(!operations.is_empty());
    let operation = &operations[0].0;
    let queries = [
        "{ }".to_owned(),
        format!("{{ resource.service.name = \"{service}\" }}"),
        format!("{{ .service.name = \"{service}\" && name = \"{operation}\" && duration > 1ms }}"),
        "{ status = error }".to_owned(),
        "{ kind = server && duration > 20ms } | count() > 2".to_owned(),
        format!("{{ resource.service.name = \"{service}\" }} >> {{ kind = client }}"),
        "{ nestedSetParent < 0 } | by(resource.service.name) | select(kind)".to_owned(),
        "{ name =~ \".*a.*\" && span:childCount > 1 }".to_owned(),
    ];
    // In the middle of some traces.
    let newest = search(&engine, "{ }", 20).await.traces;
    let middle = |at: usize| newest[at].start_unix_nano + newest[at].duration_nano / 2;
    let ranges = [0, 7, 19].map(|at| (middle(at), middle(at) + 1));
    let mut in_head = Vec::new();
    let mut in_ranges = Vec::new();
    for query in &queries {
        let answer = search(&engine, query, 20).await;
        assert!(!answer.traces.is_empty(), "{query} finds nothing");
        let starts: Vec<u64> = answer.traces.iter().map(|trace| trace.start_unix_nano).collect();
        assert!(starts.is_sorted_by(|a, b| a >= b), "{query} is not newest first");
        in_head.push(said(&answer));
        for range in ranges {
            in_ranges.push(said(&search_in(&engine, query, 20, Some(range)).await));
        }
    }
    let names_in_head = engine.tag_names(SpanSelection::default()).await.unwrap();
    let field = traceql::parse_field("resource.service.name").unwrap();
    let values: Vec<Value> = services.iter().cloned().map(Value::String).collect();
    assert_eq!(values_of(&engine, &field).await, values);

    store.flush().await.unwrap();
    assert!(in_ranges[..3].iter().all(|found| !found.is_empty()), "all three are in a trace");
    let mut in_ranges = in_ranges.into_iter();
    for (query, in_head) in queries.iter().zip(in_head) {
        assert_eq!(said(&search(&engine, query, 20).await), in_head, "{query}");
        for (range, in_head) in ranges.into_iter().zip(in_ranges.by_ref()) {
            let in_blocks = search_in(&engine, query, 20, Some(range)).await;
            assert_eq!(said(&in_blocks), in_head, "{query} in {range:?}");
        }
    }
    assert_eq!(engine.services().await.unwrap(), services);
    assert_eq!(engine.operations(&service).await.unwrap(), operations);
    assert_eq!(engine.tag_names(SpanSelection::default()).await.unwrap(), names_in_head);
    assert_eq!(values_of(&engine, &field).await, values);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_search_for_the_newest_looks_at_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(folder.path(), 1_500).await;
    let engine = Engine::new(store.clone());
    let everything = search(&engine, "{ }", 100_000).await;
    assert_eq!(everything.traces.len(), 1_500);
    let newest = search(&engine, "{ }", 5).await;
    assert_eq!(said(&newest)[..], said(&everything)[..5]);
    assert!(
        newest.inspected_spans < everything.inspected_spans,
        "{} of {} spans were looked at",
        newest.inspected_spans,
        everything.inspected_spans
    );
    store.close().await.unwrap();
}
