//! Reads `oauth2`.

use super::{read_proxy, read_secret, read_tls};
use crate::config::{Field, Fields, OAuth2, Reading};

/// What belongs to the grant `jwt-bearer`, which is not spoken here.
const JWT_KEYS: [&str; 7] = [
    "client_certificate_key",
    "client_certificate_key_file",
    "client_certificate_key_id",
    "signature_algorithm",
    "iss",
    "audience",
    "claims",
];

pub(super) fn read_oauth2(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<OAuth2> {
    let mut fields = reading.map(field)?;
    let required = |reading: &mut Reading<'_>, fields: &mut Fields<'_>, key| {
        let text = fields.take(key).and_then(|field| reading.text(&field));
        let text = text.filter(|text| !text.is_empty());
        if text.is_none() {
            reading.error(field, format!("oauth2 needs `{key}`"));
        }
        text.unwrap_or_default()
    };
    if let Some(field) = fields.take("grant_type") {
        let grant = reading.text(&field)?;
        if !matches!(&*grant, "" | "client_credentials") {
            let message =
                format!("the grant type {grant:?} is not supported; use client_credentials");
            reading.error(&field, message);
        }
    }
    for (key, place, field) in fields.take_all(|key| JWT_KEYS.contains(&key)) {
        let message = format!("`{key}` belongs to the grant jwt-bearer, which is not supported");
        reading.error_at(place, &field.path, message);
    }
    let client_id = required(reading, &mut fields, "client_id");
    let token_url = required(reading, &mut fields, "token_url");
    let is_url = reqwest::Url::parse(&token_url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !token_url.is_empty() && !is_url {
        reading.error(field, format!("`token_url` {token_url:?} is not an http or https URL"));
    }
    let client_secret = read_secret(reading, &mut fields, "client_secret", "client_secret_file");
    let scopes = fields.take("scopes").map(|field| reading.texts(&field)).unwrap_or_default();
    let params = fields.take("endpoint_params").map(|field| reading.text_map(&field));
    let mut endpoint_params = params.unwrap_or_default();
    endpoint_params.sort();
    let tls = fields.take("tls_config").and_then(|field| read_tls(reading, &field));
    let proxy = read_proxy(reading, &mut fields);
    fields.finish(reading);
    Some(OAuth2 {
        client_id,
        client_secret,
        scopes,
        token_url,
        endpoint_params,
        tls: tls.unwrap_or_default(),
        proxy,
    })
}
