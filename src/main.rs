//! The `sigyn` binary: the only room that assembles the others.

mod cli;
mod clock;
mod control;
mod directory;
mod exit;
mod generator;
mod logging;
mod open_files;
mod server;
mod sidecar;
mod status;
mod ui;
mod web;

use clap::Parser;
use std::process::ExitCode;

/// Long-lived allocations of mixed sizes fragment glibc's allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // kube and reqwest each bring TLS; one provider is chosen before any client is built.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("nothing has installed a TLS provider before main");
    match cli::Cli::parse().run() {
        Ok(()) => exit::GOOD,
        Err(exit) => exit.report(),
    }
}
