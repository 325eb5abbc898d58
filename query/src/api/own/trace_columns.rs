//! The trace page's spans as columns: a fifth of the bytes of OTLP/JSON, and read in a fifth of the time.
//!
//! What repeats (names, attribute keys and values, resources, scopes) is written once and named by its place. What few spans
//! have (events, links, a status message) stands in a list of its own.

use super::trace_page::{Found, Marks, Shown, find};
use crate::api::{
    ApiState, Fault,
    otlp_json::{Style, Styled},
    parameters::Segment,
    trace,
};
use axum::{extract::State, response::Response};
use serde::{Serialize, Serializer};
use sigyn_proto::otlp::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{
        Span,
        span::{Event, Link},
    },
};
use sigyn_store::TraceId;
use std::{collections::HashMap, fmt::Write, sync::Arc};

const SPAN_ID_BYTES: usize = 8;
/// Larger whole numbers lose digits in JavaScript.
const EXACT_MAX: u64 = 1 << 53;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceColumns<'a> {
    trace_id: Shown<TraceId>,
    start_unix_nano: Shown<u64>,
    /// In the places that `spans` names; null where a batch had none.
    resources: Vec<Option<Styled<'a, Resource>>>,
    scopes: Vec<Option<Styled<'a, InstrumentationScope>>>,
    names: Vec<&'a str>,
    attribute_keys: Vec<&'a str>,
    attribute_values: Vec<AttributeValue<'a>>,
    spans: Columns,
    details: Vec<Detail<'a>>,
    #[serde(flatten)]
    marks: Marks<'a>,
}

/// One entry a span, in the order of the store.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Columns {
    /// 16 hex digits a span, one after the other; zeros where there is none.
    span_ids: String,
    parent_span_ids: String,
    name: Vec<u32>,
    kind: Vec<i32>,
    status: Vec<i32>,
    resource: Vec<u32>,
    scope: Vec<u32>,
    /// From `startUnixNano`.
    start: Vec<Nanos>,
    duration: Vec<Nanos>,
    /// How many of the next two lists are the span's.
    attributes: Vec<u32>,
    attribute_key: Vec<u32>,
    attribute_value: Vec<u32>,
}

/// Nanoseconds after something; as a string the Unix time itself, where that difference is no exact number in JavaScript.
enum Nanos {
    After(i64),
    Unix(u64),
}

impl Nanos {
    fn between(from: u64, to: u64) -> Self {
        let difference = i128::from(to) - i128::from(from);
        match i64::try_from(difference) {
            Ok(difference) if difference.unsigned_abs() < EXACT_MAX => Self::After(difference),
            _ => Self::Unix(to),
        }
    }
}

impl Serialize for Nanos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::After(nanos) => serializer.serialize_i64(*nanos),
            Self::Unix(nanos) => serializer.collect_str(nanos),
        }
    }
}

/// Text as itself; every other type as OTLP/JSON has it, which says the type.
enum AttributeValue<'a> {
    Text(&'a str),
    Typed(Styled<'a, AnyValue>),
    Empty,
}

impl Serialize for AttributeValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Typed(value) => value.serialize(serializer),
            Self::Empty => serializer.serialize_unit(),
        }
    }
}

/// What few spans have.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    span: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    status_message: &'a str,
    events: Styled<'a, [Event]>,
    links: Styled<'a, [Link]>,
    /// Attributes, events and links that the sender left out.
    dropped_count: u64,
}

/// `GET /api/sigyn/v1/traces/{id}/columns`
pub(super) async fn trace_columns(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
) -> Result<Response, Fault> {
    let found = find(&state, TraceId::parse(&id)?).await?;
    let json = trace::on_blocking_thread(move || trace::to_json(&columns(&found)));
    Ok(trace::json_response(json.await?))
}

fn columns(found: &Found) -> TraceColumns<'_> {
    let trace = &found.decoded.resource_spans[..];
    let starts = trace::spans_of(trace).map(|span| span.start_time_unix_nano);
    let start = starts.filter(|start| *start > 0).min().unwrap_or(0);
    let mut writer = Writer::default();
    for (resource, resource_spans) in trace.iter().enumerate() {
        let shown = resource_spans.resource.as_ref();
        writer.resources.push(shown.map(|resource| Styled(resource, Style::OTLP)));
        for scope_spans in &resource_spans.scope_spans {
            let shown = scope_spans.scope.as_ref();
            writer.scopes.push(shown.map(|scope| Styled(scope, Style::OTLP)));
            for span in &scope_spans.spans {
                writer.columns.resource.push(resource as u32);
                writer.columns.scope.push(writer.scopes.len() as u32 - 1);
                writer.span(span, start);
            }
        }
    }
    TraceColumns {
        trace_id: Shown(found.id),
        start_unix_nano: Shown(start),
        resources: writer.resources,
        scopes: writer.scopes,
        names: writer.names.texts,
        attribute_keys: writer.keys.texts,
        attribute_values: writer.values.values,
        spans: writer.columns,
        details: writer.details,
        marks: found.marks(),
    }
}

#[derive(Default)]
struct Writer<'a> {
    resources: Vec<Option<Styled<'a, Resource>>>,
    scopes: Vec<Option<Styled<'a, InstrumentationScope>>>,
    names: Texts<'a>,
    keys: Texts<'a>,
    values: Values<'a>,
    columns: Columns,
    details: Vec<Detail<'a>>,
}

impl<'a> Writer<'a> {
    fn span(&mut self, span: &'a Span, start: u64) {
        let columns = &mut self.columns;
        let place = columns.name.len() as u32;
        write_id(&mut columns.span_ids, &span.span_id);
        write_id(&mut columns.parent_span_ids, &span.parent_span_id);
        columns.name.push(self.names.place(&span.name));
        columns.kind.push(span.kind);
        columns.status.push(span.status.as_ref().map_or(0, |status| status.code));
        columns.start.push(Nanos::between(start, span.start_time_unix_nano));
        columns.duration.push(Nanos::between(span.start_time_unix_nano, span.end_time_unix_nano));
        columns.attributes.push(span.attributes.len() as u32);
        for KeyValue { key, value, .. } in &span.attributes {
            columns.attribute_key.push(self.keys.place(key));
            columns.attribute_value.push(self.values.place(value.as_ref()));
        }
        let dropped =
            [span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count];
        let detail = Detail {
            span: place,
            status_message: span.status.as_ref().map_or("", |status| &status.message),
            events: Styled(&span.events[..], Style::OTLP),
            links: Styled(&span.links[..], Style::OTLP),
            dropped_count: dropped.into_iter().map(u64::from).sum(),
        };
        let is_rare = !span.events.is_empty() || !span.links.is_empty();
        if is_rare || !detail.status_message.is_empty() || detail.dropped_count > 0 {
            self.details.push(detail);
        }
    }
}

/// Texts, each once, named by their places.
#[derive(Default)]
struct Texts<'a> {
    places: HashMap<&'a str, u32>,
    texts: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    fn place(&mut self, text: &'a str) -> u32 {
        *self.places.entry(text).or_insert_with(|| {
            self.texts.push(text);
            self.texts.len() as u32 - 1
        })
    }
}

/// Values of attributes; those that are equal and small are written once.
#[derive(Default)]
struct Values<'a> {
    places: HashMap<Simple<'a>, u32>,
    values: Vec<AttributeValue<'a>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Simple<'a> {
    Empty,
    Text(&'a str),
    Bool(bool),
    Int(i64),
    /// The bits, because a number that is none is not equal to itself.
    Double(u64),
}

impl<'a> Values<'a> {
    fn place(&mut self, value: Option<&'a AnyValue>) -> u32 {
        let simple = match value.map(|value| &value.value) {
            None | Some(None) => Simple::Empty,
            Some(Some(Value::StringValue(text))) => Simple::Text(text),
            Some(Some(Value::BoolValue(flag))) => Simple::Bool(*flag),
            Some(Some(Value::IntValue(int))) => Simple::Int(*int),
            Some(Some(Value::DoubleValue(double))) => Simple::Double(double.to_bits()),
            Some(Some(_)) => return self.push(value),
        };
        if let Some(place) = self.places.get(&simple) {
            return *place;
        }
        let place = self.push(value);
        self.places.insert(simple, place);
        place
    }

    fn push(&mut self, value: Option<&'a AnyValue>) -> u32 {
        self.values.push(match value {
            None | Some(AnyValue { value: None }) => AttributeValue::Empty,
            Some(AnyValue { value: Some(Value::StringValue(text)) }) => AttributeValue::Text(text),
            Some(typed) => AttributeValue::Typed(Styled(typed, Style::OTLP)),
        });
        self.values.len() as u32 - 1
    }
}

/// An ID of any other length is none.
fn write_id(ids: &mut String, id: &[u8]) {
    let id: [u8; SPAN_ID_BYTES] = id.try_into().unwrap_or_default();
    write!(ids, "{:016x}", u64::from_be_bytes(id)).expect("a string takes all that is written");
}
