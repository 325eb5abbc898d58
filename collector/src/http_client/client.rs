//! One client for everything that a block of the configuration asks.

use super::{
    error::{HttpError, root},
    oauth2::TokenSource,
    proxy,
    tls::{self, Pem},
};
use crate::config::{Authentication, HttpClient, SecretSource};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use bytes::Bytes;
use reqwest::{Url, redirect::Policy};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::Mutex;

const REDIRECTS_MAX: usize = 10;
/// How soon a rotated certificate is seen.
const TLS_CHECK_INTERVAL: Duration = Duration::from_secs(30);
/// Clients for sockets are forgotten when there are more: those in use are made again.
const SOCKETS_MAX: usize = 1024;
const USER_AGENT: &str = concat!("sigyn/", env!("CARGO_PKG_VERSION"));

/// One client for all targets of a block, with one idle connection kept for each of them.
#[derive(Debug)]
pub struct Client {
    options: HttpClient,
    idle_time_max: Duration,
    tokens: Option<TokenSource>,
    /// By Unix socket, `None` for the network. Built at the first use, since that reads files. A
    /// failure is tried again.
    built: Mutex<BTreeMap<Option<PathBuf>, Built>>,
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

/// What only the host that was asked may see.
struct Private {
    headers: HeaderMap,
    basic: Option<(String, Option<String>)>,
    token: Option<HeaderValue>,
}

impl Client {
    /// `idle_time_max` is how long a connection may wait for its next use.
    pub fn new(options: HttpClient, idle_time_max: Duration) -> Self {
        let tokens = match &options.authentication {
            Authentication::OAuth2(oauth2) => Some(TokenSource::new(oauth2, idle_time_max)),
            _ => None,
        };
        Self { options, idle_time_max, tokens, built: Mutex::default() }
    }

    /// Asks, follows redirects, and gives the first answer that is none. Credentials and the
    /// configured headers never go to another host. With a socket, the host of the URL is only a
    /// name: the socket is dialled.
    ///
    /// # Errors
    /// When there is no answer: a sentence for a person.
    pub async fn get(
        &self,
        url: Url,
        socket: Option<&Path>,
        headers: &HeaderMap,
    ) -> Result<reqwest::Response, HttpError> {
        self.ask(Method::GET, url, socket, headers, Bytes::new()).await
    }

    /// Sends a body. Only redirects that keep method and body (307, 308) are followed.
    pub(crate) async fn post(
        &self,
        url: Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<reqwest::Response, HttpError> {
        self.ask(Method::POST, url, None, headers, body).await
    }

    async fn ask(
        &self,
        method: Method,
        url: Url,
        socket: Option<&Path>,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<reqwest::Response, HttpError> {
        let usable = self.current(socket).await?;
        let private = self.private().await?;
        let first = url.clone();
        let mut next = url;
        for _ in 0..=REDIRECTS_MAX {
            if usable.trusts_nobody && next.scheme() == "https" {
                return Err(HttpError::TrustsNobody);
            }
            let request = usable.client.request(method.clone(), next.clone());
            let mut request = request.headers(headers.clone());
            if method == Method::POST {
                request = request.body(body.clone());
            }
            if is_same_host(&first, &next) {
                request = private.add_to(request);
            }
            let response = request.send().await?;
            if response.status() == StatusCode::UNAUTHORIZED
                && let (Some(tokens), Some(token)) = (&self.tokens, &private.token)
            {
                tokens.forget(token).await;
            }
            match self.target_of_redirect(&method, &response) {
                None => return Ok(response),
                Some(location) => next = location?,
            }
        }
        Err(HttpError::Wrong(format!("the target redirected more than {REDIRECTS_MAX} times")))
    }

    /// The client without any credentials, for requests that bring their own.
    pub(crate) async fn plain(&self) -> Result<reqwest::Client, HttpError> {
        Ok(self.current(None).await?.client)
    }

    fn target_of_redirect(
        &self,
        method: &Method,
        response: &reqwest::Response,
    ) -> Option<Result<Url, HttpError>> {
        let is_redirect = match response.status().as_u16() {
            301..=303 => *method == Method::GET,
            307 | 308 => true,
            _ => false,
        };
        if !self.options.follow_redirects || !is_redirect {
            return None;
        }
        let location = response.headers().get(header::LOCATION)?;
        let url = location.to_str().ok().and_then(|text| response.url().join(text).ok());
        Some(match url {
            Some(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
            _ => Err(HttpError::Wrong("the target redirects to something not HTTP".to_owned())),
        })
    }

    /// Files are read on every use, so that a rotated credential needs no reload.
    async fn private(&self) -> Result<Private, HttpError> {
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
                let secret = tls::read(&SecretSource::File(path.clone())).await?;
                headers.append(name.clone(), hidden(&configured.name, &secret)?);
            }
        }
        let (mut basic, mut token) = (None, None);
        match &self.options.authentication {
            Authentication::None => {}
            Authentication::Basic { username, password } => {
                let username = tls::read(username).await?;
                let password = match password {
                    Some(password) => Some(tls::read(password).await?),
                    None => None,
                };
                basic = Some((username, password));
            }
            Authentication::Header { scheme, credentials } => {
                let authorization = format!("{scheme} {}", tls::read(credentials).await?);
                headers.insert(header::AUTHORIZATION, hidden("authorization", &authorization)?);
            }
            Authentication::OAuth2(_) => {
                if let Some(tokens) = &self.tokens {
                    let header = tokens.header().await?;
                    headers.insert(header::AUTHORIZATION, header.clone());
                    token = Some(header);
                }
            }
        }
        Ok(Private { headers, basic, token })
    }

    /// The client as the files of its TLS are now: they are looked at again from time to time, so
    /// that a rotated certificate needs no reload.
    async fn current(&self, socket: Option<&Path>) -> Result<Usable, HttpError> {
        let key = socket.map(Path::to_owned);
        let mut all = self.built.lock().await;
        let now = tokio::time::Instant::now();
        if let Some(built) = all.get(&key) {
            let fresh = now.duration_since(built.checked) < TLS_CHECK_INTERVAL;
            if fresh || Pem::is_fixed(&self.options.tls) {
                return Ok(built.usable.clone());
            }
        }
        let pem = Pem::read(&self.options.tls).await?;
        if let Some(built) = all.get_mut(&key).filter(|built| built.pem == pem) {
            built.checked = now;
            return Ok(built.usable.clone());
        }
        let usable = self.build(&pem, socket)?;
        if all.len() >= SOCKETS_MAX {
            all.clear();
        }
        all.insert(key, Built { usable: usable.clone(), pem, checked: now });
        Ok(usable)
    }

    /// A system without CA certificates is no reason to leave plain targets unread. If a client
    /// can be built without them and cannot with them, it was they that are missing.
    fn build(&self, pem: &Pem, socket: Option<&Path>) -> Result<Usable, HttpError> {
        let why = match self.builder(pem, socket)?.build() {
            Ok(client) => return Ok(Usable { client, trusts_nobody: false }),
            Err(error) => root(&error),
        };
        match self.builder(pem, socket)?.tls_certs_only([]).build() {
            Ok(client) => Ok(Usable { client, trusts_nobody: true }),
            Err(_) => Err(HttpError::Unusable(why)),
        }
    }

    fn builder(
        &self,
        pem: &Pem,
        socket: Option<&Path>,
    ) -> Result<reqwest::ClientBuilder, HttpError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_gzip()
            .no_zstd()
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(self.idle_time_max);
        builder = proxy::apply(&self.options.proxy, builder)?;
        if let Some(socket) = socket {
            builder = builder.unix_socket(socket);
        }
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

/// Where what was meant for the first URL may go as well: the same server, or the same host over
/// TLS.
fn is_same_host(first: &Url, next: &Url) -> bool {
    next.origin() == first.origin()
        || (next.scheme() == "https" && first.scheme() == "http" && next.host() == first.host())
}

fn hidden(name: &str, value: &str) -> Result<HeaderValue, HttpError> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| unusable(name, "has a value that cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unusable(what: &str, why: &str) -> HttpError {
    HttpError::Unusable(format!("{what} {why}"))
}
