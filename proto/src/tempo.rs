//! `tempopb`: the messages of Tempo's HTTP API that are answered as protobuf.
//!
//! Declared by hand, because a handful of fields needs no generated file.

use prost::bytes::Bytes;

/// Answer of `GET /api/v2/traces/{id}`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TraceByIdResponse {
    /// An encoded `tempopb.Trace`, which has the same bytes as OTLP's `TracesData`, so that a stored trace is answered
    /// without being decoded. Clients read through this field unchecked: it must be there even when empty.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub trace: Option<Bytes>,
    /// What the look-up cost.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<TraceByIdMetrics>,
    /// Whether the trace is whole.
    #[prost(enumeration = "PartialStatus", tag = "3")]
    pub status: i32,
    /// Why it is not whole; empty when it is.
    #[prost(string, tag = "4")]
    pub message: String,
}

/// What a look-up by ID cost.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct TraceByIdMetrics {
    /// Bytes read.
    #[prost(uint64, tag = "1")]
    pub inspected_bytes: u64,
}

/// Whether an answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum PartialStatus {
    /// Nothing was left out.
    Complete = 0,
    /// Something was left out; the message says why.
    Partial = 1,
}
