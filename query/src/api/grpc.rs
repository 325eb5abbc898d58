//! gRPC over the HTTP port: frames, trailers, and answers that come in parts.
//!
//! Framed by hand, as the OTLP receiver is: a server-streaming call is one framed message in, frames and trailers out,
//! and the answers here are built from what the HTTP routes build.

pub(crate) mod health;

use super::{ApiState, Fault, guard::Turn, parts::Parts};
use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use futures::{StreamExt, future::BoxFuture, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;
use prost::{Message, bytes::BufMut};
use std::{convert::Infallible, sync::Arc};
use tokio::sync::{Semaphore, mpsc};

/// A request holds a query and some numbers.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;
const HEAD_BYTES: usize = 5;
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// gRPC's codes, as far as they are answered.
mod code {
    pub(super) const INVALID_ARGUMENT: u16 = 3;
    pub(super) const DEADLINE_EXCEEDED: u16 = 4;
    pub(super) const NOT_FOUND: u16 = 5;
    pub(super) const RESOURCE_EXHAUSTED: u16 = 8;
    pub(super) const UNIMPLEMENTED: u16 = 12;
    pub(super) const INTERNAL: u16 = 13;
    pub(super) const UNAVAILABLE: u16 = 14;
}

fn code_of(status: StatusCode) -> u16 {
    match status {
        StatusCode::NOT_FOUND => code::NOT_FOUND,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::UNPROCESSABLE_ENTITY => {
            code::RESOURCE_EXHAUSTED
        }
        StatusCode::GATEWAY_TIMEOUT => code::DEADLINE_EXCEEDED,
        StatusCode::SERVICE_UNAVAILABLE => code::UNAVAILABLE,
        StatusCode::NOT_IMPLEMENTED | StatusCode::UNSUPPORTED_MEDIA_TYPE => code::UNIMPLEMENTED,
        _ if status.is_client_error() => code::INVALID_ARGUMENT,
        _ => code::INTERNAL,
    }
}

/// Where an answer's messages go, one by one; waits while the client reads slowly.
pub(crate) struct Messages(mpsc::Sender<Bytes>);

impl Messages {
    /// False once the client is gone.
    pub(crate) async fn send(&self, message: &impl Message) -> bool {
        let mut frame = head(message.encoded_len());
        message.encode(&mut frame).expect("a vector grows as needed");
        self.0.send(frame.into()).await.is_ok()
    }

    /// The same for a message that is encoded already.
    pub(crate) async fn send_encoded(&self, message: &[u8]) -> bool {
        let mut frame = head(message.len());
        frame.extend_from_slice(message);
        self.0.send(frame.into()).await.is_ok()
    }
}

/// The head of a frame, with room for its message.
fn head(length: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD_BYTES + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    frame
}

/// What a call does when its answer is read.
pub(crate) type Work = Box<dyn FnOnce(Messages) -> BoxFuture<'static, Result<(), Fault>> + Send>;

/// What the calls of a service run under: the turn, the time limit and the measurement that HTTP routes have from their
/// guard.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) state: Arc<ApiState>,
    pub(crate) turns: Arc<Semaphore>,
    /// The label `api` of the query metrics.
    pub(crate) api: &'static str,
}

impl Service {
    /// Answers a call that was read: its kind (a label of the query metrics), and what it asks.
    pub(crate) fn respond(self, begun: Result<(&'static str, Work), Fault>) -> Response {
        match begun {
            Ok((kind, work)) => answer(|messages| self.timed(kind, work(messages))),
            Err(fault) => refusal(fault),
        }
    }

    async fn timed(
        self,
        kind: &'static str,
        work: BoxFuture<'static, Result<(), Fault>>,
    ) -> Result<(), Fault> {
        let Self { state, turns, api } = self;
        let begin = state.clock.monotonic();
        let in_turn = async {
            let _turn = Turn::of(&turns).await;
            work.await
        };
        let outcome = tokio::time::timeout(state.limits.query_timeout, in_turn).await;
        state.metrics.observe(api, kind, state.clock.monotonic().saturating_sub(begin));
        outcome.unwrap_or_else(|_| {
            Err(Fault::new(
                StatusCode::GATEWAY_TIMEOUT,
                "the query took too long; ask for a shorter time range or add conditions",
            ))
        })
    }
}

/// A method that a service does not have.
pub(crate) fn no_method(service: &str, method: &str) -> Fault {
    Fault::new(StatusCode::NOT_IMPLEMENTED, format!("{service} has no method {method}"))
}

/// The message of a call that has one.
pub(crate) async fn message<M: Message + Default>(request: Request) -> Result<M, Fault> {
    let is_grpc = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if !is_grpc {
        return Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "this path takes gRPC; its HTTP form is below /api",
        ));
    }
    let body = axum::body::to_bytes(request.into_body(), REQUEST_BYTES_MAX + HEAD_BYTES)
        .await
        .map_err(|error| Fault::bad_request(format!("the request cannot be read: {error}")))?;
    let [compressed, a, b, c, d, rest @ ..] = &body[..] else {
        return Err(Fault::bad_request("the request has no message"));
    };
    if *compressed != 0 {
        return Err(Fault::new(
            StatusCode::NOT_IMPLEMENTED,
            "compressed requests are not taken; send the message as it is",
        ));
    }
    let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    let message = rest
        .get(..length)
        .ok_or_else(|| Fault::bad_request("the message is shorter than its head says"))?;
    M::decode(message)
        .map_err(|error| Fault::bad_request(format!("the message is not valid: {error}")))
}

/// An answer whose messages `work` sends. The work runs as the client reads, and is dropped when the client goes.
fn answer<F>(work: impl FnOnce(Messages) -> F) -> Response
where
    F: Future<Output = Result<(), Fault>> + Send + 'static,
{
    let parts = Parts::new(|sender| work(Messages(sender)));
    // A fault becomes the trailers, and so does the end without one.
    let frames = stream::unfold(Some(parts), |parts| async {
        let mut parts = parts?;
        Some(match parts.next().await {
            Some(Ok(frame)) => (Frame::data(frame), Some(parts)),
            Some(Err(fault)) => (Frame::trailers(trailers(&Err(fault))), None),
            None => (Frame::trailers(trailers(&Ok(()))), None),
        })
    });
    let mut response = Response::new(Body::new(StreamBody::new(frames.map(Ok::<_, Infallible>))));
    response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
    response
}

/// An answer that is only a fault.
fn refusal(fault: Fault) -> Response {
    answer(|_| std::future::ready(Err(fault)))
}

fn trailers(outcome: &Result<(), Fault>) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let code = outcome.as_ref().err().map_or(0, |fault| code_of(fault.status));
    trailers.insert(STATUS, HeaderValue::from(code));
    if let Err(fault) = outcome
        && let Ok(value) = HeaderValue::from_str(&percent_encoded(&fault.sentence))
    {
        trailers.insert(MESSAGE, value);
    }
    trailers
}

/// What gRPC asks of a message: printable ASCII, all else and the percent sign as `%XX`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | 0..=0x1f | 0x7f..=0xff => encoded.push_str(&format!("%{byte:02X}")),
            _ => encoded.push(char::from(byte)),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_printable_ascii() {
        assert_eq!(percent_encoded("a é\n100%"), "a %C3%A9%0A100%25");
    }
}
