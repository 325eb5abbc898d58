//! A Zipkin v2 span, however it came, and its form in OTLP.

use super::super::otlp_fields::{Maker, attribute, error_status, grouped, status_code, text};
use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, Status, span::Event, span::SpanKind},
};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct ZipkinSpan {
    pub(super) trace_id: Vec<u8>,
    pub(super) id: Vec<u8>,
    pub(super) parent_id: Vec<u8>,
    pub(super) kind: Option<Kind>,
    pub(super) name: String,
    pub(super) timestamp_micros: u64,
    pub(super) duration_micros: u64,
    pub(super) local: Endpoint,
    pub(super) remote: Endpoint,
    pub(super) annotations: Vec<(u64, String)>,
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Client,
    Server,
    Producer,
    Consumer,
}

#[derive(Debug, Default)]
pub(super) struct Endpoint {
    pub(super) service_name: String,
    pub(super) address: String,
    pub(super) port: u16,
}

/// Where the shortest answer is written: the span has no start of its own.
const NO_START: &str = "otel.zipkin.absentField.startTime";
/// Tags with these beginnings describe the process, not the span.
const OF_PROCESS: [&str; 6] =
    ["host.", "k8s.", "container.", "cloud.", "process.", "telemetry.sdk."];

/// All spans of a request as OTLP.
pub(super) fn encode(spans: Vec<ZipkinSpan>) -> Vec<u8> {
    let spans = spans.into_iter().map(convert).collect();
    ExportTraceServiceRequest { resource_spans: grouped(spans) }.encode_to_vec()
}

fn convert(span: ZipkinSpan) -> (Maker, Span) {
    let mut maker = Maker::default();
    if !span.local.service_name.is_empty() {
        maker.resource.push(text("service.name", span.local.service_name.clone()));
    }
    let mut attributes = Vec::new();
    let ends = [("local", &span.local), ("peer", &span.remote)];
    for (side, Endpoint { address, port, .. }) in ends {
        if !address.is_empty() {
            attributes.push(text(&format!("network.{side}.address"), address.clone()));
        }
        if *port != 0 {
            let port = Value::IntValue(i64::from(*port));
            attributes.push(attribute(format!("network.{side}.port"), port));
        }
    }
    if !span.remote.service_name.is_empty() {
        attributes.push(text("peer.service", span.remote.service_name.clone()));
    }
    let mut status: Option<Status> = None;
    let mut trace_state = String::new();
    for (key, value) in span.tags {
        match key.as_str() {
            "error" => status = Some(error_status(&value)),
            "otel.status_code" => {
                if let Some(code) = status_code(&value) {
                    status.get_or_insert_default().code = code.into();
                }
            }
            "otel.status_description" => status.get_or_insert_default().message = value,
            // The Resource of OpenTelemetry's exporters, once more.
            "service.name" if !span.local.service_name.is_empty() => {}
            "w3c.tracestate" => trace_state = value,
            "otel.scope.name" | "otel.library.name" => maker.scope_name = value,
            "otel.scope.version" | "otel.library.version" => maker.scope_version = value,
            _ if OF_PROCESS.iter().any(|prefix| key.starts_with(prefix)) => {
                maker.resource.push(text(&key, value));
            }
            _ => attributes.push(text(&key, value)),
        }
    }
    let mut start = span.timestamp_micros;
    if start == 0 {
        start = span.annotations.iter().map(|(at, _)| *at).min().unwrap_or_default();
        attributes.push(attribute(NO_START, Value::BoolValue(true)));
    }
    let events = span.annotations.into_iter().map(|(at, value)| {
        let (name, attributes) = event(value);
        let time_unix_nano = at.saturating_mul(1_000);
        Event { time_unix_nano, name, attributes, ..Event::default() }
    });
    let span = Span {
        trace_id: span.trace_id,
        span_id: span.id.clone(),
        parent_span_id: if span.parent_id == span.id { Vec::new() } else { span.parent_id },
        trace_state,
        name: span.name,
        kind: kind(span.kind).into(),
        start_time_unix_nano: start.saturating_mul(1_000),
        end_time_unix_nano: start.saturating_add(span.duration_micros).saturating_mul(1_000),
        attributes,
        events: events.collect(),
        status,
        flags: 1,
        ..Span::default()
    };
    (maker, span)
}

/// OpenTelemetry's exporters write an event with attributes as `{"name": {"key": value}}`; all else is a name.
fn event(value: String) -> (String, Vec<KeyValue>) {
    type Written = BTreeMap<String, BTreeMap<String, serde_json::Value>>;
    let written = value.starts_with('{').then(|| serde_json::from_str::<Written>(&value).ok());
    let Some(written) = written.flatten().filter(|written| written.len() == 1) else {
        return (value, Vec::new());
    };
    let Some((name, attributes)) = written.into_iter().next() else { return (value, Vec::new()) };
    let typed = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Value::StringValue(text),
        serde_json::Value::Bool(is_true) => Value::BoolValue(is_true),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::IntValue(whole),
            None => Value::DoubleValue(number.as_f64().unwrap_or(f64::NAN)),
        },
        other => Value::StringValue(other.to_string()),
    };
    (name, attributes.into_iter().map(|(key, value)| attribute(key, typed(value))).collect())
}

fn kind(kind: Option<Kind>) -> SpanKind {
    match kind {
        None => SpanKind::Internal,
        Some(Kind::Client) => SpanKind::Client,
        Some(Kind::Server) => SpanKind::Server,
        Some(Kind::Producer) => SpanKind::Producer,
        Some(Kind::Consumer) => SpanKind::Consumer,
    }
}
