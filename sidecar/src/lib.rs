//! A span buffer beside an app that cannot be changed: it takes what the app pushes and offers it to be scraped.
//!
//! It is: a [`Sink`](sigyn_collector::receivers::Sink) for the collector's receivers, which records each span in the
//! ring of `sigyn-buffer` and in a file of fixed size, before the push is acknowledged. After a crash, an OOM kill or a
//! `kill -9` the next life opens the file and goes on: same epoch, same cursors, same spans. The file is one page,
//! `docs/format/sidecar-file.md`.
//!
//! It is not: a store or a collector. It answers no query, connects to nobody, and forgets the oldest.

mod error;
mod layout;
mod recorder;
mod recovery;
mod ring_file;
mod sidecar;

pub use error::Error;
pub use sidecar::{Opened, Sidecar, SidecarConfig, SidecarStats};

#[cfg(test)]
mod tests;
