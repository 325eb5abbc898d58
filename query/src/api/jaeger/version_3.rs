//! Jaeger's API v3 over HTTP, below `/jaeger/api/v3`: what its own UI asks since it left the classic search.

use super::{
    dependencies, model,
    question::{Question, of_either_case},
    summary::Summary,
    trace_id,
};
use crate::api::{
    ApiState, Fault,
    guard::Family,
    otlp_json::{Style, Styled},
    parameters::{Parameters, Segment},
    times, trace,
};
use axum::{Router, body::Bytes, extract::State, response::Response, routing::get};
use serde::Serialize;
use serde_json::json;
use sigyn_proto::otlp::trace::v1::{ResourceSpans, TracesData};
use sigyn_store::TraceId;
use std::{collections::BTreeSet, sync::Arc};

pub(crate) fn routes(family: Family) -> Router {
    family
        .route("/jaeger/api/v3/services", "services", get(services))
        .route("/jaeger/api/v3/operations", "operations", get(operations))
        .route("/jaeger/api/v3/traces", "search", get(traces))
        .route("/jaeger/api/v3/traces/{id}", "trace", get(trace_by_id))
        .route("/jaeger/api/v3/trace-summaries", "search", get(summaries))
        .route("/jaeger/api/v3/dependencies", "dependencies", get(all_dependencies))
        .into_router()
}

async fn services(State(state): State<Arc<ApiState>>) -> Result<Response, Fault> {
    let services = state.engine.services().await?;
    Ok(trace::json_response(trace::to_json(&json!({"services": services}))?))
}

async fn operations(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let missing = || Fault::bad_request("the parameter service is required");
    let service = parameters.get("service").ok_or_else(missing)?;
    let wanted = of_either_case(&parameters, "", "spanKind");
    // A span without a kind is an internal one here.
    let kind = |kind: u8| match model::kind_name(kind.into()) {
        "" => "internal",
        name => name,
    };
    let all = state.engine.operations(service).await?.into_iter();
    let found: BTreeSet<(String, &str)> = all
        .map(|(name, number)| (name, kind(number)))
        .filter(|(_, kind)| wanted.is_none_or(|wanted| wanted == *kind))
        .collect();
    let operations: Vec<_> =
        found.into_iter().map(|(name, kind)| json!({"name": name, "spanKind": kind})).collect();
    Ok(trace::json_response(trace::to_json(&json!({"operations": operations}))?))
}

/// The times are taken and not used, as in the classic form.
async fn trace_by_id(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
) -> Result<Response, Fault> {
    let id = trace_id::parse(&id)?;
    let Some(encoded) = trace::load(&state, id).await? else {
        return Err(Fault::not_found("No traces found"));
    };
    as_result(vec![(id, encoded)]).await
}

async fn traces(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let found = Question::of(&parameters)?.traces(&state).await?;
    if found.is_empty() {
        return Err(Fault::not_found("No traces found"));
    }
    as_result(found).await
}

async fn as_result(traces: Vec<(TraceId, Bytes)>) -> Result<Response, Fault> {
    #[derive(Serialize)]
    struct Answer<'a> {
        result: Merged<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Merged<'a> {
        resource_spans: Styled<'a, [ResourceSpans]>,
    }
    let json = trace::on_blocking_thread(move || {
        let decoded: Vec<TracesData> =
            traces.iter().map(|(_, encoded)| trace::decode(encoded)).collect::<Result<_, _>>()?;
        let all: Vec<ResourceSpans> =
            decoded.into_iter().flat_map(|trace| trace.resource_spans).collect();
        trace::to_json(&Answer { result: Merged { resource_spans: Styled(&all[..], Style::OTLP) } })
    });
    Ok(trace::json_response(json.await?))
}

async fn summaries(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let found = Question::of(&parameters)?.traces(&state).await?;
    let json = trace::on_blocking_thread(move || {
        let summaries = found
            .iter()
            .map(|(id, encoded)| Ok(Summary::of(*id, &trace::decode(encoded)?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        if summaries.is_empty() {
            return Ok(Bytes::from_static(b"{}"));
        }
        trace::to_json(&json!({"summaries": summaries}))
    });
    Ok(trace::json_response(json.await?))
}

async fn all_dependencies(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let time = |name: &'static str| {
        let missing = || Fault::bad_request(format!("the parameter {name} is required"));
        let text = of_either_case(&parameters, "", name).ok_or_else(missing)?;
        times::moment(&text.replace(' ', "+"))
            .ok_or_else(|| Fault::parameter(name, text, "an RFC 3339 time"))
    };
    let range = time("startTime")?..time("endTime")?;
    let calls = dependencies::calls(&state, range, None).await?;
    Ok(trace::json_response(trace::to_json(&json!({"dependencies": calls}))?))
}
