//! Answers for language models: fewer words than OTLP's JSON, and what people read rather than what programs need.

use super::tag_values::TypedValue;
use crate::api::trace::hex;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use sigyn_proto::otlp::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{
        ResourceSpans, ScopeSpans, Span,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};
use std::collections::BTreeMap;

pub(super) const CONTENT_TYPE: &str = "application/vnd.grafana.llm+json";

/// Nothing at all of an unknown trace.
#[derive(Serialize)]
pub(super) struct Trace {
    #[serde(flatten)]
    known: Option<KnownTrace>,
}

#[derive(Serialize)]
struct KnownTrace {
    trace: Services,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Metrics>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Services {
    trace_id: String,
    services: Vec<Service>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    inspected_bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    #[serde(skip_serializing_if = "String::is_empty")]
    service_name: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    resource: Map<String, Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Scope>,
}

#[derive(Serialize)]
struct Scope {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spans: Vec<CompactSpan>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CompactSpan {
    span_id: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    parent_span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time_unix_nano: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time_unix_nano: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    attributes: Map<String, Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<CompactEvent>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<CompactLink>,
    status: Status,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CompactEvent {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_unix_nano: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    attributes: Map<String, Json>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CompactLink {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    attributes: Map<String, Json>,
}

#[derive(Serialize)]
struct Status {
    code: &'static str,
    message: String,
}

/// Values of a tag by their type.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagValues {
    tag_values: BTreeMap<&'static str, Vec<String>>,
}

impl Trace {
    /// `cut` says why it is not the whole trace.
    pub(super) fn of(
        resources: Vec<ResourceSpans>,
        inspected_bytes: u64,
        cut: Option<String>,
    ) -> Self {
        let first = resources.iter().flat_map(|it| &it.scope_spans).flat_map(|it| &it.spans).next();
        let Some(first) = first else { return Self { known: None } };
        let trace_id = hex(&first.trace_id);
        let services = resources.into_iter().map(Service::from).collect();
        let known = KnownTrace {
            trace: Services { trace_id, services },
            metrics: (inspected_bytes > 0).then_some(Metrics { inspected_bytes }),
            status: if cut.is_some() { "PARTIAL" } else { "COMPLETE" },
            message: cut,
        };
        Self { known: Some(known) }
    }
}

impl From<ResourceSpans> for Service {
    fn from(from: ResourceSpans) -> Self {
        let mut resource = flat(from.resource.unwrap_or_default().attributes);
        let service_name = match resource.remove("service.name") {
            Some(Json::String(name)) => name,
            _ => String::new(),
        };
        let scopes = from.scope_spans.into_iter().map(Scope::from).collect();
        Self { service_name, resource, scopes }
    }
}

impl From<ScopeSpans> for Scope {
    fn from(from: ScopeSpans) -> Self {
        let scope = from.scope.unwrap_or_default();
        let spans = from.spans.into_iter().map(CompactSpan::from).collect();
        Self { name: scope.name, version: scope.version, spans }
    }
}

impl From<Span> for CompactSpan {
    fn from(from: Span) -> Self {
        let (start, end) = (from.start_time_unix_nano, from.end_time_unix_nano);
        let lasted = end.checked_sub(start).filter(|nanos| start > 0 && *nanos > 0);
        let kind = Some(from.kind()).filter(|kind| *kind != SpanKind::Unspecified);
        let status = from.status.unwrap_or_default();
        let code = status.code();
        Self {
            span_id: hex(&from.span_id),
            parent_span_id: hex(&from.parent_span_id),
            kind: kind.map(|kind| kind.as_str_name()),
            name: from.name,
            start_time_unix_nano: time(start),
            end_time_unix_nano: time(end),
            duration_ms: lasted.map(|nanos| nanos as f64 / 1e6),
            attributes: flat(from.attributes),
            events: from.events.into_iter().map(CompactEvent::from).collect(),
            links: from.links.into_iter().map(CompactLink::from).collect(),
            status: Status {
                code: code.as_str_name(),
                message: if code == StatusCode::Unset { String::new() } else { status.message },
            },
        }
    }
}

impl From<Event> for CompactEvent {
    fn from(from: Event) -> Self {
        let time_unix_nano = time(from.time_unix_nano);
        Self { name: from.name, time_unix_nano, attributes: flat(from.attributes) }
    }
}

impl From<Link> for CompactLink {
    fn from(from: Link) -> Self {
        let (trace_id, span_id) = (hex(&from.trace_id), hex(&from.span_id));
        Self { trace_id, span_id, attributes: flat(from.attributes) }
    }
}

impl TagValues {
    pub(super) fn of(values: Vec<TypedValue>) -> Self {
        let mut tag_values: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for TypedValue { r#type, value } in values {
            tag_values.entry(r#type).or_default().push(value);
        }
        Self { tag_values }
    }
}

fn time(unix_nano: u64) -> Option<String> {
    (unix_nano > 0).then(|| unix_nano.to_string())
}

fn flat(attributes: Vec<KeyValue>) -> Map<String, Json> {
    let known = attributes.into_iter().filter_map(|it| Some((it.key, it.value?)));
    known.map(|(key, value)| (key, plain(value))).collect()
}

/// A value without its type.
fn plain(value: AnyValue) -> Json {
    match value.value {
        None | Some(Value::StringValueStrindex(_)) => Json::Null,
        Some(Value::StringValue(text)) => text.into(),
        Some(Value::BoolValue(flag)) => flag.into(),
        Some(Value::IntValue(int)) => int.into(),
        Some(Value::DoubleValue(double)) => double.into(),
        Some(Value::BytesValue(bytes)) => hex(&bytes).into(),
        Some(Value::ArrayValue(array)) => array.values.into_iter().map(plain).collect(),
        Some(Value::KvlistValue(list)) => Json::Object(flat(list.values)),
    }
}
