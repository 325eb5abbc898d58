//! Why a request is not answered: a status and a sentence, whatever the family's envelope.

use crate::{engine::EngineError, traceql::ParseError};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use sigyn_store::{Error as StoreError, ErrorKind, ParseIdError};

/// A fault. It travels to the guard in the extensions of an empty response, and the guard, which knows the family,
/// writes it down in that family's envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    /// For people: says what is wrong and, where it can, what to do.
    pub(crate) sentence: String,
}

impl Fault {
    pub(crate) fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into() }
    }

    pub(crate) fn bad_request(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, sentence)
    }

    pub(crate) fn not_found(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, sentence)
    }

    /// A value of a parameter that cannot be read.
    pub(crate) fn parameter(name: &str, value: &str, expected: &str) -> Self {
        let shown: String = value.chars().take(80).collect();
        Self::bad_request(format!("the parameter {name}={shown:?} is not {expected}"))
    }

    /// Something failed that is no fault of the request. The cause goes to the log, since it may name files.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a query failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server failed to answer; its log says why",
        )
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            ErrorKind::TryLater => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            _ => Self::internal(&error),
        }
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Unsupported(sentence) | EngineError::Invalid(sentence) => {
                Self::bad_request(sentence)
            }
            EngineError::Store(error) => error.into(),
            EngineError::Arrow(_) | EngineError::Failed(_) => Self::internal(&error),
            EngineError::Stopped(sentence) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, sentence),
        }
    }
}

impl From<ParseError> for Fault {
    fn from(error: ParseError) -> Self {
        Self::bad_request(format!("invalid TraceQL query: {error}"))
    }
}

impl From<ParseIdError> for Fault {
    fn from(error: ParseIdError) -> Self {
        Self::bad_request(format!("invalid trace ID: {error}"))
    }
}
