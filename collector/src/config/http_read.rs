//! Reads the HTTP options that stand inline in scrape jobs and discovery blocks.

mod oauth2;
mod proxy;

use oauth2::read_oauth2;
use proxy::read_proxy;

use crate::config::{
    Authentication, Field, Fields, HttpClient, HttpHeader, Reading, Secret, SecretSource,
    TlsConfig, TlsVersion,
};

/// The keys that this reads.
pub(crate) const HTTP_KEYS: [&str; 13] = [
    "basic_auth",
    "authorization",
    "bearer_token",
    "bearer_token_file",
    "oauth2",
    "tls_config",
    "follow_redirects",
    "enable_http2",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
    "http_headers",
];

/// Headers that the client sets itself.
const RESERVED_HEADERS: [&str; 21] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "www-authenticate",
    "x-prometheus-scrape-timeout-seconds",
];

/// Takes the HTTP options out of the fields.
pub(crate) fn read_http(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> HttpClient {
    let mut http = HttpClient::default();
    let mut ways = Vec::new();
    if let Some(field) = fields.take("basic_auth") {
        ways.push("basic_auth");
        http.authentication = read_basic(reading, &field).unwrap_or_default();
    }
    if let Some(field) = fields.take("authorization") {
        ways.push("authorization");
        http.authentication = read_authorization(reading, &field).unwrap_or_default();
    }
    let bearer = read_secret(reading, fields, "bearer_token", "bearer_token_file");
    if let Some(credentials) = bearer {
        ways.push("bearer_token");
        http.authentication = Authentication::Header { scheme: "Bearer".into(), credentials };
    }
    if let Some(field) = fields.take("oauth2") {
        ways.push("oauth2");
        let oauth2 = read_oauth2(reading, &field).map(Box::new).map(Authentication::OAuth2);
        http.authentication = oauth2.unwrap_or_default();
    }
    if ways.len() > 1 {
        let message =
            format!("only one way to authenticate is allowed, not {}", ways.join(" and "));
        reading.error_at(fields.place, &fields.path, message);
    }
    if let Some(field) = fields.take("tls_config") {
        http.tls = read_tls(reading, &field).unwrap_or_default();
    }
    if let Some(field) = fields.take("follow_redirects") {
        http.follow_redirects = reading.boolean(&field).unwrap_or(true);
    }
    if let Some(field) = fields.take("enable_http2") {
        http.enable_http2 = reading.boolean(&field).unwrap_or(true);
    }
    http.proxy = read_proxy(reading, fields);
    if let Some(field) = fields.take("http_headers") {
        http.headers = read_headers(reading, &field);
    }
    http
}

/// A secret that stands under one key or, as a file, under another.
fn read_secret(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
    file_key: &'static str,
) -> Option<SecretSource> {
    let inline = fields.take(key);
    let file = fields.take(file_key);
    match (inline, file) {
        (Some(_), Some(file)) => {
            reading.error(&file, format!("`{key}` and `{file_key}` exclude each other"));
            None
        }
        (Some(field), None) => reading.text(&field).map(Secret::new).map(SecretSource::Inline),
        (None, Some(field)) => reading.path(&field).map(SecretSource::File),
        (None, None) => None,
    }
}

fn read_basic(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Authentication> {
    let mut fields = reading.map(field)?;
    let username = read_secret(reading, &mut fields, "username", "username_file");
    let password = read_secret(reading, &mut fields, "password", "password_file");
    fields.finish(reading);
    let username = username.unwrap_or_else(|| SecretSource::Inline(Secret::default()));
    Some(Authentication::Basic { username, password })
}

fn read_authorization(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Authentication> {
    let mut fields = reading.map(field)?;
    let scheme = fields.take("type").and_then(|field| reading.text(&field));
    let scheme = scheme.unwrap_or_else(|| "Bearer".into()).trim().to_owned();
    let credentials = read_secret(reading, &mut fields, "credentials", "credentials_file");
    fields.finish(reading);
    if scheme.eq_ignore_ascii_case("basic") {
        reading.error(field, "the type basic is written as `basic_auth`");
        return None;
    }
    if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        reading.error(field, "`type` is not one word");
        return None;
    }
    let Some(credentials) = credentials else {
        reading.error(field, "`credentials` or `credentials_file` is needed");
        return None;
    };
    Some(Authentication::Header { scheme, credentials })
}

fn read_tls(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<TlsConfig> {
    let mut fields = reading.map(field)?;
    let mut tls = TlsConfig {
        ca: read_secret(reading, &mut fields, "ca", "ca_file"),
        certificate: read_secret(reading, &mut fields, "cert", "cert_file"),
        key: read_secret(reading, &mut fields, "key", "key_file"),
        ..TlsConfig::default()
    };
    if tls.certificate.is_some() != tls.key.is_some() {
        reading.error(field, "a client certificate needs both `cert` and `key`");
    }
    if let Some(field) = fields.take("server_name") {
        tls.server_name = reading.text(&field).filter(|name| !name.is_empty());
    }
    if let Some(field) = fields.take("insecure_skip_verify") {
        tls.insecure_skip_verify = reading.boolean(&field)?;
    }
    for key in ["min_version", "max_version"] {
        let Some(field) = fields.take(key) else { continue };
        let text = reading.text(&field)?;
        let version = match &*text {
            "TLS12" => Some(TlsVersion::Tls12),
            "TLS13" => Some(TlsVersion::Tls13),
            // A lower bound below what we speak bounds nothing.
            "TLS10" | "TLS11" if key == "min_version" => None,
            "TLS10" | "TLS11" => {
                reading.error(&field, format!("{text} is too old; Sigyn speaks TLS12 and TLS13"));
                None
            }
            _ => {
                reading.error(&field, format!("{text:?} is none of TLS10, TLS11, TLS12, TLS13"));
                None
            }
        };
        match key {
            "min_version" => tls.version_min = version,
            _ => tls.version_max = version,
        }
    }
    if tls.version_max.is_some() && tls.version_min > tls.version_max {
        reading.error(field, "`min_version` is above `max_version`");
    }
    fields.finish(reading);
    Some(tls)
}

fn read_headers(reading: &mut Reading<'_>, field: &Field<'_>) -> Vec<HttpHeader> {
    let Some(mut all) = reading.map(field) else { return Vec::new() };
    let mut headers = Vec::new();
    for (name, _, field) in all.take_all(|_| true) {
        if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            reading.error(&field, format!("the header {name} is set by the client itself"));
            continue;
        }
        if http::HeaderName::try_from(name.as_str()).is_err() {
            reading.error(&field, format!("{name:?} is not a valid header name"));
            continue;
        }
        let Some(mut fields) = reading.map(&field) else { continue };
        let values = fields.take("values").map(|field| reading.texts(&field)).unwrap_or_default();
        let secrets = fields.take("secrets").map(|field| reading.texts(&field)).unwrap_or_default();
        let files = fields.take("files").map(|field| reading.list(&field)).unwrap_or_default();
        let files = files.iter().filter_map(|field| reading.path(field)).collect();
        fields.finish(reading);
        for value in values.iter().chain(&secrets) {
            if http::HeaderValue::try_from(value.as_str()).is_err() {
                reading.error(&field, format!("a value of the header {name} is not valid"));
            }
        }
        let secrets = secrets.into_iter().map(Secret::new).collect();
        headers.push(HttpHeader { name, values, secrets, files });
    }
    headers.sort_by(|a, b| a.name.cmp(&b.name));
    headers
}
