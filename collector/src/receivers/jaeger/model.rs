//! A batch of Jaeger, however it came, and its form in OTLP.

use super::super::otlp_fields::{Maker, attribute, error_status, grouped, status_code, text};
use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{
        Span, Status,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};

#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) process: Process,
    pub(super) spans: Vec<JaegerSpan>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    pub(super) service_name: String,
    pub(super) tags: Vec<Tag>,
}

#[derive(Debug, Default)]
pub(super) struct JaegerSpan {
    pub(super) trace_id: Vec<u8>,
    pub(super) span_id: Vec<u8>,
    /// All zero, or empty, for none.
    pub(super) parent_span_id: Vec<u8>,
    pub(super) operation_name: String,
    pub(super) references: Vec<Reference>,
    pub(super) flags: u32,
    pub(super) start_unix_nano: u64,
    pub(super) duration_nanos: u64,
    pub(super) tags: Vec<Tag>,
    pub(super) logs: Vec<Log>,
    /// Instead of the batch's.
    pub(super) process: Option<Process>,
}

/// Name and value.
pub(super) type Tag = (String, Value);

#[derive(Debug)]
pub(super) struct Reference {
    pub(super) is_child_of: bool,
    pub(super) trace_id: Vec<u8>,
    pub(super) span_id: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) unix_nano: u64,
    pub(super) fields: Vec<Tag>,
}

/// The batch as OTLP.
pub(super) fn encode(batch: Batch) -> Vec<u8> {
    let Batch { process, spans } = batch;
    let convert = |mut span: JaegerSpan| {
        let own = span.process.take();
        let mut maker = maker(own.as_ref().unwrap_or(&process));
        let span = convert(span, &mut maker);
        (maker, span)
    };
    let spans = spans.into_iter().map(convert).collect();
    ExportTraceServiceRequest { resource_spans: grouped(spans) }.encode_to_vec()
}

fn maker(process: &Process) -> Maker {
    let mut resource = Vec::new();
    if !process.service_name.is_empty() {
        resource.push(text("service.name", process.service_name.clone()));
    }
    for (key, value) in &process.tags {
        let key = match key.as_str() {
            "hostname" => "host.name",
            "jaeger.version" => "telemetry.sdk.version",
            other => other,
        };
        resource.push(attribute(key, value.clone()));
    }
    Maker { resource, ..Maker::default() }
}

fn convert(span: JaegerSpan, maker: &mut Maker) -> Span {
    let mut links = Vec::new();
    let parent = parent(&span, &mut links);
    let mut converted = Span {
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_span_id: parent,
        name: span.operation_name,
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: span.start_unix_nano,
        end_time_unix_nano: span.start_unix_nano.saturating_add(span.duration_nanos),
        events: span.logs.into_iter().map(event).collect(),
        links,
        flags: span.flags & 1,
        ..Span::default()
    };
    let failed = span.tags.iter().any(|tag| is_true(tag, "error"));
    let http = http_failure(&span.tags);
    let mut code = None;
    let mut message = String::new();
    for (key, value) in span.tags {
        match (key.as_str(), &value) {
            // The Resource of OpenTelemetry's exporters, once more.
            ("service.name", _) if !maker.resource.is_empty() => {}
            ("span.kind", Value::StringValue(kind)) => converted.kind = kind_of(kind).into(),
            ("otel.status_code", Value::StringValue(name)) => code = status_code(name),
            ("otel.status_description", Value::StringValue(text)) => message = text.clone(),
            ("otel.scope.name" | "otel.library.name", Value::StringValue(name)) => {
                maker.scope_name = name.clone();
            }
            ("otel.scope.version" | "otel.library.version", Value::StringValue(version)) => {
                maker.scope_version = version.clone();
            }
            ("w3c.tracestate", Value::StringValue(state)) => converted.trace_state = state.clone(),
            ("error", Value::BoolValue(_)) => {}
            ("error", Value::StringValue(text)) if text == "true" || text == "false" => {}
            _ => converted.attributes.push(attribute(key, value)),
        }
    }
    converted.status = match code {
        _ if failed => Some(error_status(&message)),
        Some(code) => Some(Status { message, code: code.into() }),
        None if http == Some(500) || (http == Some(400) && converted.kind != 2) => {
            Some(Status { message, code: StatusCode::Error.into() })
        }
        None => None,
    };
    converted
}

/// The first CHILD_OF of the same trace, else the first FOLLOWS_FROM of it; the others are links.
fn parent(span: &JaegerSpan, links: &mut Vec<Link>) -> Vec<u8> {
    let is_set = |id: &[u8]| id.iter().any(|byte| *byte != 0);
    let of_trace = |reference: &&Reference| reference.trace_id == span.trace_id;
    let mut own = span.references.iter().filter(of_trace);
    let first = own.clone().find(|reference| reference.is_child_of).or_else(|| own.next());
    let parent = if is_set(&span.parent_span_id) {
        span.parent_span_id.clone()
    } else {
        first.map(|reference| reference.span_id.clone()).unwrap_or_default()
    };
    for reference in &span.references {
        let is_parent = reference.trace_id == span.trace_id && reference.span_id == parent;
        if is_parent && reference.is_child_of {
            continue;
        }
        let kind = if reference.is_child_of { "child_of" } else { "follows_from" };
        links.push(Link {
            trace_id: reference.trace_id.clone(),
            span_id: reference.span_id.clone(),
            attributes: vec![text("opentracing.ref_type", kind)],
            ..Link::default()
        });
    }
    parent
}

/// OpenTracing calls its name `event`; OpenTelemetry's exporters wrote `message`.
fn event(mut log: Log) -> Event {
    let mut name = String::new();
    for wanted in ["event", "message"] {
        let found = log
            .fields
            .iter()
            .position(|(key, value)| key == wanted && matches!(value, Value::StringValue(_)));
        if let Some(place) = found
            && let (_, Value::StringValue(text)) = log.fields.remove(place)
        {
            name = text;
            break;
        }
    }
    let attributes: Vec<KeyValue> =
        log.fields.into_iter().map(|(key, value)| attribute(key, value)).collect();
    Event { time_unix_nano: log.unix_nano, name, attributes, ..Event::default() }
}

fn is_true((key, value): &Tag, name: &str) -> bool {
    key == name
        && match value {
            Value::BoolValue(is_true) => *is_true,
            Value::StringValue(text) => text == "true",
            _ => false,
        }
}

/// 400 or 500, the family of a failure.
fn http_failure(tags: &[Tag]) -> Option<i64> {
    let is_status = |name: &str| matches!(name, "http.status_code" | "http.response.status_code");
    let (_, value) = tags.iter().find(|(key, _)| is_status(key))?;
    let status = match value {
        Value::IntValue(status) => *status,
        Value::StringValue(text) => text.parse().ok()?,
        _ => return None,
    };
    Some(status / 100 * 100)
}

fn kind_of(name: &str) -> SpanKind {
    match name {
        "client" => SpanKind::Client,
        "server" => SpanKind::Server,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}
