//! A job's own limits on what one read may bring.

use crate::config::ScrapeConfig;
use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};

/// 0 means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    spans: usize,
    attributes: usize,
    name_bytes: usize,
    value_bytes: usize,
}

/// A body that was cut down.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) body: Vec<u8>,
    pub(super) spans_left_out: u64,
}

impl Limits {
    /// `None` for the usual job, whose bodies are never decoded here.
    pub(super) fn of(config: &ScrapeConfig) -> Option<Self> {
        let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        let limits = Self {
            spans: size(config.span_limit),
            attributes: size(config.label_limit),
            name_bytes: size(config.label_name_length_limit),
            value_bytes: size(config.label_value_length_limit),
        };
        let none = Self { spans: 0, attributes: 0, name_bytes: 0, value_bytes: 0 };
        (limits != none).then_some(limits)
    }

    /// Cuts a body down; `None` when it is within the limits, or no OTLP at all (the store will
    /// say where it breaks).
    pub(super) fn apply(&self, body: &[u8]) -> Option<Cut> {
        let mut request = ExportTraceServiceRequest::decode(body).ok()?;
        let mut changed = false;
        let mut spans_left_out = 0;
        let mut room = if self.spans == 0 { usize::MAX } else { self.spans };
        let scopes = request.resource_spans.iter_mut().flat_map(|all| &mut all.scope_spans);
        for scope in scopes {
            let kept = room.min(scope.spans.len());
            spans_left_out += (scope.spans.len() - kept) as u64;
            scope.spans.truncate(kept);
            room -= kept;
            for span in &mut scope.spans {
                changed |= self.cut_span(span);
            }
        }
        changed |= spans_left_out > 0;
        changed.then(|| Cut { body: request.encode_to_vec(), spans_left_out })
    }

    fn cut_span(&self, span: &mut Span) -> bool {
        let mut changed = self.cut(&mut span.attributes, &mut span.dropped_attributes_count);
        for event in &mut span.events {
            changed |= self.cut(&mut event.attributes, &mut event.dropped_attributes_count);
        }
        for link in &mut span.links {
            changed |= self.cut(&mut link.attributes, &mut link.dropped_attributes_count);
        }
        changed
    }

    fn cut(&self, attributes: &mut Vec<KeyValue>, dropped_count: &mut u32) -> bool {
        let before = attributes.len();
        if self.name_bytes > 0 {
            attributes.retain(|attribute| attribute.key.len() <= self.name_bytes);
        }
        if self.attributes > 0 {
            attributes.truncate(self.attributes);
        }
        let dropped = before - attributes.len();
        *dropped_count = dropped_count.saturating_add(u32::try_from(dropped).unwrap_or(u32::MAX));
        let mut changed = dropped > 0;
        if self.value_bytes > 0 {
            for attribute in attributes {
                changed |= shorten(attribute.value.as_mut(), self.value_bytes);
            }
        }
        changed
    }
}

/// Only text is shortened: half of a number or of a list says something else.
fn shorten(value: Option<&mut AnyValue>, bytes_max: usize) -> bool {
    match value.and_then(|value| value.value.as_mut()) {
        Some(Value::StringValue(text)) if text.len() > bytes_max => {
            text.truncate(text.floor_char_boundary(bytes_max));
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{request, span};

    fn limits() -> Limits {
        Limits { spans: 2, attributes: 2, name_bytes: 4, value_bytes: 3 }
    }

    fn text(key: &str, value: &str) -> KeyValue {
        let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
        KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
    }

    #[test]
    fn a_body_within_the_limits_is_left_alone() {
        let body = request(vec![span(1), span(2)], &[("resource.name", "longer")]).encode_to_vec();
        assert!(limits().apply(&body).is_none());
        assert!(limits().apply(b"\xff").is_none());
    }

    #[test]
    fn what_is_above_the_limits_goes_and_is_counted() {
        let mut first = span(1);
        first.attributes =
            vec![text("too-long", "a"), text("a", "äöü"), text("b", "1"), text("c", "2")];
        let body = request(vec![first, span(2), span(3), span(4)], &[]).encode_to_vec();
        let cut = limits().apply(&body).unwrap();
        assert_eq!(cut.spans_left_out, 2);
        let request = ExportTraceServiceRequest::decode(&cut.body[..]).unwrap();
        let spans = &request.resource_spans[0].scope_spans[0].spans;
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[0].attributes, [text("a", "ä"), text("b", "1")]);
        assert_eq!(spans[0].dropped_attributes_count, 2);
    }
}
