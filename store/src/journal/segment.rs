//! One file of the journal.

use super::disk::{Disk, DiskFile};
use crate::{Error, folder::io};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// First bytes of every segment.
pub(crate) const MAGIC: [u8; 8] = *b"SIGYNJNL";
/// The newest format known.
pub(crate) const VERSION: u32 = 1;
/// Magic, version.
pub(crate) const HEADER_BYTES: usize = 8 + 4;

/// What is known about a segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// The highest sequence number in it; that of the record before it when it has none of its own.
    pub(crate) last_sequence: u64,
    pub(crate) size_bytes: u64,
}

/// The segment that is written.
pub(crate) struct Active {
    pub(crate) segment: Segment,
    file: Box<dyn DiskFile>,
}

/// How a write failed.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// The disk is full; the file is as before.
    Full(String),
    /// What is on disk is not known any more.
    Broken(String),
}

/// The file name of a segment that begins with this sequence number.
pub(crate) fn path_of(folder: &Path, first_sequence: u64) -> PathBuf {
    folder.join(format!("{first_sequence:020}.journal"))
}

/// Whether the system says that the disk, or the part of it that is ours, is full.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

impl Active {
    /// Creates a segment with its first record in it, and makes its existence durable.
    pub(crate) fn create(
        disk: &dyn Disk,
        folder: &Path,
        first_sequence: u64,
        first_record: &[u8],
    ) -> Result<Self, Error> {
        let path = path_of(folder, first_sequence);
        let create = || {
            let mut file = disk.create(&path)?;
            let mut bytes = Vec::with_capacity(HEADER_BYTES + first_record.len());
            bytes.extend_from_slice(&MAGIC);
            bytes.extend_from_slice(&VERSION.to_le_bytes());
            bytes.extend_from_slice(first_record);
            file.append(&bytes)?;
            file.sync()?;
            disk.sync_folder(folder)?;
            Ok((file, bytes.len() as u64))
        };
        match create() {
            Ok((file, size_bytes)) => {
                let segment = Segment { path, last_sequence: first_sequence, size_bytes };
                Ok(Self { segment, file })
            }
            Err(error) => {
                // A half-made segment would be in the way of the next attempt; it holds nothing.
                let _ = disk.remove(&path);
                Err(io("create", &path)(error))
            }
        }
    }

    /// Writes records and syncs them. On `Full` nothing has been written.
    pub(crate) fn write(&mut self, records: &[u8], last_sequence: u64) -> Result<(), WriteError> {
        if let Err(error) = self.file.append(records) {
            let back = self.file.truncate(self.segment.size_bytes);
            return Err(match back {
                Ok(()) if is_full(&error) => WriteError::Full(error.to_string()),
                _ => WriteError::Broken(format!("write: {error}")),
            });
        }
        // After a failed sync the kernel may have dropped the pages: nobody knows what is on disk.
        self.file.sync().map_err(|error| WriteError::Broken(format!("fdatasync: {error}")))?;
        self.segment.size_bytes += records.len() as u64;
        self.segment.last_sequence = last_sequence;
        Ok(())
    }
}
