//! The disk as the journal uses it: a small seam, so that tests can put a faulty one in its place.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// What the journal asks of a disk. Nothing is durable before it is synced: bytes by their file, creations,
/// deletions and new names by their folder.
pub(crate) trait Disk: Send + Sync + 'static {
    /// The files of a folder, in no order.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;
    /// The whole of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// A new empty file; one that is there is emptied.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Deletes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Cuts a file to its first `size_bytes`, durably.
    fn truncate(&self, path: &Path, size_bytes: u64) -> io::Result<()>;
    /// Makes creations, deletions and new names durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Bytes that may still be written where this folder lies.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;
}

/// A file that grows at its end.
pub(crate) trait DiskFile: Send {
    /// Appends all of it, or fails with any part of it written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file; what is appended next follows there.
    fn truncate(&mut self, size_bytes: u64) -> io::Result<()>;
    /// Returns when what was appended is durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// The system's file systems.
#[derive(Debug)]
pub(crate) struct SystemDisk;

impl Disk for SystemDisk {
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::create(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn truncate(&self, path: &Path, size_bytes: u64) -> io::Result<()> {
        let file = File::options().write(true).open(path)?;
        file.set_len(size_bytes)?;
        file.sync_all()
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        crate::folder::sync_folder(folder)
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let system = rustix::fs::statvfs(folder)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn truncate(&mut self, size_bytes: u64) -> io::Result<()> {
        self.set_len(size_bytes)?;
        self.seek(SeekFrom::Start(size_bytes)).map(|_| ())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
