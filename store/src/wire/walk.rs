//! The walk over an `ExportTraceServiceRequest` (or `TracesData`: the same bytes).

use super::{
    Value, for_each_attribute,
    reader::{Malformed, Reader, Scalar},
    value::attribute,
};
use crate::{SpanId, TraceId};
use std::borrow::Cow;

/// The number of the attributes field in a `Resource`.
pub(crate) const RESOURCE_ATTRIBUTES: u32 = 1;
/// The number of the attributes field in an `InstrumentationScope`.
pub(crate) const SCOPE_ATTRIBUTES: u32 = 3;

/// What stands around a span. The messages are checked, not decoded: most spans share them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The encoded `Resource`.
    pub(crate) resource: &'a [u8],
    /// The schema URL of the resource.
    pub(crate) resource_schema_url: &'a [u8],
    /// The encoded `InstrumentationScope`.
    pub(crate) scope: &'a [u8],
    /// The schema URL of the scope.
    pub(crate) scope_schema_url: &'a [u8],
    /// Differs from that of the span before when any of the above may.
    pub(crate) serial: usize,
}

/// The plain fields of a span whose IDs are good.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SpanHeader<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// Zero for a root.
    pub(crate) parent_span_id: SpanId,
    pub(crate) trace_state: &'a [u8],
    pub(crate) name: &'a [u8],
    pub(crate) kind: u8,
    pub(crate) start_unix_nano: u64,
    pub(crate) end_unix_nano: u64,
    pub(crate) status_code: u8,
    pub(crate) status_message: &'a [u8],
    pub(crate) flags: u32,
    pub(crate) dropped_attributes: u32,
    pub(crate) dropped_events: u32,
    /// Links with IDs of wrong length are counted here too.
    pub(crate) dropped_links: u32,
    /// Of the whole span as it came; 0 when nobody knows any more.
    pub(crate) encoded_bytes: u32,
}

/// The plain fields of an event.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EventHeader<'a> {
    pub(crate) time_unix_nano: u64,
    pub(crate) name: &'a [u8],
    pub(crate) dropped_attributes: u32,
}

/// The plain fields of a link.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinkHeader<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) trace_state: &'a [u8],
    pub(crate) dropped_attributes: u32,
    pub(crate) flags: u32,
}

/// What is done with the spans. Called for each span in this order: `span`, then its attributes, events (each
/// followed by its attributes) and links (the same) in the order of the bytes.
pub(crate) trait Visitor {
    fn span(&mut self, context: &Context<'_>, span: &SpanHeader<'_>);
    fn attribute(&mut self, key: &[u8], value: Value<'_>);
    fn event(&mut self, event: &EventHeader<'_>);
    fn event_attribute(&mut self, key: &[u8], value: Value<'_>);
    fn link(&mut self, link: &LinkHeader<'_>);
    fn link_attribute(&mut self, key: &[u8], value: Value<'_>);
}

/// Adds an occurrence of a singular sub-message: its bytes in a row mean all of them merged.
fn merge<'a>(merged: &mut Cow<'a, [u8]>, bytes: &'a [u8]) {
    if merged.is_empty() {
        *merged = Cow::Borrowed(bytes);
    } else {
        merged.to_mut().extend_from_slice(bytes);
    }
}

/// Visits every span of a body whose trace and span ID have the right length and are not zero. Fields may stand in any
/// order, so what surrounds spans is looked for before the spans are read.
pub(crate) fn walk(body: &[u8], visitor: &mut impl Visitor) -> Result<(), Malformed> {
    let mut serial = 0;
    let mut request = Reader::new(body, 0);
    while let Some((number, scalar)) = request.next()? {
        if let (1, Scalar::Bytes(bytes, base)) = (number, scalar) {
            resource_spans(bytes, base, &mut serial, visitor)?;
        }
    }
    Ok(())
}

fn resource_spans(
    bytes: &[u8],
    base: usize,
    serial: &mut usize,
    visitor: &mut impl Visitor,
) -> Result<(), Malformed> {
    let mut resource = Cow::default();
    let mut resource_schema_url: &[u8] = &[];
    let mut fields = Reader::new(bytes, base);
    while let Some((number, scalar)) = fields.next()? {
        match (number, scalar) {
            (1, Scalar::Bytes(bytes, _)) => merge(&mut resource, bytes),
            (3, Scalar::Bytes(url, _)) => resource_schema_url = url,
            _ => {}
        }
    }

    let mut fields = Reader::new(bytes, base);
    while let Some((number, scalar)) = fields.next()? {
        let (2, Scalar::Bytes(bytes, base)) = (number, scalar) else { continue };
        let mut scope = Cow::default();
        let mut scope_schema_url: &[u8] = &[];
        let mut fields = Reader::new(bytes, base);
        while let Some((number, scalar)) = fields.next()? {
            match (number, scalar) {
                (1, Scalar::Bytes(bytes, _)) => merge(&mut scope, bytes),
                (3, Scalar::Bytes(url, _)) => scope_schema_url = url,
                _ => {}
            }
        }

        *serial += 1;
        let context = Context {
            resource: &resource,
            resource_schema_url,
            scope: &scope,
            scope_schema_url,
            serial: *serial,
        };
        let mut fields = Reader::new(bytes, base);
        while let Some((number, scalar)) = fields.next()? {
            if let (2, Scalar::Bytes(bytes, base)) = (number, scalar) {
                span(bytes, base, &context, visitor)?;
            }
        }
    }
    Ok(())
}

fn span(
    bytes: &[u8],
    base: usize,
    context: &Context<'_>,
    visitor: &mut impl Visitor,
) -> Result<(), Malformed> {
    let mut header = SpanHeader { encoded_bytes: bytes.len() as u32, ..SpanHeader::default() };
    let mut links_astray = 0;
    let mut fields = Reader::new(bytes, base);
    while let Some((number, scalar)) = fields.next()? {
        match (number, scalar) {
            (1, Scalar::Bytes(id, _)) => header.trace_id = TraceId(exact(id)),
            (2, Scalar::Bytes(id, _)) => header.span_id = SpanId(exact(id)),
            (3, Scalar::Bytes(text, _)) => header.trace_state = text,
            (4, Scalar::Bytes(id, _)) => header.parent_span_id = SpanId(exact(id)),
            (5, Scalar::Bytes(text, _)) => header.name = text,
            (6, Scalar::Varint(kind)) => header.kind = number_of(kind),
            (7, Scalar::Fixed64(time)) => header.start_unix_nano = time,
            (8, Scalar::Fixed64(time)) => header.end_unix_nano = time,
            (10, Scalar::Varint(count)) => header.dropped_attributes = count as u32,
            (12, Scalar::Varint(count)) => header.dropped_events = count as u32,
            (13, Scalar::Bytes(bytes, base)) if link_header(bytes, base)?.is_none() => {
                links_astray += 1;
            }
            (14, Scalar::Varint(count)) => header.dropped_links = count as u32,
            (15, Scalar::Bytes(bytes, base)) => {
                let mut fields = Reader::new(bytes, base);
                while let Some((number, scalar)) = fields.next()? {
                    match (number, scalar) {
                        (2, Scalar::Bytes(text, _)) => header.status_message = text,
                        (3, Scalar::Varint(code)) => header.status_code = number_of(code),
                        _ => {}
                    }
                }
            }
            (16, Scalar::Fixed32(flags)) => header.flags = flags,
            _ => {}
        }
    }
    if header.trace_id.is_zero() || header.span_id.is_zero() {
        return Ok(());
    }
    header.dropped_links = header.dropped_links.saturating_add(links_astray);
    visitor.span(context, &header);

    let mut fields = Reader::new(bytes, base);
    while let Some((number, scalar)) = fields.next()? {
        let Scalar::Bytes(bytes, base) = scalar else { continue };
        match number {
            9 => attribute(bytes, base, &mut |key, value| visitor.attribute(key, value))?,
            11 => event(bytes, base, visitor)?,
            13 => {
                if let Some(link) = link_header(bytes, base)? {
                    visitor.link(&link);
                    for_each_attribute(bytes, base, 4, |key, value| {
                        visitor.link_attribute(key, value);
                    })?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn event(bytes: &[u8], base: usize, visitor: &mut impl Visitor) -> Result<(), Malformed> {
    let mut header = EventHeader::default();
    let mut fields = Reader::new(bytes, base);
    while let Some((number, scalar)) = fields.next()? {
        match (number, scalar) {
            (1, Scalar::Fixed64(time)) => header.time_unix_nano = time,
            (2, Scalar::Bytes(text, _)) => header.name = text,
            (4, Scalar::Varint(count)) => header.dropped_attributes = count as u32,
            _ => {}
        }
    }
    visitor.event(&header);
    for_each_attribute(bytes, base, 3, |key, value| visitor.event_attribute(key, value))
}

/// `None` when an ID has the wrong length or is zero: such a link leads nowhere.
fn link_header(bytes: &[u8], base: usize) -> Result<Option<LinkHeader<'_>>, Malformed> {
    let mut header = LinkHeader::default();
    let mut fields = Reader::new(bytes, base);
    while let Some((number, scalar)) = fields.next()? {
        match (number, scalar) {
            (1, Scalar::Bytes(id, _)) => header.trace_id = TraceId(exact(id)),
            (2, Scalar::Bytes(id, _)) => header.span_id = SpanId(exact(id)),
            (3, Scalar::Bytes(text, _)) => header.trace_state = text,
            (5, Scalar::Varint(count)) => header.dropped_attributes = count as u32,
            (6, Scalar::Fixed32(flags)) => header.flags = flags,
            _ => {}
        }
    }
    Ok((!header.trace_id.is_zero() && !header.span_id.is_zero()).then_some(header))
}

/// Name, version and dropped attributes of a checked `InstrumentationScope`.
pub(crate) fn scope_header(scope: &[u8]) -> (&[u8], &[u8], u32) {
    let (mut name, mut version, mut dropped): (&[u8], &[u8], u32) = (&[], &[], 0);
    let mut fields = Reader::new(scope, 0);
    while let Ok(Some((number, scalar))) = fields.next() {
        match (number, scalar) {
            (1, Scalar::Bytes(text, _)) => name = text,
            (2, Scalar::Bytes(text, _)) => version = text,
            (4, Scalar::Varint(count)) => dropped = count as u32,
            _ => {}
        }
    }
    (name, version, dropped)
}

/// The dropped attributes of a checked `Resource`.
pub(crate) fn resource_dropped_attributes(resource: &[u8]) -> u32 {
    let mut dropped = 0;
    let mut fields = Reader::new(resource, 0);
    while let Ok(Some((number, scalar))) = fields.next() {
        if let (2, Scalar::Varint(count)) = (number, scalar) {
            dropped = count as u32;
        }
    }
    dropped
}

/// A number of an enum; 0, which means nothing, where no byte holds it.
fn number_of(varint: u64) -> u8 {
    u8::try_from(varint as i32).unwrap_or(0)
}

/// An ID of exactly this length; zero, which is no valid ID, otherwise.
fn exact<const N: usize>(id: &[u8]) -> [u8; N] {
    id.try_into().unwrap_or([0; N])
}
