//! Parquet's hybrid of run lengths and packed bits (parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid"):
//! small numbers of one width, in which one can go ahead without looking at each.

use arrow_buffer::BooleanBufferBuilder;
use std::array::from_fn;

const SHORT: &str = "a page ends before its values do";
const WRONG: &str = "a page has runs that make no sense";

/// The numbers that lie in a byte.
static OF_ONE_BIT: [[u8; 8]; 256] = unpacked();
static OF_TWO_BITS: [[u8; 4]; 256] = unpacked();

const fn unpacked<const COUNT: usize>() -> [[u8; COUNT]; 256] {
    let (mut all, mut byte, width) = ([[0; COUNT]; 256], 0, 8 / COUNT);
    while byte < 256 {
        let mut at = 0;
        while at < COUNT {
            all[byte][at] = (byte >> (at * width)) as u8 & ((1 << width) - 1);
            at += 1;
        }
        byte += 1;
    }
    all
}

/// Numbers still to come.
#[derive(Clone)]
pub(super) struct Hybrid<'a> {
    bytes: &'a [u8],
    /// Bits of a number, 32 at most.
    width: usize,
    run: Run<'a>,
    /// Numbers of the run that are still to come.
    left: usize,
}

#[derive(Clone, Copy)]
enum Run<'a> {
    /// The same number again and again.
    Same(u32),
    /// Packed bits, and which number is next.
    Packed(&'a [u8], usize),
}

impl<'a> Hybrid<'a> {
    pub(super) fn new(bytes: &'a [u8], width: usize) -> Result<Self, &'static str> {
        if width > 32 {
            return Err(WRONG);
        }
        Ok(Self { bytes, width, run: Run::Same(0), left: 0 })
    }

    /// Goes ahead; of numbers of one bit, says how many were ones.
    pub(super) fn skip(&mut self, count: usize) -> Result<usize, &'static str> {
        let mut ones = 0;
        self.runs(count, |run, width, count| {
            ones += match run {
                Run::Same(value) => value as usize * count,
                Run::Packed(bytes, first) if width == 1 => ones_of(bytes, first, count),
                Run::Packed(..) => 0,
            };
        })?;
        Ok(ones)
    }

    /// Reads so many numbers.
    pub(super) fn read(
        &mut self,
        count: usize,
        mut put: impl FnMut(u32),
    ) -> Result<(), &'static str> {
        self.runs(count, |run, width, count| match run {
            Run::Same(value) => (0..count).for_each(|_| put(value)),
            Run::Packed(bytes, first) => {
                (first..first + count).for_each(|at| put(number(bytes, width, at)));
            }
        })
    }

    /// Reads so many numbers below 256.
    pub(super) fn read_small(
        &mut self,
        count: usize,
        numbers: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        self.runs(count, |run, width, count| match run {
            Run::Same(value) => numbers.resize(numbers.len() + count, value as u8),
            Run::Packed(bytes, first) => {
                let start = numbers.len();
                let eights = first / 8..(first + count).div_ceil(8);
                match width {
                    1 => {
                        for byte in &bytes[eights] {
                            numbers.extend_from_slice(&OF_ONE_BIT[usize::from(*byte)]);
                        }
                    }
                    2 => {
                        for byte in &bytes[eights.start * 2..eights.end * 2] {
                            numbers.extend_from_slice(&OF_TWO_BITS[usize::from(*byte)]);
                        }
                    }
                    _ => eights.for_each(|at| {
                        numbers.extend(eight(bytes, width, at).map(|number| number as u8));
                    }),
                }
                // The first and the last eight may have more than are wanted.
                numbers.drain(start..start + first % 8);
                numbers.truncate(start + count);
            }
        })
    }

    /// Says of so many numbers which are wanted, one bit each.
    pub(super) fn mark(
        &mut self,
        count: usize,
        is_wanted: impl Fn(u32) -> bool,
        marks: &mut BooleanBufferBuilder,
    ) -> Result<(), &'static str> {
        let mut of_eights: Vec<u8> = Vec::new();
        self.runs(count, |run, width, count| match run {
            Run::Same(value) => marks.append_n(count, is_wanted(value)),
            Run::Packed(bytes, first) => {
                of_eights.clear();
                of_eights.extend((first / 8..(first + count).div_ceil(8)).map(|at| {
                    let numbers = eight(bytes, width, at).into_iter().enumerate();
                    numbers.fold(0, |bits, (bit, number)| bits | u8::from(is_wanted(number)) << bit)
                }));
                marks.append_packed_range(first % 8..first % 8 + count, &of_eights);
            }
        })
    }

    /// Goes ahead run by run; of each, the part that is passed.
    fn runs(
        &mut self,
        mut count: usize,
        mut pass: impl FnMut(Run<'a>, usize, usize),
    ) -> Result<(), &'static str> {
        while count > 0 {
            if self.left == 0 {
                self.next_run()?;
                continue;
            }
            let here = count.min(self.left);
            pass(self.run, self.width, here);
            if let Run::Packed(_, next) = &mut self.run {
                *next += here;
            }
            self.left -= here;
            count -= here;
        }
        Ok(())
    }

    fn next_run(&mut self) -> Result<(), &'static str> {
        let header = self.varint()?;
        let count = (header >> 1) as usize;
        if header & 1 == 0 {
            let mut value = [0; 4];
            let bytes = self.take(self.width.div_ceil(8))?;
            value[..bytes.len()].copy_from_slice(bytes);
            (self.run, self.left) = (Run::Same(u32::from_le_bytes(value)), count);
        } else {
            // Eight numbers take as many bytes as one has bits.
            let bytes = self.take(count.checked_mul(self.width).ok_or(WRONG)?)?;
            (self.run, self.left) = (Run::Packed(bytes, 0), count.checked_mul(8).ok_or(WRONG)?);
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u32, &'static str> {
        let mut value = 0u32;
        for shift in (0..32).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u32::from(byte & 0x7f).checked_shl(shift).ok_or(WRONG)?;
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

/// The parts of a data page: first come its levels, which say which rows have a value, if any may have none, then the values.
pub(super) fn levels_and_values(
    page: &[u8],
    is_nullable: bool,
) -> Result<(Option<Hybrid<'_>>, &[u8]), &'static str> {
    if !is_nullable {
        return Ok((None, page));
    }
    let (levels, values) = levels(page, 1)?;
    Ok((Some(levels), values))
}

/// Levels of so many bits behind their length in bytes, and what comes after them.
pub(super) fn levels(page: &[u8], width: usize) -> Result<(Hybrid<'_>, &[u8]), &'static str> {
    let (length, rest) = page.split_first_chunk().ok_or(SHORT)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (levels, rest) = rest.split_at_checked(length).ok_or(SHORT)?;
    Ok((Hybrid::new(levels, width)?, rest))
}

/// The codes of a data page, behind the width of one; a page of nothing but nulls need not even have that.
pub(super) fn codes(values: &[u8]) -> Result<Hybrid<'_>, &'static str> {
    let (width, codes) = values.split_first().unwrap_or((&0, &[]));
    Hybrid::new(codes, usize::from(*width))
}

/// A number among packed ones; the lowest bit comes first.
fn number(bytes: &[u8], width: usize, at: usize) -> u32 {
    let bit = at * width;
    let from = &bytes[bit / 8..];
    let mut word = [0; 8];
    let length = from.len().min(8);
    word[..length].copy_from_slice(&from[..length]);
    let word = u64::from_le_bytes(word) >> (bit % 8);
    (word & ((1 << width) - 1)) as u32
}

/// Eight numbers that were packed together: they take as many bytes as one has bits.
fn eight(bytes: &[u8], width: usize, at: usize) -> [u32; 8] {
    let bytes = &bytes[at * width..];
    match (bytes.first_chunk(), bytes.first_chunk()) {
        (Some(word), _) if width <= 8 => {
            let (word, mask) = (u64::from_le_bytes(*word), (1 << width) - 1);
            from_fn(|at| (word >> (at * width)) as u32 & mask)
        }
        (_, Some(word)) if width <= 16 => {
            let (word, mask) = (u128::from_le_bytes(*word), (1 << width) - 1);
            from_fn(|at| (word >> (at * width)) as u32 & mask)
        }
        _ => from_fn(|at| number(bytes, width, at)),
    }
}

/// How many of so many bits are set.
fn ones_of(bytes: &[u8], first: usize, count: usize) -> usize {
    let end = first + count;
    let bits = |byte: usize| {
        let from = first.saturating_sub(byte * 8).min(8);
        let to = (end - byte * 8).min(8);
        let mask = (0xffu32 << from) & ((1u32 << to) - 1) & 0xff;
        (u32::from(bytes[byte]) & mask).count_ones() as usize
    };
    match (first / 8, (end - 1) / 8) {
        (first, last) if last - first < 2 => (first..=last).map(bits).sum(),
        (first, last) => {
            let whole = bytes[first + 1..last].iter().map(|byte| byte.count_ones() as usize);
            bits(first) + whole.sum::<usize>() + bits(last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Encodes runs: so many times a number, or eights of packed ones.
    fn encoded(runs: &[(bool, Vec<u32>)], width: usize) -> (Vec<u8>, Vec<u32>) {
        let (mut bytes, mut plain) = (Vec::new(), Vec::new());
        let varint = |mut value: u32, bytes: &mut Vec<u8>| {
            while value >= 0x80 {
                bytes.push(value as u8 | 0x80);
                value >>= 7;
            }
            bytes.push(value as u8);
        };
        let mask = ((1u64 << width) - 1) as u32;
        for (is_packed, numbers) in runs {
            if *is_packed {
                let mut numbers: Vec<u32> = numbers.iter().map(|it| it & mask).collect();
                numbers.resize(numbers.len().next_multiple_of(8), 0);
                varint((numbers.len() / 8) as u32 * 2 + 1, &mut bytes);
                let bit = |at: usize| numbers[at / width] >> (at % width) & 1;
                for byte in 0..numbers.len() * width / 8 {
                    bytes.push((0..8).map(|at| (bit(byte * 8 + at) << at) as u8).sum());
                }
                plain.extend(numbers);
            } else {
                let value = numbers[0] & mask;
                varint(numbers.len() as u32 * 2, &mut bytes);
                bytes.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8)]);
                plain.extend(numbers.iter().map(|_| value));
            }
        }
        (bytes, plain)
    }

    proptest! {
        #[test]
        fn steps_and_reads_say_what_is_there(
            width in 1usize..=32,
            runs in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u32>(), 1..40)), 1..6),
            steps in prop::collection::vec((0usize..30, 0usize..30), 1..20),
        ) {
            let (bytes, plain) = encoded(&runs, width);
            let mut hybrid = Hybrid::new(&bytes, width).unwrap();
            let mut at = 0;
            for (skipped, read) in steps {
                if at + skipped + read > plain.len() {
                    break;
                }
                let ones = hybrid.skip(skipped).unwrap();
                if width == 1 {
                    let expected = plain[at..at + skipped].iter().sum::<u32>();
                    prop_assert_eq!(ones, expected as usize);
                }
                at += skipped;
                let mut found = Vec::new();
                let mut before = hybrid.clone();
                hybrid.read(read, |number| found.push(number)).unwrap();
                prop_assert_eq!(&found, &plain[at..at + read]);
                if width <= 8 {
                    let mut small = vec![7];
                    before.read_small(read, &mut small).unwrap();
                    let wanted: Vec<u8> = plain[at..at + read].iter().map(|it| *it as u8).collect();
                    prop_assert_eq!(&small[1..], wanted);
                    prop_assert_eq!(before.left, hybrid.left);
                }
                at += read;
            }
            let rest = plain.len() - at;
            prop_assert!(hybrid.skip(rest).is_ok());
            prop_assert_eq!(hybrid.skip(1).err(), Some(SHORT));
        }

        #[test]
        fn marks_say_which_numbers_are_wanted(
            width in 1usize..=32,
            runs in prop::collection::vec((any::<bool>(), prop::collection::vec(0u32..6, 1..40)), 1..6),
            steps in prop::collection::vec((0usize..30, 0usize..60), 1..20),
        ) {
            let (bytes, plain) = encoded(&runs, width);
            let mut hybrid = Hybrid::new(&bytes, width).unwrap();
            let mut at = 0;
            for (skipped, marked) in steps {
                if at + skipped + marked > plain.len() {
                    break;
                }
                hybrid.skip(skipped).unwrap();
                at += skipped;
                let mut marks = BooleanBufferBuilder::new(0);
                marks.append(true);
                hybrid.mark(marked, |number| number & 1 == 1, &mut marks).unwrap();
                let marks: Vec<bool> = marks.finish().iter().skip(1).collect();
                let expected: Vec<bool> =
                    plain[at..at + marked].iter().map(|number| number & 1 == 1).collect();
                prop_assert_eq!(marks, expected);
                at += marked;
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            width in 0usize..40,
            steps in prop::collection::vec((0usize..1000, 0usize..100), 0..10),
        ) {
            if let Ok(mut hybrid) = Hybrid::new(&bytes, width) {
                for (skipped, read) in steps {
                    let _ = hybrid.skip(skipped);
                    let _ = hybrid.read(read, |_| {});
                    let _ = hybrid.read_small(read, &mut Vec::new());
                    let _ = hybrid.mark(read, |_| true, &mut BooleanBufferBuilder::new(0));
                }
            }
        }
    }
}
