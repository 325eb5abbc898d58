//! Tempo's HTTP API, as Grafana's Tempo data source speaks it.

mod compact;
mod logfmt;
mod messages;
mod metrics;
mod metrics_json;
mod search;
mod search_json;
mod streaming;
mod tag_values;
mod tags;
mod trace_by_id;
mod trace_filter;

use super::{ApiState, Fault, guard::Family};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, header};
use prost::Message;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::Semaphore;

const PROTOBUF: &str = "application/protobuf";
const JSON: &str = "application/json";
const COMPACT: &str = "application/vnd.grafana.llm";

/// Clients decide by this version which calls exist. It names the Tempo release whose search API is spoken here; Sigyn's
/// own version stands at `/version` and `/api/v1/status/buildinfo`.
const TEMPO_VERSION: &str = "2.9.0";

pub(crate) fn routes(family: Family, state: Arc<ApiState>, turns: Arc<Semaphore>) -> Router {
    let streaming = streaming::routes(state, turns);
    family
        .route("/api/echo", "echo", get(async || "echo"))
        .route("/api/traces/{id}", "trace", get(trace_by_id::version_1))
        .route("/api/v2/traces/{id}", "trace", get(trace_by_id::version_2))
        .route("/api/search", "search", get(search::search))
        .route("/api/search/tags", "tags", get(tags::version_1))
        .route("/api/v2/search/tags", "tags", get(tags::version_2))
        // A tag may hold slashes, so that the `/values` behind it cannot be part of the route.
        .route("/api/search/tag/{*tag}", "tag_values", get(tag_values::version_1))
        .route("/api/v2/search/tag/{*tag}", "tag_values", get(tag_values::version_2))
        .route("/api/metrics/query_range", "metrics", get(metrics::query_range))
        .route("/api/metrics/query", "metrics", get(metrics::query))
        .route("/api/status/buildinfo", "status", get(build_info))
        .into_router()
        .merge(streaming)
}

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Protobuf,
    Json,
    /// JSON for language models, where there is some: of whole traces and of the values of tags.
    Compact,
}

impl Format {
    /// The first in this order that is asked for anywhere; JSON, if none is.
    fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter();
        let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
        let order = [(PROTOBUF, Self::Protobuf), (JSON, Self::Json), (COMPACT, Self::Compact)];
        let wanted =
            order.into_iter().find(|(name, _)| accepted.iter().any(|value| value.contains(name)));
        wanted.map_or(Self::Json, |(_, format)| format)
    }
}

fn wants_protobuf(headers: &HeaderMap) -> bool {
    Format::of(headers) == Format::Protobuf
}

fn protobuf_response(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, PROTOBUF)], body).into_response()
}

fn compact_response(answer: &impl Serialize) -> Result<Response, Fault> {
    let body = super::trace::to_json(answer)?;
    Ok(([(header::CONTENT_TYPE, compact::CONTENT_TYPE)], body).into_response())
}

/// A list as protobuf or as JSON.
fn list_response<M: Message + From<T>, T: Serialize>(
    headers: &HeaderMap,
    list: T,
) -> Result<Response, Fault> {
    if wants_protobuf(headers) {
        return Ok(protobuf_response(M::from(list).encode_to_vec().into()));
    }
    Ok(super::trace::json_response(super::trace::to_json(&list)?))
}

async fn build_info(State(state): State<Arc<ApiState>>) -> Json<BTreeMap<String, String>> {
    let mut info = state.status.build_info();
    for key in ["version", "revision", "branch", "buildUser", "buildDate", "goVersion"] {
        info.entry(key.to_owned()).or_default();
    }
    info.insert("version".to_owned(), TEMPO_VERSION.to_owned());
    Json(info)
}
