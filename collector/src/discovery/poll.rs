//! Asking again and again.

use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior};

/// The first tick comes at once. Answers that take longer than the interval push the next one back.
pub(super) fn every(interval: Duration) -> Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
