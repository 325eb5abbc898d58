//! The door for spans: OpenTelemetry's span processor.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use crate::SpanBuffer;

/// Records every span that ends, sampled or record-only; made by [`SpanBuffer::processor`].
///
/// A processor rather than an exporter, because exporters see sampled spans only: so an app can keep
/// all of its spans here and still push one percent elsewhere.
#[derive(Clone, Debug)]
pub struct SpanBufferProcessor {
    buffer: SpanBuffer,
}

impl SpanBufferProcessor {
    pub(crate) fn new(buffer: SpanBuffer) -> Self {
        Self { buffer }
    }
}

impl SpanProcessor for SpanBufferProcessor {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.buffer.record(&span);
    }

    /// Nothing to do: a span can be read as soon as it has ended.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// Marks the buffer as draining. What it holds can still be read; see [`SpanBuffer::drained`].
    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        self.buffer.start_draining();
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.buffer.set_resource(resource);
    }
}
