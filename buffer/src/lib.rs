//! The span buffer: the newest finished spans of one process, in a ring of fixed size, read over HTTP.
//!
//! ```no_run
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use sigyn_buffer::SpanBuffer;
//!
//! let buffer = SpanBuffer::new(16 << 20);
//! let provider = SdkTracerProvider::builder().with_span_processor(buffer.processor()).build();
//! opentelemetry::global::set_tracer_provider(provider);
//! // In an app with axum: `let app = app.merge(buffer.router());`. In one without a runtime:
//! let server = buffer.serve("0.0.0.0:9464")?;
//! println!("curl -s http://{}/debug/spans", server.local_addr());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! **Is**: a [`SpanProcessor`](opentelemetry_sdk::trace::SpanProcessor) that encodes a span once, as
//! OTLP, into a ring of bytes; a handler for `GET /debug/spans` in three forms
//! ([`router`](SpanBuffer::router), [`service`](SpanBuffer::service), [`serve`](SpanBuffer::serve));
//! counters that say exactly what a reader missed.
//!
//! **Is not**: an exporter. It knows no collector, opens no connection to one, spawns no thread
//! (except the server that `serve` is asked for), never waits for a reader, and never grows.
//!
//! **Limits**, all with names in the code: the capacity is fixed at the start; a span above 64 KiB is
//! cut down and marked; a body ends at 16 MiB; 4 readers may wait and 8 may read at a time.
//!
//! A sidecar, which holds the spans of other processes, records them through a [`Relay`].
//!
//! The protocol is one page, `docs/format/pull-protocol.md`. [`SpanBuffer::read`] is the same without
//! HTTP.

#![forbid(unsafe_code)]

mod buffer;
mod builder;
mod cursor;
mod drain;
mod exposition;
mod fill;
mod harvest;
mod http;
mod keep;
mod lookup;
mod origin;
mod otlp;
mod processor;
mod relay;
mod ring;
mod scope;
mod scratch;
mod shards;
mod stats;
mod wakeup;

pub use buffer::SpanBuffer;
pub use builder::SpanBufferBuilder;
pub use cursor::CursorError;
pub use drain::Drain;
pub use harvest::{Lost, Read};
pub use http::{PATH, PullBody, PullService, Server};
pub use lookup::Found;
pub use origin::Origin;
pub use processor::SpanBufferProcessor;
pub use relay::{Place, Relay};
pub use stats::Stats;

#[cfg(test)]
mod protocol_page;
