//! An app's metrics page, whose exemplars do not lose their spans.

use http::{HeaderValue, Response, header};

use crate::SpanBuffer;
use crate::keep::TraceId;

/// What Prometheus takes exemplars from.
const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// How apps write the label that names a trace.
const TRACE_LABELS: [&str; 4] = ["trace_id", "traceID", "TraceID", "traceId"];

impl SpanBuffer {
    /// The answer to a scrape of this app's own metrics, from their OpenMetrics text: nothing that an exemplar on the page
    /// points at is overwritten before a reader of the spans had it, see [`keep_exemplars`](Self::keep_exemplars).
    pub fn exposition(&self, openmetrics: String) -> Response<String> {
        self.keep_exemplars(&openmetrics);
        let mut response = Response::new(openmetrics);
        response.headers_mut().insert(header::CONTENT_TYPE, OPENMETRICS);
        response
    }

    /// Keeps the spans that the exemplars of an OpenMetrics text point at until a reader had them, also those that end
    /// while the exemplar is still shown. For apps that answer the scrape themselves: call it with every page.
    ///
    /// What is kept takes at most an eighth of the capacity, beside the ring; beyond that the oldest is given up, which
    /// [`Stats::kept_given_up`](crate::Stats::kept_given_up) counts. Recording a span costs the same as without.
    pub fn keep_exemplars(&self, openmetrics: &str) {
        self.inner.keep.keep(&self.inner.shards, openmetrics.lines().filter_map(exemplar_trace));
    }
}

/// The trace of a line's exemplar. Not a parser of the format: a text that only looks like an exemplar costs one look-up.
fn exemplar_trace(line: &str) -> Option<TraceId> {
    if line.starts_with('#') {
        return None;
    }
    let (_, exemplar) = line.rsplit_once(" # {")?;
    TRACE_LABELS.iter().find_map(|label| {
        exemplar.match_indices(label).find_map(|(at, _)| {
            let before = exemplar[..at].chars().next_back();
            if !before.is_none_or(|before| matches!(before, ',' | ' ' | '"')) {
                return None;
            }
            let value = exemplar[at + label.len()..].trim_start_matches('"').strip_prefix("=\"")?;
            trace_id(value.split_once('"')?.0)
        })
    })
}

/// Of 1 to 32 hexadecimal digits; leading zeros may be missing.
pub(crate) fn trace_id(text: &str) -> Option<TraceId> {
    let digits = (1..=32).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|id| digits && *id != 0)?;
    Some(id.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::{exemplar_trace, trace_id};

    #[test]
    fn the_trace_of_an_exemplar_is_found() {
        let id = |number: u128| Some(number.to_be_bytes());
        for (line, expected) in [
            (
                "a_total 1 # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 1",
                id(0x4bf92f3577b34da6a3ce929d0e0e4736),
            ),
            ("a_bucket{le=\"1\"} 1 # {span_id=\"07\",trace_id=\"0a\"} 1 3.5", id(10)),
            ("a_bucket{le=\" # {trace_id=\\\"2\\\"}\"} 1 # {traceID=\"a\"} 1", id(10)),
            ("a_total 1 # {TraceID=\"AB\"} 1", id(0xab)),
            ("a_total 1 # {\"traceId\"=\"1\"} 1", id(1)),
            ("a_total 1 # {my_trace_id=\"1\"} 1", None),
            ("a_total 1 # {trace_id=\"0\"} 1", None),
            ("a_total 1 # {trace_id=\"+1\"} 1", None),
            ("a_total{trace_id=\"1\"} 1", None),
            ("# HELP a # {trace_id=\"1\"} 1", None),
        ] {
            assert_eq!(exemplar_trace(line), expected, "{line}");
        }
        assert_eq!(trace_id(&"f".repeat(33)), None);
    }
}
