//! Which service calls which, and how often: `GET /jaeger/api/dependencies`.

use super::Envelope;
use crate::api::{ApiState, Fault, parameters::Parameters, trace};
use axum::{extract::State, response::Response};
use serde::Serialize;
use std::{collections::BTreeMap, ops::Range, sync::Arc};

const LOOK_BACK_DEFAULT_MS: u64 = 24 * 3_600 * 1_000;
const NANOS_PER_MS: u64 = 1_000_000;

/// Calls from one service to another.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    pub(super) parent: String,
    pub(super) child: String,
    pub(super) call_count: u64,
}

pub(super) async fn dependencies(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let milliseconds = |name| parameters.number::<u64>(name, "a number of milliseconds");
    let now_ms = state.clock.now_unix_nano() / NANOS_PER_MS;
    let end_ms = milliseconds("endTs")?.unwrap_or(now_ms);
    let start_ms = end_ms.saturating_sub(milliseconds("lookback")?.unwrap_or(LOOK_BACK_DEFAULT_MS));
    if start_ms >= end_ms {
        return Err(Fault::bad_request("lookback must be greater than zero"));
    }
    let range = start_ms.saturating_mul(NANOS_PER_MS)..end_ms.saturating_mul(NANOS_PER_MS);
    let data = calls(&state, range, parameters.get("service")).await?;
    Ok(trace::json_response(trace::to_json(&Envelope::of(data, 0))?))
}

/// Calls among the spans of a range, those of one service alone where one is given.
pub(super) async fn calls(
    state: &ApiState,
    start_unix_nano: Range<u64>,
    service: Option<&str>,
) -> Result<Vec<Dependency>, Fault> {
    if start_unix_nano.is_empty() {
        return Err(Fault::bad_request("the end of the range must be after its start"));
    }
    let graph = state.engine.service_graph(start_unix_nano, &[]).await?;
    // Two services may be connected in several ways.
    let mut calls: BTreeMap<(String, String), u64> = BTreeMap::new();
    for edge in graph.edges {
        if service.is_none_or(|wanted| wanted == edge.client || wanted == edge.server) {
            *calls.entry((edge.client, edge.server)).or_default() += edge.calls;
        }
    }
    let calls = calls.into_iter();
    Ok(calls
        .map(|((parent, child), call_count)| Dependency { parent, child, call_count })
        .collect())
}
