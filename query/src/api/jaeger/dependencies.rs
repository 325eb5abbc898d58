//! `GET /jaeger/api/dependencies`: which service calls which, and how often.

use super::Envelope;
use crate::api::{ApiState, Fault, parameters::Parameters, trace};
use axum::{extract::State, response::Response};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

const LOOK_BACK_DEFAULT_MS: u64 = 24 * 3_600 * 1_000;
const NANOS_PER_MS: u64 = 1_000_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    parent: String,
    child: String,
    call_count: u64,
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
    let graph = state.engine.service_graph(range, &[]).await?;
    let wanted = parameters.get("service");
    // Two services may be connected in several ways.
    let mut calls: BTreeMap<(String, String), u64> = BTreeMap::new();
    for edge in graph.edges {
        if wanted.is_none_or(|wanted| wanted == edge.client || wanted == edge.server) {
            *calls.entry((edge.client, edge.server)).or_default() += edge.calls;
        }
    }
    let data: Vec<Dependency> = calls
        .into_iter()
        .map(|((parent, child), call_count)| Dependency { parent, child, call_count })
        .collect();
    Ok(trace::json_response(trace::to_json(&Envelope::of(data, 0))?))
}
