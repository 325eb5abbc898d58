//! The HTTP client of the commands that ask a server.

use crate::exit::Exit;
use reqwest::{ClientBuilder, Response, Url};
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
        let (inner, trusts_nobody) = build_trusting(|builder| builder.timeout(timeout))?;
        Ok(Self { inner, trusts_nobody })
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

/// A client of its own making; like [`Client::new`], also where the system has no CA certificates.
pub(super) fn build(
    choose: impl Fn(ClientBuilder) -> ClientBuilder,
) -> Result<reqwest::Client, Exit> {
    build_trusting(choose).map(|(client, _)| client)
}

/// The client, and whether it trusts nobody.
fn build_trusting(
    choose: impl Fn(ClientBuilder) -> ClientBuilder,
) -> Result<(reqwest::Client, bool), Exit> {
    let builder = || choose(reqwest::Client::builder());
    match builder().build() {
        Ok(client) => Ok((client, false)),
        Err(error) => match builder().tls_certs_only([]).build() {
            Ok(client) => Ok((client, true)),
            Err(_) => Err(Exit::bad(format!("no HTTP client can be made: {}", root(&error)))),
        },
    }
}

/// The innermost cause: the outer ones only repeat the URL.
pub(super) fn root(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
