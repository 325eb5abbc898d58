//! The reference workload: an online shop of 18 services with databases, queues, errors and slow
//! traces, as OTLP bodies that an SDK's batch exporter would send. Deterministic under a seed.
//!
//! Spans leave each pod in end-time order, so a trace is spread over several bodies: what the store
//! has to put together again.

mod attributes;
mod calls;
mod shop;

pub use calls::{Body, Workload};
