//! Jaeger's classic JSON API, below `/jaeger`, and version 3 beside it.

mod dependencies;
mod model;
mod plain_json;
mod search;
mod trace_id;
pub(crate) mod version_3;

use super::{
    ApiState, Fault,
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

#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    name: String,
    span_kind: &'static str,
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
    let wanted = parameters.get("spanKind");
    let all = state.engine.operations(service).await?.into_iter();
    let all = all.map(|(name, kind)| Operation { name, span_kind: model::kind_name(kind.into()) });
    let found: BTreeSet<Operation> =
        all.filter(|operation| wanted.is_none_or(|kind| kind == operation.span_kind)).collect();
    answer(found.into_iter().collect())
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
