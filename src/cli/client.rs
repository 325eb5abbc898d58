//! The HTTP client of the commands that ask a server.

use crate::exit::Exit;
use reqwest::{Response, Url};
use std::{error::Error, time::Duration};

/// Asks servers over HTTP; each answer must come within one timeout.
pub(super) struct Client {
    inner: reqwest::Client,
    /// The system has no CA certificates: good for plain http only.
    trusts_nobody: bool,
}

impl Client {
    /// Builds also where the system has no CA certificates, since most servers are asked plainly.
    pub(super) fn new(timeout: Duration) -> Result<Self, Exit> {
        let builder = || reqwest::Client::builder().timeout(timeout);
        match builder().build() {
            Ok(inner) => Ok(Self { inner, trusts_nobody: false }),
            Err(error) => match builder().tls_certs_only([]).build() {
                Ok(inner) => Ok(Self { inner, trusts_nobody: true }),
                Err(_) => Err(Exit::bad(format!("no HTTP client can be made: {}", root(&error)))),
            },
        }
    }

    /// GET; an error is one sentence for the person who asked, without the URL.
    pub(super) async fn get(&self, url: Url) -> Result<Response, String> {
        self.get_as(url, "*/*").await
    }

    /// The same with an `Accept` header.
    pub(super) async fn get_as(&self, url: Url, accept: &str) -> Result<Response, String> {
        if self.trusts_nobody && url.scheme() == "https" {
            let why = "this system has no CA certificates to trust an https server by; \
                       install its package ca-certificates";
            return Err(why.to_owned());
        }
        self.inner.get(url).header("accept", accept).send().await.map_err(|error| root(&error))
    }
}

/// The innermost cause: the outer ones only repeat the URL.
fn root(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
