//! A trace by its ID: v1 and v2, JSON and protobuf.

use super::{Format, compact, trace_filter::TraceFilter};
use crate::api::{
    ApiState, Fault,
    otlp_json::{Enums, Ids, Style, Styled},
    parameters::{Parameters, Segment},
    trace,
};
use axum::{
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use prost::Message;
use serde::Serialize;
use sigyn_proto::{
    otlp::trace::v1::ResourceSpans,
    tempo::{PartialStatus, TraceByIdMetrics, TraceByIdResponse},
};
use sigyn_store::TraceId;
use std::sync::Arc;

/// `GET /api/traces/{id}`: 404 with an empty body for an unknown trace.
///
/// `start` and `end` are read and not used, here and in v2: a look-up by ID must not miss because a link carries a wrong
/// range, and it costs no more without one. What is no range is still an error, as it is everywhere else.
pub(super) async fn version_1(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let id = TraceId::parse(&id)?;
    check_range(&parameters)?;
    let style = style(&parameters)?;
    let Some(encoded) = trace::load(&state, id).await? else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    if super::wants_protobuf(&headers) {
        return Ok(super::protobuf_response(encoded));
    }
    let json = trace::on_blocking_thread(move || {
        let decoded = trace::decode(&encoded)?;
        trace::to_json(&Version1 { batches: Styled(&decoded.resource_spans[..], style) })
    });
    Ok(trace::json_response(json.await?))
}

/// `GET /api/v2/traces/{id}`: 200 with an empty trace for an unknown one. `q` cuts it down to the spans that match.
pub(super) async fn version_2(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let id = TraceId::parse(&id)?;
    check_range(&parameters)?;
    let style = style(&parameters)?;
    let filter = TraceFilter::of(&parameters)?;
    let encoded = trace::load(&state, id).await?.unwrap_or_default();
    let inspected_bytes = encoded.len() as u64;
    let format = Format::of(&headers);
    let as_protobuf = format == Format::Protobuf;
    if as_protobuf && filter.is_none() {
        return Ok(protobuf(encoded, inspected_bytes, None));
    }
    let decoding = trace::on_blocking_thread(move || trace::decode(&encoded));
    let (decoded, cut) = match filter {
        Some(filter) => filter.apply(&state, id, decoding.await?).await?,
        None => (decoding.await?, None),
    };
    if as_protobuf {
        return Ok(protobuf(decoded.encode_to_vec().into(), inspected_bytes, cut));
    }
    if format == Format::Compact {
        let answer = trace::on_blocking_thread(move || {
            let resources = decoded.resource_spans;
            super::compact_response(&compact::Trace::of(resources, inspected_bytes, cut))
        });
        return answer.await;
    }
    let json = trace::on_blocking_thread(move || {
        trace::to_json(&Version2 {
            trace: Trace { resource_spans: Styled(&decoded.resource_spans[..], style) },
            metrics: Metrics {
                inspected_bytes: (inspected_bytes > 0).then(|| inspected_bytes.to_string()),
            },
            status: cut.is_some().then_some("PARTIAL"),
            message: cut,
        })
    });
    Ok(trace::json_response(json.await?))
}

/// Version 2 as protobuf; `cut` says why it is not the whole trace.
fn protobuf(trace: Bytes, inspected_bytes: u64, cut: Option<String>) -> Response {
    let status = if cut.is_some() { PartialStatus::Partial } else { PartialStatus::Complete };
    let answer = TraceByIdResponse {
        // The field is there even when it is empty: Grafana reads through it unasked.
        trace: Some(trace),
        metrics: Some(TraceByIdMetrics { inspected_bytes }),
        status: status.into(),
        message: cut.unwrap_or_default(),
    };
    super::protobuf_response(answer.encode_to_vec().into())
}

#[derive(Serialize)]
struct Version1<'a> {
    batches: Styled<'a, [ResourceSpans]>,
}

#[derive(Serialize)]
struct Version2<'a> {
    trace: Trace<'a>,
    metrics: Metrics,
    /// Only where something is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trace<'a> {
    resource_spans: Styled<'a, [ResourceSpans]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    #[serde(skip_serializing_if = "Option::is_none")]
    inspected_bytes: Option<String>,
}

/// Refuses a `start` or `end` that is no time, and an end that is not after its start; 0 stands for "not given".
fn check_range(parameters: &Parameters) -> Result<(), Fault> {
    let expected = "a time in Unix seconds";
    let read = |name| parameters.number::<u64>(name, expected);
    match (read("start")?, read("end")?) {
        (Some(start @ 1..), Some(end @ 1..)) if end <= start => Err(Fault::bad_request(format!(
            "end={end} is not after start={start}; both are Unix seconds"
        ))),
        _ => Ok(()),
    }
}

/// IDs are base64, as protobuf's JSON has it, unless the asker says `ids=hex`.
fn style(parameters: &Parameters) -> Result<Style, Fault> {
    match parameters.get("ids") {
        None | Some("base64") => Ok(Style::TEMPO),
        Some("hex") => Ok(Style { ids: Ids::Hex, enums: Enums::Names }),
        Some(other) => Err(Fault::parameter("ids", other, "hex or base64")),
    }
}
