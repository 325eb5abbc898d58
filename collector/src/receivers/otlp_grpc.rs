//! OTLP/gRPC: `opentelemetry.proto.collector.trace.v1.TraceService/Export`.
//!
//! The one unary call is framed here rather than by a generated service: so the budget is asked
//! before bytes are kept, no buffer is sized by what a client claims, and the compressed message
//! goes on to the journal as it came.

use super::{
    body,
    intake::{Intake, partial_success},
    refusal::{Reason, Refusal},
};
use crate::inflate;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
    routing::post,
};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use sigyn_store::Appended;
use std::sync::Arc;

const EXPORT_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

pub(super) fn router(intake: Arc<Intake>) -> Router {
    Router::new().route(EXPORT_PATH, post(export)).fallback(unknown).with_state(intake)
}

async fn export(State(intake): State<Arc<Intake>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if !is_grpc(&parts.headers) {
        let mut response = Response::new(Body::from("this port takes gRPC; OTLP/HTTP has another"));
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return response;
    }
    match take(&intake, &parts.headers, body).await {
        Ok(appended) => answer(appended),
        Err(refusal) => {
            let mut response = refusal.into_grpc().into_http::<Body>();
            let known = HeaderValue::from_static("identity,gzip,zstd");
            response.headers_mut().insert(GRPC_ACCEPT_ENCODING, known);
            response
        }
    }
}

async fn take(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<Appended, Refusal> {
    let name = headers.get(&GRPC_ENCODING).map_or("", |value| value.to_str().unwrap_or("?"));
    let encoding =
        inflate::encoding_of(name).map_err(|what| Refusal::new(Reason::Unsupported, what))?;
    let received = body::read_grpc(body, encoding, intake.body_bytes_max, intake.share()).await?;
    intake.take(received).await
}

async fn unknown(request: Request) -> Response<Body> {
    let what = format!("{} is not served here; only traces are taken", request.uri().path());
    tonic::Status::unimplemented(what).into_http()
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

fn answer(appended: Appended) -> Response<Body> {
    let partial_success = partial_success(appended).map(|(rejected_spans, error_message)| {
        ExportTracePartialSuccess { rejected_spans, error_message }
    });
    let message = ExportTraceServiceResponse { partial_success };
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.encoded_len() as u32);
    message.encode(&mut frame).expect("the buffer grows as needed");
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body =
        Full::<Bytes>::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    let content_type = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
