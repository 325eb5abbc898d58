//! When in its interval a target is read.

use crate::Labels;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Spreads the phases of equal servers: a pair with different external labels reads the same
/// target at different moments, so that a span is seen in half the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

/// The seed in force. A reload that changes the external labels changes it; each loop goes over to its
/// new phase after its next read.
pub(super) struct CurrentSeed(AtomicU64);

impl CurrentSeed {
    pub(super) fn new(seed: Seed) -> Self {
        Self(AtomicU64::new(seed.0))
    }

    pub(super) fn get(&self) -> Seed {
        Seed(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, seed: Seed) {
        self.0.store(seed.0, Ordering::Relaxed);
    }
}

impl Seed {
    /// From the host's full name and the external labels. Equal input gives equal phases, also
    /// after a restart.
    pub fn new(host_name: &str, external_labels: &Labels) -> Self {
        let mut hash = Fnv64a::default();
        hash.write(host_name.as_bytes());
        hash.write(external_labels.to_string().as_bytes());
        Self(hash.0)
    }

    /// The moment of a target in its interval.
    pub(super) fn offset(self, identity: u64, interval: Duration) -> Duration {
        let interval_nano = nanos(interval);
        Duration::from_nanos((identity ^ self.0) % interval_nano)
    }
}

/// How long from a moment until the next one that lies `offset` into an interval; at least one
/// nanosecond, at most the interval.
pub(super) fn until_offset(from_unix_nano: u64, interval: Duration, offset: Duration) -> Duration {
    let interval_nano = nanos(interval);
    let base = interval_nano - from_unix_nano % interval_nano;
    let wait = base + nanos(offset) % interval_nano;
    Duration::from_nanos(if wait > interval_nano { wait - interval_nano } else { wait })
}

/// FNV-1a, 64 bits.
struct Fnv64a(u64);

impl Default for Fnv64a {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv64a {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_wait_ends_at_the_offset_within_one_interval(
            now in 0u64..4_000_000_000_000_000_000,
            interval_milli in 1u64..100_000,
            identity: u64,
        ) {
            let interval = Duration::from_millis(interval_milli);
            let offset = Seed(7).offset(identity, interval);
            let wait = until_offset(now, interval, offset);
            prop_assert!(!wait.is_zero() && wait <= interval);
            let at = now + wait.as_nanos() as u64;
            prop_assert_eq!(u128::from(at) % interval.as_nanos(), offset.as_nanos());
        }
    }

    #[test]
    fn phases_spread_and_twins_differ() {
        let interval = Duration::from_secs(5);
        let labels = |replica: &str| [("replica", replica)].into_iter().collect::<Labels>();
        let (a, b) = (Seed::new("host", &labels("a")), Seed::new("host", &labels("b")));
        assert_ne!(a, b);
        assert_eq!(a, Seed::new("host", &labels("a")));
        let mut tenths = [0; 10];
        for target in 0..1000u64 {
            let identity = xxhash_rust::xxh3::xxh3_64(&target.to_le_bytes());
            let offset = a.offset(identity, interval);
            tenths[(offset.as_secs_f64() * 2.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|&count| (60..140).contains(&count)), "{tenths:?}");
    }

    #[test]
    fn fnv_is_the_published_one() {
        let mut hash = Fnv64a::default();
        hash.write(b"foobar");
        assert_eq!(hash.0, 0x85944171f73967e8);
    }
}
