//! gRPC `jaeger.api_v3.QueryService`: the questions of the HTTP form.

use super::{
    dependencies, operations_of,
    question::{self, Question},
    streams::{send_matching, send_trace},
    summary::Summary,
    trace_id,
};
use crate::api::{
    ApiState, Fault, grpc,
    grpc::{Messages, Service, Work},
    trace,
};
use axum::{
    Router,
    extract::{Path, Request, State},
    response::Response,
    routing::post,
};
use sigyn_proto::jaeger::{
    DependenciesResponse, Dependency, EmptyRequest, FindTraceSummariesResponse, FindTracesRequest,
    GetDependenciesRequest, GetOperationsRequest, GetOperationsResponse, GetServicesResponse,
    GetTraceRequest,
};
use std::sync::Arc;

const SERVICE: &str = "jaeger.api_v3.QueryService";

pub(super) fn routes(service: Service) -> Router {
    Router::new().route(&format!("/{SERVICE}/{{method}}"), post(call)).with_state(service)
}

async fn call(
    State(service): State<Service>,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    let begun = begin(&service.state, &method, request).await;
    service.respond(begun)
}

async fn begin(
    state: &Arc<ApiState>,
    method: &str,
    request: Request,
) -> Result<(&'static str, Work), Fault> {
    let state = state.clone();
    Ok(match method {
        "GetTrace" => {
            let asked = grpc::message::<GetTraceRequest>(request).await?;
            ("trace", Box::new(|to| Box::pin(get_trace(state, asked, to))))
        }
        "FindTraces" => {
            let asked = grpc::message::<FindTracesRequest>(request).await?;
            ("search", Box::new(|to| Box::pin(find_traces(state, asked, to))))
        }
        "FindTraceSummaries" => {
            let asked = grpc::message::<FindTracesRequest>(request).await?;
            ("search", Box::new(|to| Box::pin(find_summaries(state, asked, to))))
        }
        "GetServices" => {
            grpc::message::<EmptyRequest>(request).await?;
            ("services", Box::new(|to| Box::pin(get_services(state, to))))
        }
        "GetOperations" => {
            let asked = grpc::message::<GetOperationsRequest>(request).await?;
            ("operations", Box::new(|to| Box::pin(get_operations(state, asked, to))))
        }
        "GetDependencies" => {
            let asked = grpc::message::<GetDependenciesRequest>(request).await?;
            ("dependencies", Box::new(move |to| Box::pin(get_dependencies(state, asked, to))))
        }
        other => return Err(grpc::no_method(SERVICE, other)),
    })
}

/// The times are taken and not used, as in the HTTP form.
async fn get_trace(
    state: Arc<ApiState>,
    asked: GetTraceRequest,
    to: Messages,
) -> Result<(), Fault> {
    let id = trace_id::parse(&asked.trace_id)?;
    let encoded = trace::load(&state, id).await?;
    let encoded = encoded.ok_or_else(|| Fault::not_found("trace not found"))?;
    send_trace(&to, encoded).await?;
    Ok(())
}

async fn find_traces(
    state: Arc<ApiState>,
    asked: FindTracesRequest,
    to: Messages,
) -> Result<(), Fault> {
    send_matching(Question::of_query(asked.query)?, &state, &to).await
}

async fn find_summaries(
    state: Arc<ApiState>,
    asked: FindTracesRequest,
    to: Messages,
) -> Result<(), Fault> {
    for (id, encoded) in Question::of_query(asked.query)?.traces(&state).await? {
        let summary =
            trace::on_blocking_thread(move || Ok(Summary::of(id, &trace::decode(&encoded)?)));
        let summary = summary.await?.into_wire(id.to_string().into_bytes());
        if !to.send(&FindTraceSummariesResponse { summaries: vec![summary] }).await {
            break;
        }
    }
    Ok(())
}

/// `jaeger.storage.v2` answers the same.
pub(super) async fn get_services(state: Arc<ApiState>, to: Messages) -> Result<(), Fault> {
    let services = state.engine.services().await?;
    to.send(&GetServicesResponse { services }).await;
    Ok(())
}

/// `jaeger.storage.v2` answers the same.
pub(super) async fn get_operations(
    state: Arc<ApiState>,
    asked: GetOperationsRequest,
    to: Messages,
) -> Result<(), Fault> {
    if asked.service.is_empty() {
        return Err(Fault::bad_request("the service is required"));
    }
    let wanted = Some(asked.span_kind.as_str()).filter(|kind| !kind.is_empty());
    let operations = operations_of(&state, &asked.service, wanted).await?.into_iter();
    let operations = operations
        .map(|(name, kind)| sigyn_proto::jaeger::Operation { name, span_kind: kind.to_owned() });
    to.send(&GetOperationsResponse { operations: operations.collect() }).await;
    Ok(())
}

/// `jaeger.storage.v2` answers the same.
pub(super) async fn get_dependencies(
    state: Arc<ApiState>,
    asked: GetDependenciesRequest,
    to: Messages,
) -> Result<(), Fault> {
    let (start, end) = question::range(asked.start_time, asked.end_time)?;
    let calls = dependencies::calls(&state, start..end, None).await?.into_iter();
    let dependencies = calls.map(|it| Dependency {
        parent: it.parent,
        child: it.child,
        call_count: it.call_count,
        source: String::new(),
    });
    to.send(&DependenciesResponse { dependencies: dependencies.collect() }).await;
    Ok(())
}
