//! Reading contexts from maps of texts.

use super::{BAGGAGE_BYTES_MAX, BAGGAGE_ITEMS_MAX, TextMapReader, UBER_BAGGAGE, percent::decode};
use crate::context::{Baggage, DEBUG, SAMPLED, SpanContext};
use std::{collections::BTreeMap, sync::Arc};

/// By name in lower case.
type Headers = BTreeMap<String, String>;

/// What a format says.
struct Found {
    trace_id: u128,
    span_id: u64,
    flags: u8,
    trace_state: String,
}

impl Found {
    /// IDs of zeros are none.
    fn new(trace_id: u128, span_id: u64, flags: u8) -> Option<Self> {
        let trace_state = String::new();
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags, trace_state })
    }
}

pub(crate) fn extract(carrier: &(impl TextMapReader + ?Sized)) -> Option<SpanContext> {
    let mut headers = Headers::new();
    carrier.for_each(&mut |key, value| {
        headers.insert(key.to_ascii_lowercase(), value.to_owned());
    });
    let baggage = baggage(&headers);
    let found = [w3c, jaeger, b3_single, b3].iter().find_map(|read| read(&headers));
    let found = match found {
        Some(found) => found,
        None if baggage.is_empty() => return None,
        None => Found { trace_id: 0, span_id: 0, flags: SAMPLED, trace_state: String::new() },
    };
    Some(SpanContext {
        trace_id: found.trace_id,
        span_id: found.span_id,
        flags: found.flags,
        trace_state: found.trace_state.into(),
        is_remote: true,
        baggage: Arc::new(baggage),
    })
}

fn header<'a>(headers: &'a Headers, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.trim())
}

fn w3c(headers: &Headers) -> Option<Found> {
    let text = header(headers, "traceparent");
    let mut fields = text.splitn(5, '-');
    let version = lower_hex(fields.next()?, 2..=2)?;
    let trace_id = lower_hex(fields.next()?, 32..=32)?;
    let span_id = lower_hex(fields.next()?, 16..=16)?;
    let flags = lower_hex(fields.next()?, 2..=2)?;
    // Later versions may say more.
    if version == 0xff || (version == 0 && fields.next().is_some()) {
        return None;
    }
    let mut found = Found::new(trace_id, span_id as u64, flags as u8 & SAMPLED)?;
    found.trace_state = header(headers, "tracestate").to_owned();
    Some(found)
}

fn jaeger(headers: &Headers) -> Option<Found> {
    let text = decode(header(headers, "uber-trace-id"));
    let fields: Vec<&str> = text.trim().split(':').collect();
    let [trace_id, span_id, _, flags] = fields[..] else { return None };
    let flags = lower_hex(&flags.to_ascii_lowercase(), 1..=2)? as u8;
    let trace_id = lower_hex(trace_id, 1..=32)?;
    Found::new(trace_id, lower_hex(span_id, 1..=16)? as u64, flags & (SAMPLED | DEBUG))
}

fn b3_single(headers: &Headers) -> Option<Found> {
    let text = header(headers, "b3").to_ascii_lowercase();
    let mut fields = text.split('-');
    let (trace_id, span_id) = (fields.next()?, fields.next()?);
    of_b3(trace_id, span_id, fields.next().unwrap_or("1"), "")
}

fn b3(headers: &Headers) -> Option<Found> {
    let lower = |name| header(headers, name).to_ascii_lowercase();
    let sampled = lower("x-b3-sampled");
    let sampled = if sampled.is_empty() { "1" } else { &sampled };
    of_b3(&lower("x-b3-traceid"), &lower("x-b3-spanid"), sampled, &lower("x-b3-flags"))
}

fn of_b3(trace_id: &str, span_id: &str, sampled: &str, flags: &str) -> Option<Found> {
    let trace_id = lower_hex(trace_id, 32..=32).or_else(|| lower_hex(trace_id, 16..=16))?;
    let span_id = lower_hex(span_id, 16..=16)? as u64;
    let flags = match sampled {
        _ if sampled == "d" || flags == "1" => SAMPLED | DEBUG,
        "0" | "false" => 0,
        _ => SAMPLED,
    };
    Found::new(trace_id, span_id, flags)
}

/// Digits in lower case only, so many of them.
fn lower_hex(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_number = digits.contains(&text.len()) && text.bytes().all(is_digit);
    is_number.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

fn baggage(headers: &Headers) -> Baggage {
    let mut baggage = Baggage::default();
    for (key, value) in headers {
        if let Some(key) = key.strip_prefix(UBER_BAGGAGE) {
            baggage.set(key.to_owned(), decode(value));
        }
    }
    // Jaeger's way to set baggage by hand.
    for item in header(headers, "jaeger-baggage").split(',') {
        if let Some((key, value)) = item.split_once('=').filter(|(key, _)| !key.trim().is_empty()) {
            baggage.set(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    let text = header(headers, "baggage");
    for member in text.split(',').filter(|_| text.len() <= BAGGAGE_BYTES_MAX) {
        let item = member.split(';').next().unwrap_or_default().split_once('=');
        if let Some((key, value)) = item.filter(|(key, _)| !key.trim().is_empty()) {
            baggage.set(decode(key.trim()), decode(value.trim()));
        }
    }
    baggage.truncate(BAGGAGE_ITEMS_MAX);
    baggage
}
