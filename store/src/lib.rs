//! The store of Sigyn: it takes batches of spans in, keeps them durably, and hands columns out.
//!
//! It is: a journal (own write-ahead log), a head (the newest spans, in columns, in memory),
//! blocks (immutable Parquet on object storage) and an index (small keyed things, in sled).
//!
//! It is not: a server or a query engine. It knows no HTTP, no OTLP transport, no Prometheus
//! label and no TraceQL; it knows spans, not who sends them or who asks.

mod batch;
mod block;
pub mod calls;
mod clock;
mod error;
mod exemplar;
mod folder;
#[cfg(fuzzing)]
pub mod fuzzing;
mod generations;
mod head;
mod ids;
mod index;
mod intake;
mod journal;
mod metrics;
mod notebook;
mod objects;
mod otlp;
#[cfg(test)]
mod simulation;
mod source;
mod store;
#[cfg(test)]
mod test_kit;
mod upkeep;
mod wire;

pub use batch::{Appended, Batch, Encoding, Gap, Overlay, Reach, Via};
pub use clock::Clock;
pub use error::{Error, ErrorKind};
pub use exemplar::{Exemplar, Labels, Pin, PinReason, SeriesExemplars, SeriesFilter};
pub use ids::{ParseIdError, SpanId, TraceId};
pub use notebook::{Notebook, NotebookChange};
pub use objects::{BlockPlace, check_block_url};
pub use source::{
    AttributeScope, Children, Field, Snapshot, Source, Tail, TextColumn, TextTest, TimeRange,
    TraceSpans,
};
pub use store::{Config, Store};

/// Reads an OTLP `ExportTraceServiceRequest` to its end without keeping anything, and counts what a
/// [`Store`] would take and refuse of it. For whoever must know whether a body is one: fuzzing, tools.
///
/// # Errors
/// [`ErrorKind::BadInput`] when the bytes are not such a message; then a store takes nothing of it.
pub fn check_body(body: &[u8]) -> Result<Appended, Error> {
    Ok(wire::check(body)?)
}
