//! Waiting for something to become true, with an end.

use std::time::{Duration, Instant};

/// Asks until `check` answers, at most `limit` long; panics with the last refusal.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a test that watches a real process has real time")]
pub fn eventually<T>(limit: Duration, mut check: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match check() {
            Ok(value) => return value,
            Err(refusal) if start.elapsed() > limit => {
                panic!("not within {limit:?}: {refusal}")
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
