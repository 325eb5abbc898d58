//! A configuration as YAML text again: defaults filled in, durations and sizes normalised, secrets
//! hidden.

use crate::config::{Authentication, HttpClient, Proxy, SecretSource, TlsConfig};
use serde::{Serialize, Serializer};
use std::path::Path;

/// A piece of YAML to print, its keys in the order of the code.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Printed {
    Text(String),
    Number(u64),
    Boolean(bool),
    List(Vec<Printed>),
    Map(Vec<(String, Printed)>),
    /// A relabel rule, which knows itself how it looks.
    Rule(crate::relabel::Rule),
}

impl Printed {
    pub(crate) fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    pub(crate) fn path(path: &Path) -> Self {
        Self::Text(path.display().to_string())
    }

    pub(crate) fn texts<T: ToString>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    pub(crate) fn labels(labels: &crate::Labels) -> Self {
        let pairs = labels.iter();
        Self::Map(pairs.map(|(name, value)| (name.to_owned(), Self::text(value))).collect())
    }
}

/// The fields of a map while it is put together.
#[derive(Default)]
pub(crate) struct PrintedMap(Vec<(String, Printed)>);

impl PrintedMap {
    pub(crate) fn add(&mut self, key: &str, value: Printed) -> &mut Self {
        self.0.push((key.to_owned(), value));
        self
    }

    /// Adds what is there.
    pub(crate) fn maybe(&mut self, key: &str, value: Option<Printed>) -> &mut Self {
        match value {
            Some(value) => self.add(key, value),
            None => self,
        }
    }

    /// Adds a limit, of which 0 means none.
    pub(crate) fn limit(&mut self, key: &str, limit: u64) -> &mut Self {
        self.maybe(key, (limit > 0).then_some(Printed::Number(limit)))
    }

    pub(crate) fn done(self) -> Printed {
        Printed::Map(self.0)
    }

    /// The inline HTTP options.
    pub(crate) fn http(&mut self, http: &HttpClient) -> &mut Self {
        match &http.authentication {
            Authentication::None => {}
            Authentication::Basic { username, password } => {
                let mut map = Self::default();
                match username {
                    // A name is no secret.
                    SecretSource::Inline(name) => {
                        map.add("username", Printed::text(name.expose()));
                    }
                    file => {
                        map.secret("username", Some(file));
                    }
                }
                map.secret("password", password.as_ref());
                self.add("basic_auth", map.done());
            }
            Authentication::Header { scheme, credentials } => {
                let mut map = Self::default();
                map.add("type", Printed::text(scheme)).secret("credentials", Some(credentials));
                self.add("authorization", map.done());
            }
            Authentication::OAuth2(oauth2) => {
                let mut map = Self::default();
                let params = oauth2.endpoint_params.iter();
                let params: Vec<_> =
                    params.map(|(name, value)| (name.clone(), Printed::text(value))).collect();
                map.add("client_id", Printed::text(&oauth2.client_id))
                    .secret("client_secret", oauth2.client_secret.as_ref())
                    .list("scopes", Printed::texts(&oauth2.scopes))
                    .add("token_url", Printed::text(&oauth2.token_url))
                    .maybe("endpoint_params", (!params.is_empty()).then_some(Printed::Map(params)))
                    .tls(&oauth2.tls)
                    .proxy(&oauth2.proxy);
                self.add("oauth2", map.done());
            }
        }
        self.tls(&http.tls).proxy(&http.proxy);
        self.add("follow_redirects", Printed::Boolean(http.follow_redirects))
            .add("enable_http2", Printed::Boolean(http.enable_http2));
        if !http.headers.is_empty() {
            let mut all = Self::default();
            for header in &http.headers {
                let mut map = Self::default();
                let paths = header.files.iter().map(|path| path.display().to_string());
                map.list("values", Printed::texts(&header.values))
                    .list("secrets", Printed::texts(&header.secrets))
                    .list("files", Printed::texts(paths));
                all.add(&header.name, map.done());
            }
            self.add("http_headers", all.done());
        }
        self
    }

    fn tls(&mut self, tls: &TlsConfig) -> &mut Self {
        if *tls != TlsConfig::default() {
            let mut map = Self::default();
            map.public("ca", tls.ca.as_ref())
                .public("cert", tls.certificate.as_ref())
                .secret("key", tls.key.as_ref())
                .maybe("server_name", tls.server_name.as_ref().map(Printed::text))
                .add("insecure_skip_verify", Printed::Boolean(tls.insecure_skip_verify))
                .maybe("min_version", tls.version_min.map(|it| Printed::text(it.name())))
                .maybe("max_version", tls.version_max.map(|it| Printed::text(it.name())));
            self.add("tls_config", map.done());
        }
        self
    }

    fn proxy(&mut self, proxy: &Proxy) -> &mut Self {
        if proxy.from_environment {
            self.add("proxy_from_environment", Printed::Boolean(true));
        } else if let Some(url) = &proxy.http {
            self.add("proxy_url", Printed::Text(without_password(url.expose())));
            if !proxy.no_proxy.is_empty() {
                self.add("no_proxy", Printed::text(&proxy.no_proxy));
            }
        }
        if !proxy.connect_headers.is_empty() {
            let headers = proxy.connect_headers.iter();
            let headers =
                headers.map(|(name, values)| (name.clone(), Printed::texts(values))).collect();
            self.add("proxy_connect_header", Printed::Map(headers));
        }
        self
    }

    /// A list that is left out when it is empty.
    pub(crate) fn list(&mut self, key: &str, list: Printed) -> &mut Self {
        match &list {
            Printed::List(items) if items.is_empty() => self,
            _ => self.add(key, list),
        }
    }

    fn secret(&mut self, key: &str, source: Option<&SecretSource>) -> &mut Self {
        match source {
            None => self,
            Some(SecretSource::Inline(secret)) => self.add(key, Printed::text(secret)),
            Some(SecretSource::File(path)) => self.add(&format!("{key}_file"), Printed::path(path)),
        }
    }

    /// Something that may stand in a file, but is not secret.
    fn public(&mut self, key: &str, source: Option<&SecretSource>) -> &mut Self {
        match source {
            Some(SecretSource::Inline(text)) => self.add(key, Printed::text(text.expose())),
            other => self.secret(key, other),
        }
    }
}

impl Serialize for Printed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
            }
            Self::Rule(rule) => rule.serialize(serializer),
        }
    }
}

/// The URL with another password in its place, as Go shows it.
fn without_password(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(mut url) if url.password().is_some() => {
            let _ = url.set_password(Some("xxxxx"));
            url.into()
        }
        _ => url.to_owned(),
    }
}
