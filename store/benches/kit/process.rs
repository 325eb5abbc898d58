//! What a benchmark asks of its own process.
#![allow(dead_code, reason = "each benchmark uses what it needs")]

use sigyn_store::Clock;
use std::{fs, path::Path, time::Duration};
use tokio::time::Instant;

/// When spans of the workload begin.
pub(crate) const START_UNIX_NANO: u64 = 1_800_000_000_000_000_000;

/// A clock that begins at a fixed time of day.
pub(crate) struct Monotonic(Instant);

impl Monotonic {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Monotonic {
    fn now_unix_nano(&self) -> u64 {
        START_UNIX_NANO + self.monotonic().as_nanos() as u64
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// User and system time of the whole process, in clock ticks of 10 ms.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// What was read from files so far, in whatever way and from whatever cache: unlike a time, the same on a busy machine.
pub(crate) fn read_bytes() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

/// The most memory that the process has held so far.
pub(crate) fn resident_peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// Lets the most memory be counted anew from here.
pub(crate) fn forget_resident_peak() {
    fs::write("/proc/self/clear_refs", "5").expect("Linux knows this since 4.0");
}

/// Bytes of all files below a folder.
pub(crate) fn folder_bytes(path: &Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
