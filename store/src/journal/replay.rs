//! Reading the journal back.

#[cfg(fuzzing)]
use super::record::Prepared;
use super::{
    disk::Disk,
    record::{HEADER_BYTES as RECORD_HEADER_BYTES, Record},
    segment::{HEADER_BYTES, MAGIC, Segment, VERSION},
};
use crate::{Error, folder::io};
use bytes::Bytes;
use std::path::{Path, PathBuf};
use ulid::Ulid;

/// How far a sequence number may jump over damaged records.
const SEQUENCE_JUMP_MAX: u64 = 1 << 20;

/// What a replay found.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The segments that are still there, oldest first.
    pub(crate) segments: Vec<Segment>,
    /// Runs of bytes in the middle that are no records: damage, each at least one record.
    pub(crate) damaged: u64,
    /// Bytes cut off at the end: written, but never acknowledged.
    pub(crate) torn_bytes: u64,
    /// The highest sequence number seen.
    pub(crate) last_sequence: u64,
}

/// Calls `each` with every sound record, oldest first, and cuts a torn tail off.
pub(crate) fn replay(
    disk: &dyn Disk,
    folder: &Path,
    store: Ulid,
    mut each: impl FnMut(Record) -> Result<(), Error>,
) -> Result<Replayed, Error> {
    let mut replayed = Replayed::default();
    let paths = segment_paths(disk, folder)?;
    for (index, path) in paths.iter().enumerate() {
        let last = index + 1 == paths.len();
        let bytes = Bytes::from(disk.read(path).map_err(io("read", path))?);
        if bytes.len() < HEADER_BYTES || bytes[..8] != MAGIC {
            if last {
                // The crash came while the segment was made; nothing in it was acknowledged.
                replayed.torn_bytes += bytes.len() as u64;
                disk.remove(path).map_err(io("delete", path))?;
            } else {
                replayed.damaged += 1;
                set_aside(disk, path)?;
            }
            continue;
        }
        let version = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        if version > VERSION {
            let path = path.clone();
            return Err(Error::NewerVersion { path, found: version, known: VERSION });
        }
        let end = read_segment(&bytes, store, &mut replayed, &mut each)?;
        if end < bytes.len() {
            if last {
                tracing::warn!(
                    path = %path.display(),
                    bytes = bytes.len() - end,
                    "cut an unfinished record off the journal"
                );
                replayed.torn_bytes += (bytes.len() - end) as u64;
                disk.truncate(path, end as u64).map_err(io("truncate", path))?;
            } else {
                replayed.damaged += 1;
            }
        }
        replayed.segments.push(Segment {
            path: path.clone(),
            last_sequence: replayed.last_sequence,
            size_bytes: end as u64,
        });
    }
    disk.sync_folder(folder).map_err(io("sync", folder))?;
    if replayed.damaged > 0 {
        tracing::error!(
            damaged = replayed.damaged,
            "the journal has damaged records; skipped them"
        );
    }
    Ok(replayed)
}

/// Reads the records of one segment; returns where the last sound one ends.
fn read_segment(
    bytes: &Bytes,
    store: Ulid,
    replayed: &mut Replayed,
    each: &mut impl FnMut(Record) -> Result<(), Error>,
) -> Result<usize, Error> {
    let (mut position, mut end) = (HEADER_BYTES, HEADER_BYTES);
    while position + RECORD_HEADER_BYTES <= bytes.len() {
        let last = replayed.last_sequence;
        let found = Record::read(store, &bytes.slice(position..)).filter(|(record, _)| {
            let first = last == 0;
            first || record.sequence > last && record.sequence - last <= SEQUENCE_JUMP_MAX
        });
        let Some((record, size)) = found else {
            // Not a record: look for the next one, byte by byte. The checksum says when it is found.
            position += 1;
            continue;
        };
        if position > end {
            replayed.damaged += 1;
        }
        replayed.last_sequence = record.sequence;
        position += size;
        end = position;
        each(record)?;
    }
    Ok(end)
}

fn segment_paths(disk: &dyn Disk, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = disk.list(folder).map_err(io("list", folder))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "journal"));
    // Names are sequence numbers of equal width.
    paths.sort_unstable();
    Ok(paths)
}

fn set_aside(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    tracing::error!(path = %path.display(), "this is no journal segment; set it aside");
    disk.rename(path, &path.with_extension("damaged")).map_err(io("rename", path))
}

/// Reads the records of one segment from memory.
#[cfg(fuzzing)]
pub(crate) fn read_bytes(segment: Bytes, store: Ulid, mut each: impl FnMut(Record)) {
    let mut each = |record| {
        each(record);
        Ok(())
    };
    let read = read_segment(&segment, store, &mut Replayed::default(), &mut each);
    assert!(read.is_ok_and(|end| end <= segment.len()));
}

/// A segment of records with these payloads, each behind a byte that says which kind it is.
#[cfg(fuzzing)]
pub(crate) fn segment_of(store: Ulid, payloads: &[&[u8]]) -> Vec<u8> {
    let mut segment = MAGIC.to_vec();
    segment.extend_from_slice(&VERSION.to_le_bytes());
    for (at, payload) in payloads.iter().enumerate() {
        let (kind, payload) = payload.split_first().unwrap_or((&1, &[]));
        Prepared::new(store, kind % 4, payload.to_vec()).write(at as u64 + 1, &mut segment);
    }
    segment
}
