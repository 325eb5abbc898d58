//! A value as it lies in sled: version, checksum, payload.

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 1 + 4;

/// Wraps a payload.
pub(super) fn seal(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The payload; `None` when it is damaged or of a version that is not known.
pub(super) fn open(bytes: &[u8]) -> Option<&[u8]> {
    let (header, payload) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let sound = header[0] == VERSION && crc32fast::hash(payload).to_le_bytes() == header[1..];
    sound.then_some(payload)
}
