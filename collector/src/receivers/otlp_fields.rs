//! Small pieces of OTLP that the converters make.

use sigyn_proto::otlp::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, status::StatusCode},
};

/// Who made a span: the Resource's attributes, name and version of the scope.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Maker {
    pub(super) resource: Vec<KeyValue>,
    pub(super) scope_name: String,
    pub(super) scope_version: String,
}

pub(super) fn attribute(key: impl Into<String>, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

/// An error with a message, unless that only repeats that there is one.
pub(super) fn error_status(message: &str) -> Status {
    let says_nothing = matches!(message, "true" | "1" | "");
    let message = if says_nothing { String::new() } else { message.to_owned() };
    Status { message, code: StatusCode::Error.into() }
}

/// `OK` or `ERROR`, as OpenTelemetry's exporters write it in a tag.
pub(super) fn status_code(text: &str) -> Option<StatusCode> {
    match text {
        "OK" => Some(StatusCode::Ok),
        "ERROR" => Some(StatusCode::Error),
        _ => None,
    }
}

/// IDs of the other protocols may be shorter: zeros go in front.
pub(super) fn padded(id: &[u8], length: usize) -> Vec<u8> {
    let missing = length.saturating_sub(id.len());
    [&vec![0; missing][..], id].concat()
}

/// Spans under their makers, each maker once, in the order of their first spans.
pub(super) fn grouped(spans: Vec<(Maker, Span)>) -> Vec<ResourceSpans> {
    let mut groups: Vec<(Maker, Vec<Span>)> = Vec::new();
    for (maker, span) in spans {
        // Neighbours mostly have the same maker; a request has few of them.
        match groups.iter_mut().rev().find(|(known, _)| *known == maker) {
            Some((_, spans)) => spans.push(span),
            None => groups.push((maker, vec![span])),
        }
    }
    let resource_spans = |(maker, spans): (Maker, Vec<Span>)| {
        let Maker { resource: attributes, scope_name: name, scope_version: version } = maker;
        let scope = (!name.is_empty()).then(|| InstrumentationScope {
            name,
            version,
            ..InstrumentationScope::default()
        });
        ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { scope, spans, schema_url: String::new() }],
            schema_url: String::new(),
        }
    };
    groups.into_iter().map(resource_spans).collect()
}
