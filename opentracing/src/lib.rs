//! OpenTracing's names (specification 1.1) over a span buffer.
//!
//! ```
//! use sigyn_opentracing::{Format, SpanBuffer, Tracer};
//! use std::collections::HashMap;
//!
//! let buffer = SpanBuffer::new(1 << 20);
//! let tracer = Tracer::new("till", buffer.clone());
//! let server = buffer.serve("127.0.0.1:0")?; // GET /debug/spans
//!
//! let mut pay = tracer.span("pay").tag("span.kind", "server").start();
//! pay.set_baggage_item("user", "ann");
//! {
//!     let mut charge = tracer.span("charge").child_of(pay.context()).start();
//!     charge.log([("event", "retry"), ("reason", "timeout")]);
//!     let mut headers = HashMap::new();
//!     tracer.inject(&charge.context(), Format::HttpHeaders, &mut headers);
//!     assert!(headers["traceparent"].starts_with("00-"));
//!     assert_eq!(headers["baggage"], "user=ann");
//! } // finished when dropped, or by `finish`
//! pay.finish();
//! assert_eq!(buffer.stats().recorded, 2);
//! # drop(server);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! For programs that speak OpenTracing, or are written after it. It is not a way around OpenTelemetry: OpenTracing is
//! archived since 2022, and a program that begins today takes `opentelemetry` with `sigyn-buffer`.
//!
//! It has no active span: what a span is a child of is said where it starts, as in the specification itself.

#![forbid(unsafe_code)]

mod context;
mod convert;
mod finished;
mod propagation;
mod span;
mod tracer;
mod value;

pub use context::SpanContext;
pub use finished::{FinishedSpan, LogRecord, ReferenceKind};
pub use propagation::{Format, Formats, TextMapReader, TextMapWriter};
/// The buffer, for those who need nothing else of its crate.
pub use sigyn_buffer::SpanBuffer;
pub use span::{Span, SpanBuilder};
pub use tracer::Tracer;
pub use value::Value;
