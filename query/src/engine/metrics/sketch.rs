//! Quantiles from few bytes: counts in buckets whose width is a fixed share of their value.
//!
//! A bucket takes the numbers that agree in sign, binary exponent and the first seven bits of the mantissa, so it is at most
//! 1/128 of its lower bound wide, and its middle at most 0.4 % off any number in it. Finding it takes a shift.

/// Bits of the mantissa that tell buckets apart.
const MANTISSA_BITS: u32 = 7;
/// The smallest exponent with buckets of its own; what is closer to zero counts as zero.
const EXPONENT_MIN: i32 = -64;
/// The largest; what is beyond counts as its last bucket.
const EXPONENT_MAX: i32 = 190;
/// A list of this many buckets is turned into counts.
const LIST_MAX: usize = 192;

/// How often numbers fall into each bucket. Mergeable: the order in which numbers come does not matter.
#[derive(Clone, Debug)]
pub(in super::super) enum Sketch {
    /// One entry a number.
    List(Vec<i16>),
    /// Counts of buckets from `first` on.
    Counts { first: i16, counts: Vec<u32>, total: u64 },
}

impl Default for Sketch {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// The bucket of a number that is not NaN.
fn bucket(value: f64) -> i16 {
    const BIAS: i32 = 1023;
    let bits = value.abs().to_bits();
    let exponent = (bits >> 52) as i32 - BIAS;
    if exponent < EXPONENT_MIN {
        return 0;
    }
    let place = if exponent > EXPONENT_MAX {
        ((EXPONENT_MAX - EXPONENT_MIN + 1) << MANTISSA_BITS) - 1
    } else {
        let mantissa = (bits >> (52 - MANTISSA_BITS)) as i32 & ((1 << MANTISSA_BITS) - 1);
        ((exponent - EXPONENT_MIN) << MANTISSA_BITS) | mantissa
    };
    let place = (place + 1) as i16;
    if value < 0.0 { -place } else { place }
}

/// The middle of a bucket.
fn middle(bucket: i16) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let place = i32::from(bucket.unsigned_abs()) - 1;
    let exponent = (place >> MANTISSA_BITS) + EXPONENT_MIN;
    let mantissa = f64::from(place & ((1 << MANTISSA_BITS) - 1)) + 0.5;
    let width = f64::from(1 << MANTISSA_BITS);
    let value = (1.0 + mantissa / width) * f64::powi(2.0, exponent);
    if bucket < 0 { -value } else { value }
}

impl Sketch {
    /// Takes a number in; NaN is none.
    pub(in super::super) fn add(&mut self, value: f64) {
        if !value.is_nan() {
            self.add_bucket(bucket(value), 1);
        }
    }

    fn add_bucket(&mut self, bucket: i16, times: u32) {
        match self {
            Self::List(list) => {
                if list.len() < LIST_MAX && times == 1 {
                    list.push(bucket);
                    return;
                }
                let list = std::mem::take(list);
                *self = Self::Counts { first: bucket, counts: vec![times], total: times.into() };
                list.into_iter().for_each(|bucket| self.add_bucket(bucket, 1));
            }
            Self::Counts { first, counts, total } => {
                *total += u64::from(times);
                if bucket < *first {
                    // Room for more below, so that falling numbers do not move everything each time.
                    let wanted = i32::from(*first) - (i32::from(bucket) - 32).max(i16::MIN.into());
                    counts.splice(0..0, std::iter::repeat_n(0, wanted as usize));
                    *first = (i32::from(*first) - wanted) as i16;
                }
                let at = (i32::from(bucket) - i32::from(*first)) as usize;
                if at >= counts.len() {
                    counts.resize(at + 1, 0);
                }
                counts[at] = counts[at].saturating_add(times);
            }
        }
    }

    /// Takes in all numbers of another.
    pub(in super::super) fn merge(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        match other {
            Self::List(list) => list.into_iter().for_each(|bucket| self.add_bucket(bucket, 1)),
            Self::Counts { first, counts, .. } => {
                for (at, times) in counts.into_iter().enumerate().filter(|(_, times)| *times > 0) {
                    self.add_bucket((i32::from(first) + at as i32) as i16, times);
                }
            }
        }
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many numbers there are.
    pub(in super::super) fn len(&self) -> u64 {
        match self {
            Self::List(list) => list.len() as u64,
            Self::Counts { total, .. } => *total,
        }
    }

    /// Memory beyond the struct itself.
    pub(in super::super) fn bytes(&self) -> usize {
        match self {
            Self::List(list) => 2 * list.capacity(),
            Self::Counts { counts, .. } => 4 * counts.capacity(),
        }
    }

    /// The smallest number such that a share of at least `quantile` of all numbers is not greater (nearest rank), at most
    /// 0.4 % off; `None` when there is no number.
    pub(in super::super) fn quantile(&self, quantile: f64) -> Option<f64> {
        let total = self.len();
        if total == 0 {
            return None;
        }
        let rank = ((quantile * total as f64).ceil() as u64).clamp(1, total);
        match self {
            Self::List(list) => {
                let mut sorted = list.clone();
                let (_, found, _) = sorted.select_nth_unstable(rank as usize - 1);
                Some(middle(*found))
            }
            Self::Counts { first, counts, .. } => {
                let mut below = 0;
                let at = counts.iter().position(|times| {
                    below += u64::from(*times);
                    below >= rank
                });
                let last = counts.len().saturating_sub(1);
                Some(middle((i32::from(*first) + at.unwrap_or(last) as i32) as i16))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(mut values: Vec<f64>, quantile: f64) -> f64 {
        values.sort_by(f64::total_cmp);
        let rank = (quantile * values.len() as f64).ceil() as usize;
        values[rank.clamp(1, values.len()) - 1]
    }

    proptest! {
        #[test]
        fn quantiles_are_at_most_one_percent_off_however_it_is_merged(
            values in prop::collection::vec(
                prop_oneof![
                    (0u64..10_000_000_000).prop_map(|value| value as f64),
                    -1e9f64..1e9,
                    Just(0.0),
                ],
                1..600,
            ),
            cut in 0usize..600,
            quantile in 0.0..=1.0f64,
        ) {
            let cut = cut.min(values.len());
            let sketch = |values: &[f64]| {
                let mut sketch = Sketch::default();
                values.iter().for_each(|value| sketch.add(*value));
                sketch
            };
            let mut merged = sketch(&values[cut..]);
            merged.merge(sketch(&values[..cut]));
            prop_assert_eq!(merged.len(), values.len() as u64);
            let (found, exact) = (merged.quantile(quantile).unwrap(), exact(values, quantile));
            prop_assert!((found - exact).abs() <= 0.005 * exact.abs() + 1e-15, "{} for {}", found, exact);
        }
    }

    #[test]
    fn extremes_have_buckets() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile(0.5), None);
        for value in [f64::INFINITY, f64::MAX, -f64::MAX, f64::MIN_POSITIVE, f64::NAN] {
            sketch.add(value);
        }
        assert_eq!(sketch.len(), 4);
        assert!(sketch.quantile(0.0).unwrap() < -1e50);
        assert_eq!(sketch.quantile(0.5), Some(0.0));
        assert!(sketch.quantile(1.0).unwrap() > 1e50);
    }
}
