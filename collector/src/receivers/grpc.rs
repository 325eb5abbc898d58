//! A unary gRPC call with one message each way.
//!
//! It is framed here rather than by a generated service: so the budget is asked before bytes are
//! kept, no buffer is sized by what a client claims, and a compressed message goes on to the journal as
//! it came.

use super::{
    body::{self, Received},
    intake::Intake,
    refusal::{Reason, Refusal},
};
use crate::inflate;
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use prost::Message;

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Reads the message, lets it be taken, and answers.
pub(super) async fn unary<M: Message>(
    intake: &Intake,
    request: Request,
    take: impl AsyncFnOnce(Received) -> Result<M, Refusal>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if !is_grpc(&parts.headers) {
        let mut response = Response::new(Body::from("this port takes gRPC; HTTP has another"));
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return response;
    }
    let taken = match read(intake, &parts.headers, body).await {
        Ok(received) => take(received).await,
        Err(refusal) => Err(refusal),
    };
    match taken {
        Ok(message) => answer(&message),
        Err(refusal) => {
            let mut response = refusal.into_grpc().into_http::<Body>();
            let known = HeaderValue::from_static("identity,gzip,zstd");
            response.headers_mut().insert(GRPC_ACCEPT_ENCODING, known);
            response
        }
    }
}

/// The answer to any method that is not served.
pub(super) async fn unknown(request: Request) -> Response<Body> {
    let what = format!("{} is not served here; only traces are taken", request.uri().path());
    tonic::Status::unimplemented(what).into_http()
}

async fn read(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<Received, Refusal> {
    let name = headers.get(&GRPC_ENCODING).map_or("", |value| value.to_str().unwrap_or("?"));
    let encoding =
        inflate::encoding_of(name).map_err(|what| Refusal::new(Reason::Unsupported, what))?;
    body::read_grpc(body, encoding, intake.body_bytes_max, intake.share()).await
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

fn answer(message: &impl Message) -> Response<Body> {
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
