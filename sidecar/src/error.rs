//! Why a sidecar cannot start.

use std::path::PathBuf;

/// Why a sidecar cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the file.
    #[error("{path} is in use by another process; give each sidecar a file of its own")]
    Locked {
        /// The ring's file.
        path: PathBuf,
    },
    /// Written by a newer Sigyn.
    #[error(
        "{path} has format version {found}, this binary knows {known}; use a newer sigyn or another file"
    )]
    NewerVersion {
        /// The ring's file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The one known here.
        known: u32,
    },
    /// There is a file, but not one of ours.
    #[error("{path} is not the file of a span buffer; name another, or remove it")]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// What the system said.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
}
