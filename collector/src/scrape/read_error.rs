//! Why a read failed: the `lastError` of a target, a sentence for the person who looks.

use crate::{http_client::HttpError, inflate::InflateError};
use std::time::Duration;

/// A read that brought nothing. The cursor stays where it was.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// There is no answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The timeout covers headers and body.
    #[error("the read took longer than its timeout of {0:?}")]
    TimedOut(Duration),
    /// Only 200 is good.
    #[error("server returned HTTP status {0}")]
    Status(reqwest::StatusCode),
    /// The body is too large or not packed as it says.
    #[error(transparent)]
    Inflate(#[from] InflateError),
    /// All reads together hold too much.
    #[error("too many bytes are being read at this moment; the target is read at its next turn")]
    Busy,
    /// What came is not what was asked for.
    #[error("{0}")]
    Wrong(String),
    /// The address has passed on to another pod.
    #[error("the address has a new owner: {0}; what it answered was thrown away")]
    NewOwner(String),
    /// The store did not take it.
    #[error("the spans could not be stored: {0}")]
    Store(sigyn_store::Error),
    /// The spans are not OTLP, says the store.
    #[error("the answer is not spans: {0}")]
    NotSpans(sigyn_store::Error),
    /// The collector stops, or the target's circumstances changed during a long-poll.
    #[error("the read was given up")]
    GivenUp,
}

impl ReadError {
    /// The target does not answer at the address any more, and never will.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Http(error) => error.is_unreachable(),
            Self::NewOwner(_) => true,
            _ => false,
        }
    }
}

impl From<sigyn_store::Error> for ReadError {
    fn from(error: sigyn_store::Error) -> Self {
        match error.kind() {
            sigyn_store::ErrorKind::BadInput => Self::NotSpans(error),
            _ => Self::Store(error),
        }
    }
}

impl From<reqwest::Error> for ReadError {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.into())
    }
}
