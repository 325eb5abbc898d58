//! Spans that tell nothing but who they are, on their way in and back.

use crate::{Field, Store, TraceId, test_kit::START_UNIX_NANO};
use arrow_array::{Array, cast::AsArray};
use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData},
};
use std::collections::BTreeMap;

/// A request of spans, each given by its trace and its number.
pub(super) fn body(spans: impl Iterator<Item = (TraceId, u64)>) -> Vec<u8> {
    let spans = spans.map(|(trace, span)| Span {
        trace_id: trace.0.to_vec(),
        span_id: span.to_be_bytes().to_vec(),
        name: "span".to_owned(),
        start_time_unix_nano: START_UNIX_NANO + span,
        ..Span::default()
    });
    let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// How often each span is there, by search.
pub(super) async fn by_search(store: &Store) -> BTreeMap<(TraceId, u64), usize> {
    let snapshot = store.snapshot();
    let search = move || {
        let mut found = BTreeMap::new();
        for source in snapshot.sources {
            let traces = source.field(Field::TraceId).unwrap();
            let spans = source.field(Field::SpanId).unwrap();
            let (traces, spans) = (traces.as_fixed_size_binary(), spans.as_fixed_size_binary());
            for row in 0..traces.len() {
                let trace = TraceId(traces.value(row).try_into().unwrap());
                let span = u64::from_be_bytes(spans.value(row).try_into().unwrap());
                *found.entry((trace, span)).or_default() += 1;
            }
        }
        found
    };
    tokio::task::spawn_blocking(search).await.unwrap()
}

/// The spans of a trace by its ID, sorted.
pub(super) async fn by_id(store: &Store, trace: TraceId) -> Vec<u64> {
    let data = store.trace(trace).await.unwrap().unwrap_or_default();
    let data = TracesData::decode(data).unwrap();
    let scopes = data.resource_spans.iter().flat_map(|it| &it.scope_spans);
    let ids = scopes.flat_map(|it| &it.spans).map(|span| &span.span_id[..]);
    let mut spans: Vec<_> = ids.map(|id| u64::from_be_bytes(id.try_into().unwrap())).collect();
    spans.sort_unstable();
    spans
}
