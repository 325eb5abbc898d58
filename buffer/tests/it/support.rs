//! Spans with a number, and readers that check what they get.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use prost::Message as _;
use sigyn_buffer::{Lost, SpanBuffer};
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;
use sigyn_proto::otlp::common::v1::any_value::Value;
use sigyn_proto::otlp::trace::v1::Span;

/// A span whose every byte follows from its number, so that a torn one cannot pass for whole.
pub(crate) fn span(number: u64, filler_bytes: usize) -> SpanData {
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(u128::from(number) << 64 | 7),
            SpanId::from(number + 1),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: format!("span {number}").into(),
        start_time: UNIX_EPOCH + Duration::from_nanos(number),
        end_time: UNIX_EPOCH + Duration::from_nanos(number * 3 + 1),
        attributes: vec![KeyValue::new("filler", filler(number, filler_bytes))],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder(format!("scope {}", number % 3))
            .build(),
    }
}

fn filler(number: u64, bytes: usize) -> String {
    let letters = (0..bytes as u64).map(|index| (b'a' + ((number + index) % 26) as u8) as char);
    letters.collect()
}

/// The number of a span that came back; panics when any part does not belong to it.
pub(crate) fn number_of(span: &Span) -> u64 {
    let number = u64::from_be_bytes(span.span_id.clone().try_into().unwrap()) - 1;
    assert_eq!(span.trace_id, (u128::from(number) << 64 | 7).to_be_bytes());
    assert_eq!(span.name, format!("span {number}"));
    assert_eq!(span.start_time_unix_nano, number);
    assert_eq!(span.end_time_unix_nano, number * 3 + 1);
    let attribute = &span.attributes[0];
    if attribute.key == "sigyn.truncated" {
        assert_eq!(span.dropped_attributes_count, 1, "cut down and said to be");
        return number;
    }
    assert_eq!(attribute.key, "filler");
    let Some(Value::StringValue(text)) = &attribute.value.as_ref().unwrap().value else {
        panic!("the filler is a text: {attribute:?}");
    };
    assert_eq!(*text, filler(number, text.len()));
    number
}

pub(crate) fn decode(body: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(body).expect("a body is always a whole message")
}

pub(crate) fn concat(chunks: &[Bytes]) -> Vec<u8> {
    chunks.concat()
}

pub(crate) fn spans(request: &ExportTraceServiceRequest) -> impl Iterator<Item = &Span> {
    let resources = request.resource_spans.iter();
    resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans)
}

/// The numbers of all spans in a body.
pub(crate) fn numbers(body: &[u8]) -> Vec<u64> {
    spans(&decode(body)).map(number_of).collect()
}

/// A reader that keeps its cursor and its account.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) cursor: Option<String>,
    /// How often each span came.
    pub(crate) seen: HashMap<u64, usize>,
    pub(crate) lost: u64,
}

impl Reader {
    /// Reads once; says whether there is more. Checks the body's limit.
    pub(crate) fn read(&mut self, buffer: &SpanBuffer, bytes_max: usize) -> bool {
        let read = buffer.read(self.cursor.as_deref(), bytes_max).unwrap();
        let body = concat(&read.chunks);
        // Below this the limit is raised to what one cut-down span needs.
        assert!(body.len() <= bytes_max.max(1_700), "{} > {bytes_max}", body.len());
        let numbers = numbers(&body);
        assert_eq!(numbers.len(), read.spans);
        for number in numbers {
            *self.seen.entry(number).or_default() += 1;
        }
        match read.lost {
            Lost::Spans(lost) => self.lost += lost,
            Lost::Unknown => panic!("this buffer has only one life"),
        }
        self.cursor = Some(read.cursor);
        read.more
    }

    pub(crate) fn read_all(&mut self, buffer: &SpanBuffer, bytes_max: usize) {
        for _ in 0..1_000_000 {
            if !self.read(buffer, bytes_max) {
                return;
            }
        }
        panic!("a read without end");
    }

    /// Every one of `expected` spans came once or was counted as lost, and nothing else came.
    pub(crate) fn check(&self, expected: u64) {
        assert!(self.seen.values().all(|times| *times == 1), "a span came twice");
        assert_eq!(self.seen.len() as u64 + self.lost, expected, "lost {}", self.lost);
    }
}
