//! How far a target's clock is from ours.

/// The offset as the best recent read measured it: an answer that took long says little, since
/// the target looked at its clock somewhere within.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClockOffset {
    best: Option<Measured>,
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    offset_nano: i128,
    round_trip_nano: u64,
}

impl ClockOffset {
    /// Takes in one read: when it was asked, when the answer's head came, what the target's clock
    /// showed.
    pub(super) fn observe(
        &mut self,
        asked_unix_nano: u64,
        head_unix_nano: u64,
        target_unix_nano: u64,
    ) {
        let round_trip_nano = head_unix_nano.saturating_sub(asked_unix_nano);
        let middle = i128::from(asked_unix_nano) + i128::from(round_trip_nano / 2);
        let new = Measured { offset_nano: i128::from(target_unix_nano) - middle, round_trip_nano };
        match &mut self.best {
            // The bar falls a little with each slower answer, so that drift is followed.
            Some(best) if round_trip_nano > best.round_trip_nano => {
                best.round_trip_nano += best.round_trip_nano / 4 + 1;
            }
            best => *best = Some(new),
        }
    }

    /// The target's clock minus ours.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.best.map(|best| best.offset_nano as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_answers_count_and_slow_ones_wait() {
        let mut offset = ClockOffset::default();
        offset.observe(1_000, 1_100, 501_050);
        assert_eq!(offset.seconds(), Some(0.0005));
        offset.observe(2_000, 9_000, 2_000);
        assert_eq!(offset.seconds(), Some(0.0005), "a slow answer is not believed");
        for _ in 0..40 {
            offset.observe(2_000, 3_000, 2_500);
        }
        assert_eq!(offset.seconds(), Some(0.0), "unless nothing better comes for long");
    }
}
