//! How long the spans of a row group last, to three figures.
//!
//! Whoever looks for what was slow asks this first, of every row group. Two bytes a span instead of eight are little enough to be
//! kept of the newest blocks, and leave next to no span undecided.

use arrow_array::UInt32Array;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};

/// By row, the code of its duration.
pub(super) struct Durations(Box<[u16]>);

impl Durations {
    /// From durations in nanoseconds.
    pub(super) fn new(nanos: &[i64]) -> Self {
        Self(nanos.iter().map(|nanos| code(*nanos)).collect())
    }

    /// The rows that last longer for certain, and those (ascending) that may or may not last as long as this.
    pub(super) fn lasting(&self, min_nano: i64) -> (BooleanBuffer, UInt32Array) {
        let (codes, min) = (&*self.0, code(min_nano));
        let mut certain = BooleanBufferBuilder::new(codes.len().next_multiple_of(64));
        let mut uncertain: Vec<u32> = Vec::new();
        for (at, codes) in codes.chunks(64).enumerate() {
            certain.append_packed_range(0..codes.len(), &longer(codes, min).to_le_bytes());
            // Without an early end this is a few instructions; next to no chunk has one.
            if codes.iter().fold(false, |has, code| has | (*code == min)) {
                let rows = codes.iter().enumerate().filter(|(_, code)| **code == min);
                uncertain.extend(rows.map(|(row, _)| (at * 64 + row) as u32));
            }
        }
        (certain.finish(), uncertain.into())
    }

    pub(super) fn size_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// A bit for each of 64 codes that is larger.
fn longer(codes: &[u16], min: u16) -> u64 {
    let mut marks = [0u8; 64];
    for (mark, code) in marks.iter_mut().zip(codes) {
        *mark = u8::from(*code > min);
    }
    let (eights, _) = marks.as_chunks();
    eights.iter().rev().fold(0, |bits, eight| {
        // Brings the lowest bits of eight bytes together in the highest byte, the first one lowest.
        bits << 8 | u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

/// Never falls while durations grow: the power of two in six bits, ten bits of what follows it, and zero for what does not last.
fn code(nanos: i64) -> u16 {
    let bits = (nanos.max(0) as f32).to_bits();
    match bits.checked_sub(1f32.to_bits()) {
        Some(above_one) => (above_one >> 13) as u16 + 1,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Durations of all magnitudes, some close to each other.
    fn nanos() -> impl Strategy<Value = i64> {
        (any::<i64>(), 0u32..64, -2i64..3)
            .prop_map(|(nanos, shift, near)| (nanos >> shift).saturating_add(near))
    }

    proptest! {
        #[test]
        fn what_is_certain_lasts_longer_and_what_is_neither_does_not(
            durations in prop::collection::vec(nanos(), 0..200),
            min in nanos(),
            at in any::<prop::sample::Index>(),
        ) {
            let min = if durations.is_empty() { min } else { durations[at.index(durations.len())] };
            let (certain, uncertain) = Durations::new(&durations).lasting(min);
            for (row, nanos) in durations.iter().enumerate() {
                if !uncertain.values().contains(&(row as u32)) {
                    prop_assert_eq!(certain.value(row), *nanos >= min);
                } else {
                    prop_assert!(!certain.value(row));
                    let near = (*nanos).max(1).abs_diff(min.max(1));
                    prop_assert!(near <= min.max(0) as u64 / 512 + 1, "{} and {}", nanos, min);
                }
            }
        }
    }
}
