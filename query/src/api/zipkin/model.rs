//! OTLP as Zipkin's spans, as OpenTelemetry's specification of its Zipkin exporter maps them.

use crate::api::{
    plain_json::PlainJson,
    trace::{hex, id_text},
};
use serde::{Serialize, Serializer};
use sigyn_proto::otlp::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{
        Span as OtlpSpan, TracesData,
        span::{Event, SpanKind},
        status::StatusCode,
    },
};
use sigyn_store::TraceId;
use std::{collections::BTreeMap, net::IpAddr};

/// What names the other side of a call, best first.
pub(super) const REMOTE_NAMES: [&str; 6] =
    ["peer.service", "server.address", "net.peer.name", "peer.hostname", "db.namespace", "db.name"];
const REMOTE_ADDRESSES: [&str; 4] =
    ["network.peer.address", "net.sock.peer.addr", "net.peer.ip", "peer.address"];
const REMOTE_PORTS: [&str; 4] =
    ["network.peer.port", "server.port", "net.sock.peer.port", "net.peer.port"];

/// One trace: a list of spans by start.
pub(super) struct Trace<'a>(Vec<Span<'a>>);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    trace_id: String,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    /// Unix microseconds; absent where the span has no start.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
    /// Microseconds, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(skip_serializing_if = "Endpoint::is_empty")]
    local_endpoint: Endpoint,
    #[serde(skip_serializing_if = "Endpoint::is_empty")]
    remote_endpoint: Endpoint,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<&'a str, String>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    #[serde(skip_serializing_if = "Option::is_none")]
    service_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

impl Endpoint {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Serialize)]
struct Annotation<'a> {
    timestamp: u64,
    value: std::borrow::Cow<'a, str>,
}

impl Serialize for Trace<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'a> Trace<'a> {
    pub(super) fn new(id: TraceId, data: &'a TracesData) -> Self {
        let mut spans: Vec<(u64, Span<'a>)> = Vec::new();
        for group in &data.resource_spans {
            let resource = group.resource.as_ref().map_or(&[][..], |it| &it.attributes);
            for scoped in &group.scope_spans {
                let scope = scoped.scope.as_ref();
                let scope = scope.map(|scope| (scope.name.as_str(), scope.version.as_str()));
                let of = |span: &'a OtlpSpan| {
                    (span.start_time_unix_nano, Span::new(id, resource, scope, span))
                };
                spans.extend(scoped.spans.iter().map(of));
            }
        }
        spans.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
        Self(spans.into_iter().map(|(_, span)| span).collect())
    }
}

impl<'a> Span<'a> {
    fn new(
        id: TraceId,
        resource: &'a [KeyValue],
        scope: Option<(&'a str, &'a str)>,
        span: &'a OtlpSpan,
    ) -> Self {
        let own_id = hex(&span.span_id);
        let parent = hex(&span.parent_span_id);
        let has_parent = span.parent_span_id.iter().any(|byte| *byte != 0) && parent != own_id;
        let start = span.start_time_unix_nano;
        let nanos = span.end_time_unix_nano.saturating_sub(start);
        let service = text_of(resource, "service.name").map(str::to_lowercase);
        let mut annotations: Vec<_> = span.events.iter().map(annotation).collect();
        annotations.sort_by(|a, b| (a.timestamp, &a.value).cmp(&(b.timestamp, &b.value)));
        Self {
            trace_id: id_text(id),
            id: own_id,
            parent_id: has_parent.then_some(parent),
            kind: kind(span.kind),
            name: span.name.to_lowercase(),
            timestamp: (start > 0).then_some(start / 1_000),
            duration: (span.end_time_unix_nano > 0).then_some((nanos / 1_000).max(1)),
            local_endpoint: Endpoint { service_name: service, ..Endpoint::default() },
            remote_endpoint: remote(span),
            annotations,
            tags: tags(resource, scope, span),
        }
    }
}

fn kind(kind: i32) -> Option<&'static str> {
    match SpanKind::try_from(kind) {
        Ok(SpanKind::Server) => Some("SERVER"),
        Ok(SpanKind::Client) => Some("CLIENT"),
        Ok(SpanKind::Producer) => Some("PRODUCER"),
        Ok(SpanKind::Consumer) => Some("CONSUMER"),
        Ok(SpanKind::Internal | SpanKind::Unspecified) | Err(_) => None,
    }
}

fn value_of<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let named = attributes.iter().find(|attribute| attribute.key == key)?;
    named.value.as_ref()?.value.as_ref()
}

fn text_of<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value_of(attributes, key)? {
        Value::StringValue(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The other side of a call, which only the calling and sending kinds name.
fn remote(span: &OtlpSpan) -> Endpoint {
    let calls = matches!(SpanKind::try_from(span.kind), Ok(SpanKind::Client | SpanKind::Producer));
    if !calls && text_of(&span.attributes, "peer.service").is_none() {
        return Endpoint::default();
    }
    let text = |names: &[&str]| names.iter().find_map(|name| text_of(&span.attributes, name));
    let port = REMOTE_PORTS.iter().find_map(|name| match value_of(&span.attributes, name)? {
        Value::IntValue(port) => u16::try_from(*port).ok(),
        Value::StringValue(port) => port.parse().ok(),
        _ => None,
    });
    let address = text(&REMOTE_ADDRESSES).and_then(|text| text.parse::<IpAddr>().ok());
    Endpoint {
        service_name: text(&REMOTE_NAMES).map(str::to_lowercase),
        ipv4: address.filter(IpAddr::is_ipv4).map(|address| address.to_string()),
        ipv6: address.filter(IpAddr::is_ipv6).map(|address| address.to_string()),
        port,
    }
}

/// The name of an event; with its attributes as JSON, where it has some.
fn annotation(event: &Event) -> Annotation<'_> {
    let timestamp = event.time_unix_nano / 1_000;
    if event.attributes.is_empty() {
        return Annotation { timestamp, value: event.name.as_str().into() };
    }
    let attributes: BTreeMap<&str, Option<PlainJson<'_>>> = event
        .attributes
        .iter()
        .map(|attribute| (attribute.key.as_str(), attribute.value.as_ref().map(PlainJson)))
        .collect();
    let value = serde_json::json!({event.name.as_str(): attributes}).to_string();
    Annotation { timestamp, value: value.into() }
}

/// Attributes of resource and span, then what OTLP has fields for.
fn tags<'a>(
    resource: &'a [KeyValue],
    scope: Option<(&'a str, &'a str)>,
    span: &'a OtlpSpan,
) -> BTreeMap<&'a str, String> {
    let named = resource.iter().filter(|attribute| attribute.key != "service.name");
    let mut tags: BTreeMap<&str, String> = named
        .chain(&span.attributes)
        .map(|attribute| (attribute.key.as_str(), plain(attribute.value.as_ref())))
        .collect();
    let mut tag = |key, text: &str| {
        if !text.is_empty() {
            tags.insert(key, text.to_owned());
        }
    };
    let (name, version) = scope.unwrap_or_default();
    tag("otel.scope.name", name);
    tag("otel.scope.version", version);
    tag("w3c.tracestate", &span.trace_state);
    if let Some(status) = &span.status {
        match status.code() {
            StatusCode::Ok => tag("otel.status_code", "OK"),
            StatusCode::Error => {
                tag("otel.status_code", "ERROR");
                // That the tag is there marks the failure, whatever it says.
                tag("error", if status.message.is_empty() { "true" } else { &status.message });
            }
            StatusCode::Unset => {}
        }
    }
    tags
}

fn plain(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        _ => match serde_json::json!(value.map(PlainJson)) {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        },
    }
}
