//! gRPC `grpc.health.v1.Health`: what load balancers and probes ask before they send anything.
//!
//! Only `Check`. `Watch` is a stream without end, which a server that stops would wait for; the protocol lets a server
//! leave it out, and clients then take it for healthy.

use super::{answer, message, no_method, refusal};
use crate::api::Fault;
use axum::{
    Router,
    extract::{Path, Request},
    response::Response,
    routing::post,
};
use http::StatusCode;
use prost::Message;

const SERVICE: &str = "grpc.health.v1.Health";
/// What is served here, by name; no name at all means the server as a whole.
const KNOWN: [&str; 7] = [
    "",
    SERVICE,
    "tempopb.StreamingQuerier",
    "jaeger.api_v3.QueryService",
    "jaeger.storage.v2.TraceReader",
    "jaeger.storage.v2.DependencyReader",
    "jaeger.storage.v2.Capabilities",
];
/// `HealthCheckResponse.SERVING`.
const SERVING: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// It takes no turn among the queries: a server that has much to do is well.
pub(crate) fn routes() -> Router {
    Router::new().route(&format!("/{SERVICE}/{{method}}"), post(call))
}

async fn call(Path(method): Path<String>, request: Request) -> Response {
    match check(&method, request).await {
        Ok(told) => answer(|to| async move {
            to.send(&told).await;
            Ok(())
        }),
        Err(fault) => refusal(fault),
    }
}

async fn check(method: &str, request: Request) -> Result<HealthCheckResponse, Fault> {
    if method != "Check" {
        return Err(no_method(SERVICE, method));
    }
    let asked = message::<HealthCheckRequest>(request).await?;
    if !KNOWN.contains(&asked.service.as_str()) {
        let sentence = format!("there is no service {:?} here", asked.service);
        return Err(Fault::new(StatusCode::NOT_FOUND, sentence));
    }
    Ok(HealthCheckResponse { status: SERVING })
}
