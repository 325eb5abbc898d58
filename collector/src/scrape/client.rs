//! The HTTP client of one scrape pool: its TLS, its credentials, its redirects.

use super::{
    client_tls::{self, Pem},
    read_error::{self, ReadError},
};
use crate::config::{Authentication, HttpClient, ScrapeConfig, SecretSource};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::{Url, redirect::Policy};
use std::time::Duration;
use tokio::sync::Mutex;

const REDIRECTS_MAX: usize = 10;
/// How soon a rotated certificate is seen.
const TLS_CHECK_INTERVAL: Duration = Duration::from_secs(30);
const USER_AGENT: &str = concat!("sigyn/", env!("CARGO_PKG_VERSION"));

/// One client for all targets of a pool, with one idle connection kept for each of them.
#[derive(Debug)]
pub(super) struct Client {
    options: HttpClient,
    idle_time_max: Duration,
    /// Built at the first read, since that reads files. A failure is tried again.
    built: Mutex<Option<Built>>,
}

#[derive(Debug)]
struct Built {
    usable: Usable,
    pem: Pem,
    checked: tokio::time::Instant,
}

/// A client, and what it can be used for.
#[derive(Clone, Debug)]
struct Usable {
    client: reqwest::Client,
    /// The system has no CA certificates and none are configured: good for plain http only.
    trusts_nobody: bool,
}

/// What only the target itself may see.
struct Private {
    headers: HeaderMap,
    basic: Option<(String, Option<String>)>,
}

impl Client {
    pub(super) fn new(config: &ScrapeConfig) -> Self {
        // A connection must outlive the pause between two reads.
        let idle_time_max = (config.scrape_interval.0 * 2).max(Duration::from_secs(90));
        Self { options: config.http.clone(), idle_time_max, built: Mutex::default() }
    }

    /// Asks, follows redirects, and gives the first answer that is none. Credentials and the
    /// configured headers go to the first host only.
    pub(super) async fn get(
        &self,
        url: Url,
        headers: &HeaderMap,
    ) -> Result<reqwest::Response, ReadError> {
        let usable = self.current().await?;
        let private = self.private().await?;
        let origin = url.origin();
        let mut next = url;
        for _ in 0..=REDIRECTS_MAX {
            if usable.trusts_nobody && next.scheme() == "https" {
                return Err(ReadError::TrustsNobody);
            }
            let mut request = usable.client.get(next.clone()).headers(headers.clone());
            if next.origin() == origin {
                request = private.add_to(request);
            }
            let response = request.send().await?;
            match self.target_of_redirect(&response) {
                None => return Ok(response),
                Some(location) => next = location?,
            }
        }
        Err(ReadError::Wrong(format!("the target redirected more than {REDIRECTS_MAX} times")))
    }

    fn target_of_redirect(&self, response: &reqwest::Response) -> Option<Result<Url, ReadError>> {
        let status = response.status().as_u16();
        if !self.options.follow_redirects || !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let location = response.headers().get(header::LOCATION)?;
        let url = location.to_str().ok().and_then(|text| response.url().join(text).ok());
        Some(match url {
            Some(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
            _ => Err(ReadError::Wrong("the target redirects to something not HTTP".to_owned())),
        })
    }

    /// Files are read on every use, so that a rotated credential needs no reload.
    async fn private(&self) -> Result<Private, ReadError> {
        let mut headers = HeaderMap::new();
        for configured in &self.options.headers {
            let name = HeaderName::from_bytes(configured.name.as_bytes())
                .map_err(|_| unusable(&configured.name, "is not a header name"))?;
            let inline = configured.values.iter().map(String::as_str);
            let secret = configured.secrets.iter().map(|secret| secret.expose());
            for value in inline.chain(secret) {
                headers.append(name.clone(), hidden(&configured.name, value)?);
            }
            for path in &configured.files {
                let secret = client_tls::read(&SecretSource::File(path.clone())).await?;
                headers.append(name.clone(), hidden(&configured.name, &secret)?);
            }
        }
        let mut basic = None;
        match &self.options.authentication {
            Authentication::None => {}
            Authentication::Basic { username, password } => {
                let username = client_tls::read(username).await?;
                let password = match password {
                    Some(password) => Some(client_tls::read(password).await?),
                    None => None,
                };
                basic = Some((username, password));
            }
            Authentication::Header { scheme, credentials } => {
                let authorization = format!("{scheme} {}", client_tls::read(credentials).await?);
                headers.insert(header::AUTHORIZATION, hidden("authorization", &authorization)?);
            }
        }
        Ok(Private { headers, basic })
    }

    /// The client as the files of its TLS are now: they are looked at again from time to time, so
    /// that a rotated certificate needs no reload.
    async fn current(&self) -> Result<Usable, ReadError> {
        let mut built = self.built.lock().await;
        let now = tokio::time::Instant::now();
        if let Some(built) = &*built {
            let fresh = now.duration_since(built.checked) < TLS_CHECK_INTERVAL;
            if fresh || Pem::is_fixed(&self.options.tls) {
                return Ok(built.usable.clone());
            }
        }
        let pem = Pem::read(&self.options.tls).await?;
        if let Some(built) = built.as_mut().filter(|built| built.pem == pem) {
            built.checked = now;
            return Ok(built.usable.clone());
        }
        let usable = self.build(&pem)?;
        *built = Some(Built { usable: usable.clone(), pem, checked: now });
        Ok(usable)
    }

    /// A system without CA certificates is no reason to leave plain targets unread. If a client
    /// can be built without them and cannot with them, it was they that are missing.
    fn build(&self, pem: &Pem) -> Result<Usable, ReadError> {
        let why = match self.builder(pem)?.build() {
            Ok(client) => return Ok(Usable { client, trusts_nobody: false }),
            Err(error) => read_error::root(&error),
        };
        match self.builder(pem)?.tls_certs_only([]).build() {
            Ok(client) => Ok(Usable { client, trusts_nobody: true }),
            Err(_) => Err(ReadError::Client(why)),
        }
    }

    fn builder(&self, pem: &Pem) -> Result<reqwest::ClientBuilder, ReadError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_proxy()
            .no_gzip()
            .no_zstd()
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(self.idle_time_max);
        if !self.options.enable_http2 {
            builder = builder.http1_only();
        }
        pem.apply(&self.options.tls, self.options.enable_http2, builder)
    }
}

impl Private {
    fn add_to(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let request = request.headers(self.headers.clone());
        match &self.basic {
            Some((username, password)) => request.basic_auth(username, password.as_deref()),
            None => request,
        }
    }
}

fn hidden(name: &str, value: &str) -> Result<HeaderValue, ReadError> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| unusable(name, "has a value that cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unusable(what: &str, why: &str) -> ReadError {
    ReadError::Client(format!("{what} {why}"))
}
