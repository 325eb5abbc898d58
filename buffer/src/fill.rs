//! How fast the ring fills.

use std::time::Duration;

use tokio::time::Instant;

/// Shorter windows say more about the scheduler than about the app.
const WINDOW_MIN: Duration = Duration::from_secs(1);

/// Bytes a second, measured between looks. Looks may come from any number of readers.
pub(crate) struct FillRate {
    window_start: Instant,
    window_start_bytes: u64,
    /// Of the last whole window.
    bytes_per_second: Option<f64>,
}

impl FillRate {
    pub(crate) fn new() -> Self {
        Self { window_start: Instant::now(), window_start_bytes: 0, bytes_per_second: None }
    }

    /// Bytes a second, given all bytes written so far. The larger of the last window and the one that
    /// is running, because a reader that comes too early loses nothing.
    pub(crate) fn look(&mut self, written_bytes: u64) -> f64 {
        let passed = self.window_start.elapsed();
        let bytes = written_bytes.saturating_sub(self.window_start_bytes) as f64;
        if passed < WINDOW_MIN {
            // The first second has no window before it; its bytes count as if the second were over.
            return self.bytes_per_second.unwrap_or(0.0).max(bytes / WINDOW_MIN.as_secs_f64());
        }
        let rate = bytes / passed.as_secs_f64();
        self.window_start += passed;
        self.window_start_bytes = written_bytes;
        self.bytes_per_second = Some(rate);
        rate
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::FillRate;

    #[tokio::test(start_paused = true)]
    async fn the_rate_follows_the_last_window() {
        let mut fill = FillRate::new();
        assert_eq!(fill.look(0), 0.0);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(fill.look(2_000), 1_000.0);
        // Half a second later nothing is known to be slower.
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(fill.look(2_000), 1_000.0);
        // A burst counts at once.
        assert_eq!(fill.look(12_000), 10_000.0);
        tokio::time::advance(Duration::from_secs(10)).await;
        fill.look(12_000);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(fill.look(12_000), 0.0);
    }
}
