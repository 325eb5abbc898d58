//! Contexts in carriers: W3C, Jaeger and B3; baggage with the first two.

mod binary;
mod percent;
mod text;

use crate::context::SpanContext;
use std::collections::{BTreeMap, HashMap};

pub(crate) use binary::{extract_binary, inject_binary};
pub(crate) use text::extract;

/// More baggage is left behind.
const BAGGAGE_ITEMS_MAX: usize = 64;
const BAGGAGE_BYTES_MAX: usize = 8_192;
/// Jaeger has a header for each item.
const UBER_BAGGAGE: &str = "uberctx-";

/// What kind of map a carrier is. For [`Tracer::inject_binary`](crate::Tracer::inject_binary) there is no map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Any keys and values.
    TextMap,
    /// What may stand in HTTP headers.
    HttpHeaders,
}

/// Which headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats {
    /// `traceparent`, `tracestate`, `baggage`.
    pub w3c: bool,
    /// `uber-trace-id`, `uberctx-…`.
    pub jaeger: bool,
    /// `x-b3-…`.
    pub b3: bool,
}

/// A map to write to.
pub trait TextMapWriter {
    /// Sets a value; the key is in lower case but for baggage.
    fn set(&mut self, key: &str, value: String);
}

/// A map to read from.
pub trait TextMapReader {
    /// Shows all pairs.
    fn for_each(&self, each: &mut dyn FnMut(&str, &str));
}

impl Default for Formats {
    fn default() -> Self {
        Self { w3c: true, jaeger: true, b3: true }
    }
}

macro_rules! map_of_texts {
    ($map:ident) => {
        impl TextMapWriter for $map<String, String> {
            fn set(&mut self, key: &str, value: String) {
                self.insert(key.to_owned(), value);
            }
        }

        impl TextMapReader for $map<String, String> {
            fn for_each(&self, each: &mut dyn FnMut(&str, &str)) {
                self.iter().for_each(|(key, value)| each(key, value));
            }
        }
    };
}

map_of_texts!(HashMap);
map_of_texts!(BTreeMap);

/// Headers as most HTTP libraries can give them.
impl TextMapReader for [(&str, &str)] {
    fn for_each(&self, each: &mut dyn FnMut(&str, &str)) {
        self.iter().for_each(|(key, value)| each(key, value));
    }
}

impl TextMapReader for Vec<(String, String)> {
    fn for_each(&self, each: &mut dyn FnMut(&str, &str)) {
        self.iter().for_each(|(key, value)| each(key, value));
    }
}

pub(crate) fn inject(
    context: &SpanContext,
    format: Format,
    formats: Formats,
    carrier: &mut impl TextMapWriter,
) {
    let (trace_id, span_id) = (context.trace_id(), context.span_id());
    if formats.w3c {
        let flags = context.flags & 1;
        carrier.set("traceparent", format!("00-{trace_id}-{span_id}-{flags:02x}"));
        if !context.trace_state.is_empty() {
            carrier.set("tracestate", context.trace_state.to_string());
        }
        let items: Vec<String> = context
            .baggage_items()
            .map(|(key, value)| format!("{}={}", percent::encode(key), percent::encode(value)))
            .collect();
        let baggage = items.join(",");
        if (1..=BAGGAGE_BYTES_MAX).contains(&baggage.len()) {
            carrier.set("baggage", baggage);
        }
    }
    if formats.jaeger {
        // Parent IDs went out of use there; 0 stands in their place.
        let flags = context.flags & 3;
        carrier.set("uber-trace-id", format!("{trace_id}:{span_id}:0:{flags:x}"));
        for (key, value) in context.baggage_items() {
            match format {
                Format::TextMap => carrier.set(&format!("{UBER_BAGGAGE}{key}"), value.to_owned()),
                Format::HttpHeaders if percent::is_token(key) => {
                    carrier.set(&format!("{UBER_BAGGAGE}{key}"), percent::encode(value));
                }
                // It cannot be the name of a header.
                Format::HttpHeaders => {}
            }
        }
    }
    if formats.b3 {
        carrier.set("x-b3-traceid", trace_id);
        carrier.set("x-b3-spanid", span_id);
        carrier.set("x-b3-sampled", u8::from(context.is_sampled()).to_string());
    }
}
