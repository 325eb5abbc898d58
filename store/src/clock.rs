//! The one way by which this crate, and those above it, learn what time it is.

use std::time::Duration;

/// Wall and monotonic time, handed in by the binary, so that a whole collector can run in one
/// test with time under control.
pub trait Clock: Send + Sync + 'static {
    /// Nanoseconds since the Unix epoch.
    fn now_unix_nano(&self) -> u64;

    /// Time since an arbitrary fixed point; never goes back.
    fn monotonic(&self) -> Duration;
}
