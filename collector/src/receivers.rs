//! Receivers: what applications push instead of being read. OTLP over gRPC and over HTTP.
//!
//! A push is acknowledged when it is durable in the store, not before. Bodies are unpacked as
//! they arrive, within a size for each and a budget for all; what does not fit is refused with a
//! status that tells the client whether to try again. Nothing is decoded here: the protobuf goes
//! to the store as it came.

mod body;
mod config;
mod intake;
mod otlp_grpc;
mod otlp_http;
pub(crate) mod otlp_json;
mod refusal;
mod rpc_status;
mod server;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use server::{Receivers, StartError};
