//! What of a span crosses the borders of processes.

use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};
use std::{str::FromStr, sync::Arc};

pub(crate) const SAMPLED: u8 = 1;
pub(crate) const DEBUG: u8 = 2;

/// Immutable: a span that gets a baggage item has a new one from then on. A clone is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanContext {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    /// [`SAMPLED`] and [`DEBUG`].
    pub(crate) flags: u8,
    /// As it came.
    pub(crate) trace_state: Arc<str>,
    pub(crate) is_remote: bool,
    pub(crate) baggage: Arc<Baggage>,
}

/// Items in the order in which they were set; each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Baggage(Vec<(String, String)>);

impl SpanContext {
    /// For a span that another library started.
    pub fn new(trace_id: u128, span_id: u64, is_sampled: bool) -> Self {
        Self {
            trace_id,
            span_id,
            flags: if is_sampled { SAMPLED } else { 0 },
            trace_state: "".into(),
            is_remote: false,
            baggage: Arc::default(),
        }
    }

    /// 32 hexadecimal digits; all zero in a context that has only baggage.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// Whether those behind this process are asked to keep the trace. This buffer keeps every span.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// `tracestate` of W3C, as it came.
    pub fn trace_state(&self) -> &str {
        &self.trace_state
    }

    /// Goes along with the trace, to every process behind this one.
    pub fn baggage_item(&self, key: &str) -> Option<&str> {
        self.baggage_items().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// All of it, in the order in which it was set.
    pub fn baggage_items(&self) -> impl Iterator<Item = (&str, &str)> {
        self.baggage.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether it names a span, not only baggage.
    pub(crate) fn names_a_span(&self) -> bool {
        self.trace_id != 0 && self.span_id != 0
    }

    pub(crate) fn with_baggage_item(&self, key: String, value: String) -> Self {
        let mut baggage = Baggage::clone(&self.baggage);
        baggage.set(key, value);
        Self { baggage: Arc::new(baggage), ..self.clone() }
    }

    /// As OpenTelemetry has it.
    pub(crate) fn to_otel(&self) -> opentelemetry::trace::SpanContext {
        opentelemetry::trace::SpanContext::new(
            TraceId::from(self.trace_id),
            SpanId::from(self.span_id),
            TraceFlags::new(self.flags),
            self.is_remote,
            TraceState::from_str(&self.trace_state).unwrap_or_default(),
        )
    }
}

impl Baggage {
    /// The last value of a key is the one that counts.
    pub(crate) fn set(&mut self, key: String, value: String) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    pub(crate) fn truncate(&mut self, items_max: usize) {
        self.0.truncate(items_max);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
