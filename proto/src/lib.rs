//! Wire types: OTLP (from `opentelemetry-proto`), the messages of Tempo's API, and those of
//! Prometheus and Jaeger. No logic.
//!
//! They are for the edges only: spans are decoded straight into the store's columns, not carried
//! through the house in these structs. One file per family of messages.

pub mod jaeger;
pub mod prometheus;
pub mod tempo;

pub use opentelemetry_proto::tonic as otlp;
