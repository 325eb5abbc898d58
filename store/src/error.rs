//! What can go wrong, in terms of what the caller can do.

use std::path::PathBuf;

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The input is at fault; the same input will fail again.
    BadInput,
    /// Try again later: the disk is full or the journal has reached its bound.
    TryLater,
    /// Another process holds the storage folder.
    Locked,
    /// The store refuses to go on (failed fsync, newer version): a person must look.
    Report,
}

/// An error of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The body is not an OTLP `ExportTraceServiceRequest`.
    #[error("the body is not OTLP: {what} at byte {offset}")]
    Malformed {
        /// What is wrong.
        what: String,
        /// Where, from the start of the uncompressed body.
        offset: usize,
    },
    /// Another process works on the folder.
    #[error("{path} is locked by another process")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Written by a newer Sigyn.
    #[error(
        "{path} has format version {found}, this binary knows up to {known}; use a newer sigyn"
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest known here.
        known: u32,
    },
    /// The journal has reached its bound or the disk is full; nothing was taken in.
    #[error("the journal takes nothing in at present: {why}")]
    Full {
        /// What is full, and how full.
        why: String,
    },
    /// An fsync failed earlier; the writer refuses rather than guess.
    #[error("the journal refuses writes since an earlier failure: {why}")]
    Poisoned {
        /// The first failure.
        why: String,
    },
    /// A file or object could not be read or written.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// What a block says of itself makes no sense.
    #[error("block {block} is damaged: {what}")]
    Damaged {
        /// Its name.
        block: String,
        /// What is wrong.
        what: String,
    },
    /// A block is damaged or unreadable.
    #[error("block {block}: {what}")]
    Block {
        /// Its name.
        block: String,
        /// What is wrong.
        what: String,
    },
    /// The index failed.
    #[error("the index: {0}")]
    Index(String),
}

impl Error {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Malformed { .. } => ErrorKind::BadInput,
            Self::Full { .. } => ErrorKind::TryLater,
            Self::Locked { .. } => ErrorKind::Locked,
            Self::NewerVersion { .. }
            | Self::Poisoned { .. }
            | Self::Io { .. }
            | Self::Block { .. }
            | Self::Damaged { .. }
            | Self::Index(_) => ErrorKind::Report,
        }
    }
}
