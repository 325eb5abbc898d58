//! One file or folder per API family.
//!
//! [`router`] assembles them. Every route runs under the same guard (`guard.rs`): bounded in number and time, measured,
//! and with each fault, a panic included, answered as one sentence in the envelope of its family.
//!
//! | family | below | shape |
//! |---|---|---|
//! | `tempo` | `/api/echo`, `/api/traces`, `/api/v2`, `/api/search`, `/api/metrics`, `/api/status`, gRPC `tempopb.StreamingQuerier` | Tempo's |
//! | `jaeger` | `/jaeger/api`, `/jaeger/api/v3`, gRPC `jaeger.api_v3` and `jaeger.storage.v2` | Jaeger's |
//! | `zipkin` | `/zipkin/api/v2` | Zipkin's |
//! | `prometheus` | `/api/v1` | Prometheus' |
//! | `own` | `/api/sigyn/v1` | ours, described by `own/openapi.json` |

mod duration;
mod fault;
mod grpc;
mod guard;
mod jaeger;
mod metrics;
mod otlp_json;
mod own;
mod parameters;
mod parts;
mod plain_json;
mod prometheus;
mod tempo;
mod times;
mod trace;
mod traceql_text;
mod zipkin;

pub use metrics::ApiMetrics;

use crate::{
    collaborator::{ServerStatus, TargetDirectory},
    engine::Engine,
};
use axum::Router;
use fault::Fault;
use grpc::Service;
use guard::Family;
use sigyn_store::{Clock, Store};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// What the APIs answer from.
#[derive(Clone)]
pub struct ApiState {
    /// Traces by ID, exemplars, pins, gaps.
    pub store: Store,
    /// Searches and lists.
    pub engine: Engine,
    /// The scrape targets.
    pub targets: Arc<dyn TargetDirectory>,
    /// Config, flags and build of the server.
    pub status: Arc<dyn ServerStatus>,
    /// Measures how long queries take, and says what "now" is in a query without times.
    pub clock: Arc<dyn Clock>,
    /// Made by [`ApiMetrics::register`].
    pub metrics: ApiMetrics,
    /// Bounds.
    pub limits: ApiLimits,
}

/// Bounds of a request. The defaults suit one machine.
#[derive(Clone, Debug)]
pub struct ApiLimits {
    /// A query is answered, or given up, within this time; waiting for its turn is included.
    pub query_timeout: Duration,
    /// Queries that run at one time; more wait for their turn.
    pub concurrent_queries_max: usize,
    /// Longest query text.
    pub query_text_bytes_max: usize,
    /// Bytes of encoded spans that one Jaeger search answers with; it returns whole traces, so that a limit on their
    /// number alone would bound nothing.
    pub search_trace_bytes_max: usize,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            query_timeout: Duration::from_secs(60),
            concurrent_queries_max: 64,
            query_text_bytes_max: 128 * 1024,
            search_trace_bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// All query APIs, with paths from the root. Answers are compressed for clients that accept gzip, quickly: a large trace
/// would wait longer for a smaller answer than its transfer takes.
///
/// Paths below `/api/` and `/jaeger/` that nobody serves are answered with 404 and a sentence in JSON; everything else is
/// left to the caller.
pub fn router(state: ApiState) -> Router {
    let turns = Arc::new(Semaphore::new(state.limits.concurrent_queries_max));
    let state = Arc::new(state);
    let family = |api| Family::new(api, state.clone(), turns.clone());
    let own = own::routes(family(guard::Api::Own));
    let prometheus = prometheus::routes(family(guard::Api::Prometheus));
    let zipkin = zipkin::routes(family(guard::Api::Zipkin));
    Router::new()
        .merge(tempo::routes(family(guard::Api::Tempo), state.clone(), turns.clone()))
        .merge(jaeger::routes(family(guard::Api::Jaeger)))
        .merge(jaeger::version_3::routes(family(guard::Api::JaegerVersion3)))
        .merge(grpc::health::routes())
        .merge(jaeger::services_over_grpc(Service { state, turns, api: "jaeger" }))
        .merge(zipkin)
        .merge(prometheus)
        .merge(own)
        .merge(guard::unknown_paths())
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}
