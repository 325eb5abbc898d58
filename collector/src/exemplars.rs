//! Exemplars from other places than the targets' own expositions: Prometheus servers that are asked
//! (`exemplars.prometheus`), and senders that push (remote write).
//!
//! An exemplar that points at a trace goes to the store, which pins the trace. Values of metrics are
//! none of our business and are left where they are.

mod identity;
mod intake;
mod metrics;
mod poll;
mod query_answer;
mod remote_write;
#[cfg(test)]
mod tests;

pub use intake::Intake;
pub use metrics::Metrics;
pub use poll::Pollers;
pub use remote_write::router;

pub(crate) use identity::exemplar;
pub(crate) use intake::WantedTrace;
