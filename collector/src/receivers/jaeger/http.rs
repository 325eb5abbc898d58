//! Jaeger's thrift over HTTP: `POST /api/traces`.

use super::{
    super::{
        body,
        conversion::to_otlp,
        intake::Intake,
        refusal::{Reason, Refusal},
    },
    thrift_batch,
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

pub(in super::super) fn router(intake: Arc<Intake>) -> Router {
    Router::new().route("/api/traces", post(traces)).with_state(intake)
}

async fn traces(State(intake): State<Arc<Intake>>, request: Request) -> Response<Body> {
    match take(&intake, request).await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
        Err(refusal) => refusal.into_text(),
    }
}

async fn take(intake: &Intake, request: Request) -> Result<(), Refusal> {
    let (parts, body) = request.into_parts();
    let header = |name| parts.headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"));
    let content_type = header(header::CONTENT_TYPE);
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !matches!(media_type, "application/x-thrift" | "application/vnd.apache.thrift.binary") {
        let what = format!(
            "the content type {content_type:?} is not known; use application/vnd.apache.thrift.binary"
        );
        return Err(Refusal::new(Reason::Unsupported, what));
    }
    let encoding = inflate::encoding_of(header(header::CONTENT_ENCODING))
        .map_err(|what| Refusal::new(Reason::Unsupported, what))?;
    let received = body::read(body, encoding, intake.body_bytes_max, intake.share()).await?;
    let received = to_otlp(received, "a jaeger.thrift Batch", thrift_batch::of_body).await?;
    intake.take_whole(received, Via::Jaeger).await
}
