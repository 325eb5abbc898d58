//! AWS Signature Version 4, as far as a GET without a body needs it.

use super::credentials::Credentials;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use sha2::{Digest, Sha256};

/// What a signature is valid for.
pub(super) struct Scope<'s> {
    pub(super) region: &'s str,
    pub(super) service: &'s str,
    /// Nanoseconds since the Unix epoch.
    pub(super) now_unix_nano: u64,
}

/// The headers that make a request one of the account's own.
pub(super) fn sign(
    url: &Url,
    credentials: &Credentials,
    scope: &Scope<'_>,
) -> Result<HeaderMap, String> {
    let time = jiff::Timestamp::from_nanosecond(i128::from(scope.now_unix_nano))
        .map_err(|error| error.to_string())?;
    let time = time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = &time[..8];
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return Err(format!("{url} has no host")),
    };
    let token = credentials.token.as_ref().map(|token| token.expose());
    let mut signed = vec![("host", host.as_str()), ("x-amz-date", &time)];
    signed.extend(token.map(|token| ("x-amz-security-token", token)));
    let headers: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let request = format!(
        "GET\n{}\n{}\n{headers}\n{names}\n{}",
        url.path(),
        canonical_query(url),
        hexadecimal(&Sha256::digest(b"")),
    );
    let (region, service) = (scope.region, scope.service);
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let request = hexadecimal(&Sha256::digest(request));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{request}");
    let key = format!("AWS4{}", credentials.secret_key.expose());
    let key = [date, region, service, "aws4_request"]
        .iter()
        .fold(key.into_bytes(), |key, part| hmac(&key, part.as_bytes()));
    let signature = hexadecimal(&hmac(&key, text.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key
    );
    let mut all = HeaderMap::new();
    let of_token = token.map(|token| ("x-amz-security-token", token));
    for (name, value) in [("x-amz-date", time.as_str()), ("authorization", &authorization)]
        .into_iter()
        .chain(of_token)
    {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| "the credentials hold what cannot stand in a header".to_owned())?;
        value.set_sensitive(name != "x-amz-date");
        all.insert(HeaderName::from_static(name), value);
    }
    Ok(all)
}

/// Sorted and encoded as the signature's specification says: spaces are `%20`.
fn canonical_query(url: &Url) -> String {
    let mut pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (encode(&name), encode(&value))).collect();
    pairs.sort();
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Everything but letters, digits and `-._~`.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(byte.into()),
            false => out += &format!("%{byte:02X}"),
        }
    }
    out
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    /// The example `get-vanilla-query-order-key-case` of the signature's test suite.
    #[test]
    fn a_request_is_signed_as_in_the_specification() {
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            token: None,
            expires_unix_nano: None,
        };
        let url = "https://example.amazonaws.com/?Param2=value2&Param1=value1".parse().unwrap();
        let scope = Scope {
            region: "us-east-1",
            service: "service",
            now_unix_nano: 1_440_938_160_000_000_000,
        };
        let headers = sign(&url, &credentials, &scope).unwrap();
        assert_eq!(headers["x-amz-date"], "20150830T123600Z");
        assert_eq!(
            headers["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
    }
}
