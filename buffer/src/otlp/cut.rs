//! Cutting an encoded span down, for a reader that asked for less than one whole span.

use super::span::{Missing, REMARKS_BYTES, SPAN_LIMIT_BYTES_MIN, TRUNCATED, put_status};
use super::wire::{cut_text, fields, put_bytes, put_uint_unless_zero};

/// Appends `span` to `out` in at most `limit_bytes` (at least [`SPAN_LIMIT_BYTES_MIN`]), by the same rule
/// as [`encode_span`](super::encode_span).
pub(crate) fn cut_span(span: &[u8], limit_bytes: usize, out: &mut Vec<u8>) {
    debug_assert!(limit_bytes >= SPAN_LIMIT_BYTES_MIN);
    let end = out.len() + limit_bytes - REMARKS_BYTES;
    let mut missing = Missing { cut: true, ..Missing::default() };
    for field in fields(span) {
        match field.number {
            10 => missing.attributes += field.uint,
            12 => missing.events += field.uint,
            14 => missing.links += field.uint,
            // The mark is written anew below.
            9 if field.content == TRUNCATED => {}
            9 | 11 | 13 if out.len() + field.whole.len() > end => match field.number {
                9 => missing.attributes += 1,
                11 => missing.events += 1,
                _ => missing.links += 1,
            },
            3 if field.content.len() > limit_bytes / 8 => {}
            5 => put_bytes(out, 5, cut_utf8(field.content, limit_bytes / 4)),
            15 => {
                let (mut code, mut message) = (0, &[][..]);
                for field in fields(field.content) {
                    match field.number {
                        2 => message = field.content,
                        3 => code = field.uint,
                        _ => {}
                    }
                }
                put_status(out, code, cut_utf8(message, limit_bytes / 4));
            }
            _ => out.extend_from_slice(field.whole),
        }
    }
    missing.put_mark(out);
    missing.put_counts(out);
}

/// A message whose attributes are left away from the first on that does not fit, and counted.
pub(crate) fn bounded_message(
    message: &[u8],
    attributes: u64,
    dropped_count: u64,
    bytes_max: usize,
) -> Vec<u8> {
    if message.len() <= bytes_max {
        return message.to_vec();
    }
    let mut out = Vec::new();
    let mut dropped = 0;
    for field in fields(message) {
        // With eleven bytes for the count.
        let fits = out.len() + field.whole.len() + 11 <= bytes_max;
        match field.number {
            number if number == dropped_count => dropped += field.uint,
            _ if fits => out.extend_from_slice(field.whole),
            number => dropped += u64::from(number == attributes),
        }
    }
    put_uint_unless_zero(&mut out, dropped_count, dropped.min(u32::MAX.into()));
    out
}

fn cut_utf8(bytes: &[u8], bytes_max: usize) -> &[u8] {
    std::str::from_utf8(bytes).map_or(&[], |text| cut_text(text, bytes_max).as_bytes())
}
