//! Protobuf's wire format, as far as OTLP spans need it.

/// The wire type in the low bits of a tag.
pub(super) const VARINT: u64 = 0;
pub(super) const FIXED64: u64 = 1;
pub(super) const BYTES: u64 = 2;
pub(super) const FIXED32: u64 = 5;

#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The size of a value as varint: 1 to 10 bytes.
pub(crate) fn varint_bytes(value: u64) -> usize {
    ((63 - (value | 1).leading_zeros() as usize) * 9 + 73) / 64
}

pub(super) fn put_tag(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    put_varint(out, field << 3 | wire_type);
}

/// A tag and a length: the beginning of a string, bytes or message field.
#[inline]
pub(super) fn put_length(out: &mut Vec<u8>, field: u64, length: usize) {
    if field < 16 && length < 0x80 {
        // One look at the capacity instead of two.
        return out.extend_from_slice(&[(field << 3 | BYTES) as u8, length as u8]);
    }
    put_tag(out, field, BYTES);
    put_varint(out, length as u64);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_length(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// Proto3 leaves default values away.
pub(super) fn put_bytes_unless_empty(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_bytes(out, field, bytes);
    }
}

pub(super) fn put_uint_unless_zero(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        put_tag(out, field, VARINT);
        put_varint(out, value);
    }
}

/// For fields below 16 only.
pub(super) fn put_fixed64(out: &mut Vec<u8>, field: u64, value: u64) {
    let mut bytes = [(field << 3 | FIXED64) as u8; 9];
    bytes[1..].copy_from_slice(&value.to_le_bytes());
    out.extend_from_slice(&bytes);
}

pub(super) fn put_fixed32(out: &mut Vec<u8>, field: u64, value: u32) {
    put_tag(out, field, FIXED32);
    out.extend_from_slice(&value.to_le_bytes());
}

/// What a bytes field with a one-byte tag takes.
pub(super) fn bytes_field_bytes(length: usize) -> usize {
    1 + varint_bytes(length as u64) + length
}

/// The same, where an empty field is left away.
pub(super) fn bytes_field_bytes_unless_empty(length: usize) -> usize {
    if length == 0 { 0 } else { bytes_field_bytes(length) }
}

pub(super) fn uint_field_bytes_unless_zero(value: u64) -> usize {
    if value == 0 { 0 } else { 1 + varint_bytes(value) }
}

/// One field of a message that was encoded before.
pub(super) struct Field<'a> {
    pub(super) number: u64,
    /// The value of a varint field, else 0.
    pub(super) uint: u64,
    /// The content of a bytes field, else empty.
    pub(super) content: &'a [u8],
    /// Tag and value as they stand.
    pub(super) whole: &'a [u8],
}

/// The fields of a message in order; ends early at anything that is not one.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        let start = rest;
        let tag = take_varint(&mut rest)?;
        let (mut uint, mut content) = (0, &[][..]);
        match tag & 7 {
            VARINT => uint = take_varint(&mut rest)?,
            FIXED64 => drop(take(&mut rest, 8)?),
            BYTES => {
                let length = take_varint(&mut rest)?;
                content = take(&mut rest, usize::try_from(length).ok()?)?;
            }
            FIXED32 => drop(take(&mut rest, 4)?),
            _ => return None,
        }
        let whole = &start[..start.len() - rest.len()];
        Some(Field { number: tag >> 3, uint, content, whole })
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *rest.first()?;
        *rest = &rest[1..];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The longest beginning of `text` that is at most `bytes_max` long and ends between characters.
pub(super) fn cut_text(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
