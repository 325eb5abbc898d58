//! Zipkin v2 as JSON: a list of spans.

use super::model::{Endpoint, Kind, ZipkinSpan, encode};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    trace_id: String,
    id: String,
    parent_id: Option<String>,
    kind: Option<String>,
    name: Option<String>,
    timestamp: Option<f64>,
    duration: Option<f64>,
    local_endpoint: Option<JsonEndpoint>,
    remote_endpoint: Option<JsonEndpoint>,
    annotations: Option<Vec<Annotation>>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonEndpoint {
    service_name: Option<String>,
    ipv4: Option<String>,
    ipv6: Option<String>,
    port: Option<u16>,
}

#[derive(Deserialize)]
struct Annotation {
    timestamp: f64,
    value: String,
}

/// The error is half a sentence.
pub(super) fn to_otlp(body: &[u8]) -> Result<Vec<u8>, String> {
    let spans: Vec<Span> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let spans = spans.into_iter().map(Span::into_model).collect::<Result<_, _>>()?;
    Ok(encode(spans))
}

impl Span {
    fn into_model(self) -> Result<ZipkinSpan, String> {
        let kind = match self.kind.as_deref() {
            None | Some("") => None,
            Some("CLIENT") => Some(Kind::Client),
            Some("SERVER") => Some(Kind::Server),
            Some("PRODUCER") => Some(Kind::Producer),
            Some("CONSUMER") => Some(Kind::Consumer),
            Some(other) => return Err(format!("{other:?} is no kind of span")),
        };
        let parent_id = self.parent_id.map(|id| id_of(&id, 8)).transpose()?;
        let annotations = self.annotations.into_iter().flatten();
        Ok(ZipkinSpan {
            trace_id: id_of(&self.trace_id, 16)?,
            id: id_of(&self.id, 8)?,
            parent_id: parent_id.unwrap_or_default(),
            kind,
            name: self.name.unwrap_or_default(),
            timestamp_micros: self.timestamp.unwrap_or_default() as u64,
            duration_micros: self.duration.unwrap_or_default() as u64,
            local: self.local_endpoint.map(JsonEndpoint::into_model).unwrap_or_default(),
            remote: self.remote_endpoint.map(JsonEndpoint::into_model).unwrap_or_default(),
            annotations: annotations.map(|it| (it.timestamp as u64, it.value)).collect(),
            tags: self.tags.unwrap_or_default(),
        })
    }
}

impl JsonEndpoint {
    fn into_model(self) -> Endpoint {
        Endpoint {
            service_name: self.service_name.unwrap_or_default(),
            address: self.ipv4.or(self.ipv6).unwrap_or_default(),
            port: self.port.unwrap_or_default(),
        }
    }
}

/// Hexadecimal digits, zeros in front where some are missing.
fn id_of(text: &str, bytes: usize) -> Result<Vec<u8>, String> {
    let digits = 2 * bytes;
    let is_id = (1..=digits).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|_| is_id);
    let number =
        number.ok_or_else(|| format!("{text:?} is not an ID of up to {digits} hex digits"))?;
    Ok(number.to_be_bytes()[16 - bytes..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::to_otlp;
    use crate::{
        damage::{check_conversion, damage, damaged},
        fixture::sample,
    };
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn damaged_lists_are_taken_or_refused(changes in damage()) {
            let body = damaged(&sample("zipkin_v2.json"), &changes);
            check_conversion(&body, to_otlp(&body));
        }
    }
}
