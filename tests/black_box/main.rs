//! Black-box tests of the real binary: what a user would see, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod app;
mod bad_input;
mod certificates;
mod check_buffer;
mod commands;
mod contract;
mod crash;
mod demo;
mod doctor;
mod doctor_chain;
mod exemplars;
mod fleet;
mod hit_ratio;
mod identifiers;
mod kubernetes;
mod kubernetes_memory;
mod lifecycle;
mod live_look_up;
mod phases;
mod prometheus;
mod push;
mod same_targets;
mod scrape;
mod sidecar;
mod span_metrics;
mod span_metrics_credentials;
mod span_metrics_replicas;
mod span_metrics_sent;
mod storage;
mod streaming;

use sigyn_rig::Options;
use std::path::Path;

/// The binary that cargo built for this test run.
const SIGYN: &str = env!("CARGO_BIN_EXE_sigyn");

fn sigyn(folder: &Path) -> Options {
    Options::new(SIGYN, folder)
}

/// Real time, for spans that must look recent.
#[expect(clippy::disallowed_methods, reason = "a test of a real process lives in real time")]
fn now_unix_nano() -> u64 {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the clock is past 1970");
    since_epoch.as_nanos() as u64
}
