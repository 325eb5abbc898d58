//! The file while it is written: a ring of records behind its header and slots.
//!
//! It is written with `pwrite`, not through a memory map: what is in the kernel's page cache outlives the process either
//! way, a full or failing disk is an error here where it would be a SIGBUS there, and no unsafe code is needed.

use crate::{
    error::Error,
    layout::{Header, RECORDS_AT, Record, RecordKind, Slot},
};
use std::{
    fs::{File, OpenOptions},
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

pub(crate) struct RingFile {
    file: File,
    header: Header,
    /// Where the next record begins, in bytes ever written.
    head: u64,
    generation: u64,
    /// Records that are not written yet; they end at `head`.
    pending: Vec<u8>,
}

impl RingFile {
    /// A new file, all of its bytes taken on the disk; it gets its name by [`put_in_place`](Self::put_in_place).
    pub(crate) fn create(path: &Path, header: Header) -> Result<Self, Error> {
        let new = new_path(path);
        let fail = |action| move |source| Error::Io { action, path: new_path(path), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&new).map_err(fail("create"))?;
        let bytes = header.file_bytes();
        let flags = rustix::fs::FallocateFlags::empty();
        match rustix::fs::fallocate(&file, flags, 0, bytes) {
            Ok(()) => {}
            // Some file systems cannot; then a full disk shows later, as a failed write.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                file.set_len(bytes).map_err(fail("enlarge"))?;
            }
            Err(error) => return Err(fail("take the place of")(error.into())),
        }
        file.write_all_at(&header.encode(), 0).map_err(fail("write"))?;
        Ok(Self { file, header, head: 0, generation: 0, pending: Vec::new() })
    }

    /// Gives a new file its name, in place of an older one.
    pub(crate) fn put_in_place(&self, path: &Path) -> Result<(), Error> {
        std::fs::rename(new_path(path), path).map_err(|source| Error::Io {
            action: "rename to",
            path: path.to_owned(),
            source,
        })
    }

    /// Goes on with a file that was read.
    pub(crate) fn resume(file: File, header: Header, head: u64, generation: u64) -> Self {
        Self { file, header, head, generation, pending: Vec::new() }
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    pub(crate) fn ring_bytes(&self) -> u64 {
        self.header.ring_bytes
    }

    /// Adds a record; it is written by the next [`flush`](Self::flush). Returns its position.
    pub(crate) fn append(
        &mut self,
        kind: RecordKind,
        (shard, sequence): (u16, u64),
        payload: &[u8],
    ) -> io::Result<u64> {
        let bytes = Record::framed_bytes(payload.len()) as u64;
        let offset = self.head % self.header.ring_bytes;
        if offset + bytes > self.header.ring_bytes {
            // A record does not wrap; what lies there from the last lap is older than all that is held.
            self.write_pending()?;
            self.head += self.header.ring_bytes - offset;
        }
        let position = self.head;
        Record { kind, shard, sequence, position, payload }.encode(&mut self.pending);
        self.head += bytes;
        Ok(position)
    }

    /// Writes what was added, and then how far the ring has come.
    pub(crate) fn flush(&mut self, held: Vec<Range<u64>>) -> io::Result<()> {
        self.write_pending()?;
        self.generation += 1;
        let slot = Slot { generation: self.generation, head: self.head, held };
        self.file.write_all_at(&slot.encode(), slot.at())
    }

    fn write_pending(&mut self) -> io::Result<()> {
        let start = self.head - self.pending.len() as u64;
        self.file.write_all_at(&self.pending, RECORDS_AT + start % self.header.ring_bytes)?;
        self.pending.clear();
        Ok(())
    }
}

fn new_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}
