//! Spans that were counted lately, so that none is counted twice.

use crate::spans::Spans;
use std::{
    collections::HashSet,
    hash::{BuildHasher, Hasher},
    mem,
    time::Duration,
};

/// A span is remembered at least this long, and at most twice as long.
const WINDOW: Duration = Duration::from_secs(60);
/// Spans of a generation at most; a faster stream is remembered for a shorter time. Two full generations take some 20 MB.
const SPANS_MAX: usize = 500_000;

/// Hashes of spans, in two generations.
pub(crate) struct Seen {
    newer: Generation,
    older: Generation,
}

struct Generation {
    spans: HashSet<u64, IdentityState>,
    /// On the clock of whoever counts; below zero for what an earlier life remembered.
    began_nano: i64,
}

/// The spans are hashes already.
#[derive(Clone, Copy, Default)]
struct IdentityState;

#[derive(Default)]
struct Identity(u64);

impl Seen {
    /// Notes a span; false when it was noted before.
    pub(crate) fn insert(&mut self, spans: &Spans, row: usize, now: Duration) -> bool {
        self.insert_hash(hash(spans, row), now)
    }

    fn insert_hash(&mut self, hash: u64, now: Duration) -> bool {
        let now_nano = nanoseconds(now);
        let is_over = now_nano - self.newer.began_nano >= nanoseconds(WINDOW);
        if is_over || self.newer.spans.len() >= SPANS_MAX {
            let newest = Generation::empty(now_nano);
            self.older = mem::replace(&mut self.newer, newest);
        }
        !self.older.spans.contains(&hash) && self.newer.spans.insert(hash)
    }

    /// How long ago every span began to be remembered.
    pub(crate) fn age_nano(&self, now: Duration) -> i64 {
        nanoseconds(now) - self.older.began_nano
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        self.older.spans.iter().chain(&self.newer.spans).copied()
    }

    /// Takes over the spans that another one remembers since `age_nano`.
    pub(crate) fn restore(spans: Vec<u64>, age_nano: i64, now: Duration) -> Self {
        let now_nano = nanoseconds(now);
        let older =
            Generation { spans: spans.into_iter().collect(), began_nano: now_nano - age_nano };
        Self { newer: Generation::empty(now_nano), older }
    }
}

impl Default for Seen {
    /// Remembers that nothing came lately.
    fn default() -> Self {
        Self { newer: Generation::empty(0), older: Generation::empty(-nanoseconds(WINDOW)) }
    }
}

impl Generation {
    fn empty(began_nano: i64) -> Self {
        Self { spans: HashSet::default(), began_nano }
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// A server that shares its client's ID (as with Zipkin) is another span.
fn hash(spans: &Spans, row: usize) -> u64 {
    let identity = (spans.trace_id(row).0, spans.span_id(row).0, spans.kind(row));
    rapidhash::fast::SeedableState::fixed().hash_one(identity)
}

impl BuildHasher for IdentityState {
    type Hasher = Identity;

    fn build_hasher(&self) -> Identity {
        Identity::default()
    }
}

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 are hashed")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_remembered_for_a_minute_and_forgotten_after_two() {
        let mut seen = Seen::default();
        let second = Duration::from_secs;
        assert!(seen.insert_hash(7, second(0)));
        assert!(!seen.insert_hash(7, second(59)));
        assert!(!seen.insert_hash(7, second(61)));
        assert!(seen.insert_hash(8, second(61)));
        assert!(seen.insert_hash(7, second(125)));
        assert!(!seen.insert_hash(8, second(126)));
        assert_eq!(seen.age_nano(second(126)), 65_000_000_000);
    }

    #[test]
    fn a_fast_stream_is_bounded() {
        let mut seen = Seen::default();
        for span in 0..3 * SPANS_MAX as u64 {
            seen.insert_hash(span, Duration::ZERO);
        }
        assert!(seen.iter().count() <= 2 * SPANS_MAX);
    }
}
