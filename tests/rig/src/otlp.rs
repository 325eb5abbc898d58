//! OTLP requests by hand, and answers read back.

use crate::Api;
use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData},
};

/// Makes spans that differ in their IDs.
#[derive(Clone, Debug)]
pub struct SpanMaker {
    /// The service that they belong to.
    pub service: String,
    /// The start of the first one; each next one is a microsecond later.
    pub start_unix_nano: u64,
    made: u64,
    seed: u64,
}

impl SpanMaker {
    /// Spans of a service; different seeds give different IDs.
    pub fn new(service: &str, seed: u64, start_unix_nano: u64) -> Self {
        Self { service: service.to_owned(), start_unix_nano, made: 0, seed }
    }

    /// A root span of a trace of its own.
    pub fn root(&mut self, name: &str) -> Span {
        self.made += 1;
        let mut trace_id = [0; 16];
        trace_id[..8].copy_from_slice(&(self.seed << 32 | 0xabcd).to_be_bytes());
        trace_id[8..].copy_from_slice(&self.made.to_be_bytes());
        self.span(trace_id.to_vec(), Vec::new(), name)
    }

    /// A child of a span.
    pub fn child(&mut self, parent: &Span, name: &str) -> Span {
        self.made += 1;
        self.span(parent.trace_id.clone(), parent.span_id.clone(), name)
    }

    fn span(&self, trace_id: Vec<u8>, parent_span_id: Vec<u8>, name: &str) -> Span {
        let start_time_unix_nano = self.start_unix_nano + self.made * 1_000;
        Span {
            trace_id,
            span_id: (self.seed << 40 | self.made).to_be_bytes().to_vec(),
            parent_span_id,
            name: name.to_owned(),
            start_time_unix_nano,
            end_time_unix_nano: start_time_unix_nano + 1_000_000,
            ..Span::default()
        }
    }

    /// The spans as an encoded request with this service as the resource.
    pub fn request(&self, spans: Vec<Span>) -> Vec<u8> {
        request_with(&[("service.name", &self.service)], spans)
    }
}

/// An encoded request of one resource with text attributes.
pub fn request_with(resource: &[(&str, &str)], spans: Vec<Span>) -> Vec<u8> {
    let attributes = resource
        .iter()
        .map(|(key, value)| KeyValue {
            key: (*key).to_owned(),
            value: Some(AnyValue { value: Some(Value::StringValue((*value).to_owned())) }),
            ..KeyValue::default()
        })
        .collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
    .encode_to_vec()
}

/// All spans of a trace as the server has it (empty when unknown), asked as protobuf.
#[track_caller]
pub fn spans_of_trace(api: &Api, trace_id: &str) -> Vec<Span> {
    let answer = api
        .try_get(&format!("/api/traces/{trace_id}"), &[("accept", "application/protobuf")])
        .expect("the server answers");
    if answer.status == 404 {
        return Vec::new();
    }
    assert_eq!(answer.status, 200, "{}", answer.text());
    TracesData::decode(&answer.body[..])
        .expect("the answer is a TracesData message")
        .resource_spans
        .into_iter()
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect()
}
