//! Why there is no answer: sentences for the person who looks at a target.

use std::error::Error as StdError;

/// A request that brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Nobody answers at the address.
    #[error("cannot reach the target: {0}")]
    Unreachable(String),
    /// The connection broke in the middle.
    #[error("the answer was cut off: {0}")]
    CutOff(String),
    /// The client cannot be built as configured.
    #[error("the HTTP client of this job cannot be used: {0}")]
    Unusable(String),
    /// Nobody could vouch for an https target.
    #[error(
        "this system has no CA certificates to trust an https target by: install its package \
         ca-certificates and restart, or set tls_config.ca_file"
    )]
    TrustsNobody,
    /// The token endpoint gave no token.
    #[error("oauth2: {0}")]
    Token(String),
    /// The URL or a redirect is not to be asked.
    #[error("{0}")]
    Wrong(String),
}

impl HttpError {
    /// Nobody listens at the address any more.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        let reason = root(&error);
        if error.is_connect() {
            Self::Unreachable(reason)
        } else if error.is_builder() {
            Self::Wrong(format!("the target's URL cannot be asked: {reason}"))
        } else {
            Self::CutOff(reason)
        }
    }
}

/// The innermost cause: the outer ones only repeat the URL.
pub(crate) fn root(error: &dyn StdError) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
