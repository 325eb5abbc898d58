//! Where a file of a block goes while it is written: never all of it in memory.

use super::meta::FileEnd;
use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, path::Path};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
    sync::Arc,
};
use tokio::runtime::Handle;

/// Bytes of one part of an upload; S3 takes none below 5 MiB but the last. The simulated blocks are small, and are to come in
/// parts all the same.
const PART_BYTES: usize = if cfg!(test) { 3 << 10 } else { 8 << 20 };
const BUFFER_BYTES: usize = 256 << 10;

/// One thing for each file of a block, `meta.json` aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Files<T> {
    pub(crate) spans: T,
    pub(crate) resources: T,
    pub(crate) traces: T,
}

/// A file under way. It is there, and durable as far as its place is, when [`FileSink::finish`] has returned;
/// one that is dropped before leaves nothing behind.
///
/// Writes block, so it is used on blocking threads.
pub(crate) struct FileSink {
    place: Option<Place>,
    size_bytes: u64,
    /// Where the footer begins, once that is known, and the checksum of what came of it.
    end_start: Option<u64>,
    end: crc32fast::Hasher,
}

/// A file that is complete.
pub(crate) struct Finished {
    pub(crate) size_bytes: u64,
    pub(crate) end: FileEnd,
}

enum Place {
    Local { file: BufWriter<File>, path: PathBuf },
    Remote(Remote),
}

/// An object. Up to one part it is put whole, beyond that it is a multipart upload.
struct Remote {
    store: Arc<dyn ObjectStore>,
    path: Path,
    runtime: Handle,
    part: Vec<u8>,
    upload: Option<Box<dyn MultipartUpload>>,
}

impl<T> Files<T> {
    /// Turns each into something else.
    pub(crate) fn map<U, E>(self, mut f: impl FnMut(T) -> Result<U, E>) -> Result<Files<U>, E> {
        let (spans, resources, traces) = (f(self.spans)?, f(self.resources)?, f(self.traces)?);
        Ok(Files { spans, resources, traces })
    }
}

impl FileSink {
    /// A file of the local file system; the folder must be there.
    pub(crate) fn local(path: PathBuf) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, File::create(&path)?);
        Ok(Self::new(Place::Local { file, path }))
    }

    /// An object of a store.
    pub(crate) fn remote(store: Arc<dyn ObjectStore>, path: Path, runtime: Handle) -> Self {
        let remote = Remote { store, path, runtime, part: Vec::new(), upload: None };
        Self::new(Place::Remote(remote))
    }

    fn new(place: Place) -> Self {
        let end = crc32fast::Hasher::new();
        Self { place: Some(place), size_bytes: 0, end_start: None, end }
    }

    /// Says that the page index and the footer begin here, before any byte of them has come. What lies before may still be on its
    /// way: writers buffer.
    pub(super) fn end_starts_at(&mut self, start: usize) {
        self.end_start = Some(start as u64);
    }

    /// Completes the file.
    pub(crate) fn finish(mut self) -> io::Result<Finished> {
        match self.place.take().expect("only this takes it") {
            Place::Local { mut file, path } => {
                let done = file.flush().and_then(|()| file.get_ref().sync_all());
                if done.is_err() {
                    // The error that counts is the first; a file left over is swept up at the next start.
                    let _ = std::fs::remove_file(&path);
                }
                done?;
            }
            Place::Remote(remote) => remote.finish()?,
        }
        let size_bytes = self.size_bytes;
        let bytes = size_bytes - self.end_start.unwrap_or(size_bytes);
        let crc32 = std::mem::take(&mut self.end).finalize();
        Ok(Finished { size_bytes, end: FileEnd { bytes, crc32 } })
    }
}

impl Write for FileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.place.as_mut().expect("it is there until it is finished") {
            Place::Local { file, .. } => file.write_all(bytes)?,
            Place::Remote(remote) => remote.write(bytes)?,
        }
        if let Some(start) = self.end_start {
            let before = start.saturating_sub(self.size_bytes) as usize;
            self.end.update(bytes.get(before..).unwrap_or_default());
        }
        self.size_bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.place.as_mut() {
            Some(Place::Local { file, .. }) => file.flush(),
            // An object is nowhere before it is complete.
            _ => Ok(()),
        }
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        match self.place.take() {
            Some(Place::Local { path, .. }) => {
                let _ = std::fs::remove_file(path);
            }
            Some(Place::Remote(Remote { upload: Some(mut upload), runtime, .. })) => {
                // A bucket's own rule for unfinished uploads takes what this does not reach.
                runtime.spawn(async move { upload.abort().await });
            }
            _ => {}
        }
    }
}

impl Remote {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = PART_BYTES - self.part.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.part.extend_from_slice(now);
            bytes = later;
            if self.part.len() == PART_BYTES {
                self.put_part()?;
            }
        }
        Ok(())
    }

    fn put_part(&mut self) -> io::Result<()> {
        if self.upload.is_none() {
            let upload = self.runtime.block_on(self.store.put_multipart(&self.path));
            self.upload = Some(upload.map_err(io::Error::other)?);
        }
        let upload = self.upload.as_mut().expect("it has just been begun");
        let part = Bytes::from(std::mem::take(&mut self.part));
        self.runtime.block_on(upload.put_part(part.into())).map_err(io::Error::other)
    }

    fn finish(mut self) -> io::Result<()> {
        if self.upload.is_none() {
            let whole = Bytes::from(std::mem::take(&mut self.part));
            let put = self.runtime.block_on(self.store.put(&self.path, whole.into()));
            return put.map(|_| ()).map_err(io::Error::other);
        }
        let last = if self.part.is_empty() { Ok(()) } else { self.put_part() };
        let mut upload = self.upload.take().expect("it was begun");
        let done = last.and_then(|()| {
            self.runtime.block_on(upload.complete()).map(|_| ()).map_err(io::Error::other)
        });
        if done.is_err() {
            self.runtime.spawn(async move { upload.abort().await });
        }
        done
    }
}
