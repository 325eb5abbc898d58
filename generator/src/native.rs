//! Prometheus' native histograms: exponential buckets, as few as the values need.

use std::collections::BTreeMap;

/// The finest resolution: each bucket is 2^(1/8) = 1.09 times the one before.
const SCHEMA_MAX: i32 = 3;
/// The coarsest that the format knows.
const SCHEMA_MIN: i32 = -4;
/// When more buckets than this are in use, pairs of them are merged.
const BUCKETS_MAX: usize = 160;
/// Values up to this count as zero: 2^-128, as in Prometheus' own client.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// A histogram of values of 0 or above with exponential buckets. Bucket `i` counts values in
/// `(base^(i−1), base^i]` with `base = 2^(2^−schema)`.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeHistogram {
    /// Resolution, from −4 (coarse) to 8 (fine); here 3 at most.
    pub schema: i32,
    /// Values within ± this are in the zero bucket.
    pub zero_threshold: f64,
    /// How many are in it.
    pub zero_count: u64,
    /// The other buckets by index, none empty.
    pub buckets: BTreeMap<i32, u64>,
}

/// A run of buckets in use, as the wire formats want them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Buckets to pass over since the end of the last run; of the first run, the index of its first bucket.
    pub offset: i32,
    /// Length of the run.
    pub length: u32,
}

impl Default for NativeHistogram {
    fn default() -> Self {
        Self {
            schema: SCHEMA_MAX,
            zero_threshold: ZERO_THRESHOLD,
            zero_count: 0,
            buckets: BTreeMap::new(),
        }
    }
}

impl NativeHistogram {
    /// Counts a value; what is negative (a clock ran backwards) counts as zero.
    pub fn observe(&mut self, value: f64) {
        if value <= self.zero_threshold || value.is_nan() {
            self.zero_count += 1;
            return;
        }
        *self.buckets.entry(index(value, self.schema)).or_default() += 1;
        while self.buckets.len() > BUCKETS_MAX && self.schema > SCHEMA_MIN {
            self.halve();
        }
    }

    /// Runs of buckets and, for all of them in order, the difference to the bucket before.
    pub fn spans_and_deltas(&self) -> (Vec<Span>, Vec<i64>) {
        let (mut spans, mut deltas) = (Vec::<Span>::new(), Vec::new());
        let (mut next, mut before) = (0, 0i64);
        for (&index, &count) in &self.buckets {
            match spans.last_mut() {
                Some(span) if index == next => span.length += 1,
                _ => spans.push(Span { offset: index - next, length: 1 }),
            }
            next = index + 1;
            let count = count as i64;
            deltas.push(count - before);
            before = count;
        }
        (spans, deltas)
    }

    /// Halves the resolution: each pair of buckets becomes one.
    fn halve(&mut self) {
        self.schema -= 1;
        let mut buckets = BTreeMap::new();
        for (index, count) in std::mem::take(&mut self.buckets) {
            // (b^(i−1), b^i] lies in the wider bucket ceil(i / 2).
            *buckets.entry((index + 1).div_euclid(2)).or_default() += count;
        }
        self.buckets = buckets;
    }
}

/// The bucket of a value above zero.
fn index(value: f64, schema: i32) -> i32 {
    let scale = f64::from(schema).exp2();
    let index = (value.log2() * scale).ceil();
    // The logarithm may be off by its last bit, which matters at a bound only: bounds are inclusive above.
    let bound_below = ((index - 1.0) / scale).exp2();
    let index = if value <= bound_below { index - 1.0 } else { index };
    index as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bound(index: i32, schema: i32) -> f64 {
        (f64::from(index) / f64::from(schema).exp2()).exp2()
    }

    proptest! {
        #[test]
        fn a_value_lies_within_its_bucket(value in 1e-9f64..1e9) {
            for schema in SCHEMA_MIN..=SCHEMA_MAX {
                let index = index(value, schema);
                prop_assert!(value <= bound(index, schema) * (1.0 + 1e-12));
                prop_assert!(value > bound(index - 1, schema) * (1.0 - 1e-12));
            }
        }

        #[test]
        fn nothing_is_lost_and_buckets_are_bounded(
            values in prop::collection::vec((-40f64..40.0).prop_map(f64::exp2), 0..600)
        ) {
            let mut histogram = NativeHistogram::default();
            values.iter().for_each(|&value| histogram.observe(value));
            prop_assert!(histogram.buckets.len() <= BUCKETS_MAX);
            // The naive way at the resolution that came out.
            let mut naive = BTreeMap::<i32, u64>::new();
            for &value in &values {
                *naive.entry(index(value, histogram.schema)).or_default() += 1;
            }
            prop_assert_eq!(&histogram.buckets, &naive);
            let (spans, deltas) = histogram.spans_and_deltas();
            prop_assert_eq!(unfold(&spans, &deltas), naive);
        }
    }

    fn unfold(spans: &[Span], deltas: &[i64]) -> BTreeMap<i32, u64> {
        let (mut at, mut count, mut deltas) = (0, 0i64, deltas.iter());
        let mut buckets = BTreeMap::new();
        for span in spans {
            at += span.offset;
            for _ in 0..span.length {
                count += deltas.next().unwrap();
                buckets.insert(at, count as u64);
                at += 1;
            }
        }
        buckets
    }

    #[test]
    fn bounds_belong_to_the_bucket_below() {
        assert_eq!(index(1.0, 3), 0);
        assert_eq!(index(2.0, 3), 8);
        assert_eq!(index(1.000_000_1, 3), 1);
        assert_eq!(index(0.5, 0), -1);
    }
}
