//! Integers as differences from one to the next (parquet-format, Encodings.md, "Delta Encoding", DELTA_BINARY_PACKED), and texts
//! behind their lengths in this form (DELTA_LENGTH_BYTE_ARRAY).

const SHORT: &str = "a page ends before its differences do";
const WRONG: &str = "a page has differences that make no sense";

/// Values still to come. After a first value they stand in blocks of miniblocks, each with as many bits a value as it needs.
pub(super) struct Deltas<'a> {
    bytes: &'a [u8],
    miniblocks_per_block: usize,
    values_per_miniblock: usize,
    /// Values that have not been given.
    left: usize,
    /// The value that comes next.
    next: u64,
    /// What every difference of the block is above.
    delta_min: u64,
    /// Bits of a value, of the miniblocks of the block that are still to come.
    widths: &'a [u8],
    /// The miniblock under way.
    packed: &'a [u8],
    width: usize,
    position: usize,
}

/// The texts of a page still to come.
pub(super) struct Lengths<'a> {
    lengths: std::vec::IntoIter<usize>,
    texts: &'a [u8],
}

impl<'a> Deltas<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let mut deltas = Self {
            bytes,
            miniblocks_per_block: 0,
            values_per_miniblock: 0,
            left: 0,
            next: 0,
            delta_min: 0,
            widths: &[],
            packed: &[],
            width: 0,
            position: 0,
        };
        let values_per_block = deltas.length()?;
        deltas.miniblocks_per_block = deltas.length()?;
        deltas.left = deltas.length()?;
        deltas.next = deltas.signed()?;
        let per_miniblock = values_per_block.checked_div(deltas.miniblocks_per_block);
        let per_miniblock = per_miniblock.filter(|it| *it > 0 && it.is_multiple_of(8));
        deltas.values_per_miniblock = per_miniblock.ok_or(WRONG)?;
        // Before the first there is none under way.
        deltas.position = deltas.values_per_miniblock;
        Ok(deltas)
    }

    /// Gives the next value, as two's complement.
    pub(super) fn read(&mut self) -> Result<u64, &'static str> {
        let value = self.next;
        self.left = self.left.checked_sub(1).ok_or(SHORT)?;
        if self.left > 0 {
            if self.position == self.values_per_miniblock {
                self.enter_miniblock()?;
            }
            let delta = number(self.packed, self.width, self.position);
            self.position += 1;
            self.next = value.wrapping_add(self.delta_min).wrapping_add(delta);
        }
        Ok(value)
    }

    fn enter_miniblock(&mut self) -> Result<(), &'static str> {
        if self.widths.is_empty() {
            self.delta_min = self.signed()?;
            self.widths = self.take(self.miniblocks_per_block)?;
        }
        let (width, widths) = self.widths.split_first().ok_or(WRONG)?;
        (self.width, self.widths) = (usize::from(*width), widths);
        if self.width > 64 {
            return Err(WRONG);
        }
        // As many values as a multiple of eight: whole bytes.
        let bytes = (self.values_per_miniblock / 8).checked_mul(self.width).ok_or(WRONG)?;
        (self.packed, self.position) = (self.take(bytes)?, 0);
        Ok(())
    }

    fn length(&mut self) -> Result<usize, &'static str> {
        usize::try_from(self.varint()?).ok().filter(|it| *it <= u32::MAX as usize).ok_or(WRONG)
    }

    fn signed(&mut self) -> Result<u64, &'static str> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1) ^ (zigzag & 1).wrapping_neg())
    }

    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WRONG)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(SHORT)?;
        self.bytes = rest;
        Ok(taken)
    }
}

impl<'a> Lengths<'a> {
    /// Of so many texts at most.
    pub(super) fn new(bytes: &'a [u8], count_max: usize) -> Result<Self, &'static str> {
        let mut deltas = Deltas::new(bytes)?;
        if deltas.left > count_max {
            return Err(WRONG);
        }
        let mut lengths = Vec::with_capacity(deltas.left);
        while deltas.left > 0 {
            lengths.push(usize::try_from(deltas.read()?).map_err(|_| WRONG)?);
        }
        Ok(Self { lengths: lengths.into_iter(), texts: deltas.bytes })
    }

    /// Gives the next text.
    pub(super) fn read(&mut self) -> Result<&'a [u8], &'static str> {
        let length = self.lengths.next().ok_or(SHORT)?;
        let (text, rest) = self.texts.split_at_checked(length).ok_or(SHORT)?;
        self.texts = rest;
        Ok(text)
    }
}

/// A number of 64 bits at most among packed ones; the lowest bit comes first.
fn number(bytes: &[u8], width: usize, at: usize) -> u64 {
    let bit = at * width;
    let from = &bytes[bit / 8..];
    if let Some(word) = from.first_chunk().filter(|_| width <= 56) {
        return u64::from_le_bytes(*word) >> (bit % 8) & ((1 << width) - 1);
    }
    let word = match from.first_chunk() {
        Some(word) => u128::from_le_bytes(*word),
        None => {
            let mut word = [0; 16];
            word[..from.len()].copy_from_slice(from);
            u128::from_le_bytes(word)
        }
    };
    (word >> (bit % 8)) as u64 & u64::MAX.checked_shr(64 - width as u32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn varint(mut value: u64, bytes: &mut Vec<u8>) {
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
    }

    fn signed(value: i64, bytes: &mut Vec<u8>) {
        varint((value << 1 ^ value >> 63) as u64, bytes);
    }

    /// Bit by bit.
    fn encoded(values: &[i64], per_miniblock: usize, miniblocks: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        varint((per_miniblock * miniblocks) as u64, &mut bytes);
        varint(miniblocks as u64, &mut bytes);
        varint(values.len() as u64, &mut bytes);
        signed(values.first().copied().unwrap_or(0), &mut bytes);
        let deltas: Vec<i64> = values.windows(2).map(|it| it[1].wrapping_sub(it[0])).collect();
        for block in deltas.chunks(per_miniblock * miniblocks) {
            let min = *block.iter().min().unwrap();
            signed(min, &mut bytes);
            let above: Vec<u64> = block.iter().map(|it| it.wrapping_sub(min) as u64).collect();
            let width_of = |part: &[u64]| {
                part.iter().map(|it| 64 - it.leading_zeros()).max().unwrap_or(0) as usize
            };
            let mut widths: Vec<u8> =
                above.chunks(per_miniblock).map(|part| width_of(part) as u8).collect();
            // Those that are not needed may have any width, and have no bytes.
            widths.resize(miniblocks, 7);
            bytes.extend(&widths);
            for part in above.chunks(per_miniblock) {
                let width = width_of(part);
                let mut bits = vec![false; per_miniblock * width];
                for (at, value) in part.iter().enumerate() {
                    (0..width).for_each(|bit| bits[at * width + bit] = value >> bit & 1 == 1);
                }
                let byte = |bits: &[bool]| (0..8).map(|bit| u8::from(bits[bit]) << bit).sum::<u8>();
                bytes.extend(bits.chunks(8).map(byte));
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn numbers_come_back(
            values in prop::collection::vec(
                prop_oneof![any::<i64>(), 0..1000i64, 1_800_000_000_000_000_000..1_800_000_600_000_000_000i64],
                0..700,
            ),
            eights in 1usize..5,
            miniblocks in 1usize..5,
        ) {
            let bytes = encoded(&values, eights * 8, miniblocks);
            let mut deltas = Deltas::new(&bytes).unwrap();
            for value in &values {
                prop_assert_eq!(deltas.read(), Ok(*value as u64));
            }
            prop_assert!(deltas.read().is_err());
        }

        #[test]
        fn texts_come_back(texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..300)) {
            let lengths: Vec<i64> = texts.iter().map(|text| text.len() as i64).collect();
            let mut bytes = encoded(&lengths, 32, 4);
            bytes.extend(texts.concat());
            let mut found = Lengths::new(&bytes, texts.len()).unwrap();
            for text in &texts {
                prop_assert_eq!(found.read(), Ok(&text[..]));
            }
            prop_assert!(found.read().is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(mut deltas) = Deltas::new(&bytes) {
                for _ in 0..10_000 {
                    if deltas.read().is_err() {
                        break;
                    }
                }
            }
            if let Ok(mut lengths) = Lengths::new(&bytes, 10_000) {
                while lengths.read().is_ok() {}
            }
        }
    }
}
