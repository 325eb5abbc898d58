//! One record: what it says, and its bytes.

use crate::{
    Batch, Encoding, Error, Gap, Overlay, Reach, Via,
    wire::{Malformed, Reader, Scalar, Writer},
};
use bytes::Bytes;
use lz4_flex::block::{compress, compress_into, get_maximum_output_size};
use std::{cell::RefCell, io::Read, sync::Arc};
use ulid::Ulid;

/// Length, checksum, kind, sequence.
pub(crate) const HEADER_BYTES: usize = 4 + 4 + 1 + 8;

/// A record with its number.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) sequence: u64,
    pub(crate) entry: Entry,
}

/// What a record says.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A batch that was taken in.
    Batch {
        received_unix_nano: u64,
        via: Via,
        overlay: Arc<Overlay>,
        reach: Option<Reach>,
        gap: Option<Gap>,
        body: Body,
    },
    /// All cursors that were live when a segment began.
    Checkpoint(Checkpoint),
}

/// All live cursors.
pub(crate) type Checkpoint = Vec<Cursor>;

/// Where one reader stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) reach: Reach,
    pub(crate) reached_unix_nano: u64,
}

/// A body as it lies in the journal.
#[derive(Debug)]
pub(crate) struct Body {
    encoding: u64,
    length: u64,
    bytes: Bytes,
}

/// Bytes of a body at most, compressed or not: what a record claims beyond that is damage.
const BODY_BYTES_MAX: u64 = 128 << 20;

const PLAIN: u64 = 0;
const LZ4: u64 = 1;
const ZSTD: u64 = 2;
const GZIP: u64 = 3;

const KIND_BATCH: u8 = 1;
const KIND_CHECKPOINT: u8 = 2;

/// A record that lacks only its sequence number. Made by whoever appends, so that the writer's
/// thread neither compresses nor checksums.
#[derive(Debug)]
pub(crate) struct Prepared {
    kind: u8,
    payload: Vec<u8>,
    checksum: crc32fast::Hasher,
}

/// Packs of bodies up to this size share a thread's memory, which is neither asked for nor cleared each time.
const SHARED_PACK_BYTES_MAX: usize = 1 << 20;

thread_local! {
    static PACK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Compresses with LZ4, and says what to do with the outcome.
fn packed<T>(body: &[u8], then: impl FnOnce(&[u8]) -> T) -> T {
    let size_max = get_maximum_output_size(body.len());
    if size_max > SHARED_PACK_BYTES_MAX {
        return then(&compress(body));
    }
    PACK.with_borrow_mut(|pack| {
        if pack.len() < size_max {
            pack.resize(size_max, 0);
        }
        let size = compress_into(body, pack).expect("there is room for what cannot be packed");
        then(&pack[..size])
    })
}

/// Checksums begin with the store's ID: a client who sends bytes that look like records
/// does not know it, so no such bytes can be taken for a record.
fn checksum(store: Ulid) -> crc32fast::Hasher {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&store.to_bytes());
    hasher
}

impl Prepared {
    /// A batch record. A body that came compressed stays so; any other is compressed with LZ4.
    pub(crate) fn batch(store: Ulid, batch: &Batch, received_unix_nano: u64) -> Self {
        match &batch.compressed {
            Some((encoding, bytes)) => {
                Self::batch_of(store, batch, received_unix_nano, encoding_code(*encoding), bytes)
            }
            None => packed(&batch.body, |packed| {
                let (encoding, bytes) = match packed.len() < batch.body.len() {
                    true => (LZ4, packed),
                    false => (PLAIN, &batch.body[..]),
                };
                Self::batch_of(store, batch, received_unix_nano, encoding, bytes)
            }),
        }
    }

    /// A batch record with the body in these bytes.
    fn batch_of(
        store: Ulid,
        batch: &Batch,
        received_unix_nano: u64,
        encoding: u64,
        bytes: &[u8],
    ) -> Self {
        let mut out = Writer::default();
        out.uint(1, via_code(batch.via));
        out.fixed64(2, received_unix_nano);
        let overlay = &*batch.overlay;
        for (number, list) in [(1, &overlay.attributes), (2, &overlay.defaults)] {
            for (name, value) in list {
                out.message(3, |out| {
                    out.message(number, |out| {
                        out.bytes(1, name.as_bytes());
                        out.bytes(2, value.as_bytes());
                    });
                });
            }
        }
        if overlay.honor {
            out.message(3, |out| out.uint(3, 1));
        }
        if let Some(reach) = &batch.reach {
            out.message(4, |out| write_reach(out, reach));
        }
        if let Some(gap) = &batch.gap {
            out.message(5, |out| {
                if let Some(lost) = gap.lost {
                    out.uint(1, lost);
                }
                out.fixed64(2, gap.from_unix_nano);
                out.fixed64(3, gap.to_unix_nano);
            });
        }
        out.uint(6, encoding);
        out.uint(7, batch.body.len() as u64);
        out.bytes(8, bytes);
        Self::new(store, KIND_BATCH, out.into_bytes())
    }

    /// A checkpoint record.
    pub(crate) fn checkpoint<'a>(store: Ulid, cursors: impl Iterator<Item = &'a Cursor>) -> Self {
        let mut out = Writer::default();
        for cursor in cursors {
            out.message(1, |out| {
                write_reach(out, &cursor.reach);
                out.fixed64(3, cursor.reached_unix_nano);
            });
        }
        Self::new(store, KIND_CHECKPOINT, out.into_bytes())
    }

    pub(super) fn new(store: Ulid, kind: u8, payload: Vec<u8>) -> Self {
        let mut checksum = checksum(store);
        checksum.update(&payload);
        Self { kind, payload, checksum }
    }

    /// Bytes in the file.
    pub(crate) fn size_bytes(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }

    /// Appends the record's bytes.
    pub(crate) fn write(&self, sequence: u64, out: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len())
            .expect("bodies are bounded far below 4 GiB")
            .to_le_bytes();
        let sequence = sequence.to_le_bytes();
        let mut checksum = self.checksum.clone();
        checksum.update(&length);
        checksum.update(&[self.kind]);
        checksum.update(&sequence);
        out.extend_from_slice(&length);
        out.extend_from_slice(&checksum.finalize().to_le_bytes());
        out.push(self.kind);
        out.extend_from_slice(&sequence);
        out.extend_from_slice(&self.payload);
    }
}

impl Record {
    /// The record at the start of `bytes` and its size; `None` if there is no whole and sound one.
    pub(crate) fn read(store: Ulid, bytes: &Bytes) -> Option<(Self, usize)> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let length = u32::from_le_bytes(*header.first_chunk()?) as usize;
        let kind = header[8];
        if length > bytes.len() - HEADER_BYTES || !matches!(kind, KIND_BATCH | KIND_CHECKPOINT) {
            return None;
        }
        let payload = bytes.slice(HEADER_BYTES..HEADER_BYTES + length);
        let mut checksum = checksum(store);
        checksum.update(&payload);
        checksum.update(&header[..4]);
        checksum.update(&header[8..]);
        if checksum.finalize().to_le_bytes() != header[4..8] {
            return None;
        }
        let sequence = u64::from_le_bytes(*header.last_chunk()?);
        let entry = match kind {
            KIND_BATCH => read_batch(&payload),
            _ => read_checkpoint(&payload),
        };
        Some((Self { sequence, entry: entry.ok()? }, HEADER_BYTES + length))
    }
}

impl Body {
    /// The body as it was taken in.
    pub(crate) fn decompress(&self) -> Result<Bytes, Error> {
        if self.length > BODY_BYTES_MAX {
            return Err(self.malformed("the body is longer than any that is taken in".into()));
        }
        let length = self.length as usize;
        let limited = |reader: &mut dyn Read| {
            let mut body = Vec::with_capacity(length.min(64 << 20));
            reader.take(self.length + 1).read_to_end(&mut body).map(|_| body)
        };
        let body = match self.encoding {
            PLAIN => return Ok(self.bytes.clone()),
            LZ4 => lz4_flex::block::decompress(&self.bytes, length).map_err(std::io::Error::other),
            ZSTD => zstd::stream::read::Decoder::with_buffer(&self.bytes[..])
                .and_then(|mut decoder| limited(&mut decoder)),
            GZIP => limited(&mut flate2::read::MultiGzDecoder::new(&self.bytes[..])),
            _ => Err(std::io::Error::other("the compression is unknown")),
        };
        match body {
            Ok(body) if body.len() == length => Ok(body.into()),
            Ok(_) => Err(self.malformed("the body has not the length that it should have".into())),
            Err(error) => Err(self.malformed(error.to_string())),
        }
    }

    fn malformed(&self, what: String) -> Error {
        Error::Malformed { what, offset: 0 }
    }
}

fn via_code(via: Via) -> u64 {
    match via {
        Via::Scrape => 0,
        Via::Otlp => 1,
        Via::Zipkin => 2,
        Via::Jaeger => 3,
        Via::Lookup => 4,
    }
}

fn encoding_code(encoding: Encoding) -> u64 {
    match encoding {
        Encoding::Zstd => ZSTD,
        Encoding::Gzip => GZIP,
    }
}

fn write_reach(out: &mut Writer, reach: &Reach) {
    out.bytes(1, reach.target.as_bytes());
    out.bytes(2, reach.cursor.as_bytes());
}

fn read_batch(payload: &Bytes) -> Result<Entry, Malformed> {
    let (mut via, mut received_unix_nano) = (Via::Scrape, 0);
    let (mut overlay, mut reach, mut gap) = (Overlay::default(), None, None);
    let mut body = Body { encoding: PLAIN, length: 0, bytes: Bytes::new() };
    let mut fields = Reader::new(payload, 0);
    while let Some(field) = fields.next()? {
        match field {
            (1, Scalar::Varint(code)) => {
                via = match code {
                    1 => Via::Otlp,
                    2 => Via::Zipkin,
                    3 => Via::Jaeger,
                    4 => Via::Lookup,
                    _ => Via::Scrape,
                }
            }
            (2, Scalar::Fixed64(time)) => received_unix_nano = time,
            (3, Scalar::Bytes(part, _)) => {
                let mut fields = Reader::new(part, 0);
                while let Some(field) = fields.next()? {
                    match field {
                        (1, Scalar::Bytes(pair, _)) => overlay.attributes.push(read_pair(pair)?),
                        (2, Scalar::Bytes(pair, _)) => overlay.defaults.push(read_pair(pair)?),
                        (3, Scalar::Varint(honor)) => overlay.honor = honor != 0,
                        _ => {}
                    }
                }
            }
            (4, Scalar::Bytes(bytes, _)) => {
                let (target, cursor) = read_pair(bytes)?;
                reach = Some(Reach { target, cursor });
            }
            (5, Scalar::Bytes(bytes, _)) => {
                let mut read = Gap { lost: None, from_unix_nano: 0, to_unix_nano: 0 };
                let mut fields = Reader::new(bytes, 0);
                while let Some(field) = fields.next()? {
                    match field {
                        (1, Scalar::Varint(lost)) => read.lost = Some(lost),
                        (2, Scalar::Fixed64(time)) => read.from_unix_nano = time,
                        (3, Scalar::Fixed64(time)) => read.to_unix_nano = time,
                        _ => {}
                    }
                }
                gap = Some(read);
            }
            (6, Scalar::Varint(encoding)) => body.encoding = encoding,
            (7, Scalar::Varint(length)) => body.length = length,
            (8, Scalar::Bytes(bytes, offset)) => {
                body.bytes = payload.slice(offset..offset + bytes.len());
            }
            _ => {}
        }
    }
    Ok(Entry::Batch { received_unix_nano, via, overlay: Arc::new(overlay), reach, gap, body })
}

fn read_checkpoint(payload: &Bytes) -> Result<Entry, Malformed> {
    let mut cursors = Vec::new();
    let mut fields = Reader::new(payload, 0);
    while let Some(field) = fields.next()? {
        let (1, Scalar::Bytes(bytes, _)) = field else { continue };
        let (target, cursor) = read_pair(bytes)?;
        let mut reached_unix_nano = 0;
        let mut fields = Reader::new(bytes, 0);
        while let Some(field) = fields.next()? {
            if let (3, Scalar::Fixed64(time)) = field {
                reached_unix_nano = time;
            }
        }
        cursors.push(Cursor { reach: Reach { target, cursor }, reached_unix_nano });
    }
    Ok(Entry::Checkpoint(cursors))
}

/// Two texts in fields 1 and 2.
fn read_pair(bytes: &[u8]) -> Result<(String, String), Malformed> {
    let (mut first, mut second) = (String::new(), String::new());
    let mut fields = Reader::new(bytes, 0);
    while let Some(field) = fields.next()? {
        match field {
            (1, Scalar::Bytes(text, _)) => first = String::from_utf8_lossy(text).into_owned(),
            (2, Scalar::Bytes(text, _)) => second = String::from_utf8_lossy(text).into_owned(),
            _ => {}
        }
    }
    Ok((first, second))
}
