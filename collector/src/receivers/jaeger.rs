//! Jaeger: thrift over HTTP, thrift in datagrams as the agent takes them, and gRPC.

mod agent;
mod http;
mod model;
mod proto;
mod thrift;
mod thrift_batch;

pub(super) use agent::{Agent, Protocol};
pub(super) use http::router as http_router;
pub(super) use proto::router as grpc_router;
