//! OTLP as JSON, written straight from the decoded messages.
//!
//! The rules of protobuf's JSON hold: 64-bit integers are strings, zero values and empty lists are left out. In two
//! things the families differ, and [`Style`] says which: Tempo writes IDs in base64 and enums by name, OTLP/JSON writes
//! IDs in hex and enums as numbers.

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer, ser::SerializeMap};
use sigyn_proto::otlp::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};
use std::fmt;

/// How IDs and enums are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) ids: Ids,
    pub(crate) enums: Enums,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    Hex,
    Base64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enums {
    Names,
    Numbers,
}

impl Style {
    /// The OTLP specification's.
    pub(crate) const OTLP: Self = Self { ids: Ids::Hex, enums: Enums::Numbers };
    /// Tempo's.
    pub(crate) const TEMPO: Self = Self { ids: Ids::Base64, enums: Enums::Names };
}

/// A message, or a list of messages, with the style to write it in.
#[derive(Clone, Copy)]
pub(crate) struct Styled<'a, T: ?Sized>(pub(crate) &'a T, pub(crate) Style);

/// Writes one message, field by field.
trait Message {
    fn fields<M: SerializeMap>(&self, style: Style, map: &mut M) -> Result<(), M::Error>;
}

impl<T: Message> Serialize for Styled<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.fields(self.1, &mut map)?;
        map.end()
    }
}

impl<T: Message> Serialize for Styled<'_, [T]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|message| Styled(message, self.1)))
    }
}

/// Anything that prints itself, as a JSON string.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Writes fields that are not zero.
struct Fields<'m, M>(&'m mut M, Style);

impl<M: SerializeMap> Fields<'_, M> {
    fn text(&mut self, key: &'static str, value: &str) -> Result<(), M::Error> {
        if value.is_empty() { Ok(()) } else { self.0.serialize_entry(key, value) }
    }

    fn number(&mut self, key: &'static str, value: u32) -> Result<(), M::Error> {
        if value == 0 { Ok(()) } else { self.0.serialize_entry(key, &value) }
    }

    fn long(&mut self, key: &'static str, value: u64) -> Result<(), M::Error> {
        if value == 0 { Ok(()) } else { self.0.serialize_entry(key, &Text(value)) }
    }

    fn id(&mut self, key: &'static str, value: &[u8]) -> Result<(), M::Error> {
        match self.1.ids {
            _ if value.is_empty() => Ok(()),
            Ids::Hex => self.0.serialize_entry(key, &Text(Hex(value))),
            Ids::Base64 => self.0.serialize_entry(key, &base64_text(value)),
        }
    }

    fn choice(
        &mut self,
        key: &'static str,
        value: i32,
        name: Option<&'static str>,
    ) -> Result<(), M::Error> {
        match (self.1.enums, name) {
            _ if value == 0 => Ok(()),
            (Enums::Names, Some(name)) => self.0.serialize_entry(key, name),
            _ => self.0.serialize_entry(key, &value),
        }
    }

    fn list<T: Message>(&mut self, key: &'static str, value: &[T]) -> Result<(), M::Error> {
        if value.is_empty() { Ok(()) } else { self.0.serialize_entry(key, &Styled(value, self.1)) }
    }

    fn message<T: Message>(
        &mut self,
        key: &'static str,
        value: Option<&T>,
    ) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.0.serialize_entry(key, &Styled(value, self.1)))
    }
}

/// Bytes as a JSON string in base64.
pub(crate) fn base64_text(bytes: &[u8]) -> impl Serialize + '_ {
    Text(Base64Display::new(bytes, &STANDARD))
}

impl Message for ResourceSpans {
    fn fields<M: SerializeMap>(&self, style: Style, map: &mut M) -> Result<(), M::Error> {
        let mut fields = Fields(map, style);
        fields.message("resource", self.resource.as_ref())?;
        fields.list("scopeSpans", &self.scope_spans)?;
        fields.text("schemaUrl", &self.schema_url)
    }
}

impl Message for Resource {
    fn fields<M: SerializeMap>(&self, style: Style, map: &mut M) -> Result<(), M::Error> {
        let mut fields = Fields(map, style);
        fields.list("attributes", &self.attributes)?;
        fields.number("droppedAttributesCount", self.dropped_attributes_count)
    }
}

impl Message for ScopeSpans {
    fn fields<M: SerializeMap>(&self, style: Style, map: &mut M) -> Result<(), M::Error> {
        let mut fields = Fields(map, style);
        fields.message("scope", self.scope.as_ref())?;
        fields.list("spans", &self.spans)?;
        fields.text("schemaUrl", &self.schema_url)
    }
}

impl Message for InstrumentationScope {
    fn fields<M: SerializeMap>(&self, style: Style, map: &mut M) -> Result<(), M::Error> {
        let mut fields = Fields(map, style);
        fields.text("name", &self.name)?;
        fields.text("version", &self.version)?;
        fields.list("attributes", &self.attributes)?;
        fields.number("droppedAttributesCount", self.dropped_attributes_count)
    }
}

impl Message for Span {
    fn fields<M: SerializeMap>(&self, style: Style, map: &mut M) -> Result<(), M::Error> {
        let kind = SpanKind::try_from(self.kind).ok().map(|kind| kind.as_str_name());
        let mut fields = Fields(map, style);
        fields.id("traceId", &self.trace_id)?;
        fields.id("spanId", &self.span_id)?;
        fields.id("parentSpanId", &self.parent_span_id)?;
        fields.text("traceState", &self.trace_state)?;
        fields.number("flags", self.flags)?;
        fields.text("name", &self.name)?;
        fields.choice("kind", self.kind, kind)?;
        fields.long("startTimeUnixNano", self.start_time_unix_nano)?;
        fields.long("endTimeUnixNano", self.end_time_unix_nano)?;
        fields.list("attributes", &self.attributes)?;
        fields.number("droppedAttributesCount", self.dropped_attributes_count)?;
        fields.list("events", &self.events)?;
        fields.number("droppedEventsCount", self.dropped_events_count)?;
        fields.list("links", &self.links)?;
        fields.number("droppedLinksCount", self.dropped_links_count)?;
        fields.message("status", self.status.as_ref())
    }
}

impl Message for Event {
    fn fields<M: SerializeMap>(&self, style: Style, map: &mut M) -> Result<(), M::Error> {
        let mut fields = Fields(map, style);
        fields.long("timeUnixNano", self.time_unix_nano)?;
        fields.text("name", &self.name)?;
        fields.list("attributes", &self.attributes)?;
        fields.number("droppedAttributesCount", self.dropped_attributes_count)
    }
}

impl Message for Link {
    fn fields<M: SerializeMap>(&self, style: Style, map: &mut M) -> Result<(), M::Error> {
        let mut fields = Fields(map, style);
        fields.id("traceId", &self.trace_id)?;
        fields.id("spanId", &self.span_id)?;
        fields.text("traceState", &self.trace_state)?;
        fields.list("attributes", &self.attributes)?;
        fields.number("droppedAttributesCount", self.dropped_attributes_count)?;
        fields.number("flags", self.flags)
    }
}

impl Message for Status {
    fn fields<M: SerializeMap>(&self, style: Style, map: &mut M) -> Result<(), M::Error> {
        let code = StatusCode::try_from(self.code).ok().map(|code| code.as_str_name());
        let mut fields = Fields(map, style);
        fields.text("message", &self.message)?;
        fields.choice("code", self.code, code)
    }
}

impl Message for KeyValue {
    fn fields<M: SerializeMap>(&self, style: Style, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("key", &self.key)?;
        match &self.value {
            Some(value) => map.serialize_entry("value", &Styled(value, style)),
            None => Ok(()),
        }
    }
}

impl Message for AnyValue {
    /// A value is written even when it is zero: it says which type it has.
    fn fields<M: SerializeMap>(&self, style: Style, map: &mut M) -> Result<(), M::Error> {
        match &self.value {
            None => Ok(()),
            Some(Value::StringValue(text)) => map.serialize_entry("stringValue", text),
            Some(Value::BoolValue(flag)) => map.serialize_entry("boolValue", flag),
            Some(Value::IntValue(int)) => map.serialize_entry("intValue", &Text(int)),
            Some(Value::DoubleValue(double)) => {
                map.serialize_entry("doubleValue", &Double(*double))
            }
            Some(Value::ArrayValue(array)) => {
                map.serialize_entry("arrayValue", &Values(&array.values, style))
            }
            Some(Value::KvlistValue(list)) => {
                map.serialize_entry("kvlistValue", &Values(&list.values, style))
            }
            Some(Value::BytesValue(bytes)) => {
                map.serialize_entry("bytesValue", &base64_text(bytes))
            }
            Some(Value::StringValueStrindex(index)) => {
                map.serialize_entry("stringValueStrindex", index)
            }
        }
    }
}

/// `{"values":[…]}`.
struct Values<'a, T>(&'a [T], Style);

impl<T: Message> Serialize for Values<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("values", &Styled(self.0, self.1))?;
        map.end()
    }
}

/// JSON knows no NaN and no infinity; protobuf's JSON writes them as strings.
pub(crate) struct Double(pub(crate) f64);

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            double if double.is_nan() => serializer.serialize_str("NaN"),
            f64::INFINITY => serializer.serialize_str("Infinity"),
            f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
            double => serializer.serialize_f64(double),
        }
    }
}

#[cfg(test)]
mod tests;
