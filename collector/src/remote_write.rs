//! Sends series by Prometheus' remote write, version 1 or 2.
//!
//! What is to be sent is packed into requests at once, and these wait on disk: a receiver that is
//! away, or a restart of this process, costs nothing but time, within the bounds of the queue.
//! Requests of one moment go side by side, those of different moments one after the other, so that
//! no series ever goes back in time.

mod answer;
mod metrics;
mod queue;
mod request;
mod sender;
mod series;
#[cfg(test)]
mod tests;

pub use metrics::Metrics;
pub use request::Requests;
pub use sender::Remote;
pub use series::{Exemplar, Kind, STALE, Series, Value};
