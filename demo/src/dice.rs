//! Chance that comes out the same in every run of one seed.

use std::time::Duration;

/// A point in a tree of random numbers: the seed at the root, one branch a question.
///
/// An answer depends on the seed and on the questions that led to it, and on nothing else. So the
/// tenth visit of a seed fails in the same place in every run, however its requests interleave; a
/// generator shared between tasks could not promise that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(scramble(seed))
    }

    /// The branch for a question in words.
    pub(crate) fn of(self, what: &str) -> Self {
        // FNV-1a keeps short, similar names apart; the scrambling afterwards spreads them.
        let hash = what.bytes().fold(self.0 ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(scramble(hash))
    }

    /// The branch for the `number`-th of many.
    pub(crate) fn nth(self, number: u64) -> Self {
        Self(scramble(self.0 ^ scramble(number.wrapping_add(1))))
    }

    /// The whole 64 bits, for identifiers.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// Evenly from 0 (included) to 1 (excluded).
    pub(crate) fn fraction(self) -> f64 {
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub(crate) fn chance(self, what: &str, probability: f64) -> bool {
        self.of(what).fraction() < probability
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn between(self, what: &str, low: u64, high: u64) -> u64 {
        low + (self.of(what).fraction() * (high - low + 1) as f64) as u64
    }

    /// One of `choices`, which must not be empty.
    pub(crate) fn pick<'a, T>(self, what: &str, choices: &'a [T]) -> &'a T {
        &choices[self.between(what, 0, choices.len() as u64 - 1) as usize]
    }

    /// A latency whose median is `median_ms`, with the long right tail that latencies have.
    pub(crate) fn latency(self, what: &str, median_ms: f64) -> Duration {
        let dice = self.of(what);
        // The sum of four even numbers is close enough to a normal one, and has no infinite tail.
        let sum: f64 = (0..4).map(|n| dice.nth(n).fraction()).sum();
        let normal = (sum - 2.0) * 3f64.sqrt();
        Duration::from_secs_f64(median_ms / 1e3 * (0.35 * normal).exp())
    }
}

/// The finalizer of SplitMix64: every input bit reaches every output bit.
fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_depend_on_seed_and_question_only() {
        let ask = |seed| Dice::new(seed).nth(9).of("payment").bits();
        assert_eq!(ask(7), ask(7));
        assert_ne!(ask(7), ask(8));
        assert_ne!(Dice::new(7).of("a").bits(), Dice::new(7).of("b").bits());
    }

    #[test]
    fn chances_come_true_as_often_as_they_say() {
        let hits =
            (0..20_000).filter(|&n| Dice::new(1).nth(n).chance("decline", 0.04)).count() as f64;
        // Four standard deviations of 20,000 draws at 4 % are 111.
        assert!((hits - 800.0).abs() < 111.0, "{hits} of 20,000");
    }

    #[test]
    fn latencies_lie_around_their_median() {
        let mut ms: Vec<f64> = (0..2001)
            .map(|n| Dice::new(3).nth(n).latency("query", 4.0).as_secs_f64() * 1e3)
            .collect();
        ms.sort_by(f64::total_cmp);
        assert!((ms[1000] - 4.0).abs() < 0.3, "median {}", ms[1000]);
        assert!(ms[2000] > 6.0 && ms[2000] < 14.0, "largest {}", ms[2000]);
    }

    #[test]
    fn ranges_reach_both_ends() {
        let seen: std::collections::BTreeSet<u64> =
            (0..500).map(|n| Dice::new(5).nth(n).between("items", 1, 4)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}
