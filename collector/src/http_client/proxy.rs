//! The proxy side of a client.

use super::error::HttpError;
use crate::config::Proxy;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::NoProxy;

/// Gives a client builder the proxies that are configured; without any it goes straight, whatever
/// the environment says.
pub(super) fn apply(
    proxy: &Proxy,
    mut builder: reqwest::ClientBuilder,
) -> Result<reqwest::ClientBuilder, HttpError> {
    builder = builder.no_proxy();
    let unusable = || HttpError::Unusable("proxy_url is not the URL of a proxy".to_owned());
    let around = || NoProxy::from_string(&proxy.no_proxy);
    if let Some(url) = &proxy.http {
        let through = reqwest::Proxy::http(url.expose()).map_err(|_| unusable())?;
        builder = builder.proxy(through.no_proxy(around()));
    }
    if let Some(url) = &proxy.https {
        let through = reqwest::Proxy::https(url.expose()).map_err(|_| unusable())?;
        // Only a tunnel has them: a plain request would carry them on to the target.
        let through = through.headers(connect_headers(proxy)?);
        builder = builder.proxy(through.no_proxy(around()));
    }
    Ok(builder)
}

fn connect_headers(proxy: &Proxy) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::new();
    for (name, values) in &proxy.connect_headers {
        let unusable = || HttpError::Unusable(format!("proxy_connect_header.{name} is not valid"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
        for value in values {
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| unusable())?;
            value.set_sensitive(true);
            headers.append(key.clone(), value);
        }
    }
    Ok(headers)
}
