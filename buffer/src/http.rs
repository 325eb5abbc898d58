//! The pull protocol over HTTP, without I/O in the middle: a request is parsed, awaited, answered.

mod accept;
pub(crate) mod answer;
mod body;
mod query;
mod refusal;
#[cfg(feature = "axum")]
mod router;
mod server;
mod service;
pub(crate) mod timer;

pub use body::PullBody;
pub use server::Server;
pub use service::PullService;

/// Where a buffer is served, unless the app mounts [`service`](crate::SpanBuffer::service) elsewhere.
pub const PATH: &str = "/debug/spans";
