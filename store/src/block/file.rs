//! A file of a block, read in ranges from blocking threads.

use super::meta::FileEnd;
use bytes::{Buf, Bytes};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parquet::{
    errors::{ParquetError, Result},
    file::reader::{ChunkReader, Length},
};
use std::{
    fs::File,
    ops::Range,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};
use tokio::runtime::Handle;

/// Where the bytes lie. A local file is read directly: the way through the asynchronous store costs two thread
/// switches a range, which is most of a look-up's time.
#[derive(Clone)]
pub(super) enum BlockFile {
    Local {
        path: PathBuf,
        size_bytes: u64,
    },
    Remote {
        store: Arc<dyn ObjectStore>,
        path: Path,
        size_bytes: u64,
        runtime: Handle,
    },
    /// A local file that is held open for a row of reads, from the first on.
    Open {
        file: Arc<LazyFile>,
        size_bytes: u64,
    },
    /// A part of a remote file, which is fetched in one go when something of it is read.
    Awaited {
        file: Box<BlockFile>,
        range: Range<u64>,
        bytes: Arc<OnceLock<Bytes>>,
    },
    /// A part of it is in memory.
    Loaded {
        file: Box<BlockFile>,
        start: u64,
        bytes: Bytes,
    },
}

/// Is not opened before something is read that the cache does not have.
pub(super) struct LazyFile {
    path: PathBuf,
    file: OnceLock<File>,
}

impl LazyFile {
    fn get(&self) -> Result<&File> {
        match self.file.get() {
            Some(file) => Ok(file),
            // Of two threads that open it at once the later one closes its own again.
            None => {
                let file = File::open(&self.path)?;
                Ok(self.file.get_or_init(|| file))
            }
        }
    }
}

impl BlockFile {
    /// The same file, made ready for many small reads from this range: a local file is opened once, of a remote one the range
    /// is fetched in one go. Neither happens before something is read, which may lie in the cache.
    pub(super) fn prepare(&self, range: Range<u64>) -> Result<Self> {
        match self {
            Self::Local { path, size_bytes } => {
                let file = LazyFile { path: path.clone(), file: OnceLock::new() };
                Ok(Self::Open { file: Arc::new(file), size_bytes: *size_bytes })
            }
            Self::Remote { .. } => {
                Ok(Self::Awaited { file: Box::new(self.clone()), range, bytes: Arc::default() })
            }
            ready => Ok(ready.clone()),
        }
    }

    /// The same file with a part of it in memory, read in one go.
    pub(super) fn load(&self, range: Range<u64>) -> Result<Self> {
        let bytes = self.get_bytes(range.start, (range.end - range.start) as usize)?;
        Ok(Self::Loaded { file: Box::new(self.clone()), start: range.start, bytes })
    }

    /// The same file with its end in memory, which must be as it was written: a parser of a damaged one may never come back.
    pub(super) fn load_end(&self, end: FileEnd) -> Result<Self> {
        let start = self.len().checked_sub(end.bytes);
        let start = start.ok_or_else(|| ParquetError::EOF("an end larger than its file".into()))?;
        let file = self.load(start..self.len())?;
        match &file {
            Self::Loaded { bytes, .. } if crc32fast::hash(bytes) == end.crc32 => Ok(file),
            _ => Err(ParquetError::General("its footer is not as it was written".to_owned())),
        }
    }
}

impl Length for BlockFile {
    fn len(&self) -> u64 {
        match self {
            Self::Local { size_bytes, .. }
            | Self::Open { size_bytes, .. }
            | Self::Remote { size_bytes, .. } => *size_bytes,
            Self::Loaded { file, .. } | Self::Awaited { file, .. } => file.len(),
        }
    }
}

impl ChunkReader for BlockFile {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let length = self.len().saturating_sub(start);
        Ok(self.get_bytes(start, length as usize)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.checked_add(length as u64).filter(|&end| end <= self.len());
        let end = end.ok_or_else(|| ParquetError::EOF("a range beyond the file's end".into()))?;
        match self {
            Self::Local { path, .. } => {
                let file = File::open(path)?;
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, start)?;
                Ok(bytes.into())
            }
            Self::Open { file, .. } => {
                let mut bytes = vec![0; length];
                file.get()?.read_exact_at(&mut bytes, start)?;
                Ok(bytes.into())
            }
            Self::Remote { store, path, runtime, .. } => runtime
                .block_on(store.get_range(path, start..end))
                .map_err(|error| ParquetError::External(Box::new(error))),
            Self::Awaited { file, range, bytes } => {
                if start < range.start || end > range.end {
                    return file.get_bytes(start, length);
                }
                let bytes = match bytes.get() {
                    Some(bytes) => bytes,
                    None => {
                        let size = (range.end - range.start) as usize;
                        let fetched = file.get_bytes(range.start, size)?;
                        bytes.get_or_init(|| fetched)
                    }
                };
                let at = (start - range.start) as usize;
                Ok(bytes.slice(at..at + length))
            }
            Self::Loaded { file, start: first, bytes } => {
                let within = start.checked_sub(*first).map(|at| at as usize);
                match within.filter(|at| at + length <= bytes.len()) {
                    Some(at) => Ok(bytes.slice(at..at + length)),
                    None => file.get_bytes(start, length),
                }
            }
        }
    }
}
