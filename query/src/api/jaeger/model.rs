//! OTLP as Jaeger's model. Spans are mapped while they are written, so that a large trace is never held twice.

use crate::api::{
    otlp_json::{Double, base64_text},
    plain_json::PlainJson,
    trace::{self, hex, id_text},
};
use prost::Message;
use rapidhash::RapidHashMap;
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq, SerializeStruct},
};
use sigyn_proto::otlp::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{
        Span as OtlpSpan, TracesData,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};
use sigyn_store::TraceId;

/// The name of a service that its resource does not name.
const NO_SERVICE_NAME: &str = "OTLPResourceNoServiceName";
const REF_TYPE: &str = "opentracing.ref_type";
/// The largest integer that JavaScript keeps exact.
const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// One trace.
pub(super) struct Trace<'a> {
    id: TraceId,
    /// By start, then by ID.
    spans: Vec<Span<'a>>,
    /// `p1`, `p2`, … in this order; equal resources are one process.
    processes: Vec<Option<&'a Resource>>,
}

/// One span, with what it needs of its surroundings.
#[derive(Clone, Copy)]
struct Span<'a> {
    trace_id: TraceId,
    span: &'a OtlpSpan,
    scope: Option<&'a InstrumentationScope>,
    process: usize,
}

impl<'a> Trace<'a> {
    pub(super) fn new(id: TraceId, data: &'a TracesData) -> Self {
        let mut spans = Vec::with_capacity(trace::spans_of(&data.resource_spans).count());
        let mut processes = Vec::new();
        let mut known: RapidHashMap<Vec<u8>, usize> = RapidHashMap::default();
        for group in &data.resource_spans {
            let resource = group.resource.as_ref();
            let encoded = resource.map(Message::encode_to_vec).unwrap_or_default();
            let process = *known.entry(encoded).or_insert_with(|| {
                processes.push(resource);
                processes.len() - 1
            });
            for scoped in &group.scope_spans {
                let scope = scoped.scope.as_ref();
                let of = |span| Span { trace_id: id, span, scope, process };
                spans.extend(scoped.spans.iter().map(of));
            }
        }
        spans.sort_by(|a, b| {
            let key = |span: &Span<'a>| (span.span.start_time_unix_nano, &span.span.span_id);
            key(a).cmp(&key(b))
        });
        Self { id, spans, processes }
    }
}

/// The name of an OTLP span kind; empty for an unspecified or unknown one.
pub(super) fn kind_name(kind: i32) -> &'static str {
    match SpanKind::try_from(kind) {
        Ok(SpanKind::Internal) => "internal",
        Ok(SpanKind::Server) => "server",
        Ok(SpanKind::Client) => "client",
        Ok(SpanKind::Producer) => "producer",
        Ok(SpanKind::Consumer) => "consumer",
        Ok(SpanKind::Unspecified) | Err(_) => "",
    }
}

impl Serialize for Trace<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut trace = serializer.serialize_struct("Trace", 4)?;
        trace.serialize_field("traceID", &id_text(self.id))?;
        trace.serialize_field("spans", &self.spans)?;
        trace.serialize_field("processes", &Processes(&self.processes))?;
        trace.serialize_field("warnings", &None::<()>)?;
        trace.end()
    }
}

struct Processes<'a>(&'a [Option<&'a Resource>]);

impl Serialize for Processes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let numbered = self.0.iter().enumerate();
        serializer
            .collect_map(numbered.map(|(index, resource)| (process_id(index), Process(*resource))))
    }
}

fn process_id(index: usize) -> String {
    format!("p{}", index + 1)
}

struct Process<'a>(Option<&'a Resource>);

impl Serialize for Process<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let attributes = self.0.map_or(&[][..], |resource| &resource.attributes);
        let name = attributes.iter().find_map(|attribute| match service_name(attribute) {
            Some(name) if !name.is_empty() => Some(name),
            _ => None,
        });
        let mut process = serializer.serialize_struct("Process", 2)?;
        process.serialize_field("serviceName", name.unwrap_or(NO_SERVICE_NAME))?;
        let rest = attributes.iter().filter(|attribute| service_name(attribute).is_none());
        let tags: Vec<Tag<'_>> = rest.map(Tag::of).collect();
        process.serialize_field("tags", &tags)?;
        process.end()
    }
}

fn service_name(attribute: &KeyValue) -> Option<&str> {
    match &attribute.value.as_ref()?.value {
        Some(Value::StringValue(name)) if attribute.key == "service.name" => Some(name),
        _ => None,
    }
}

impl Serialize for Span<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { trace_id, span, process, .. } = *self;
        let duration = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
        let mut fields = serializer.serialize_struct("Span", 10)?;
        fields.serialize_field("traceID", &id_text(trace_id))?;
        fields.serialize_field("spanID", &hex(&span.span_id))?;
        fields.serialize_field("operationName", &span.name)?;
        fields.serialize_field("references", &references(trace_id, span))?;
        fields.serialize_field("startTime", &(span.start_time_unix_nano / 1_000))?;
        fields.serialize_field("duration", &(duration / 1_000))?;
        fields.serialize_field("tags", &SpanTags(self))?;
        fields.serialize_field("logs", &Logs(&span.events))?;
        fields.serialize_field("processID", &process_id(process))?;
        fields.serialize_field("warnings", &None::<()>)?;
        fields.end()
    }
}

#[derive(Serialize)]
struct Reference {
    #[serde(rename = "refType")]
    ref_type: &'static str,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

/// The parent first, then the links. A link to the parent says how the parent is meant and adds nothing.
fn references(trace_id: TraceId, span: &OtlpSpan) -> Vec<Reference> {
    let has_parent = span.parent_span_id.iter().any(|byte| *byte != 0);
    let is_parent = |link: &&Link| {
        has_parent && link.span_id == span.parent_span_id && link.trace_id == trace_id.0
    };
    let mut all = Vec::new();
    if has_parent {
        let meant = span.links.iter().find(is_parent);
        all.push(Reference {
            ref_type: meant.map_or("CHILD_OF", ref_type),
            trace_id: id_text(trace_id),
            span_id: hex(&span.parent_span_id),
        });
    }
    all.extend(span.links.iter().filter(|link| !is_parent(link)).map(|link| Reference {
        ref_type: ref_type(link),
        trace_id: link_trace_id(&link.trace_id),
        span_id: hex(&link.span_id),
    }));
    all
}

fn ref_type(link: &Link) -> &'static str {
    let says_child_of = link.attributes.iter().any(|attribute| {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
        attribute.key == REF_TYPE
            && matches!(value, Some(Value::StringValue(text)) if text == "child_of")
    });
    if says_child_of { "CHILD_OF" } else { "FOLLOWS_FROM" }
}

/// The tags of a span, in Jaeger's order: scope, attributes, then what OTLP has fields for.
struct SpanTags<'a>(&'a Span<'a>);

impl Serialize for SpanTags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Span { span, scope, .. } = *self.0;
        let mut tags = serializer.serialize_seq(None)?;
        let mut text = |key: &'static str, text: &str| match text {
            "" => Ok(()),
            text => tags.serialize_element(&Tag { key, value: TagValue::Text(text) }),
        };
        if let Some(scope) = scope {
            text("otel.scope.name", &scope.name)?;
            text("otel.scope.version", &scope.version)?;
        }
        for attribute in &span.attributes {
            tags.serialize_element(&Tag::of(attribute))?;
        }
        let mut text = |key: &'static str, text: &str| match text {
            "" => Ok(()),
            text => tags.serialize_element(&Tag { key, value: TagValue::Text(text) }),
        };
        text("span.kind", kind_name(span.kind))?;
        if let Some(status) = &span.status {
            match StatusCode::try_from(status.code) {
                Ok(StatusCode::Ok) => text("otel.status_code", "OK")?,
                Ok(StatusCode::Error) => {
                    text("otel.status_code", "ERROR")?;
                    let error = Tag { key: "error", value: TagValue::Bool(true) };
                    tags.serialize_element(&error)?;
                }
                Ok(StatusCode::Unset) | Err(_) => {}
            }
            if !status.message.is_empty() {
                let value = TagValue::Text(&status.message);
                tags.serialize_element(&Tag { key: "otel.status_description", value })?;
            }
        }
        if !span.trace_state.is_empty() {
            let value = TagValue::Text(&span.trace_state);
            tags.serialize_element(&Tag { key: "w3c.tracestate", value })?;
        }
        tags.end()
    }
}

struct Logs<'a>(&'a [Event]);

impl Serialize for Logs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|event| Log {
            timestamp: event.time_unix_nano / 1_000,
            fields: log_fields(event),
        }))
    }
}

#[derive(Serialize)]
struct Log<'a> {
    timestamp: u64,
    fields: Vec<Tag<'a>>,
}

fn log_fields(event: &Event) -> Vec<Tag<'_>> {
    let names_itself = event.attributes.iter().any(|attribute| attribute.key == "event");
    let name = (!names_itself && !event.name.is_empty())
        .then(|| Tag { key: "event", value: TagValue::Text(&event.name) });
    name.into_iter().chain(event.attributes.iter().map(Tag::of)).collect()
}

struct Tag<'a> {
    key: &'a str,
    value: TagValue<'a>,
}

enum TagValue<'a> {
    Text(&'a str),
    Bool(bool),
    Any(Option<&'a AnyValue>),
}

impl<'a> Tag<'a> {
    fn of(attribute: &'a KeyValue) -> Self {
        Self { key: &attribute.key, value: TagValue::Any(attribute.value.as_ref()) }
    }
}

impl Serialize for Tag<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("key", self.key)?;
        match &self.value {
            TagValue::Text(text) => typed(&mut map, "string", text)?,
            TagValue::Bool(flag) => typed(&mut map, "bool", flag)?,
            TagValue::Any(value) => any_tag(&mut map, *value)?,
        }
        map.end()
    }
}

fn any_tag<M: SerializeMap>(map: &mut M, value: Option<&AnyValue>) -> Result<(), M::Error> {
    match value.and_then(|value| value.value.as_ref()) {
        None => typed(map, "string", ""),
        Some(Value::StringValue(text)) => typed(map, "string", text),
        Some(Value::BoolValue(flag)) => typed(map, "bool", flag),
        Some(Value::IntValue(int)) if int.unsigned_abs() > SAFE_INTEGER_MAX => {
            typed(map, "int64", &int.to_string())
        }
        Some(Value::IntValue(int)) => typed(map, "int64", int),
        Some(Value::DoubleValue(double)) => typed(map, "float64", &Double(*double)),
        Some(Value::BytesValue(bytes)) => typed(map, "binary", &base64_text(bytes)),
        Some(Value::ArrayValue(_) | Value::KvlistValue(_) | Value::StringValueStrindex(_)) => {
            let text = serde_json::to_string(&value.map(PlainJson));
            typed(map, "string", &text.map_err(serde::ser::Error::custom)?)
        }
    }
}

fn typed<M: SerializeMap>(
    map: &mut M,
    kind: &'static str,
    value: &(impl Serialize + ?Sized),
) -> Result<(), M::Error> {
    map.serialize_entry("type", kind)?;
    map.serialize_entry("value", value)
}

fn link_trace_id(bytes: &[u8]) -> String {
    bytes.try_into().map_or_else(|_| hex(bytes), |bytes| id_text(TraceId(bytes)))
}

#[cfg(test)]
mod tests;
