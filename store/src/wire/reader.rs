//! One message as a run of fields.

use crate::Error;

/// Why bytes are not a message, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// What is wrong, as the end of a sentence.
    pub(crate) what: &'static str,
    /// Where, from the start of the body.
    pub(crate) offset: usize,
}

/// The fields of one message, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Offset of `bytes` from the start of the body; for error messages only.
    base: usize,
}

/// The value of a field, by its wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2, with the offset of its first byte from the start of the body.
    Bytes(&'a [u8], usize),
    /// Wire type 5.
    Fixed32(u32),
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed { what: malformed.what.to_owned(), offset: malformed.offset }
    }
}

impl<'a> Reader<'a> {
    /// Reads a message that begins `base` bytes into the body.
    pub(crate) fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, position: 0, base }
    }

    /// The next field: its number and value; `None` at the end. Groups (wire types 3 and 4) are
    /// not part of proto3 and are refused.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Scalar<'a>)>, Malformed> {
        if self.position == self.bytes.len() {
            return Ok(None);
        }
        let start = self.position;
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number > (1 << 29) - 1 {
            return Err(self.malformed("a field number is out of range", start));
        }
        let scalar = match tag & 7 {
            0 => Scalar::Varint(self.varint()?),
            1 => Scalar::Fixed64(u64::from_le_bytes(self.fixed()?)),
            2 => {
                let length = self.varint()?;
                let remaining = self.bytes.len() - self.position;
                if length > remaining as u64 {
                    return Err(self.malformed("a length goes beyond the end", start));
                }
                let from = self.position;
                self.position += length as usize;
                Scalar::Bytes(&self.bytes[from..self.position], self.base + from)
            }
            5 => Scalar::Fixed32(u32::from_le_bytes(self.fixed()?)),
            _ => return Err(self.malformed("a wire type is unknown", start)),
        };
        Ok(Some((number as u32, scalar)))
    }

    /// Most are one byte long; those are read where they are asked for.
    #[inline(always)]
    fn varint(&mut self) -> Result<u64, Malformed> {
        if let Some(&byte) = self.bytes.get(self.position)
            && byte < 0x80
        {
            self.position += 1;
            return Ok(u64::from(byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let start = self.position;
        let mut value = 0u64;
        for (index, &byte) in self.bytes[start..].iter().take(10).enumerate() {
            if index == 9 && byte > 1 {
                return Err(self.malformed("a varint is longer than 64 bits", start));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.position = start + index + 1;
                return Ok(value);
            }
        }
        Err(self.malformed("a varint is cut off", start))
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let found = self.bytes[self.position..].first_chunk::<N>().copied();
        let value =
            found.ok_or_else(|| self.malformed("a fixed-width value is cut off", self.position))?;
        self.position += N;
        Ok(value)
    }

    #[cold]
    fn malformed(&self, what: &'static str, position: usize) -> Malformed {
        Malformed { what, offset: self.base + position }
    }
}
