//! What an earlier life left in the file.

use crate::{
    error::Error,
    layout::{ALIGN_BYTES, Header, MAGIC, RECORDS_AT, Record, RecordKind, Slot, VERSION},
};
use sigyn_buffer::{Origin, Place};
use std::{
    collections::{BTreeMap, HashMap},
    fs::{File, OpenOptions},
    io::Read,
    ops::Range,
    path::Path,
};

/// A file as it was found.
pub(crate) struct Recovered {
    pub(crate) file: File,
    pub(crate) header: Header,
    /// Behind the last record.
    pub(crate) head: u64,
    pub(crate) generation: u64,
    /// By shard: what the ring held. Exact, if `is_certain`.
    pub(crate) held: Vec<Range<u64>>,
    /// Whether it is known how far the ring had come, so that no number is given out twice.
    pub(crate) is_certain: bool,
    /// Those of `held` that are whole.
    pub(crate) spans: BTreeMap<Place, RecoveredSpan>,
}

pub(crate) struct RecoveredSpan {
    pub(crate) origin: Origin,
    pub(crate) span: Vec<u8>,
    /// In bytes ever written: the order in which they came.
    pub(crate) position: u64,
}

impl Recovered {
    /// Reads the file; none if there is none, or only the beginning of one.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let fail = |action| move |source| Error::Io { action, path: path.to_owned(), source };
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail("open")(error)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail("read"))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if !bytes.starts_with(&MAGIC) {
            return Err(Error::NotOurs { path: path.to_owned() });
        }
        let version = bytes.get(8..12).and_then(|it| it.try_into().ok()).map(u32::from_le_bytes);
        if let Some(found) = version.filter(|found| *found > VERSION) {
            return Err(Error::NewerVersion { path: path.to_owned(), found, known: VERSION });
        }
        Ok(Some(Self::of(file, &bytes)))
    }

    fn of(file: File, bytes: &[u8]) -> Self {
        let header = Header::decode(bytes);
        let is_whole =
            header.as_ref().is_some_and(|header| header.file_bytes() == bytes.len() as u64);
        // A damaged header does not take the records along.
        let header = header.unwrap_or_else(|| Header::unknown(bytes.len() as u64));
        let end = bytes.len().min(header.file_bytes() as usize);
        let slot = Slot::newest(bytes, header.shards).filter(|_| is_whole);
        let records = bytes.get(RECORDS_AT as usize..end).unwrap_or_default();
        let found = Found::scan(records, header.shards);
        let is_certain = slot.is_some();
        let (mut head, generation, mut held) = match slot {
            Some(slot) => (slot.head, slot.generation, slot.held),
            None => (0, 0, found.ranges(header.shards)),
        };
        head = head.max(found.head);
        for (shard, held) in held.iter_mut().enumerate() {
            // Recorded, but killed before the slot was written.
            while found.spans.contains_key(&Place { shard, sequence: held.end }) {
                held.end += 1;
            }
        }
        let Found { spans, origins, .. } = found;
        let spans = spans
            .into_iter()
            .filter(|(place, _)| held[place.shard].contains(&place.sequence))
            .filter_map(|(place, (position, origin, span))| {
                let origin = origins.get(&origin)?.clone();
                Some((place, RecoveredSpan { origin, span: span.to_vec(), position }))
            })
            .collect();
        Self { file, header, head, generation, held, is_certain, spans }
    }

    /// Spans that were held and are not whole any more.
    pub(crate) fn damaged(&self) -> u64 {
        let held: u64 = self.held.iter().map(|held| held.end - held.start).sum();
        held - self.spans.len() as u64
    }
}

/// All records that are whole, whatever lap they are of.
struct Found<'a> {
    /// Position, origin, span.
    spans: BTreeMap<Place, (u64, u64, &'a [u8])>,
    /// By position.
    origins: HashMap<u64, Origin>,
    head: u64,
}

impl<'a> Found<'a> {
    fn scan(records: &'a [u8], shards: u32) -> Self {
        let mut found = Self { spans: BTreeMap::new(), origins: HashMap::new(), head: 0 };
        let mut offset = 0;
        while offset < records.len() {
            let Some(record) = Record::decode(records, offset) else {
                offset += ALIGN_BYTES;
                continue;
            };
            let bytes = Record::framed_bytes(record.payload.len());
            found.head = found.head.max(record.position + bytes as u64);
            found.keep(record, shards);
            offset += bytes;
        }
        found
    }

    fn keep(&mut self, record: Record<'a>, shards: u32) {
        match record.kind {
            RecordKind::Span if u32::from(record.shard) < shards => {
                let Some((origin, span)) = record.payload.split_first_chunk() else { return };
                let place = Place { shard: record.shard.into(), sequence: record.sequence };
                let found = (record.position, u64::from_le_bytes(*origin), span);
                self.spans.insert(place, found);
            }
            RecordKind::Span => {}
            RecordKind::Origin => {
                let Some((length, rest)) = record.payload.split_first_chunk() else { return };
                let length = u32::from_le_bytes(*length) as usize;
                let Some((resource, scope)) = rest.split_at_checked(length) else { return };
                self.origins.insert(record.position, Origin::from_fields(resource, scope));
            }
        }
    }

    /// What the ring may have held, when no slot says it.
    fn ranges(&self, shards: u32) -> Vec<Range<u64>> {
        let of_shard = |shard| {
            let mut all = self
                .spans
                .range(Place { shard, sequence: 0 }..Place { shard: shard + 1, sequence: 0 });
            let first = all.next().map(|(place, _)| place.sequence);
            let last = all.next_back().map(|(place, _)| place.sequence).or(first);
            first.zip(last).map_or(0..0, |(first, last)| first..last + 1)
        };
        (0..shards as usize).map(of_shard).collect()
    }
}
