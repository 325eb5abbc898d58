//! The tracer: starts spans, and takes contexts over the borders of processes.

use crate::{
    context::{Baggage, SAMPLED, SpanContext},
    convert::{choose_parent, to_span_data},
    finished::{FinishedSpan, ReferenceKind, References},
    propagation::{self, Format, Formats, TextMapReader, TextMapWriter},
    span::SpanBuilder,
    value::Value,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use sigyn_buffer::SpanBuffer;
use std::{borrow::Cow, sync::Arc};

/// A tracer whose finished spans are in a [`SpanBuffer`]; a clone is another handle to it.
#[derive(Clone, Debug)]
pub struct Tracer {
    buffer: SpanBuffer,
    scope: InstrumentationScope,
    formats: Formats,
}

impl Tracer {
    /// For one process; its name becomes the Resource of the buffer.
    pub fn new(service_name: impl Into<Cow<'static, str>>, buffer: SpanBuffer) -> Self {
        Self::with_tags(service_name, buffer, std::iter::empty::<(&'static str, Value)>())
    }

    /// The same, with tags that describe the process.
    pub fn with_tags<K: Into<Cow<'static, str>>>(
        service_name: impl Into<Cow<'static, str>>,
        buffer: SpanBuffer,
        tags: impl IntoIterator<Item = (K, Value)>,
    ) -> Self {
        let attribute =
            |(key, value): (K, Value)| KeyValue::new(key.into(), value.into_attribute());
        let resource = Resource::builder_empty()
            .with_attributes(tags.into_iter().map(attribute))
            .with_attribute(KeyValue::new("service.name", service_name.into()));
        buffer.set_resource(&resource.build());
        let scope = InstrumentationScope::builder("opentracing").build();
        Self { buffer, scope, formats: Formats::default() }
    }

    /// Which headers are written; all of them by default, so that a neighbour on an old tracer stays in the trace.
    pub fn with_formats(self, formats: Formats) -> Self {
        Self { formats, ..self }
    }

    /// Where finished spans are.
    pub fn buffer(&self) -> &SpanBuffer {
        &self.buffer
    }

    /// A span to be started: `tracer.span("pay").child_of(context).tag("user", "ann").start()`.
    pub fn span(&self, operation_name: impl Into<Cow<'static, str>>) -> SpanBuilder<'_> {
        SpanBuilder::new(self, operation_name.into())
    }

    /// The specification's own form: a span that starts now, with references.
    pub fn start_span(
        &self,
        operation_name: impl Into<Cow<'static, str>>,
        references: impl IntoIterator<Item = (ReferenceKind, SpanContext)>,
    ) -> crate::Span {
        let span = self.span(operation_name);
        references.into_iter().fold(span, |span, (kind, it)| span.reference(kind, it)).start()
    }

    /// Writes a context into headers or another map of texts.
    pub fn inject(&self, context: &SpanContext, format: Format, carrier: &mut impl TextMapWriter) {
        propagation::inject(context, format, self.formats, carrier);
    }

    /// The context of the first of W3C, Jaeger and B3 that is there and sound, with the baggage of any. None where there
    /// is neither: the trace begins here.
    pub fn extract(&self, carrier: &impl TextMapReader) -> Option<SpanContext> {
        propagation::extract(carrier)
    }

    /// The binary form, that of Jaeger's client for Go.
    pub fn inject_binary(&self, context: &SpanContext) -> Vec<u8> {
        propagation::inject_binary(context)
    }

    /// None for anything that is not whole.
    pub fn extract_binary(&self, carrier: &[u8]) -> Option<SpanContext> {
        propagation::extract_binary(carrier)
    }

    /// Records a span that ended; a [`Span`](crate::Span) does this itself. For spans of other OpenTracing libraries, such
    /// as what comes out of the channel of `rustracing` (`examples/rustracing.rs`).
    pub fn record(&self, span: FinishedSpan) {
        self.buffer.record(&to_span_data(span, self.scope.clone()));
    }

    /// A new span's context: of its parent's trace, with the baggage of all that it refers to.
    pub(crate) fn draw_context(&self, references: &References) -> SpanContext {
        let mut baggage = Baggage::default();
        for (_, context) in references.iter().rev() {
            for (key, value) in context.baggage_items() {
                baggage.set(key.to_owned(), value.to_owned());
            }
        }
        let baggage = Arc::new(baggage);
        let span_id = rand::random::<u64>().max(1);
        match choose_parent(references.clone()).0 {
            Some(parent) => SpanContext { span_id, is_remote: false, baggage, ..parent },
            None => SpanContext {
                trace_id: rand::random::<u128>().max(1),
                span_id,
                flags: SAMPLED,
                trace_state: "".into(),
                is_remote: false,
                baggage,
            },
        }
    }
}
