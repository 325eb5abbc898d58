//! Zipkin v2: `POST /api/v2/spans`, JSON or protobuf.

mod json;
mod model;
mod proto;

use super::{
    body,
    conversion::{Convert, to_otlp},
    intake::Intake,
    refusal::{Reason, Refusal},
};
use crate::inflate;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode, header},
    routing::post,
};
use sigyn_store::Via;
use std::sync::Arc;

pub(super) fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/api/v2/spans", post(spans))
        .route("/api/v1/spans", post(version_1))
        .with_state(intake)
}

async fn spans(State(intake): State<Arc<Intake>>, request: Request) -> Response<Body> {
    match take(&intake, request).await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
        Err(refusal) => refusal.into_text(),
    }
}

async fn version_1() -> Response<Body> {
    let what =
        "Zipkin v1 is not taken; let the reporter send v2 (/api/v2/spans), as all have since 2017";
    Refusal::new(Reason::Unsupported, what).into_text()
}

async fn take(intake: &Intake, request: Request) -> Result<(), Refusal> {
    let (parts, body) = request.into_parts();
    let header = |name| parts.headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"));
    let encoding = inflate::encoding_of(header(header::CONTENT_ENCODING))
        .map_err(|what| Refusal::new(Reason::Unsupported, what))?;
    let content_type = header(header::CONTENT_TYPE);
    // Many old reporters send JSON without saying so.
    let convert: Convert = match content_type.split(';').next().unwrap_or_default().trim() {
        "application/x-protobuf" | "application/protobuf" => proto::to_otlp,
        "application/json" | "text/plain" | "" => json::to_otlp,
        _ => {
            let what = format!(
                "the content type {content_type:?} is not known; use application/json or application/x-protobuf"
            );
            return Err(Refusal::new(Reason::Unsupported, what));
        }
    };
    let received = body::read(body, encoding, intake.body_bytes_max, intake.share()).await?;
    if received.plain.is_empty() {
        return Ok(());
    }
    let received = to_otlp(received, "Zipkin v2", convert).await?;
    intake.take_whole(received, Via::Zipkin).await
}
