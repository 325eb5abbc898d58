//! What a handler answers when it cannot do what it was asked.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use opentelemetry::{
    KeyValue,
    trace::{SpanRef, Status},
};
use serde_json::{Value, json};

/// What handlers return.
pub(crate) type Reply = Result<Json<Value>, Failure>;

/// A failed request: the status for the caller, and the reason for caller and trace.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// The error's class, `error.type` and `exception.type` in the trace.
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into() }
    }

    /// Whether the same request may succeed a moment later.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
    }

    /// Writes the failure into a span as an exception, the way OpenTelemetry's conventions say.
    pub(crate) fn record(&self, span: &SpanRef<'_>) {
        span.add_event(
            "exception",
            vec![
                KeyValue::new("exception.type", self.kind),
                KeyValue::new("exception.message", self.message.clone()),
                KeyValue::new("exception.escaped", false),
            ],
        );
        span.set_attribute(KeyValue::new("error.type", self.kind));
        span.set_status(Status::error(self.message.clone()));
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.message }));
        let mut response = (self.status, body).into_response();
        // The server span is ended outside the handler and learns the reason from here.
        response.extensions_mut().insert(self);
        response
    }
}
