//! The journal: an append-only log of batches, each with the cursor that it reaches.
//!
//! `docs/format/journal.md` describes the bytes. One thread writes: it takes all that waits, writes it at once,
//! syncs once, and only then hands it on. A segment is deleted whole when blocks hold all of it.

mod disk;
mod record;
mod replay;
mod segment;
mod writer;

#[cfg(test)]
pub(crate) use disk::DiskFile;
pub(crate) use disk::{Disk, SystemDisk};
pub(crate) use record::{Body, Cursor, Entry, Prepared, Record};
pub(crate) use replay::{Replayed, replay};
#[cfg(fuzzing)]
pub(crate) use replay::{read_bytes, segment_of};
pub(crate) use writer::{Command, Job, Journal, Poison, Written, start};

#[cfg(test)]
mod tests;
