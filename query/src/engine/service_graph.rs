//! Who calls whom, from the spans of a range.
//!
//! A call is a client span and each server span whose parent it is, or a producer and each of its consumers. The two sides may lie in
//! different sources, so an open side waits (`pairing`) until the source of the other has been gone through. The edges are those of
//! `traces_service_graph_request_total`, by the same rules ([`sigyn_store::calls`]); where that counter must stop waiting, a scan has
//! seen everything.

mod names;
mod pairing;

use super::{
    EngineError, ScanStats,
    scan::{News, Scan},
};
use crate::traceql;
use pairing::{Calls, Pairing};
use rapidhash::RapidHashMap;
use sigyn_store::{TraceId, calls::Connection};
use std::cmp::Reverse;

/// The spans that can be a side of a call.
const SIDES: &str = "{ kind = server || kind = client || kind = producer || kind = consumer }";

/// Who calls whom.
#[derive(Clone, Debug, Default)]
pub struct ServiceGraph {
    /// By name.
    pub nodes: Vec<ServiceNode>,
    /// The most used first.
    pub edges: Vec<ServiceEdge>,
    /// Sides of which the other one is not in the range, and that do not say who it is.
    pub unpaired: u64,
    /// The answer is not whole; the reason.
    pub partial: Option<String>,
    /// How much work it was.
    pub stats: ScanStats,
}

/// A service, or something that has no spans of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceNode {
    /// `service.name`, or what calls name it.
    pub name: String,
    /// `Call` for what has spans of its own; otherwise how it is reached.
    pub connection: Connection,
    /// Server and consumer spans; what callers counted where it has none.
    pub calls: u64,
    /// Those with status error.
    pub failed: u64,
}

/// Calls from one node to another.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceEdge {
    /// Who calls.
    pub client: String,
    /// Who is called.
    pub server: String,
    /// How.
    pub connection: Connection,
    /// How often.
    pub calls: u64,
    /// Calls that failed on either side.
    pub failed: u64,
    /// Seconds of the asked quantiles, as the called side has it, else as the calling one has. At most 1 % off.
    pub quantiles_seconds: Vec<f64>,
    /// Some of the traces that it was seen in.
    pub trace_ids: Vec<TraceId>,
}

/// The spans to look at, one by one.
pub(super) fn sides() -> traceql::Query {
    traceql::parse(SIDES).expect("the query above is valid")
}

/// Folds the spans of a scan over the sides of calls into a graph.
pub(super) async fn service_graph(
    scan: &Scan,
    quantiles: &[f64],
) -> Result<ServiceGraph, EngineError> {
    let scanned = scan.run(Pairing::default, None::<&News<Pairing, ()>>).await?;
    let mut pairing = scanned.fold;
    pairing.close();
    let too_much = pairing.too_much();
    let name = |code: u32| pairing.names.text(code).to_owned();

    let mut nodes: RapidHashMap<u32, ServiceNode> = RapidHashMap::default();
    for (&code, asked) in &pairing.services {
        let (connection, calls, failed) = (Connection::Call, asked.calls, asked.failed);
        nodes.insert(code, ServiceNode { name: name(code), connection, calls, failed });
    }
    let mut edges = Vec::with_capacity(pairing.edges.len());
    for (&(client, server, connection), calls) in &pairing.edges {
        for (code, is_called) in [(client, false), (server, true)] {
            if pairing.services.contains_key(&code) {
                continue;
            }
            let node = nodes.entry(code).or_insert_with(|| ServiceNode {
                name: name(code),
                connection,
                calls: 0,
                failed: 0,
            });
            node.connection = node.connection.min(connection);
            if is_called {
                node.calls += calls.calls;
                node.failed += calls.failed;
            }
        }
        edges.push(edge(name(client), name(server), connection, calls, quantiles));
    }
    edges.sort_by(|a, b| {
        let key = |it: &ServiceEdge| (Reverse(it.calls), it.connection);
        (key(a), &a.client, &a.server).cmp(&(key(b), &b.client, &b.server))
    });
    let mut nodes: Vec<ServiceNode> = nodes.into_values().collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(ServiceGraph {
        nodes,
        edges,
        unpaired: pairing.unpaired,
        partial: scanned.partial.or(too_much),
        stats: scanned.stats,
    })
}

fn edge(
    client: String,
    server: String,
    connection: Connection,
    calls: &Calls,
    quantiles: &[f64],
) -> ServiceEdge {
    let quantile = |quantile: &f64| calls.seconds.quantile(*quantile).unwrap_or(0.0);
    ServiceEdge {
        client,
        server,
        connection,
        calls: calls.calls,
        failed: calls.failed,
        quantiles_seconds: quantiles.iter().map(quantile).collect(),
        trace_ids: calls.trace_ids.clone(),
    }
}
