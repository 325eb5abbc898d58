//! From an OpenTracing span to what the buffer records, as OpenTelemetry's compatibility page and Jaeger do it.

use crate::{
    context::SpanContext,
    finished::{FinishedSpan, LogRecord, ReferenceKind, References},
    value::Value,
};
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{Event, Link, SpanId, SpanKind, Status},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::borrow::Cow;

/// Under which names OpenTelemetry has the fields of a log that tells of an error.
const ERROR_FIELDS: [(&str, &str); 3] = [
    ("error.kind", "exception.type"),
    ("message", "exception.message"),
    ("stack", "exception.stacktrace"),
];

pub(crate) fn to_span_data(span: FinishedSpan, scope: InstrumentationScope) -> SpanData {
    let FinishedSpan { context, operation_name, references, start_time, finish_time, tags, logs } =
        span;
    let (parent, references) = choose_parent(references);
    let mut span_kind = SpanKind::Internal;
    let mut status = Status::Unset;
    let mut attributes = Vec::with_capacity(tags.len());
    for (key, value) in tags {
        if let Some(kind) = kind(&key, &value) {
            span_kind = kind;
        } else if let Some(code) = error(&key, &value) {
            status = code;
        } else {
            attributes.push(KeyValue::new(key, value.into_attribute()));
        }
    }
    let mut events = SpanEvents::default();
    events.events = logs.into_iter().map(event).collect();
    let mut links = SpanLinks::default();
    links.links = references.into_iter().map(link).collect();
    SpanData {
        parent_span_id: parent.as_ref().map_or(SpanId::INVALID, |it| SpanId::from(it.span_id)),
        parent_span_is_remote: parent.is_some_and(|parent| parent.is_remote),
        span_context: context.to_otel(),
        span_kind,
        name: operation_name,
        start_time,
        end_time: finish_time,
        attributes,
        dropped_attributes_count: 0,
        events,
        links,
        status,
        instrumentation_scope: scope,
    }
}

/// The first `ChildOf`, else the first reference; and the links. A parent that is only followed is a link too, because
/// that is more than being its child says. What names no span, being baggage alone, is neither.
pub(crate) fn choose_parent(references: References) -> (Option<SpanContext>, References) {
    let mut links: References =
        references.into_iter().filter(|(_, context)| context.names_a_span()).collect();
    let child_of = links.iter().position(|(kind, _)| *kind == ReferenceKind::ChildOf);
    let parent = match child_of {
        Some(place) => Some(links.remove(place).1),
        None => links.first().map(|(_, context)| context.clone()),
    };
    (parent, links)
}

fn kind(key: &str, value: &Value) -> Option<SpanKind> {
    match (key, value.as_str()?) {
        ("span.kind", "server") => Some(SpanKind::Server),
        ("span.kind", "client") => Some(SpanKind::Client),
        ("span.kind", "producer") => Some(SpanKind::Producer),
        ("span.kind", "consumer") => Some(SpanKind::Consumer),
        _ => None,
    }
}

fn error(key: &str, value: &Value) -> Option<Status> {
    match value {
        _ if key != "error" => None,
        Value::Bool(true) | Value::Int(1) => Some(Status::error("")),
        Value::Bool(false) => Some(Status::Ok),
        Value::String(text) if text == "true" => Some(Status::error("")),
        Value::String(text) if text == "false" => Some(Status::Ok),
        _ => None,
    }
}

fn event(LogRecord { timestamp, mut fields }: LogRecord) -> Event {
    let place = fields.iter().position(|(key, value)| key == "event" && value.as_str().is_some());
    let name = match place.map(|place| fields.remove(place)) {
        Some((_, Value::String(name))) => name,
        _ => Cow::Borrowed("log"),
    };
    let is_error = name == "error";
    let attributes = fields.into_iter().map(|(key, value)| {
        let renamed = ERROR_FIELDS.iter().find(|(field, _)| is_error && *field == key);
        let key = renamed.map_or(key, |(_, name)| Cow::Borrowed(*name));
        KeyValue::new(key, value.into_attribute())
    });
    let attributes = attributes.collect();
    Event::new(if is_error { "exception".into() } else { name }, timestamp, attributes, 0)
}

fn link((kind, context): (ReferenceKind, SpanContext)) -> Link {
    let kind = match kind {
        ReferenceKind::ChildOf => "child_of",
        ReferenceKind::FollowsFrom => "follows_from",
    };
    Link::new(context.to_otel(), vec![KeyValue::new("opentracing.ref_type", kind)], 0)
}
