//! When a trace happened, so that what was lost at other times is not told of it.
//!
//! One span whose clock is days off would stretch the trace over all these days. So a trace is some stretches of time: those of
//! its spans, with the pauses between them as long as these are short.

use crate::api::trace::spans_of;
use sigyn_proto::otlp::trace::v1::ResourceSpans;

/// The year 2000; what is earlier has no clock.
const PLAUSIBLE_FROM_UNIX_NANO: u64 = 946_684_800_000_000_000;
/// What is further ahead of now has a broken one.
const PLAUSIBLE_AHEAD_NANO: u64 = 86_400_000_000_000;
/// A longer pause between spans is none of the trace's time.
const PAUSE_NANO_MAX: u64 = 600_000_000_000;

/// Stretches of time, apart and ascending; both ends are inclusive.
pub(super) struct TraceTimes(Vec<(u64, u64)>);

impl TraceTimes {
    /// Of spans of which at least one has a plausible start; otherwise there are none.
    pub(super) fn of(trace: &[ResourceSpans], now_unix_nano: u64) -> Self {
        let latest = now_unix_nano.saturating_add(PLAUSIBLE_AHEAD_NANO);
        let is_plausible = |time: u64| (PLAUSIBLE_FROM_UNIX_NANO..=latest).contains(&time);
        let mut spans: Vec<(u64, u64)> = spans_of(trace)
            .filter(|span| is_plausible(span.start_time_unix_nano))
            .map(|span| {
                let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
                (start, if is_plausible(end) { end.max(start) } else { start })
            })
            .collect();
        spans.sort_unstable();
        let mut stretches: Vec<(u64, u64)> = Vec::new();
        for (start, end) in spans {
            match stretches.last_mut() {
                Some((_, until)) if start <= until.saturating_add(PAUSE_NANO_MAX) => {
                    *until = end.max(*until);
                }
                _ => stretches.push((start, end)),
            }
        }
        Self(stretches)
    }

    /// From the first stretch's start to the last one's end.
    pub(super) fn whole(&self) -> Option<(u64, u64)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    /// Whether something happened while the trace did.
    pub(super) fn overlaps(&self, from_unix_nano: u64, to_unix_nano: u64) -> bool {
        let at = self.0.partition_point(|(_, end)| *end < from_unix_nano);
        self.0.get(at).is_some_and(|(start, _)| *start <= to_unix_nano)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sigyn_proto::otlp::trace::v1::{ScopeSpans, Span};

    const NOW: u64 = 1_790_000_000_000_000_000;
    const MINUTE: u64 = 60_000_000_000;
    const DAY: u64 = 1_440 * MINUTE;

    fn times(spans: &[(u64, u64)]) -> TraceTimes {
        let of = |(start_time_unix_nano, end_time_unix_nano): &(u64, u64)| Span {
            start_time_unix_nano: *start_time_unix_nano,
            end_time_unix_nano: *end_time_unix_nano,
            ..Default::default()
        };
        let spans = spans.iter().map(of).collect();
        let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
        TraceTimes::of(&[ResourceSpans { scope_spans, ..Default::default() }], NOW)
    }

    #[test]
    fn a_clock_that_is_days_off_does_not_stretch_a_trace() {
        let usual = (NOW, NOW + 9);
        for odd in [NOW - 3 * DAY, NOW + 3 * DAY, 0, 5, NOW + DAY / 2] {
            let of_both = times(&[usual, (odd, odd)]);
            assert!(of_both.overlaps(NOW + 4, NOW + 4), "{odd}");
            for far in [NOW - DAY, NOW + DAY / 4, NOW + 2 * DAY] {
                assert!(!of_both.overlaps(far - 1, far + 1), "{odd} {far}");
            }
        }
        assert!(
            times(&[usual, (NOW - 3 * DAY, NOW - 3 * DAY)]).overlaps(NOW - 3 * DAY, NOW - 3 * DAY)
        );
    }

    #[test]
    fn a_span_covers_its_time_and_a_short_pause_belongs_to_the_trace() {
        let long = times(&[(NOW - DAY, NOW)]);
        assert!(long.overlaps(NOW - DAY / 2, NOW - DAY / 2));
        let paused = times(&[(NOW, NOW), (NOW + 5 * MINUTE, NOW + 5 * MINUTE)]);
        assert!(paused.overlaps(NOW + MINUTE, NOW + MINUTE));
        assert!(!paused.overlaps(NOW + 6 * MINUTE, NOW + 7 * MINUTE));
        assert_eq!(paused.whole(), Some((NOW, NOW + 5 * MINUTE)));
        // An end that cannot be is taken for none.
        assert_eq!(times(&[(NOW, u64::MAX)]).whole(), Some((NOW, NOW)));
        assert_eq!(times(&[(NOW, 3)]).whole(), Some((NOW, NOW)));
        assert_eq!(times(&[(0, 0)]).whole(), None);
        assert!(!times(&[]).overlaps(0, u64::MAX));
    }

    proptest! {
        #[test]
        fn what_overlaps_a_span_overlaps_the_trace(
            spans in prop::collection::vec((0..2 * DAY, 0..DAY), 1..8),
            from in 0..3 * DAY,
            length in 0..DAY,
        ) {
            let at = |offset: u64| NOW - 3 * DAY + offset;
            let spans: Vec<(u64, u64)> =
                spans.into_iter().map(|(start, length)| (at(start), at(start + length))).collect();
            let (from, to) = (at(from), at(from + length));
            let overlaps = |pause: u64| {
                spans.iter().any(|(start, end)| *start <= to + pause && *end + pause >= from)
            };
            let found = times(&spans).overlaps(from, to);
            prop_assert!(found || !overlaps(0));
            prop_assert!(!found || overlaps(PAUSE_NANO_MAX));
        }
    }
}
