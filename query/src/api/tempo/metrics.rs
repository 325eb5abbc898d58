//! `GET /api/metrics/query_range` and `GET /api/metrics/query`.

use super::{messages, metrics_json};
use crate::{
    api::{ApiState, Fault, parameters::Parameters, times, trace},
    engine::{MetricsRequest, MetricsWindow},
    traceql::{self, Query},
};
use axum::{extract::State, response::Response};
use http::HeaderMap;
use prost::Message;
use std::sync::Arc;

const EXEMPLARS_MAX: usize = 100;
const SERIES_DEFAULT: usize = 1_000;
const SERIES_MAX: usize = 10_000;

pub(super) async fn query_range(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let answer = state.engine.metrics(range_request(&state, &parameters)?).await?;
    if super::wants_protobuf(&headers) {
        return Ok(super::protobuf_response(messages::range(&answer).encode_to_vec().into()));
    }
    Ok(trace::json_response(trace::to_json(&metrics_json::Range::from(&answer))?))
}

pub(super) async fn query(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let answer = state.engine.metrics(instant_request(&state, &parameters)?).await?;
    if super::wants_protobuf(&headers) {
        return Ok(super::protobuf_response(messages::instant(&answer).encode_to_vec().into()));
    }
    Ok(trace::json_response(trace::to_json(&metrics_json::Instant::from(&answer))?))
}

pub(super) fn range_request(
    state: &ApiState,
    parameters: &Parameters,
) -> Result<MetricsRequest, Fault> {
    let is_instant = match parameters.get("instant") {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(other) => return Err(Fault::parameter("instant", other, "true or false")),
    };
    if is_instant {
        return instant_request(state, parameters);
    }
    let query = metrics_query(parameters)?;
    let (start, end) = times::range(parameters, state.clock.now_unix_nano())?;
    let step = times::step(parameters)?.unwrap_or_else(|| times::default_step(start, end));
    let exemplars = parameters.number::<usize>("exemplars", "a whole number")?;
    Ok(MetricsRequest {
        query,
        window: MetricsWindow::aligned(start, end, step)?,
        exemplars_max: exemplars
            .filter(|number| *number > 0)
            .unwrap_or(EXEMPLARS_MAX)
            .min(EXEMPLARS_MAX),
        series_max: series_max(parameters)?,
    })
}

pub(super) fn instant_request(
    state: &ApiState,
    parameters: &Parameters,
) -> Result<MetricsRequest, Fault> {
    let query = metrics_query(parameters)?;
    let (start, end) = times::range(parameters, state.clock.now_unix_nano())?;
    Ok(MetricsRequest {
        query,
        window: MetricsWindow::instant(start, end)?,
        exemplars_max: 0,
        series_max: series_max(parameters)?,
    })
}

fn metrics_query(parameters: &Parameters) -> Result<Query, Fault> {
    let text = parameters.get("q").or_else(|| parameters.get("query")).unwrap_or_default();
    let query = traceql::parse(text)?;
    if query.is_metrics() {
        return Ok(query);
    }
    Err(Fault::bad_request("not a metrics query; add a metrics function, as in { } | rate()"))
}

fn series_max(parameters: &Parameters) -> Result<usize, Fault> {
    let series = parameters.number::<usize>("maxSeries", "a whole number")?;
    Ok(series.filter(|number| *number > 0).unwrap_or(SERIES_DEFAULT).min(SERIES_MAX))
}
