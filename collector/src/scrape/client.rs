//! The HTTP client of one scrape pool: its TLS, its credentials, its redirects.

use super::read_error::ReadError;
use crate::config::{Authentication, HttpClient, ScrapeConfig, SecretSource, TlsVersion};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::{Url, redirect::Policy, tls};
use std::time::Duration;
use tokio::sync::OnceCell;

const REDIRECTS_MAX: usize = 10;
const USER_AGENT: &str = concat!("sigyn/", env!("CARGO_PKG_VERSION"));

/// One client for all targets of a pool, with one idle connection kept for each of them.
#[derive(Debug)]
pub(super) struct Client {
    options: HttpClient,
    idle_time_max: Duration,
    /// Built at the first read, since that reads files. A failure is tried again.
    inner: OnceCell<reqwest::Client>,
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
        Self { options: config.http.clone(), idle_time_max, inner: OnceCell::new() }
    }

    /// Asks, follows redirects, and gives the first answer that is none. Credentials and the
    /// configured headers go to the first host only.
    pub(super) async fn get(
        &self,
        url: Url,
        headers: &HeaderMap,
    ) -> Result<reqwest::Response, ReadError> {
        let client = self.inner.get_or_try_init(|| self.build()).await?;
        let private = self.private().await?;
        let origin = url.origin();
        let mut next = url;
        for _ in 0..=REDIRECTS_MAX {
            let mut request = client.get(next.clone()).headers(headers.clone());
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
                let secret = read_secret(&SecretSource::File(path.clone())).await?;
                headers.append(name.clone(), hidden(&configured.name, &secret)?);
            }
        }
        let mut basic = None;
        match &self.options.authentication {
            Authentication::None => {}
            Authentication::Basic { username, password } => {
                let username = read_secret(username).await?;
                let password = match password {
                    Some(password) => Some(read_secret(password).await?),
                    None => None,
                };
                basic = Some((username, password));
            }
            Authentication::Header { scheme, credentials } => {
                let authorization = format!("{scheme} {}", read_secret(credentials).await?);
                headers.insert(header::AUTHORIZATION, hidden("authorization", &authorization)?);
            }
        }
        Ok(Private { headers, basic })
    }

    async fn build(&self) -> Result<reqwest::Client, ReadError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_proxy()
            .no_gzip()
            .no_zstd()
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(self.idle_time_max)
            .tls_danger_accept_invalid_certs(self.options.tls.insecure_skip_verify);
        if !self.options.enable_http2 {
            builder = builder.http1_only();
        }
        if let Some(version) = self.options.tls.version_min {
            builder = builder.tls_version_min(tls_version(version));
        }
        if let Some(version) = self.options.tls.version_max {
            builder = builder.tls_version_max(tls_version(version));
        }
        if self.options.tls.server_name.is_some() {
            return Err(ReadError::Client(
                "tls_config.server_name is not supported for scraping yet".to_owned(),
            ));
        }
        if let Some(authority) = &self.options.tls.ca {
            let pem = read_secret(authority).await?;
            let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes())
                .map_err(|_| unusable("tls_config.ca", "holds no PEM certificate"))?;
            builder = builder.tls_certs_only(certificates);
        }
        if let (Some(certificate), Some(key)) =
            (&self.options.tls.certificate, &self.options.tls.key)
        {
            let pem = format!("{}\n{}", read_secret(certificate).await?, read_secret(key).await?);
            let identity = reqwest::Identity::from_pem(pem.as_bytes())
                .map_err(|_| unusable("tls_config.cert and key", "are not a PEM pair"))?;
            builder = builder.identity(identity);
        }
        builder.build().map_err(|error| ReadError::Client(error.to_string()))
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

async fn read_secret(source: &SecretSource) -> Result<String, ReadError> {
    match source.read().await {
        Ok(secret) => Ok(secret.expose().to_owned()),
        Err(error) => {
            let place = match source {
                SecretSource::Inline(_) => "the configuration".to_owned(),
                SecretSource::File(path) => path.display().to_string(),
            };
            Err(ReadError::Client(format!("cannot read {place}: {error}")))
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

fn tls_version(version: TlsVersion) -> tls::Version {
    match version {
        TlsVersion::Tls12 => tls::Version::TLS_1_2,
        TlsVersion::Tls13 => tls::Version::TLS_1_3,
    }
}
