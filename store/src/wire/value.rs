//! Attributes: `KeyValue` and `AnyValue`.

use super::{
    Writer,
    reader::{Malformed, Reader, Scalar},
};
use std::borrow::Cow;

/// How deep arrays and maps may lie in each other.
const DEPTH_MAX: usize = 64;

/// One attribute value, borrowed from the body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// Text; UTF-8 by the book, but that is for the column to check.
    String(&'a [u8]),
    /// 64 bit.
    Int(i64),
    /// 64 bit.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// Bytes, arrays, maps, or no value at all: the encoded `AnyValue`, all text in it UTF-8.
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

/// Reads one `KeyValue`.
#[inline]
pub(crate) fn attribute(
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
    let mut text_is_good = true;
    let mut reader = Reader::new(bytes, base);
    while let Some((field, scalar)) = reader.next()? {
        value = match (field, scalar) {
            (1, Scalar::Bytes(text, _)) => Value::String(text),
            (2, Scalar::Varint(bit)) => Value::Bool(bit != 0),
            (3, Scalar::Varint(int)) => Value::Int(int as i64),
            (4, Scalar::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
            (5 | 6, Scalar::Bytes(list, offset)) => {
                check_list(list, offset, field == 6, 1, &mut text_is_good)?;
                Value::Encoded(bytes)
            }
            (7, Scalar::Bytes(..)) => Value::Encoded(bytes),
            _ => value,
        };
    }
    if let (Value::Encoded(encoded), false) = (value, text_is_good) {
        let mut writer = Writer::default();
        mend(encoded, &mut writer);
        then(Value::Encoded(writer.as_bytes()));
    } else {
        then(value);
    }
    Ok(())
}

/// Checks an `ArrayValue` or, if `pairs`, a `KeyValueList`; clears `text_is_good` at text that is not UTF-8.
fn check_list(
    list: &[u8],
    base: usize,
    pairs: bool,
    depth: usize,
    text_is_good: &mut bool,
) -> Result<(), Malformed> {
    if depth > DEPTH_MAX {
        return Err(Malformed { what: "values lie too deep in each other", offset: base });
    }
    let mut reader = Reader::new(list, base);
    while let Some((field, scalar)) = reader.next()? {
        let (1, Scalar::Bytes(item, offset)) = (field, scalar) else { continue };
        if pairs {
            let mut reader = Reader::new(item, offset);
            while let Some((field, scalar)) = reader.next()? {
                match (field, scalar) {
                    (1, Scalar::Bytes(key, _)) => {
                        *text_is_good &= std::str::from_utf8(key).is_ok();
                    }
                    (2, Scalar::Bytes(value, offset)) => {
                        check_any(value, offset, depth, text_is_good)?;
                    }
                    _ => {}
                }
            }
        } else {
            check_any(item, offset, depth, text_is_good)?;
        }
    }
    Ok(())
}

fn check_any(
    bytes: &[u8],
    base: usize,
    depth: usize,
    text_is_good: &mut bool,
) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes, base);
    while let Some((field, scalar)) = reader.next()? {
        match (field, scalar) {
            (1, Scalar::Bytes(text, _)) => *text_is_good &= std::str::from_utf8(text).is_ok(),
            (5 | 6, Scalar::Bytes(list, offset)) => {
                check_list(list, offset, field == 6, depth + 1, text_is_good)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Copies a checked `AnyValue` with U+FFFD in place of what is not UTF-8.
fn mend(bytes: &[u8], writer: &mut Writer) {
    let mut reader = Reader::new(bytes, 0);
    while let Ok(Some((field, scalar))) = reader.next() {
        match (field, scalar) {
            (1, Scalar::Bytes(text, _)) => {
                writer.bytes(1, String::from_utf8_lossy(text).as_bytes());
            }
            (5 | 6, Scalar::Bytes(list, _)) => {
                writer.message(field, |writer| mend_list(list, field == 6, writer));
            }
            (field, scalar) => writer.scalar(field, scalar),
        }
    }
}

fn mend_list(list: &[u8], pairs: bool, writer: &mut Writer) {
    let mut reader = Reader::new(list, 0);
    while let Ok(Some((field, scalar))) = reader.next() {
        let (1, Scalar::Bytes(item, _)) = (field, scalar) else { continue };
        writer.message(1, |writer| {
            if !pairs {
                return mend(item, writer);
            }
            let mut reader = Reader::new(item, 0);
            while let Ok(Some((field, scalar))) = reader.next() {
                match (field, scalar) {
                    (1, Scalar::Bytes(key, _)) => {
                        writer.bytes(1, String::from_utf8_lossy(key).as_bytes());
                    }
                    (2, Scalar::Bytes(value, _)) => {
                        writer.message(2, |writer| mend(value, writer));
                    }
                    (field, scalar) => writer.scalar(field, scalar),
                }
            }
        });
    }
}
