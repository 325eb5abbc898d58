//! Receivers: what applications push instead of being read. OTLP over gRPC and over HTTP, Zipkin v2,
//! Jaeger in its four forms.
//!
//! A push is acknowledged when it is durable in the sink, not before. Bodies are unpacked as
//! they arrive, within a size for each and a budget for all; what does not fit is refused with a
//! status that tells the client whether to try again. OTLP is not decoded here: the protobuf goes
//! to the sink as it came; all else becomes OTLP first.

mod body;
mod config;
mod conversion;
mod grpc;
mod intake;
mod jaeger;
mod otlp_fields;
mod otlp_grpc;
mod otlp_http;
pub(crate) mod otlp_json;
mod refusal;
mod rpc_status;
mod server;
mod sink;
#[cfg(test)]
mod tests;
mod zipkin;

pub use config::{Config, JaegerConfig};
pub use server::{Interface, Receivers, StartError};
pub use sink::Sink;
