//! Reads `proxy_url`, `no_proxy`, `proxy_from_environment` and `proxy_connect_header`.

use crate::config::{Fields, Proxy, Reading, Secret};

/// What Go's client never sends through a proxy of the environment.
const LOCAL: &str = "localhost,127.0.0.0/8,::1";

pub(super) fn read_proxy(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Proxy {
    let mut proxy = Proxy::default();
    let url = fields.take("proxy_url");
    let around = fields.take("no_proxy");
    let from_environment = fields.take("proxy_from_environment");
    let headers = fields.take("proxy_connect_header");

    if let Some(field) = &from_environment {
        proxy.from_environment = reading.boolean(field).unwrap_or(false);
    }
    if let Some(field) = &url
        && let Some(text) = reading.text(field)
        && !text.is_empty()
    {
        if let Err(message) = check(&text) {
            reading.error(field, message);
        }
        proxy.http = Some(Secret::new(text.clone()));
        proxy.https = Some(Secret::new(text));
    }
    if let Some(field) = &around {
        proxy.no_proxy = reading.text(field).unwrap_or_default();
        if proxy.from_environment {
            let message = "`proxy_from_environment` takes NO_PROXY along; remove `no_proxy`";
            reading.error(field, message);
        } else if proxy.http.is_none() && !proxy.no_proxy.is_empty() {
            reading.error(field, "`no_proxy` needs `proxy_url`");
        }
    }
    if proxy.from_environment {
        if let (Some(field), Some(_)) = (&url, &proxy.http) {
            let message = "`proxy_url` and `proxy_from_environment` exclude each other";
            reading.error(field, message);
        }
        (proxy.http, proxy.https) = (None, None);
        let environment = reading.environment;
        // As Go does: upper case first, then lower.
        let variable = |upper: &str| {
            let set = |name: &str| environment(name).filter(|value| !value.is_empty());
            set(upper).or_else(|| set(&upper.to_ascii_lowercase()))
        };
        for (name, url) in [("HTTP_PROXY", &mut proxy.http), ("HTTPS_PROXY", &mut proxy.https)] {
            let Some(text) = variable(name) else { continue };
            // A bare host and port stands for http.
            let text = if text.contains("://") { text } else { format!("http://{text}") };
            match (check(&text), &from_environment) {
                (Err(message), Some(field)) => reading.error(field, format!("{name}: {message}")),
                _ => *url = Some(Secret::new(text)),
            }
        }
        let no_proxy = variable("NO_PROXY").unwrap_or_default();
        proxy.no_proxy = format!("{no_proxy},{LOCAL}").trim_start_matches(',').to_owned();
    }
    if let Some(field) = headers {
        if proxy.http.is_none() && !proxy.from_environment {
            let message = "`proxy_connect_header` needs `proxy_url` or `proxy_from_environment`";
            reading.error(&field, message);
        }
        let all = reading.map(&field).map(|mut all| all.take_all(|_| true)).unwrap_or_default();
        for (name, _, values) in all {
            if http::HeaderName::try_from(name.as_str()).is_err() {
                reading.error(&values, format!("{name:?} is not a valid header name"));
                continue;
            }
            let values_read = reading.texts(&values);
            if values_read.iter().any(|value| http::HeaderValue::try_from(value).is_err()) {
                reading.error(&values, format!("a value of the header {name} is not valid"));
            }
            let secrets = values_read.into_iter().map(Secret::new).collect();
            proxy.connect_headers.push((name, secrets));
        }
        proxy.connect_headers.sort();
    }
    proxy
}

/// The message does not repeat the URL: it may hold a password.
fn check(url: &str) -> Result<(), String> {
    let parsed = reqwest::Url::parse(url).map_err(|_| "this is not the URL of a proxy")?;
    match parsed.scheme() {
        "http" | "https" if parsed.has_host() => Ok(()),
        "socks5" | "socks5h" => Err("a SOCKS proxy is not supported; use an http proxy".into()),
        _ => Err("a proxy's URL begins with http:// or https://".into()),
    }
}
