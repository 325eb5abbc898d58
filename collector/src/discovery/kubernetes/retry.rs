//! How long to wait before the API server is asked again.

use kube::runtime::utils::Backoff;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LAST: Duration = Duration::from_secs(10);

/// Twice as long each time. Shorter than client-go's half minute, because while it waits new pods
/// are not seen and their buffers run over.
#[derive(Debug)]
pub(super) struct Retry {
    next: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Iterator for Retry {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = self.next;
        self.next = (now * 2).min(LAST);
        Some(now)
    }
}

impl Backoff for Retry {
    fn reset(&mut self) {
        self.next = FIRST;
    }
}
