//! Traces as messages of a stream: one trace a message, and a large one in several that follow each other.

use super::question::Question;
use crate::api::{ApiState, Fault, grpc::Messages, trace};
use axum::body::Bytes;
use prost::Message;
use sigyn_proto::otlp::trace::v1::{ResourceSpans, ScopeSpans, TracesData};

/// Clients refuse 4 MiB.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// False once the client is gone.
pub(super) async fn send_trace(to: &Messages, encoded: Bytes) -> Result<bool, Fault> {
    if encoded.len() <= MESSAGE_BYTES_MAX {
        return Ok(to.send_encoded(&encoded).await);
    }
    let parts = trace::on_blocking_thread(move || Ok(parts(trace::decode(&encoded)?))).await?;
    for part in parts {
        if !to.send(&part).await {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sends the traces that match, as long as the client is there.
pub(super) async fn send_matching(
    question: Question,
    state: &ApiState,
    to: &Messages,
) -> Result<(), Fault> {
    for (_, encoded) in question.traces(state).await? {
        if !send_trace(to, encoded).await? {
            break;
        }
    }
    Ok(())
}

/// A trace in parts that are not too large, as far as its spans allow.
fn parts(trace: TracesData) -> Vec<TracesData> {
    let mut parts = Vec::new();
    for mut of_resource in trace.resource_spans {
        for mut scoped in std::mem::take(&mut of_resource.scope_spans) {
            let spans = std::mem::take(&mut scoped.spans);
            let around = ResourceSpans { scope_spans: vec![scoped], ..of_resource.clone() };
            let head = around.encoded_len();
            let (mut bytes, mut taken) = (head, Vec::new());
            for span in spans {
                let length = span.encoded_len() + 8;
                if bytes + length > MESSAGE_BYTES_MAX && !taken.is_empty() {
                    parts.push(part(&around, std::mem::take(&mut taken)));
                    bytes = head;
                }
                bytes += length;
                taken.push(span);
            }
            if !taken.is_empty() {
                parts.push(part(&around, taken));
            }
        }
    }
    parts
}

fn part(around: &ResourceSpans, spans: Vec<sigyn_proto::otlp::trace::v1::Span>) -> TracesData {
    let mut of_resource = around.clone();
    of_resource.scope_spans.iter_mut().for_each(|scoped: &mut ScopeSpans| scoped.spans.clear());
    if let Some(scoped) = of_resource.scope_spans.first_mut() {
        scoped.spans = spans;
    }
    TracesData { resource_spans: vec![of_resource] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigyn_proto::otlp::trace::v1::Span;

    #[test]
    fn a_large_trace_comes_in_bearable_parts_and_whole() {
        let span = |id: u32| Span {
            span_id: id.to_be_bytes().to_vec(),
            name: "a long name ".repeat(100),
            ..Span::default()
        };
        let scoped = |ids: std::ops::Range<u32>| ScopeSpans {
            spans: ids.map(span).collect(),
            schema_url: "of the scope".to_owned(),
            ..ScopeSpans::default()
        };
        let trace = TracesData {
            resource_spans: vec![ResourceSpans {
                scope_spans: vec![scoped(0..2_000), scoped(2_000..2_001)],
                schema_url: "of the resource".to_owned(),
                ..ResourceSpans::default()
            }],
        };
        let ids = |traces: &[TracesData]| {
            let spans = traces.iter().flat_map(|it| trace::spans_of(&it.resource_spans));
            spans.map(|span| span.span_id.clone()).collect::<Vec<_>>()
        };
        let parts = parts(trace.clone());
        assert!(parts.len() > 3, "{}", parts.len());
        assert!(parts.iter().all(|part| part.encoded_len() <= MESSAGE_BYTES_MAX));
        assert_eq!(ids(&parts), ids(&[trace]));
        let of_scopes = parts.iter().flat_map(|part| &part.resource_spans);
        assert!(of_scopes.clone().all(|it| it.schema_url == "of the resource"));
        assert!(of_scopes.flat_map(|it| &it.scope_spans).all(|it| it.schema_url == "of the scope"));
    }
}
