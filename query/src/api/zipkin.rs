//! Zipkin's API v2 for readers, below `/zipkin`.
//!
//! Zipkin's names are in lower case: they are listed so, and asked for so.

mod model;
mod search;

use super::{
    ApiState, Fault,
    guard::Family,
    parameters::{Parameters, Segment},
    trace,
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::header;
use serde::Serialize;
use sigyn_store::TraceId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Names from this number on may be kept by a browser for a while, as in Zipkin.
const CACHED_NAMES_MIN: usize = 4;
const LOOK_BACK_DEFAULT_MS: u64 = 24 * 3_600 * 1_000;
const NANOS_PER_MS: u64 = 1_000_000;
/// IDs of one request.
const IDS_MAX: usize = 1_500;

pub(crate) fn routes(family: Family) -> Router {
    family
        .route("/zipkin/api/v2/services", "services", get(services))
        .route("/zipkin/api/v2/spans", "operations", get(span_names))
        .route("/zipkin/api/v2/remoteServices", "services", get(remote_services))
        .route("/zipkin/api/v2/traces", "search", get(search::traces))
        .route("/zipkin/api/v2/trace/{id}", "trace", get(trace_by_id))
        .route("/zipkin/api/v2/traceMany", "trace", get(several_traces))
        .route("/zipkin/api/v2/dependencies", "dependencies", get(dependencies))
        .route("/zipkin/api/v2/autocompleteKeys", "tags", get(no_names))
        .route("/zipkin/api/v2/autocompleteValues", "tag_values", get(no_names))
        .into_router()
}

fn names(names: BTreeSet<String>) -> Result<Response, Fault> {
    let is_cached = names.len() >= CACHED_NAMES_MIN;
    let mut response = trace::json_response(trace::to_json(&names)?);
    if is_cached {
        let value = header::HeaderValue::from_static("max-age=300, must-revalidate");
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    Ok(response)
}

/// Services whose names are the same in lower case.
async fn services_named(state: &ApiState, name: &str) -> Result<Vec<String>, Fault> {
    let name = name.to_lowercase();
    let services = state.engine.services().await?;
    Ok(services.into_iter().filter(|service| service.to_lowercase() == name).collect())
}

async fn services(State(state): State<Arc<ApiState>>) -> Result<Response, Fault> {
    let services = state.engine.services().await?;
    names(services.iter().map(|service| service.to_lowercase()).collect())
}

async fn span_names(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let mut found = BTreeSet::new();
    for service in services_named(&state, parameters.required("serviceName")?).await? {
        let operations = state.engine.operations(&service).await?;
        found.extend(operations.into_iter().map(|(name, _)| name.to_lowercase()));
    }
    names(found)
}

async fn remote_services(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let services = services_named(&state, parameters.required("serviceName")?).await?;
    names(search::remote_names(&state, &services).await?)
}

/// Which tags are completed is configured in Zipkin, and is none by default.
async fn no_names() -> Result<Response, Fault> {
    names(BTreeSet::new())
}

async fn trace_by_id(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
) -> Result<Response, Fault> {
    let id = TraceId::parse(&id)?;
    let Some(encoded) = trace::load(&state, id).await? else {
        return Err(Fault::not_found(format!("{} not found", trace::id_text(id))));
    };
    let json = trace::on_blocking_thread(move || {
        trace::to_json(&model::Trace::new(id, &trace::decode(&encoded)?))
    });
    Ok(trace::json_response(json.await?))
}

async fn several_traces(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let texts = parameters.required("traceIds")?.split(',').filter(|text| !text.is_empty());
    let ids: Vec<TraceId> = texts.map(TraceId::parse).collect::<Result<_, _>>()?;
    if ids.len() < 2 || ids.len() > IDS_MAX {
        return Err(Fault::bad_request(format!(
            "traceIds takes 2 to {IDS_MAX} IDs, with commas between them"
        )));
    }
    if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
        return Err(Fault::bad_request("an ID stands in traceIds twice"));
    }
    as_lists(load_all(&state, ids).await?).await
}

/// Those that are there, as far as they fit into one answer.
async fn load_all(state: &ApiState, ids: Vec<TraceId>) -> Result<Vec<(TraceId, Bytes)>, Fault> {
    let (mut loaded, mut bytes) = (Vec::new(), 0);
    for id in ids {
        if let Some(encoded) = trace::load(state, id).await? {
            bytes += encoded.len();
            if bytes > state.limits.search_trace_bytes_max && !loaded.is_empty() {
                break;
            }
            loaded.push((id, encoded));
        }
    }
    Ok(loaded)
}

async fn as_lists(traces: Vec<(TraceId, Bytes)>) -> Result<Response, Fault> {
    let json = trace::on_blocking_thread(move || {
        let decoded = traces
            .iter()
            .map(|(id, encoded)| Ok((*id, trace::decode(encoded)?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        let lists: Vec<_> = decoded.iter().map(|(id, data)| model::Trace::new(*id, data)).collect();
        trace::to_json(&lists)
    });
    Ok(trace::json_response(json.await?))
}

async fn dependencies(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Dependency {
        parent: String,
        child: String,
        call_count: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_count: Option<u64>,
    }
    parameters.required("endTs")?;
    let range = range(&parameters, &state)?;
    let graph = state.engine.service_graph(range, &[]).await?;
    let mut calls: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for edge in graph.edges {
        let pair = (edge.client.to_lowercase(), edge.server.to_lowercase());
        let (count, failed) = calls.entry(pair).or_default();
        *count += edge.calls;
        *failed += edge.failed;
    }
    let links = calls.into_iter().map(|((parent, child), (call_count, failed))| Dependency {
        parent,
        child,
        call_count,
        error_count: (failed > 0).then_some(failed),
    });
    Ok(trace::json_response(trace::to_json(&links.collect::<Vec<_>>())?).into_response())
}

/// `endTs` (now) and `lookback` (a day), both in milliseconds, as nanoseconds since the Unix epoch.
fn range(parameters: &Parameters, state: &ApiState) -> Result<std::ops::Range<u64>, Fault> {
    let milliseconds = |name| match parameters.number::<u64>(name, "a number of milliseconds")? {
        Some(0) => Err(Fault::bad_request(format!("{name} must be greater than zero"))),
        other => Ok(other),
    };
    let now_ms = state.clock.now_unix_nano() / NANOS_PER_MS;
    let end_ms = milliseconds("endTs")?.unwrap_or(now_ms);
    let start_ms = end_ms.saturating_sub(milliseconds("lookback")?.unwrap_or(LOOK_BACK_DEFAULT_MS));
    // The millisecond `endTs` itself belongs to the range.
    Ok(start_ms.saturating_mul(NANOS_PER_MS)..end_ms.saturating_add(1).saturating_mul(NANOS_PER_MS))
}
