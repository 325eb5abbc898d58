//! `opentelemetry.proto.trace.v1.Span` from the SDK's `SpanData`.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanContext, SpanId, SpanKind, Status, TraceState};
use opentelemetry_sdk::trace::SpanData;

use super::attribute::{attribute_bytes, attributes_bytes, put_attribute, put_attributes};
use super::wire::{
    bytes_field_bytes, bytes_field_bytes_unless_empty, cut_text, put_bytes, put_bytes_unless_empty,
    put_fixed32, put_fixed64, put_length, put_uint_unless_zero, uint_field_bytes_unless_zero,
};

/// The smallest limit that leaves room for IDs, times, and the beginnings of name and status message.
pub(crate) const SPAN_LIMIT_BYTES_MIN: usize = 512;

/// `KeyValue { key: "sigyn.truncated", value: true }`.
pub(super) const TRUNCATED: &[u8] = b"\x0a\x0fsigyn.truncated\x12\x02\x10\x01";

/// Room for what says that something is missing: [`TRUNCATED`] and three counts.
pub(super) const REMARKS_BYTES: usize = 2 + TRUNCATED.len() + 3 * 6;

/// Flags bit 8 says that bit 9 is known; bit 9 says that the parent (or linked span) is remote.
const REMOTE_KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;

/// What did not fit, and what the SDK had already left out.
#[derive(Default)]
pub(super) struct Missing {
    pub(super) attributes: u64,
    pub(super) events: u64,
    pub(super) links: u64,
    /// Whether this buffer cut anything.
    pub(super) cut: bool,
}

impl Missing {
    /// Closes the attributes of a span.
    pub(super) fn put_mark(&self, out: &mut Vec<u8>) {
        if self.cut {
            put_bytes(out, 9, TRUNCATED);
        }
    }

    pub(super) fn put_counts(&self, out: &mut Vec<u8>) {
        for (field, count) in [(10, self.attributes), (12, self.events), (14, self.links)] {
            put_uint_unless_zero(out, field, count.min(u32::MAX.into()));
        }
    }
}

/// Appends the span to `out`, in at most `limit_bytes` (at least [`SPAN_LIMIT_BYTES_MIN`]).
///
/// What always fits comes first. Then attributes, events and links, each as far as it fits; what does
/// not is counted, and the span is marked with `sigyn.truncated`. Nothing larger than the limit is ever
/// built on the way.
pub(crate) fn encode_span(span: &SpanData, limit_bytes: usize, out: &mut Vec<u8>) {
    debug_assert!(limit_bytes >= SPAN_LIMIT_BYTES_MIN);
    let end = out.len() + limit_bytes - REMARKS_BYTES;
    let mut missing = Missing {
        attributes: span.dropped_attributes_count.into(),
        events: span.events.dropped_count.into(),
        links: span.links.dropped_count.into(),
        cut: false,
    };

    put_identity(span, limit_bytes, &mut missing.cut, out);

    for attribute in &span.attributes {
        let bytes = attribute_bytes(attribute);
        if out.len() + bytes_field_bytes(bytes) <= end {
            put_attribute(out, 9, attribute, bytes);
        } else {
            missing.attributes += 1;
            missing.cut = true;
        }
    }
    for event in span.events.iter() {
        let bytes = event_bytes(event);
        if out.len() + bytes_field_bytes(bytes) <= end {
            put_event(out, event, bytes);
        } else {
            missing.events += 1;
            missing.cut = true;
        }
    }
    for link in span.links.iter() {
        let bytes = link_bytes(link);
        if out.len() + bytes_field_bytes(bytes) <= end {
            put_link(out, link, bytes);
        } else {
            missing.links += 1;
            missing.cut = true;
        }
    }
    missing.put_mark(out);
    missing.put_counts(out);
}

/// IDs, name, kind, times, status and flags: a span is of no use without them.
fn put_identity(span: &SpanData, limit_bytes: usize, cut: &mut bool, out: &mut Vec<u8>) {
    let context = &span.span_context;
    put_bytes(out, 1, &context.trace_id().to_bytes());
    put_bytes(out, 2, &context.span_id().to_bytes());
    // Half a trace state would be a wrong one.
    let trace_state_bytes = trace_state_bytes(context.trace_state());
    if trace_state_bytes <= limit_bytes / 8 {
        put_trace_state(out, context.trace_state(), trace_state_bytes);
    } else {
        *cut = true;
    }
    if span.parent_span_id != SpanId::INVALID {
        put_bytes(out, 4, &span.parent_span_id.to_bytes());
    }
    let name = cut_text(&span.name, limit_bytes / 4);
    *cut |= name.len() < span.name.len();
    put_bytes_unless_empty(out, 5, name.as_bytes());
    put_uint_unless_zero(out, 6, kind(&span.span_kind));
    put_fixed64(out, 7, unix_nano(span.start_time));
    put_fixed64(out, 8, unix_nano(span.end_time));
    let (code, message) = match &span.status {
        Status::Unset => (0, ""),
        Status::Ok => (1, ""),
        Status::Error { description } => (2, &**description),
    };
    let kept = cut_text(message, limit_bytes / 4);
    *cut |= kept.len() < message.len();
    put_status(out, code, kept.as_bytes());
    put_tag_flags(out, flags(context, span.parent_span_is_remote));
}

/// Writes nothing for an unset status, as nothing is what it says.
pub(super) fn put_status(out: &mut Vec<u8>, code: u64, message: &[u8]) {
    let bytes = uint_field_bytes_unless_zero(code) + bytes_field_bytes_unless_empty(message.len());
    if bytes > 0 {
        put_length(out, 15, bytes);
        put_bytes_unless_empty(out, 2, message);
        put_uint_unless_zero(out, 3, code);
    }
}

fn put_tag_flags(out: &mut Vec<u8>, flags: u32) {
    put_fixed32(out, 16, flags);
}

fn kind(kind: &SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn flags(context: &SpanContext, remote: bool) -> u32 {
    let remote = if remote { REMOTE } else { 0 };
    u32::from(context.trace_flags().to_u8()) | REMOTE_KNOWN | remote
}

/// 0 for times before 1970; the year 2554 and later do not fit.
fn unix_nano(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// `k1=v1,k2=v2`, counted without building it.
fn trace_state_bytes(trace_state: &TraceState) -> usize {
    let members = trace_state.into_iter().map(|(key, value)| key.len() + value.len() + 2);
    members.sum::<usize>().saturating_sub(1)
}

fn put_trace_state(out: &mut Vec<u8>, trace_state: &TraceState, bytes: usize) {
    if bytes == 0 {
        return;
    }
    put_length(out, 3, bytes);
    for (index, (key, value)) in trace_state.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value.as_bytes());
    }
}

fn event_bytes(event: &Event) -> usize {
    9 + bytes_field_bytes_unless_empty(event.name.len())
        + attributes_bytes(&event.attributes)
        + uint_field_bytes_unless_zero(event.dropped_attributes_count.into())
}

fn put_event(out: &mut Vec<u8>, event: &Event, bytes: usize) {
    put_length(out, 11, bytes);
    put_fixed64(out, 1, unix_nano(event.timestamp));
    put_bytes_unless_empty(out, 2, event.name.as_bytes());
    put_attributes(out, 3, &event.attributes);
    put_uint_unless_zero(out, 4, event.dropped_attributes_count.into());
}

fn link_bytes(link: &Link) -> usize {
    (2 + 16)
        + (2 + 8)
        + bytes_field_bytes_unless_empty(trace_state_bytes(link.span_context.trace_state()))
        + attributes_bytes(&link.attributes)
        + uint_field_bytes_unless_zero(link.dropped_attributes_count.into())
        + 5
}

fn put_link(out: &mut Vec<u8>, link: &Link, bytes: usize) {
    let context = &link.span_context;
    put_length(out, 13, bytes);
    put_bytes(out, 1, &context.trace_id().to_bytes());
    put_bytes(out, 2, &context.span_id().to_bytes());
    put_trace_state(out, context.trace_state(), trace_state_bytes(context.trace_state()));
    put_attributes(out, 4, &link.attributes);
    put_uint_unless_zero(out, 5, link.dropped_attributes_count.into());
    put_fixed32(out, 6, flags(context, context.is_remote()));
}
