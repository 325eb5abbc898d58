//! The bytes of the file: header, two slots, records. `docs/format/sidecar-file.md` is this as a page.

use std::ops::Range;

pub(crate) const MAGIC: [u8; 8] = *b"SIGYNRNG";
pub(crate) const VERSION: u32 = 1;
/// As many on any machine, so that a cursor has as many positions wherever the file is read.
pub(crate) const SHARDS: u32 = 8;
const HEADER_BYTES: usize = 68;
/// Where the two slots begin; a slot of 64 shards has 1,044 bytes.
const SLOTS_AT: [u64; 2] = [512, 2048];
const SLOT_BYTES_MAX: usize = 1536;
/// Where the records begin.
pub(crate) const RECORDS_AT: u64 = 4096;
pub(crate) const RECORD_HEADER_BYTES: usize = 32;
const RECORD_MAGIC: u32 = u32::from_le_bytes(*b"SPAN");
/// Records begin at multiples of this.
pub(crate) const ALIGN_BYTES: usize = 8;

/// What stays the same for the life of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) epoch: u128,
    pub(crate) shards: u32,
    /// Of the ring in memory.
    pub(crate) capacity_bytes: u64,
    /// Of the records here.
    pub(crate) ring_bytes: u64,
    /// Which start of the machine wrote it; zero: unknown.
    pub(crate) boot: u128,
}

/// How far the ring has come; written after the records that it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Counts slots; the two places take turns.
    pub(crate) generation: u64,
    /// Bytes of records ever written, what was left free at the ends of laps included.
    pub(crate) head: u64,
    /// By shard: what the ring holds.
    pub(crate) held: Vec<Range<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// The position of its origin (u64le), then an OTLP `Span`.
    Span,
    /// The size of the Resource (u32le), the Resource, the scope.
    Origin,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) shard: u16,
    pub(crate) sequence: u64,
    /// Where it was written, in bytes ever written.
    pub(crate) position: u64,
    pub(crate) payload: &'a [u8],
}

impl Header {
    /// Room for two and a half times what memory holds, because frames are larger here, and a Resource is
    /// written again before it is overwritten.
    pub(crate) fn new(epoch: u128, shards: u32, capacity_bytes: u64, boot: u128) -> Self {
        let ring_bytes = (capacity_bytes * 5 / 2 + (1 << 20)).next_multiple_of(ALIGN_BYTES as u64);
        Self { epoch, shards, capacity_bytes, ring_bytes, boot }
    }

    /// For a file whose header is damaged: all that can be told from its size.
    pub(crate) fn unknown(file_bytes: u64) -> Self {
        let ring_bytes = file_bytes.saturating_sub(RECORDS_AT);
        Self { epoch: 0, shards: SHARDS, capacity_bytes: 0, ring_bytes, boot: 0 }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.shards.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.capacity_bytes.to_le_bytes());
        out.extend_from_slice(&self.ring_bytes.to_le_bytes());
        out.extend_from_slice(&self.boot.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out
    }

    /// Of a file that begins with [`MAGIC`] and [`VERSION`]; none when it is damaged.
    pub(crate) fn decode(file: &[u8]) -> Option<Self> {
        let mut fields = Fields::checked(file.get(..HEADER_BYTES)?)?;
        fields.take::<12>()?;
        let header = Self {
            shards: u32::from_le_bytes(fields.take()?),
            epoch: u128::from_le_bytes(fields.take()?),
            capacity_bytes: u64::from_le_bytes(fields.take()?),
            ring_bytes: u64::from_le_bytes(fields.take()?),
            boot: u128::from_le_bytes(fields.take()?),
        };
        let fits = (1..=64).contains(&header.shards) && header.shards.is_power_of_two();
        fits.then_some(header)
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        RECORDS_AT + self.ring_bytes
    }
}

impl Slot {
    /// Where this slot is written.
    pub(crate) fn at(&self) -> u64 {
        SLOTS_AT[(self.generation % 2) as usize]
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(20 + 16 * self.held.len());
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.head.to_le_bytes());
        for held in &self.held {
            out.extend_from_slice(&held.start.to_le_bytes());
            out.extend_from_slice(&held.end.to_le_bytes());
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        debug_assert!(out.len() <= SLOT_BYTES_MAX);
        out
    }

    /// The newer of those that are whole.
    pub(crate) fn newest(file: &[u8], shards: u32) -> Option<Self> {
        let slots =
            SLOTS_AT.iter().filter_map(|at| Self::decode(file.get(*at as usize..)?, shards));
        slots.max_by_key(|slot| slot.generation)
    }

    fn decode(bytes: &[u8], shards: u32) -> Option<Self> {
        let mut fields = Fields::checked(bytes.get(..20 + 16 * shards as usize)?)?;
        let generation = u64::from_le_bytes(fields.take()?);
        let head = u64::from_le_bytes(fields.take()?);
        let mut held = Vec::new();
        for _ in 0..shards {
            let start = u64::from_le_bytes(fields.take()?);
            held.push(start..u64::from_le_bytes(fields.take()?));
        }
        // A file of zeros passes no checksum of its own, but its checksum is that of nothing.
        let is_sane = generation > 0 && held.iter().all(|held| held.start <= held.end);
        is_sane.then_some(Self { generation, head, held })
    }
}

impl Record<'_> {
    /// What a record of this payload takes.
    pub(crate) fn framed_bytes(payload_bytes: usize) -> usize {
        (RECORD_HEADER_BYTES + payload_bytes).next_multiple_of(ALIGN_BYTES)
    }

    /// Appends the record, padded.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let kind: u16 = match self.kind {
            RecordKind::Span => 1,
            RecordKind::Origin => 2,
        };
        let start = out.len();
        out.extend_from_slice(&RECORD_MAGIC.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&self.shard.to_le_bytes());
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.position.to_le_bytes());
        out.extend_from_slice(self.payload);
        let checksum = crc32fast::hash(&out[start + 8..]);
        out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
        out.resize(start + Self::framed_bytes(self.payload.len()), 0);
    }
}

impl<'a> Record<'a> {
    /// The record at an offset of the records, if a whole one is there.
    pub(crate) fn decode(records: &'a [u8], offset: usize) -> Option<Self> {
        let rest = records.get(offset..)?;
        let mut fields = Fields { rest: rest.get(..RECORD_HEADER_BYTES)? };
        if u32::from_le_bytes(fields.take()?) != RECORD_MAGIC {
            return None;
        }
        let checksum = u32::from_le_bytes(fields.take()?);
        let payload_bytes = u32::from_le_bytes(fields.take()?) as usize;
        let kind = match u16::from_le_bytes(fields.take()?) {
            1 => RecordKind::Span,
            2 => RecordKind::Origin,
            _ => return None,
        };
        let shard = u16::from_le_bytes(fields.take()?);
        let sequence = u64::from_le_bytes(fields.take()?);
        let position = u64::from_le_bytes(fields.take()?);
        let end = RECORD_HEADER_BYTES.checked_add(payload_bytes)?;
        if crc32fast::hash(rest.get(8..end)?) != checksum {
            return None;
        }
        // A copy of a record at another place is none.
        let is_here = position % records.len() as u64 == offset as u64;
        let payload = &rest[RECORD_HEADER_BYTES..end];
        is_here.then_some(Self { kind, shard, sequence, position, payload })
    }
}

struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Bytes that end with their checksum.
    fn checked(bytes: &'a [u8]) -> Option<Self> {
        let (rest, checksum) = bytes.split_last_chunk()?;
        (crc32fast::hash(rest) == u32::from_le_bytes(*checksum)).then_some(Self { rest })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }
}
