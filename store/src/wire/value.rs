//! Attributes: `KeyValue` and `AnyValue`.

use super::reader::{Malformed, Reader, Scalar};
use std::borrow::Cow;

// The first bytes of fields: number and wire type, of `KeyValue` and of `AnyValue`.
const KEY: u8 = 1 << 3 | 2;
const VALUE: u8 = 2 << 3 | 2;
const STRING: u8 = 1 << 3 | 2;
const BOOL: u8 = 2 << 3;
const INT: u8 = 3 << 3;
const DOUBLE: u8 = 4 << 3 | 1;

/// One attribute value, borrowed from the body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// Text.
    String(&'a [u8]),
    /// 64 bit.
    Int(i64),
    /// 64 bit.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// Bytes, arrays, maps, or no value at all: the encoded `AnyValue`.
    Encoded(&'a [u8]),
}

impl Value<'_> {
    /// Position of the type in every list of types.
    #[inline]
    pub(crate) fn kind(&self) -> usize {
        match self {
            Self::String(_) => 0,
            Self::Int(_) => 1,
            Self::Double(_) => 2,
            Self::Bool(_) => 3,
            Self::Encoded(_) => 4,
        }
    }
}

/// Calls `each` with every attribute in field `number` of `message`, which begins `base` bytes into the body.
#[inline]
pub(crate) fn for_each_attribute(
    message: &[u8],
    base: usize,
    number: u32,
    mut each: impl FnMut(&[u8], Value<'_>),
) -> Result<(), Malformed> {
    let mut reader = Reader::new(message, base);
    while let Some((field, scalar)) = reader.next()? {
        if field == number
            && let Scalar::Bytes(pair, offset) = scalar
        {
            attribute(pair, offset, &mut each)?;
        }
    }
    Ok(())
}

/// A `KeyValue` as nearly all of them are written: a key, then a text, number or truth value, each once, in order, and no
/// longer than a length of one byte can tell. `None` for any other, malformed ones among them.
#[inline(always)]
pub(super) fn plain_attribute(pair: &[u8]) -> Option<(&[u8], Value<'_>)> {
    let (key, rest) = short_field(KEY, pair)?;
    let (value, rest) = short_field(VALUE, rest)?;
    if !rest.is_empty() {
        return None;
    }
    let value = match *value {
        [INT, byte] if byte < 0x80 => Value::Int(i64::from(byte)),
        [INT, low, high] if low >= 0x80 && high < 0x80 => {
            Value::Int(i64::from(low & 0x7f) | i64::from(high) << 7)
        }
        [BOOL, byte] if byte < 0x80 => Value::Bool(byte != 0),
        [STRING, ..] => match short_field(STRING, value)? {
            (text, []) => Value::String(text),
            _ => return None,
        },
        [DOUBLE, ref bits @ ..] => Value::Double(f64::from_le_bytes(bits.try_into().ok()?)),
        _ => return None,
    };
    Some((key, value))
}

/// The bytes of a field that begins with this key and has a length of one byte, and what comes after it.
#[inline(always)]
fn short_field(key: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match *bytes {
        [first, length, ref rest @ ..] if first == key && length < 0x80 => {
            rest.split_at_checked(usize::from(length))
        }
        _ => None,
    }
}

/// Reads one `KeyValue`.
#[inline]
pub(crate) fn attribute(
    pair: &[u8],
    base: usize,
    each: &mut impl FnMut(&[u8], Value<'_>),
) -> Result<(), Malformed> {
    match plain_attribute(pair) {
        Some((key, value)) => {
            each(key, value);
            Ok(())
        }
        None => any_attribute(pair, base, each),
    }
}

/// The same for every `KeyValue`, however it is written.
pub(super) fn any_attribute(
    pair: &[u8],
    base: usize,
    each: &mut impl FnMut(&[u8], Value<'_>),
) -> Result<(), Malformed> {
    let (mut key, mut value): (&[u8], Option<(&[u8], usize)>) = (&[], None);
    let mut merged = Cow::Borrowed(&[][..]);
    let mut reader = Reader::new(pair, base);
    while let Some((field, scalar)) = reader.next()? {
        match (field, scalar) {
            (1, Scalar::Bytes(bytes, _)) => key = bytes,
            (2, Scalar::Bytes(bytes, offset)) if value.is_none() => value = Some((bytes, offset)),
            // A singular message that comes twice is merged, which is what its bytes in a row mean.
            (2, Scalar::Bytes(bytes, _)) => {
                if merged.is_empty() {
                    merged = Cow::Borrowed(value.map_or(&[][..], |(bytes, _)| bytes));
                }
                merged.to_mut().extend_from_slice(bytes);
            }
            _ => {}
        }
    }
    let (bytes, offset) = match value {
        Some((_, offset)) if !merged.is_empty() => (&merged[..], offset),
        Some(found) => found,
        None => (&[][..], base),
    };
    any_value(bytes, offset, |value| each(key, value))
}

/// Reads one `AnyValue`. Of several values in it the last one counts, as with any `oneof`.
#[inline]
fn any_value(bytes: &[u8], base: usize, then: impl FnOnce(Value<'_>)) -> Result<(), Malformed> {
    let mut value = Value::Encoded(bytes);
    let mut reader = Reader::new(bytes, base);
    while let Some((field, scalar)) = reader.next()? {
        value = match (field, scalar) {
            (1, Scalar::Bytes(text, _)) => Value::String(text),
            (2, Scalar::Varint(bit)) => Value::Bool(bit != 0),
            (3, Scalar::Varint(int)) => Value::Int(int as i64),
            (4, Scalar::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
            (5..=8, _) => Value::Encoded(bytes),
            _ => value,
        };
    }
    then(value);
    Ok(())
}
