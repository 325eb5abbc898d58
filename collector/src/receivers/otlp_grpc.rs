//! OTLP/gRPC: `opentelemetry.proto.collector.trace.v1.TraceService/Export`.

use super::{
    grpc,
    intake::{Intake, partial_success},
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::Response,
    routing::post,
};
use sigyn_proto::otlp::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use sigyn_store::Via;
use std::sync::Arc;

const EXPORT_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

pub(super) fn router(intake: Arc<Intake>) -> Router {
    Router::new().route(EXPORT_PATH, post(export)).fallback(grpc::unknown).with_state(intake)
}

async fn export(State(intake): State<Arc<Intake>>, request: Request) -> Response<Body> {
    let take = async |received| {
        let appended = intake.take(received, Via::Otlp).await?;
        let partial_success = partial_success(appended).map(|(rejected_spans, error_message)| {
            ExportTracePartialSuccess { rejected_spans, error_message }
        });
        Ok(ExportTraceServiceResponse { partial_success })
    };
    grpc::unary(&intake, request, take).await
}
