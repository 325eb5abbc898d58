//! TraceQL, its engine, and the APIs that people and tools ask.
//!
//! It is: a parser by hand, a vectorised executor over the store's Arrow columns, and one file or
//! folder per API family (Tempo, Jaeger, Prometheus, our own).
//!
//! It is not: a writer. It never writes a span (what it keeps are people's notebooks), and it does not know the collector: what it must
//! ask of it goes through the small traits in [`collaborator`], which the binary connects.

pub mod api;
pub mod collaborator;
pub mod engine;
pub mod traceql;
