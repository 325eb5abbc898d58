//! Who calls whom, from all spans of a range.

use super::selection::Stats;
use crate::{
    api::{ApiState, Fault, parameters::Parameters, times},
    engine::{Connection, ServiceEdge, ServiceNode},
};
use axum::{Json, extract::State};
use serde::Serialize;
use std::sync::Arc;

const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

#[derive(Serialize)]
pub(super) struct ServiceGraph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// Sides of calls of which the other one is unknown.
    unpaired: u64,
    partial: Option<String>,
    stats: Stats,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    name: String,
    r#type: &'static str,
    calls: u64,
    failed: u64,
    rate_per_second: f64,
    error_rate_per_second: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Edge {
    client: String,
    server: String,
    connection_type: &'static str,
    calls: u64,
    failed: u64,
    p50_seconds: f64,
    p95_seconds: f64,
    p99_seconds: f64,
    /// Some of the traces that it was seen in, 32 hex digits each.
    trace_ids: Vec<String>,
}

/// `GET /api/sigyn/v1/service-graph?start=&end=`
pub(super) async fn service_graph(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Json<ServiceGraph>, Fault> {
    let (start, end) = times::range(&parameters, state.clock.now_unix_nano())?;
    let graph = state.engine.service_graph(start..end, &QUANTILES).await?;
    let seconds = (end - start) as f64 / 1e9;
    Ok(Json(ServiceGraph {
        nodes: graph.nodes.into_iter().map(|found| node(found, seconds)).collect(),
        edges: graph.edges.into_iter().map(edge).collect(),
        unpaired: graph.unpaired,
        partial: graph.partial,
        stats: graph.stats.into(),
    }))
}

fn node(found: ServiceNode, seconds: f64) -> Node {
    Node {
        name: found.name,
        r#type: match found.connection {
            Connection::Call | Connection::MessagingSystem => "service",
            Connection::Database => "database",
            Connection::VirtualNode => "virtual_node",
        },
        calls: found.calls,
        failed: found.failed,
        rate_per_second: found.calls as f64 / seconds,
        error_rate_per_second: found.failed as f64 / seconds,
    }
}

fn edge(found: ServiceEdge) -> Edge {
    let quantile = |at: usize| found.quantiles_seconds.get(at).copied().unwrap_or(0.0);
    Edge {
        connection_type: found.connection.word(),
        calls: found.calls,
        failed: found.failed,
        p50_seconds: quantile(0),
        p95_seconds: quantile(1),
        p99_seconds: quantile(2),
        trace_ids: found.trace_ids.iter().map(ToString::to_string).collect(),
        client: found.client,
        server: found.server,
    }
}
