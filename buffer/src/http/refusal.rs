//! What cannot be answered, and the sentence that says why.

use http::{Method, Response, StatusCode};

use super::body::PullBody;
use crate::cursor::CursorError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Method(Method),
    Cursor(CursorError),
    MaxBytes(String),
    Wait(String),
    Drain(String),
    Trace(String),
    /// How many were named, and how many may be.
    TooManyTraces(usize, usize),
    TooManyWaiting,
    TooManyReading,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooManyWaiting | Self::TooManyReading => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(crate) fn into_response(self) -> Response<PullBody> {
        let status = self.status();
        let mut response = Response::builder()
            .status(status)
            .header("content-type", "text/plain; charset=utf-8")
            .header("cache-control", "no-store");
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response = response.header("allow", "GET, HEAD");
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            response = response.header("retry-after", "1");
        }
        response.body(PullBody::text(format!("{self}\n"))).expect("all of these are valid")
    }
}

impl From<CursorError> for Refusal {
    fn from(error: CursorError) -> Self {
        Self::Cursor(error)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Method(method) => {
                write!(formatter, "spans are read with GET or HEAD, not with {method}")
            }
            Self::Cursor(error) => error.fmt(formatter),
            Self::MaxBytes(value) => {
                write!(formatter, "max_bytes is a number of bytes such as 4194304, not {value:?}")
            }
            Self::Wait(value) => {
                write!(formatter, "wait is a duration such as 10s or 500ms, not {value:?}")
            }
            Self::Drain(value) => write!(formatter, "drain is 1 or 0, not {value:?}"),
            Self::Trace(value) => write!(
                formatter,
                "trace_id is 1 to 32 hexadecimal digits, or several of these with commas between them, not {value:?}"
            ),
            Self::TooManyTraces(named, max) => {
                write!(formatter, "{named} traces are more than the {max} that one read may ask for")
            }
            Self::TooManyWaiting => formatter
                .write_str("as many readers as this buffer allows are waiting already: read without wait, or later"),
            Self::TooManyReading => {
                formatter.write_str("as many readers as this buffer allows are reading now: read later")
            }
        }
    }
}
