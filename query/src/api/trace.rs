//! A trace on its way from the store to an answer: shared by all families.

use super::{ApiState, Fault, guard::panic_text};
use axum::{
    body::Bytes,
    response::{IntoResponse, Response},
};
use http::header;
use prost::Message;
use serde::Serialize;
use sigyn_proto::otlp::trace::v1::{ResourceSpans, Span, TracesData};
use sigyn_store::TraceId;

/// The encoded `TracesData` of a trace; empty bytes when the store knows none.
pub(crate) async fn load(state: &ApiState, id: TraceId) -> Result<Option<Bytes>, Fault> {
    let encoded = state.store.trace(id).await?;
    Ok(encoded.filter(|bytes| !bytes.is_empty()))
}

/// Runs work that takes long (decoding and writing 100,000 spans) where it holds nobody up.
pub(crate) async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => Err(Fault::internal(&panic_text(&*error.into_panic()))),
        Err(error) => Err(Fault::internal(&error)),
    }
}

/// Decodes what the store holds. A failure is the store's fault, not the asker's.
pub(crate) fn decode(encoded: &Bytes) -> Result<TracesData, Fault> {
    TracesData::decode(&encoded[..]).map_err(|error| Fault::internal(&error))
}

/// Writes an answer as JSON into one buffer.
pub(crate) fn to_json(answer: &impl Serialize) -> Result<Bytes, Fault> {
    serde_json::to_vec(answer).map(Bytes::from).map_err(|error| Fault::internal(&error))
}

/// An answer that is JSON already.
pub(crate) fn json_response(json: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// All spans with the resource that they stand below.
pub(crate) fn spans_of(trace: &[ResourceSpans]) -> impl Iterator<Item = &Span> {
    trace.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans)
}

/// Earliest start and latest end, nanoseconds since the Unix epoch; `None` for no spans.
pub(crate) fn time_range(trace: &[ResourceSpans]) -> Option<(u64, u64)> {
    spans_of(trace).fold(None, |range, span| {
        let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
        let (from, to) = range.unwrap_or((start, end.max(start)));
        Some((from.min(start), to.max(end).max(start)))
    })
}

/// An ID as Jaeger and Zipkin write it: 16 digits when the upper half is zero, else 32.
pub(crate) fn id_text(id: TraceId) -> String {
    let text = id.to_string();
    match text.strip_prefix("0000000000000000") {
        Some(lower) => lower.to_owned(),
        None => text,
    }
}

/// Bytes in hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigyn_proto::otlp::trace::v1::ScopeSpans;

    fn with_times(times: &[(u64, u64)]) -> Vec<ResourceSpans> {
        let of = |(start_time_unix_nano, end_time_unix_nano): &(u64, u64)| Span {
            start_time_unix_nano: *start_time_unix_nano,
            end_time_unix_nano: *end_time_unix_nano,
            ..Default::default()
        };
        let spans = times.iter().map(of).collect();
        let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
        vec![ResourceSpans { scope_spans, ..Default::default() }]
    }

    #[test]
    fn a_time_range_holds_every_span() {
        assert_eq!(time_range(&with_times(&[])), None);
        assert_eq!(time_range(&with_times(&[(5, 9), (3, 4)])), Some((3, 9)));
        assert_eq!(time_range(&with_times(&[(5, 1)])), Some((5, 5)), "ends before it starts");
    }

    #[tokio::test]
    async fn a_panic_on_a_blocking_thread_is_a_fault() {
        let fault = on_blocking_thread::<()>(|| panic!("broken")).await.unwrap_err();
        assert_eq!(fault.status, http::StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn what_the_store_cannot_mean_is_the_stores_fault() {
        let fault = decode(&Bytes::from_static(b"\xff\xff\xff")).unwrap_err();
        assert_eq!(fault.status, http::StatusCode::INTERNAL_SERVER_ERROR);
    }
}
