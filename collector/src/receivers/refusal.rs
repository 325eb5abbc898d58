//! Why a push is refused, in terms of what the client can do, and how each protocol says it.

use super::rpc_status::RpcStatus;
use crate::inflate::InflateError;
use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use prost::Message;
use sigyn_store::ErrorKind;
use std::time::Duration;
use tonic::Code;

/// A push that was not taken in. Nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    /// One sentence for the person who reads the client's log.
    pub(super) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The same body will fail again.
    BadInput,
    /// So will the same size.
    TooLarge,
    /// The media type or the encoding is not one of ours.
    Unsupported,
    /// The client did not finish its body in time.
    Slow,
    /// Too many bytes are in hand at this moment.
    Busy,
    /// The store takes nothing in at present.
    StoreFull,
    /// The store needs a person; another collector, or this one after its restart, may take it.
    StoreBroken,
}

/// The format of the request, in which the answer is given too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Protobuf,
    Json,
}

impl Refusal {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    pub(super) fn busy() -> Self {
        Self::new(Reason::Busy, "too many bytes are being taken in at this moment; try again")
    }

    pub(super) fn into_http(self, format: Format) -> Response<Body> {
        let retry_after = self.retry_after();
        let status = RpcStatus::new(self.code(), &self.message, retry_after);
        let body = match format {
            Format::Protobuf => Body::from(status.encode_to_vec()),
            Format::Json => Body::from(status.to_json(retry_after)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.http_status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, format.content_type());
        if let Some(after) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        response
    }

    /// For protocols whose errors are a status and a text.
    pub(super) fn into_text(self) -> Response<Body> {
        let (status, retry_after) = (self.http_status(), self.retry_after());
        let mut response = Response::new(Body::from(format!("{}\n", self.message)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, text);
        if let Some(after) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        response
    }

    pub(super) fn into_grpc(self) -> tonic::Status {
        let retry_after = self.retry_after();
        let code = match self.reason {
            Reason::Unsupported => Code::Unimplemented,
            _ => self.code(),
        };
        let details = RpcStatus::new(code, &self.message, retry_after).encode_to_vec();
        tonic::Status::with_details(code, self.message, details.into())
    }

    fn code(&self) -> Code {
        match self.reason {
            Reason::BadInput | Reason::Unsupported => Code::InvalidArgument,
            // Without RetryInfo a client must not repeat RESOURCE_EXHAUSTED, with it it may.
            Reason::TooLarge | Reason::Busy | Reason::StoreFull => Code::ResourceExhausted,
            Reason::Slow => Code::DeadlineExceeded,
            Reason::StoreBroken => Code::Unavailable,
        }
    }

    fn http_status(&self) -> StatusCode {
        match self.reason {
            Reason::BadInput => StatusCode::BAD_REQUEST,
            Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Reason::Slow => StatusCode::REQUEST_TIMEOUT,
            Reason::Busy | Reason::StoreFull | Reason::StoreBroken => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self.reason {
            Reason::BadInput | Reason::TooLarge | Reason::Unsupported | Reason::Slow => None,
            Reason::Busy => Some(Duration::from_secs(1)),
            Reason::StoreFull => Some(Duration::from_secs(5)),
            Reason::StoreBroken => Some(Duration::from_secs(30)),
        }
    }
}

impl Format {
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        })
    }
}

impl From<sigyn_store::Error> for Refusal {
    fn from(error: sigyn_store::Error) -> Self {
        let reason = match error.kind() {
            ErrorKind::BadInput => Reason::BadInput,
            ErrorKind::TryLater => Reason::StoreFull,
            ErrorKind::Locked | ErrorKind::Report => Reason::StoreBroken,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<InflateError> for Refusal {
    fn from(error: InflateError) -> Self {
        let reason = match error {
            InflateError::TooLarge { .. } => Reason::TooLarge,
            InflateError::Broken { .. } => Reason::BadInput,
        };
        Self::new(reason, error.to_string())
    }
}
