//! The rig of the black-box tests: it starts the real binary, pushes, asks, stops and kills.
//!
//! Everything here goes through what a user has: the command line, the ports, the files. Nothing
//! links to the server's own crates.

mod api;
mod grpc;
mod otlp;
mod prometheus;
mod server;
mod wait;

pub use api::{Answer, Api};
pub use grpc::{grpc_streaming, grpc_unary};
pub use otlp::{SpanMaker, request_with, spans_of_trace};
pub use prometheus::{Killed, Prometheus};
pub use server::{Exit, Options, Server};
pub use wait::eventually;
