//! What comes in: a batch of spans as received, with all that must be written with it.

use bytes::Bytes;
use std::sync::Arc;

/// How a batch reached the collector; the `via` label of `sigyn_ingested_spans_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// Read from a span buffer.
    Scrape,
    /// Pushed as OTLP.
    Otlp,
    /// Pushed as Zipkin.
    Zipkin,
    /// Pushed as Jaeger.
    Jaeger,
    /// Asked for by trace, from a span buffer: reads in order brought these spans before, or will. Whoever follows the
    /// store ([`Store::tail`](crate::Store::tail)) is not shown them.
    Lookup,
}

/// One unit of intake. It is durable as a whole or not at all.
#[derive(Clone, Debug)]
pub struct Batch {
    /// How it came.
    pub via: Via,
    /// An OTLP `ExportTraceServiceRequest`, not compressed.
    pub body: Bytes,
    /// The same body as it came over the wire, if it came compressed, so that the journal need
    /// not compress it again.
    pub compressed: Option<(Encoding, Bytes)>,
    /// Resource attributes to stamp on every span of the batch.
    pub overlay: Arc<Overlay>,
    /// The cursor that this batch reaches, for a read of a span buffer. Written in the same
    /// journal record as the batch: a crash at any point neither loses nor doubles a span.
    pub reach: Option<Reach>,
    /// What was overwritten in the buffer before this read came.
    pub gap: Option<Gap>,
}

/// How `Batch::compressed` is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 8878.
    Zstd,
    /// RFC 1952.
    Gzip,
}

/// Resource attributes that discovery knows, stamped on spans as they become columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    /// `(name, value)`, sorted by name. On a clash with the span's own resource attribute this one wins
    /// and the own value is kept as `exported_<name>` (prefix repeated until free), unless `honor` is set.
    pub attributes: Vec<(String, String)>,
    /// On a clash the span's own value stays and the stamped one is dropped (`honor_labels: true`).
    pub honor: bool,
    /// `(name, value)` filled in only where the resource does not say it (`service.name` …).
    pub defaults: Vec<(String, String)>,
}

/// The cursor of one reader in one buffer after a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Whose cursor: the identity of the target, stable over restarts.
    pub target: String,
    /// The opaque cursor to continue from.
    pub cursor: String,
}

/// Spans that were overwritten before they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// How many; `None` when the buffer began a new life and nobody can know.
    pub lost: Option<u64>,
    /// Between this moment (the previous good read) …
    pub from_unix_nano: u64,
    /// … and this one.
    pub to_unix_nano: u64,
}

/// What became of a batch that is now durable and searchable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Spans taken in.
    pub spans: usize,
    /// Spans refused for what they are (trace or span ID of wrong length or all zero); the rest was taken.
    pub rejected: usize,
}
