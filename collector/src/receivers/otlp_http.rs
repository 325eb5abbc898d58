//! OTLP/HTTP: `POST /v1/traces`, protobuf or JSON.

use super::{
    body,
    conversion::to_otlp,
    intake::{Intake, partial_success},
    otlp_json,
    refusal::{Format, Reason, Refusal},
};
use crate::inflate;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Response, header},
    routing::post,
};
use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use sigyn_store::{Appended, Via};
use std::sync::Arc;

pub(super) fn router(intake: Arc<Intake>) -> Router {
    Router::new().route("/v1/traces", post(export)).with_state(intake)
}

async fn export(State(intake): State<Arc<Intake>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let format = match format_of(&parts.headers) {
        Ok(format) => format,
        Err(refusal) => return refusal.into_http(Format::Protobuf),
    };
    match take(&intake, &parts.headers, body, format).await {
        Ok(appended) => answer(appended, format),
        Err(refusal) => refusal.into_http(format),
    }
}

async fn take(
    intake: &Intake,
    headers: &HeaderMap,
    body: Body,
    format: Format,
) -> Result<Appended, Refusal> {
    let encoding = inflate::encoding_of(text(headers, &header::CONTENT_ENCODING))
        .map_err(|what| Refusal::new(Reason::Unsupported, what))?;
    let received = body::read(body, encoding, intake.body_bytes_max, intake.share()).await?;
    let received = match format {
        Format::Protobuf => received,
        Format::Json => to_otlp(received, "OTLP/JSON", otlp_json::encode).await?,
    };
    intake.take(received, Via::Otlp).await
}

fn format_of(headers: &HeaderMap) -> Result<Format, Refusal> {
    let content_type = text(headers, &header::CONTENT_TYPE);
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    match media_type.to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Ok(Format::Protobuf),
        "application/json" => Ok(Format::Json),
        _ => Err(Refusal::new(
            Reason::Unsupported,
            format!(
                "the content type {content_type:?} is not known; \
                 use application/x-protobuf or application/json"
            ),
        )),
    }
}

/// The value of a header; one that is not text is none of ours, and is named as such later.
fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"))
}

fn answer(appended: Appended, format: Format) -> Response<Body> {
    let partial = partial_success(appended);
    let body = match format {
        Format::Protobuf => {
            let partial_success = partial.map(|(rejected_spans, error_message)| {
                ExportTracePartialSuccess { rejected_spans, error_message }
            });
            Body::from(ExportTraceServiceResponse { partial_success }.encode_to_vec())
        }
        Format::Json => Body::from(match partial {
            None => "{}".to_owned(),
            Some((rejected, message)) => serde_json::json!({
                "partialSuccess": { "rejectedSpans": rejected.to_string(), "errorMessage": message }
            })
            .to_string(),
        }),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, format.content_type());
    response
}
