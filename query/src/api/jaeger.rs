//! Jaeger's classic JSON API, below `/jaeger`, version 3 beside it, and the gRPC services.

mod dependencies;
mod filter;
mod model;
mod query_service;
mod question;
mod search;
mod storage;
mod streams;
mod summary;
mod trace_id;
pub(crate) mod version_3;

use super::{
    ApiState, Fault,
    grpc::Service,
    guard::Family,
    parameters::{Parameters, Segment},
    trace,
};
use axum::{Router, extract::State, response::Response, routing::get};
use serde::Serialize;
use std::{collections::BTreeSet, sync::Arc};

pub(crate) fn routes(family: Family) -> Router {
    family
        .route("/jaeger/api/traces", "search", get(search::traces))
        // Some releases of Grafana lose the prefix of the data source's URL on a search.
        .route("/api/traces", "search", get(search::traces))
        .route("/jaeger/api/traces/{id}", "trace", get(trace_by_id))
        .route("/jaeger/api/services", "services", get(services))
        .route("/jaeger/api/services/{service}/operations", "operations", get(operation_names))
        .route("/jaeger/api/operations", "operations", get(operations))
        .route("/jaeger/api/dependencies", "dependencies", get(dependencies::dependencies))
        .into_router()
}

/// `jaeger.api_v3` for whoever asks, `jaeger.storage.v2` for a Jaeger whose storage this is.
pub(crate) fn services_over_grpc(service: Service) -> Router {
    query_service::routes(service.clone()).merge(storage::routes(service))
}

/// What every answer stands in. `total` is filled for lists of names only, as in Jaeger.
#[derive(Serialize)]
struct Envelope<'a, T> {
    data: T,
    total: usize,
    limit: usize,
    offset: usize,
    errors: Option<&'a [MissingTrace]>,
}

/// A trace of a multi-get that is not there.
#[derive(Serialize)]
struct MissingTrace {
    code: u16,
    msg: &'static str,
    #[serde(rename = "traceID")]
    trace_id: String,
}

impl<T> Envelope<'_, T> {
    fn of(data: T, total: usize) -> Self {
        Self { data, total, limit: 0, offset: 0, errors: None }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    name: String,
    span_kind: &'static str,
}

/// Operations of a service with the word of their kind, of one kind alone where it is given; sorted and unique.
async fn operations_of(
    state: &ApiState,
    service: &str,
    kind: Option<&str>,
) -> Result<BTreeSet<(String, &'static str)>, Fault> {
    let all = state.engine.operations(service).await?.into_iter();
    let all = all.map(|(name, number)| (name, model::kind_name(number.into())));
    Ok(all.filter(|(_, word)| kind.is_none_or(|kind| kind == *word)).collect())
}

fn answer<T: Serialize>(names: Vec<T>) -> Result<Response, Fault> {
    let total = names.len();
    Ok(trace::json_response(trace::to_json(&Envelope::of(names, total))?))
}

async fn services(State(state): State<Arc<ApiState>>) -> Result<Response, Fault> {
    answer(state.engine.services().await?)
}

async fn operation_names(
    State(state): State<Arc<ApiState>>,
    Segment(service): Segment,
) -> Result<Response, Fault> {
    let operations = state.engine.operations(&service).await?;
    let names: BTreeSet<String> = operations.into_iter().map(|(name, _)| name).collect();
    answer(names.into_iter().collect())
}

async fn operations(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let service = parameters.required("service")?;
    let found = operations_of(&state, service, parameters.get("spanKind")).await?.into_iter();
    answer(found.map(|(name, span_kind)| Operation { name, span_kind }).collect())
}

/// `start` and `end` are taken and not used: a look-up by ID must not miss because a link carries a wrong range. An
/// unknown ID is 404, never an empty list, because clients take the first element unchecked.
async fn trace_by_id(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
) -> Result<Response, Fault> {
    let id = trace_id::parse(&id)?;
    let Some(encoded) = trace::load(&state, id).await? else {
        return Err(Fault::not_found("trace not found"));
    };
    let json = trace::on_blocking_thread(move || {
        let decoded = trace::decode(&encoded)?;
        trace::to_json(&Envelope::of([model::Trace::new(id, &decoded)], 0))
    });
    Ok(trace::json_response(json.await?))
}
