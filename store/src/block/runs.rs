//! Writing Parquet's hybrid of run lengths and packed bits; `hybrid` reads it.

use arrow_buffer::BooleanBuffer;

/// A run of equal numbers is told by its length from here on, and numbers are packed by as many.
const GROUP: usize = 8;

/// Fewer equal bits than in so many bytes are packed with the others.
const RUN_BYTES_MIN: usize = 3;

/// Bits that it takes to write a number.
pub(super) fn bits_of(number: u32) -> usize {
    (u32::BITS - number.leading_zeros()) as usize
}

/// Adds numbers of so many bits (32 at most).
pub(super) fn encode_runs(numbers: &[u32], bits: usize, out: &mut Vec<u8>) {
    let (mut at, mut packed) = (0, 0);
    while at < numbers.len() {
        let number = numbers[at];
        let run = numbers[at..].iter().take_while(|it| **it == number).count();
        // Before a run the numbers that are to be packed must fill their groups.
        let lead = (at - packed).next_multiple_of(GROUP) - (at - packed);
        if run >= lead + GROUP {
            pack(&numbers[packed..at + lead], bits, out);
            varint((run - lead) << 1, out);
            out.extend_from_slice(&number.to_le_bytes()[..bits.div_ceil(8)]);
            packed = at + run;
        }
        at += run;
    }
    pack(&numbers[packed..], bits, out);
}

/// Adds numbers of one bit.
pub(super) fn encode_bits(bits: &BooleanBuffer, out: &mut Vec<u8>) {
    let mut bytes = Vec::with_capacity(bits.len() / GROUP + size_of::<u64>());
    for word in bits.bit_chunks().iter_padded() {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    let bytes = &bytes[..bits.len().div_ceil(GROUP)];
    let pack = |bytes: &[u8], out: &mut Vec<u8>| {
        if !bytes.is_empty() {
            varint(bytes.len() << 1 | 1, out);
            out.extend_from_slice(bytes);
        }
    };
    let (mut at, mut packed) = (0, 0);
    while at < bytes.len() {
        let byte = bytes[at];
        let is_run = byte == 0 || byte == u8::MAX;
        let alike = bytes[at..].iter().take_while(|it| **it == byte);
        let run = if is_run { alike.count() } else { 1 };
        if is_run && run >= RUN_BYTES_MIN {
            pack(&bytes[packed..at], out);
            varint((run * GROUP).min(bits.len() - at * GROUP) << 1, out);
            out.push(byte & 1);
            packed = at + run;
        }
        at += run;
    }
    pack(&bytes[packed..], out);
}

/// A run of packed numbers; zeros fill the last group.
fn pack(numbers: &[u32], bits: usize, out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let groups = numbers.len().div_ceil(GROUP);
    varint(groups << 1 | 1, out);
    let end = out.len() + groups * bits;
    let (mut word, mut filled) = (0u64, 0);
    for &number in numbers {
        word |= u64::from(number) << filled;
        filled += bits;
        if filled >= 32 {
            out.extend_from_slice(&(word as u32).to_le_bytes());
            word >>= 32;
            filled -= 32;
        }
    }
    out.extend_from_slice(&(word as u32).to_le_bytes()[..filled.div_ceil(8)]);
    out.resize(end, 0);
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::{super::hybrid::Hybrid, *};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            runs in proptest::collection::vec((any::<u32>(), 1..40usize), 0..60),
            bits in 0..33usize,
        ) {
            let mask = if bits == 32 { u32::MAX } else { (1 << bits) - 1 };
            let numbers: Vec<u32> =
                runs.iter().flat_map(|&(it, count)| vec![it & mask; count % 13 * (count % 3)]).collect();
            let mut bytes = Vec::new();
            encode_runs(&numbers, bits, &mut bytes);
            let mut read = Vec::new();
            Hybrid::new(&bytes, bits).unwrap().read(numbers.len(), |it| read.push(it)).unwrap();
            prop_assert_eq!(read, numbers);
        }

        #[test]
        fn bits_that_are_written_are_read(
            runs in proptest::collection::vec((any::<bool>(), 0..90usize), 0..40),
            skipped in 0..9usize,
        ) {
            let numbers: Vec<bool> =
                runs.iter().flat_map(|&(it, count)| vec![it; count % (count % 7 + 1) * 7]).collect();
            let bits = BooleanBuffer::from(numbers.clone());
            let skipped = skipped.min(bits.len());
            let mut bytes = Vec::new();
            encode_bits(&bits.slice(skipped, bits.len() - skipped), &mut bytes);
            let mut read = Vec::new();
            let count = numbers.len() - skipped;
            Hybrid::new(&bytes, 1).unwrap().read(count, |it| read.push(it == 1)).unwrap();
            prop_assert_eq!(&read[..], &numbers[skipped..]);
        }
    }
}
