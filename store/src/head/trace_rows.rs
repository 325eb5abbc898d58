//! Where the spans of a trace stand in a sealed chunk.

use super::chunk::ROWS_MAX;

// Rows and one more number fit 16 bits: three bytes a span are what the whole table takes.
const _: () = assert!(ROWS_MAX < u16::MAX as usize);

/// Rows by trace ID: a list per bucket of IDs, ascending. Made in one pass when a chunk is sealed, so that spans that come in
/// do not pay for it one by one.
pub(super) struct TraceRows {
    /// By bucket, its first row + 1; 0 is none.
    first: Box<[u16]>,
    /// By row, the next one of its bucket + 1; 0 is none.
    next: Box<[u16]>,
    /// How far a hash is shifted to be a bucket.
    shift: u32,
}

impl TraceRows {
    /// Of at most `ROWS_MAX` rows, which no chunk of the head exceeds.
    pub(super) fn new(trace_ids: &[[u8; 16]]) -> Self {
        assert!(trace_ids.len() <= ROWS_MAX, "a chunk is sealed before it has more rows");
        // Half as many buckets as rows: traces have some spans each.
        let bits = (trace_ids.len() / 2).next_power_of_two().trailing_zeros().max(1);
        let shift = 64 - bits;
        let mut first = vec![0u16; 1 << bits].into_boxed_slice();
        let mut next = vec![0u16; trace_ids.len()].into_boxed_slice();
        for (row, id) in trace_ids.iter().enumerate().rev() {
            let bucket = &mut first[bucket(id, shift)];
            next[row] = *bucket;
            *bucket = row as u16 + 1;
        }
        Self { first, next, shift }
    }

    /// Bytes in memory.
    pub(super) fn size_bytes(&self) -> usize {
        (self.first.len() + self.next.len()) * 2
    }

    /// The rows that have this ID, ascending; `trace_ids` are those that it was made of.
    pub(super) fn find(&self, trace_ids: &[[u8; 16]], wanted: &[u8; 16]) -> Vec<u32> {
        let mut rows = Vec::new();
        let mut at = self.first[bucket(wanted, self.shift)];
        while at != 0 {
            let row = usize::from(at - 1);
            if trace_ids[row] == *wanted {
                rows.push(row as u32);
            }
            at = self.next[row];
        }
        rows
    }
}

/// Nothing secret: IDs that were chosen to collide make one list of all rows, which is the scan that it spares.
#[inline]
fn bucket(id: &[u8; 16], shift: u32) -> usize {
    let id = u128::from_le_bytes(*id);
    let folded = id as u64 ^ (id >> 64) as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_scan_finds(picks in proptest::collection::vec(0..40u8, 0..300)) {
            // Some IDs differ in one half only, one is zero.
            let id = |pick: u8| {
                let mut id = [0; 16];
                id[if pick.is_multiple_of(2) { 0 } else { 15 }] = pick;
                id
            };
            let ids: Vec<_> = picks.iter().map(|&pick| id(pick)).collect();
            let rows = TraceRows::new(&ids);
            for pick in 0..=40 {
                let wanted = id(pick);
                let scanned: Vec<u32> =
                    (0..ids.len() as u32).filter(|&row| ids[row as usize] == wanted).collect();
                prop_assert_eq!(rows.find(&ids, &wanted), scanned);
            }
        }
    }

    #[test]
    fn a_full_chunk_takes_three_bytes_a_span() {
        let ids: Vec<_> = (0..ROWS_MAX as u128).map(|row| (row / 20).to_be_bytes()).collect();
        let rows = TraceRows::new(&ids);
        assert_eq!(rows.size_bytes(), ROWS_MAX * 3);
        assert_eq!(rows.find(&ids, &ids[ROWS_MAX - 1]).last(), Some(&(ROWS_MAX as u32 - 1)));
        let longest = (0..rows.first.len()).map(|bucket| {
            let mut at = rows.first[bucket];
            let mut length = 0;
            while at != 0 {
                length += 1;
                at = rows.next[usize::from(at - 1)];
            }
            length
        });
        assert!(longest.max() <= Some(8 * 20), "counted IDs spread too");
    }
}
