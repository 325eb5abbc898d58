//! A trace by its ID: v1 and v2, JSON and protobuf.

use crate::api::{
    ApiState, Fault,
    otlp_json::{Enums, Ids, Style, Styled},
    parameters::{Parameters, Segment},
    trace,
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use prost::Message;
use serde::Serialize;
use sigyn_proto::{
    otlp::trace::v1::ResourceSpans,
    tempo::{TraceByIdMetrics, TraceByIdResponse},
};
use sigyn_store::TraceId;
use std::sync::Arc;

/// `GET /api/traces/{id}`: 404 with an empty body for an unknown trace.
///
/// `start` and `end` are taken and not used, here and in v2: a look-up by ID must not miss because a link carries a wrong
/// range, and it costs no more without one.
pub(super) async fn version_1(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let id = TraceId::parse(&id)?;
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

/// `GET /api/v2/traces/{id}`: 200 with an empty trace for an unknown one.
pub(super) async fn version_2(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let id = TraceId::parse(&id)?;
    let style = style(&parameters)?;
    if parameters.get("q").is_some_and(|query| !query.trim().is_empty()) {
        return Err(Fault::bad_request(
            "this version cannot cut a trace down by q; leave it out to get the whole trace",
        ));
    }
    let encoded = trace::load(&state, id).await?.unwrap_or_default();
    let inspected_bytes = encoded.len() as u64;
    if super::wants_protobuf(&headers) {
        let answer = TraceByIdResponse {
            trace: Some(encoded),
            metrics: Some(TraceByIdMetrics { inspected_bytes }),
            ..Default::default()
        };
        return Ok(super::protobuf_response(answer.encode_to_vec().into()));
    }
    let json = trace::on_blocking_thread(move || {
        let decoded = trace::decode(&encoded)?;
        trace::to_json(&Version2 {
            trace: Trace { resource_spans: Styled(&decoded.resource_spans[..], style) },
            metrics: Metrics {
                inspected_bytes: (inspected_bytes > 0).then(|| inspected_bytes.to_string()),
            },
        })
    });
    Ok(trace::json_response(json.await?))
}

#[derive(Serialize)]
struct Version1<'a> {
    batches: Styled<'a, [ResourceSpans]>,
}

#[derive(Serialize)]
struct Version2<'a> {
    trace: Trace<'a>,
    metrics: Metrics,
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

/// IDs are base64, as protobuf's JSON has it, unless the asker says `ids=hex`.
fn style(parameters: &Parameters) -> Result<Style, Fault> {
    match parameters.get("ids") {
        None | Some("base64") => Ok(Style::TEMPO),
        Some("hex") => Ok(Style { ids: Ids::Hex, enums: Enums::Names }),
        Some(other) => Err(Fault::parameter("ids", other, "hex or base64")),
    }
}
