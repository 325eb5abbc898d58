//! The query APIs as their clients see them: requests to the router, over a real store in a temporary folder.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod answers;
mod corpus;
mod grpc_health;
mod guard;
mod jaeger;
mod jaeger_grpc;
mod load;
mod metrics;
mod notebook_examples;
mod notebooks;
mod own;
mod own_search;
mod prometheus;
mod rig;
mod service_graph;
mod spans;
mod streaming;
mod strict;
mod tempo;
mod trace_columns;
mod trace_filter;
mod zipkin;
