//! How an HTTP client that the configuration describes behaves: credentials, TLS, headers, proxy.

use crate::config::{Secret, SecretSource};
use std::path::PathBuf;

/// The HTTP options of a scrape job or of a discovery mechanism.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HttpClient {
    /// Who we are for the server.
    pub authentication: Authentication,
    /// How an https server is checked, and our own certificate.
    pub tls: TlsConfig,
    /// Whether redirects are followed (credentials stay with the first host).
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be negotiated.
    pub enable_http2: bool,
    /// Further request headers, sorted by name.
    pub headers: Vec<HttpHeader>,
    /// Through whom requests go.
    pub proxy: Proxy,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self {
            authentication: Authentication::None,
            tls: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            headers: Vec::new(),
            proxy: Proxy::default(),
        }
    }
}

/// The `authorization` header, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Authentication {
    /// No credentials.
    #[default]
    None,
    /// `basic_auth`.
    Basic {
        /// User name, which may come from a file too.
        username: SecretSource,
        /// Password; absent is empty.
        password: Option<SecretSource>,
    },
    /// `authorization`, `bearer_token`: the header is `{scheme} {credentials}`.
    Header {
        /// Such as `Bearer`.
        scheme: String,
        /// What follows it.
        credentials: SecretSource,
    },
    /// `oauth2`: a token is fetched and kept until it expires.
    OAuth2(Box<OAuth2>),
}

/// `oauth2`, with the grant of client credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OAuth2 {
    /// Who we are for the token endpoint.
    pub client_id: String,
    /// Its secret; absent is empty.
    pub client_secret: Option<SecretSource>,
    /// What the token is to be good for.
    pub scopes: Vec<String>,
    /// The token endpoint.
    pub token_url: String,
    /// Further parameters of the request, sorted by name.
    pub endpoint_params: Vec<(String, String)>,
    /// TLS of the token endpoint.
    pub tls: TlsConfig,
    /// The way to the token endpoint.
    pub proxy: Proxy,
}

/// The proxy keys; the default goes straight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Proxy {
    /// For http URLs. A secret, because it may hold a password.
    pub http: Option<Secret>,
    /// For https URLs.
    pub https: Option<Secret>,
    /// Hosts, domains, addresses and networks to go straight to, separated by commas.
    pub no_proxy: String,
    /// Headers of the CONNECT request, sorted by name.
    pub connect_headers: Vec<(String, Vec<Secret>)>,
    /// All of this was found in the environment when the configuration was read.
    pub from_environment: bool,
}

/// `tls_config`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TlsConfig {
    /// PEM of the authorities that sign the server's certificate; `None`: the system's.
    pub ca: Option<SecretSource>,
    /// PEM of our own certificate.
    pub certificate: Option<SecretSource>,
    /// PEM of its key.
    pub key: Option<SecretSource>,
    /// Name to check the server's certificate against, instead of the host's.
    pub server_name: Option<String>,
    /// Do not check the server's certificate.
    pub insecure_skip_verify: bool,
    /// Lowest version to accept.
    pub version_min: Option<TlsVersion>,
    /// Highest version to offer.
    pub version_max: Option<TlsVersion>,
}

/// A version of TLS that the client can speak (1.0 and 1.1 are refused when the config is read).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// One entry of `http_headers`; the header is sent once for each value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HttpHeader {
    /// Name as written.
    pub name: String,
    /// Plain values.
    pub values: Vec<String>,
    /// Secret values.
    pub secrets: Vec<Secret>,
    /// Files that hold one value each, read on use.
    pub files: Vec<PathBuf>,
}

impl TlsVersion {
    /// As Prometheus writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLS12",
            Self::Tls13 => "TLS13",
        }
    }
}
