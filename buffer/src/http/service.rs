//! The handler for hyper and tower.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::answer::Pull;
use super::body::PullBody;
use super::timer::TokioTimer;
use crate::SpanBuffer;

/// Answers the pull protocol on whatever path it is mounted; made by [`SpanBuffer::service`].
///
/// It never fails: what cannot be answered is a response that says so. Request bodies are not read.
/// `wait` needs a tokio runtime with time enabled.
#[derive(Clone, Debug)]
pub struct PullService {
    buffer: SpanBuffer,
}

impl SpanBuffer {
    /// A service for hyper, tower, or a path of your own in axum (`route_service`).
    pub fn service(&self) -> PullService {
        PullService { buffer: self.clone() }
    }
}

impl<B> Service<Request<B>> for PullService {
    type Response = Response<PullBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match Pull::parse(request.method(), request.uri(), request.headers()) {
            Ok(pull) => {
                let buffer = self.buffer.clone();
                Box::pin(async move { Ok(pull.answer(&buffer, &TokioTimer).await) })
            }
            Err(refusal) => {
                let answer: Ready<_> = ready(Ok(refusal.into_response()));
                Box::pin(answer)
            }
        }
    }
}
