//! One message as a run of fields.

use crate::Error;

/// How deep messages and groups may lie in each other: as deep as other decoders take them.
pub(super) const DEPTH_MAX: u32 = 100;

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
    /// Wire types 3 to 4: what lies between has been stepped over, as OTLP has no groups.
    Group,
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

    /// Where the next field begins, from the start of the body.
    pub(super) fn offset(&self) -> usize {
        self.base + self.position
    }

    /// The next field: its number and value; `None` at the end.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Scalar<'a>)>, Malformed> {
        self.next_within(DEPTH_MAX)
    }

    /// The same, with groups no deeper in each other than so many.
    #[inline(always)]
    pub(super) fn next_within(
        &mut self,
        depth_left: u32,
    ) -> Result<Option<(u32, Scalar<'a>)>, Malformed> {
        if self.position == self.bytes.len() {
            return Ok(None);
        }
        let start = self.position;
        let (number, wire_type) = self.key()?;
        let scalar = match wire_type {
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
            3 => self.group(number, depth_left, start)?,
            5 => Scalar::Fixed32(u32::from_le_bytes(self.fixed()?)),
            _ => return Err(self.malformed("a wire type is unknown", start)),
        };
        Ok(Some((number, scalar)))
    }

    #[inline(always)]
    fn key(&mut self) -> Result<(u32, u64), Malformed> {
        let start = self.position;
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 || number > (1 << 29) - 1 {
            return Err(self.malformed("a field number is out of range", start));
        }
        Ok((number as u32, key & 7))
    }

    /// Steps over the rest of a group.
    #[cold]
    fn group(
        &mut self,
        number: u32,
        depth_left: u32,
        start: usize,
    ) -> Result<Scalar<'a>, Malformed> {
        let too_deep = self.malformed("groups lie too deep in each other", start);
        let below = depth_left.checked_sub(1).ok_or(too_deep)?;
        loop {
            let before = self.position;
            if before == self.bytes.len() {
                return Err(self.malformed("a group has no end", start));
            }
            let (end, wire_type) = self.key()?;
            if wire_type == 4 {
                return match end == number {
                    true => Ok(Scalar::Group),
                    false => Err(self.malformed("a group ends that has not begun", before)),
                };
            }
            if below == 0 {
                return Err(too_deep);
            }
            self.position = before;
            self.next_within(below)?;
        }
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
