//! At which trace and span an exemplar points.

use sigyn_store::{Exemplar, SpanId, TraceId};

/// Under which names applications write the trace and the span.
const TRACE_LABELS: [&str; 4] = ["trace_id", "traceID", "TraceID", "traceId"];
const SPAN_LABELS: [&str; 4] = ["span_id", "spanID", "SpanID", "spanId"];

/// The exemplar for the store; `None` when it points at no trace. IDs may lack leading zeros.
pub(crate) fn exemplar(
    mut series: Vec<(String, String)>,
    labels: Vec<(String, String)>,
    value: f64,
    timestamp_unix_milli: i64,
) -> Option<Exemplar> {
    let find = |names: [&str; 4]| {
        names.iter().find_map(|name| {
            labels.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
        })
    };
    let trace_id = TraceId::parse(find(TRACE_LABELS)?).ok().filter(|id| !id.is_zero())?;
    let span_id =
        find(SPAN_LABELS).and_then(|id| SpanId::parse(id).ok()).filter(|id| !id.is_zero());
    series.sort();
    Some(Exemplar { series, labels, trace_id, span_id, value, timestamp_unix_milli })
}
