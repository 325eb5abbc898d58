//! gRPC `jaeger.storage.v2`: a Jaeger front end that has its traces here.
//!
//! `TraceReader`, `DependencyReader` and `Capabilities`; it writes by OTLP, to the receiver.

use super::{
    filter,
    query_service::{get_dependencies, get_operations, get_services},
    question::Question,
    streams::{send_matching, send_trace},
    summary::Summary,
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
    EmptyRequest, FilterCapabilities, FindTraceIdsResponse, FindTraceSummariesResponse,
    FoundTraceId, GetCapabilitiesResponse, GetDependenciesRequest, GetOperationsRequest,
    GetTracesRequest, SearchCapabilities, StorageFindRequest, Timestamp,
};
use sigyn_store::TraceId;
use std::sync::Arc;

const PACKAGE: &str = "jaeger.storage.v2";

pub(super) fn routes(service: Service) -> Router {
    let path = |name| format!("/{PACKAGE}.{name}/{{method}}");
    let routes = ["TraceReader", "DependencyReader", "Capabilities"].into_iter();
    routes
        .fold(Router::new(), |router, name| {
            let handler = async move |State(service): State<Service>,
                                      Path(method): Path<String>,
                                      request: Request|
                        -> Response {
                let begun = begin(&service.state, name, &method, request).await;
                service.respond(begun)
            };
            router.route(&path(name), post(handler))
        })
        .with_state(service)
}

async fn begin(
    state: &Arc<ApiState>,
    service: &str,
    method: &str,
    request: Request,
) -> Result<(&'static str, Work), Fault> {
    let state = state.clone();
    Ok(match (service, method) {
        ("TraceReader", "GetTraces") => {
            let asked = grpc::message::<GetTracesRequest>(request).await?;
            ("trace", Box::new(|to| Box::pin(get_traces(state, asked, to))))
        }
        ("TraceReader", "GetServices") => {
            grpc::message::<EmptyRequest>(request).await?;
            ("services", Box::new(|to| Box::pin(get_services(state, to))))
        }
        ("TraceReader", "GetOperations") => {
            let asked = grpc::message::<GetOperationsRequest>(request).await?;
            ("operations", Box::new(|to| Box::pin(get_operations(state, asked, to))))
        }
        ("TraceReader", "FindTraces") => {
            let asked = grpc::message::<StorageFindRequest>(request).await?;
            ("search", Box::new(|to| Box::pin(find_traces(state, asked, to))))
        }
        ("TraceReader", "FindTraceIDs") => {
            let asked = grpc::message::<StorageFindRequest>(request).await?;
            ("search", Box::new(|to| Box::pin(find_trace_ids(state, asked, to))))
        }
        ("TraceReader", "FindTraceSummaries") => {
            let asked = grpc::message::<StorageFindRequest>(request).await?;
            ("search", Box::new(|to| Box::pin(find_summaries(state, asked, to))))
        }
        ("DependencyReader", "GetDependencies") => {
            let asked = grpc::message::<GetDependenciesRequest>(request).await?;
            ("dependencies", Box::new(move |to| Box::pin(get_dependencies(state, asked, to))))
        }
        ("Capabilities", "GetCapabilities") => {
            grpc::message::<EmptyRequest>(request).await?;
            ("status", Box::new(|to| Box::pin(get_capabilities(to))))
        }
        (service, other) => return Err(grpc::no_method(&format!("{PACKAGE}.{service}"), other)),
    })
}

/// Unknown IDs are passed over.
async fn get_traces(
    state: Arc<ApiState>,
    asked: GetTracesRequest,
    to: Messages,
) -> Result<(), Fault> {
    for wanted in asked.query {
        let length = wanted.trace_id.len();
        let id = <[u8; 16]>::try_from(wanted.trace_id)
            .map_err(|_| Fault::bad_request(format!("a trace ID has {length} bytes, not 16")))?;
        if let Some(encoded) = trace::load(&state, TraceId(id)).await?
            && !send_trace(&to, encoded).await?
        {
            break;
        }
    }
    Ok(())
}

async fn find_traces(
    state: Arc<ApiState>,
    asked: StorageFindRequest,
    to: Messages,
) -> Result<(), Fault> {
    send_matching(Question::of_storage_query(asked.query)?, &state, &to).await
}

async fn find_trace_ids(
    state: Arc<ApiState>,
    asked: StorageFindRequest,
    to: Messages,
) -> Result<(), Fault> {
    let found = Question::of_storage_query(asked.query)?.matches(&state).await?;
    let trace_ids = found.traces.into_iter().map(|found| FoundTraceId {
        trace_id: found.trace_id.0.to_vec(),
        start: Some(timestamp(found.start_unix_nano)),
        end: Some(timestamp(found.start_unix_nano.saturating_add(found.duration_nano))),
    });
    to.send(&FindTraceIdsResponse { trace_ids: trace_ids.collect() }).await;
    Ok(())
}

fn timestamp(unix_nano: u64) -> Timestamp {
    const NANOS_PER_SECOND: u64 = 1_000_000_000;
    Timestamp {
        seconds: i64::try_from(unix_nano / NANOS_PER_SECOND).expect("64 bits of nanoseconds fit"),
        nanos: i32::try_from(unix_nano % NANOS_PER_SECOND).expect("below a billion"),
    }
}

async fn find_summaries(
    state: Arc<ApiState>,
    asked: StorageFindRequest,
    to: Messages,
) -> Result<(), Fault> {
    for (id, encoded) in Question::of_storage_query(asked.query)?.traces(&state).await? {
        let summary =
            trace::on_blocking_thread(move || Ok(Summary::of(id, &trace::decode(&encoded)?)));
        let summary = summary.await?.into_wire(id.0.to_vec());
        if !to.send(&FindTraceSummariesResponse { summaries: vec![summary] }).await {
            break;
        }
    }
    Ok(())
}

async fn get_capabilities(to: Messages) -> Result<(), Fault> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let filter = Some(FilterCapabilities {
        levels: words(&filter::LEVELS),
        operators: words(&filter::OPERATORS),
    });
    let search =
        SearchCapabilities { without_service_name: true, same_span_conjunction: true, filter };
    to.send(&GetCapabilitiesResponse { search: Some(search) }).await;
    Ok(())
}
