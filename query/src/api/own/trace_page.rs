//! All that the trace page shows: the spans, the exemplars that point at them, why the trace is kept, what may be missing.

use super::trace_times::TraceTimes;
use crate::api::{
    ApiState, Fault,
    otlp_json::{Double, Style, Styled},
    parameters::Segment,
    trace,
};
use axum::{extract::State, response::Response};
use serde::{Serialize, Serializer};
use sigyn_proto::otlp::trace::v1::{ResourceSpans, TracesData};
use sigyn_store::{Exemplar, Gap, Labels as LabelPairs, Pin, SpanId, TraceId};
use std::sync::Arc;

/// A storm of gaps must not bury the trace; the newest are shown.
const GAPS_MAX: usize = 1_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TracePage<'a> {
    trace_id: Shown<TraceId>,
    resource_spans: Styled<'a, [ResourceSpans]>,
    #[serde(flatten)]
    marks: Marks<'a>,
}

/// What is known about a trace beside its spans.
#[derive(Serialize)]
pub(super) struct Marks<'a> {
    exemplars: Vec<ExemplarShown<'a>>,
    pins: Vec<PinShown>,
    gaps: Vec<GapShown<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExemplarShown<'a> {
    series_labels: Labels<'a>,
    labels: Labels<'a>,
    value: Double,
    /// Unix seconds.
    timestamp: f64,
    span_id: Option<Shown<SpanId>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PinShown {
    reason: &'static str,
    until_unix_nano: Shown<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GapShown<'a> {
    labels: Labels<'a>,
    lost: Option<u64>,
    from_unix_nano: Shown<u64>,
    to_unix_nano: Shown<u64>,
}

/// Labels as an object, in their order.
struct Labels<'a>(&'a [(String, String)]);

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A value as the string that it prints.
pub(super) struct Shown<T>(pub(super) T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A trace as it was found, with what is known about it.
pub(super) struct Found {
    pub(super) id: TraceId,
    pub(super) decoded: TracesData,
    exemplars: Vec<Exemplar>,
    pins: Vec<Pin>,
    gaps: Vec<(LabelPairs, Gap)>,
}

impl Found {
    pub(super) fn marks(&self) -> Marks<'_> {
        Marks {
            exemplars: self.exemplars.iter().map(ExemplarShown::from).collect(),
            pins: self.pins.iter().map(PinShown::from).collect(),
            gaps: self.gaps.iter().map(GapShown::from).collect(),
        }
    }
}

/// `GET /api/sigyn/v1/traces/{id}`
pub(super) async fn trace_page(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
) -> Result<Response, Fault> {
    let found = find(&state, TraceId::parse(&id)?).await?;
    let json = trace::on_blocking_thread(move || {
        trace::to_json(&TracePage {
            trace_id: Shown(found.id),
            resource_spans: Styled(&found.decoded.resource_spans[..], Style::OTLP),
            marks: found.marks(),
        })
    });
    Ok(trace::json_response(json.await?))
}

pub(super) async fn find(state: &ApiState, id: TraceId) -> Result<Found, Fault> {
    let Some(encoded) = trace::load(state, id).await? else {
        return Err(Fault::not_found(format!(
            "no span of the trace {id} is stored; it may not have been read yet, or its time is over"
        )));
    };
    let decoded = trace::on_blocking_thread(move || trace::decode(&encoded)).await?;
    let exemplars = state.store.exemplars_of(id).await?;
    let pins = state.store.pins_of(id).await?;
    let times = TraceTimes::of(&decoded.resource_spans, state.clock.now_unix_nano());
    let mut gaps = match times.whole() {
        Some((from, to)) => state.store.gaps(from, to).await?,
        None => Vec::new(),
    };
    gaps.retain(|(_, gap)| times.overlaps(gap.from_unix_nano, gap.to_unix_nano));
    gaps.sort_by_key(|(_, gap)| std::cmp::Reverse(gap.to_unix_nano));
    gaps.truncate(GAPS_MAX);
    Ok(Found { id, decoded, exemplars, pins, gaps })
}

impl<'a> From<&'a Exemplar> for ExemplarShown<'a> {
    fn from(exemplar: &'a Exemplar) -> Self {
        Self {
            series_labels: Labels(&exemplar.series),
            labels: Labels(&exemplar.labels),
            value: Double(exemplar.value),
            timestamp: exemplar.timestamp_unix_milli as f64 / 1_000.0,
            span_id: exemplar.span_id.map(Shown),
        }
    }
}

impl From<&Pin> for PinShown {
    fn from(pin: &Pin) -> Self {
        Self { reason: pin.reason.name(), until_unix_nano: Shown(pin.until_unix_nano) }
    }
}

impl<'a> From<&'a (Vec<(String, String)>, Gap)> for GapShown<'a> {
    fn from((labels, gap): &'a (Vec<(String, String)>, Gap)) -> Self {
        Self {
            labels: Labels(labels),
            lost: gap.lost,
            from_unix_nano: Shown(gap.from_unix_nano),
            to_unix_nano: Shown(gap.to_unix_nano),
        }
    }
}
