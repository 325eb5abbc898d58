//! The labels of an exemplar and of its series as bytes: names that are everywhere are numbers, and the IDs that a record says already
//! are not written out.

use crate::{Exemplar, Labels, SpanId, TraceId};

/// Names of labels by number. Part of the disk format: new ones come last.
pub(super) const KNOWN_NAMES: [&str; 24] = [
    "__name__",
    "instance",
    "job",
    "le",
    "trace_id",
    "span_id",
    "traceID",
    "spanID",
    "namespace",
    "pod",
    "container",
    "service",
    "method",
    "route",
    "path",
    "status",
    "code",
    "status_code",
    "handler",
    "span_name",
    "span_kind",
    "client",
    "server",
    "connection_type",
];

/// How a text is written; stands in the two lowest bits before its length or number.
const TEXT: u64 = 0;
const KNOWN: u64 = 1;
/// The trace ID in 32 digits.
const TRACE: u64 = 2;
/// The span ID in 16 digits.
const SPAN: u64 = 3;

/// The labels of the series, then the exemplar's own.
pub(super) fn write(exemplar: &Exemplar) -> Vec<u8> {
    let mut out = Vec::new();
    let trace = exemplar.trace_id.to_string();
    let span = exemplar.span_id.map(|span| span.to_string());
    for labels in [&exemplar.series, &exemplar.labels] {
        number(&mut out, labels.len() as u64);
        for (name, value) in labels {
            match KNOWN_NAMES.iter().position(|known| known == name) {
                Some(place) => number(&mut out, (place as u64) << 2 | KNOWN),
                None => text(&mut out, name),
            }
            match value {
                value if *value == trace => number(&mut out, TRACE),
                value if Some(value) == span.as_ref() => number(&mut out, SPAN),
                value => text(&mut out, value),
            }
        }
    }
    out
}

/// Reads what was written: the labels of the series, and the exemplar's own.
pub(super) fn take(
    rest: &mut &[u8],
    trace_id: TraceId,
    span_id: Option<SpanId>,
) -> Option<(Labels, Labels)> {
    let mut labels = || -> Option<Labels> {
        let count = take_number(rest)?;
        let mut labels = Labels::new();
        for _ in 0..count {
            let name = take_text(rest, trace_id, span_id)?;
            labels.push((name, take_text(rest, trace_id, span_id)?));
        }
        Some(labels)
    };
    Some((labels()?, labels()?))
}

/// Seven bits a byte, lowest first; the highest bit says that more follow.
pub(super) fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, (text.len() as u64) << 2 | TEXT);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

pub(super) fn take_bytes<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(taken)
}

pub(super) fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take_array(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_text(rest: &mut &[u8], trace_id: TraceId, span_id: Option<SpanId>) -> Option<String> {
    let number = take_number(rest)?;
    match number & 3 {
        KNOWN => {
            let name = KNOWN_NAMES.get(usize::try_from(number >> 2).ok()?)?;
            Some((*name).to_owned())
        }
        TRACE => Some(trace_id.to_string()),
        SPAN => span_id.map(|span| span.to_string()),
        _ => String::from_utf8(take_bytes(rest, number >> 2)?.to_vec()).ok(),
    }
}
