//! How discovery asks HTTP servers: the inline HTTP options, a time limit and a bounded answer.

use crate::{config::HttpClient, http_client::Client};
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use serde::de::DeserializeOwned;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// A larger answer is not a list of targets.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Asks one server.
#[derive(Debug)]
pub(super) struct SourceClient {
    client: Client,
    socket: Option<PathBuf>,
}

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: http::StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl SourceClient {
    /// With the options as they stand in the configuration; connections stay open for so long.
    pub(super) fn new(options: &HttpClient, idle_time_max: Duration) -> Self {
        Self { client: Client::new(options.clone(), idle_time_max), socket: None }
    }

    /// Asks over a Unix socket; the host of a URL is only a name then.
    pub(super) fn over_socket(path: &Path, idle_time_max: Duration) -> Self {
        let socket = Some(path.to_owned());
        Self { socket, ..Self::new(&HttpClient::default(), idle_time_max) }
    }

    /// The whole answer, whatever its status.
    pub(super) async fn get(
        &self,
        url: &Url,
        headers: &HeaderMap,
        timeout: Duration,
    ) -> Result<Answer, String> {
        let asking = async {
            let response = self.client.get(url.clone(), self.socket.as_deref(), headers).await;
            read(response.map_err(|error| error.to_string())?).await
        };
        within(timeout, url, asking).await
    }

    /// PUT without a body and without the configured credentials.
    pub(super) async fn put(
        &self,
        url: &Url,
        headers: &HeaderMap,
        timeout: Duration,
    ) -> Result<Answer, String> {
        let asking = async {
            let client = self.client.plain().await.map_err(|error| error.to_string())?;
            let response = client.put(url.clone()).headers(headers.clone()).send().await;
            read(response.map_err(|error| crate::http_client::root(&error))?).await
        };
        within(timeout, url, asking).await
    }
}

impl Answer {
    /// The body as JSON, if the status is 200.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        self.good()?;
        serde_json::from_slice(&self.body)
            .map_err(|error| format!("the answer is not what was expected: {error}"))
    }

    /// The body, if the status is 200.
    pub(super) fn good(&self) -> Result<&[u8], String> {
        if self.status == http::StatusCode::OK {
            return Ok(&self.body);
        }
        let text = String::from_utf8_lossy(&self.body);
        let begin: String = text.chars().take(200).collect();
        Err(format!("the server answered {}: {}", self.status, begin.trim()))
    }
}

async fn within(
    timeout: Duration,
    url: &Url,
    asking: impl Future<Output = Result<Answer, String>>,
) -> Result<Answer, String> {
    let answer = tokio::time::timeout(timeout, asking).await;
    let answer = answer.map_err(|_| format!("no answer within {} s", timeout.as_secs_f64()));
    answer.flatten().map_err(|reason| format!("{}: {reason}", without_secrets(url)))
}

/// The whole answer within bounds.
async fn read(mut response: reqwest::Response) -> Result<Answer, String> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(format!("the answer is larger than {} MB", BODY_BYTES_MAX >> 20));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

/// A header whose value does not show in logs.
pub(super) fn header(name: &'static str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| format!("the header {name} has a value that cannot be sent"))?;
    value.set_sensitive(true);
    Ok((HeaderName::from_static(name), value))
}

/// A URL as it may stand in a log.
fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    // Fails only for URLs that cannot have a password.
    let _ = url.set_password(None);
    url.to_string()
}
