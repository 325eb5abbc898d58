//! What the status pages show of a target, as plain data.

use crate::Labels;
use std::time::Duration;

/// Whether the last read was good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Never read.
    #[default]
    Unknown,
    /// The last read was good.
    Up,
    /// It was not.
    Down,
}

impl Health {
    /// Prometheus' word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// One active target at this moment.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetStatus {
    /// Before relabeling.
    pub discovered_labels: Labels,
    /// Public labels.
    pub labels: Labels,
    /// The job's name.
    pub scrape_pool: String,
    /// What is read.
    pub scrape_url: String,
    /// Empty when the last read was good.
    pub last_error: String,
    /// When the last read began, nanoseconds since the Unix epoch; `None` before the first.
    pub last_scrape_unix_nano: Option<u64>,
    /// How long it took, storing included.
    pub last_scrape_duration: Duration,
    /// Whether it was good.
    pub health: Health,
    /// How often it is read at least.
    pub scrape_interval: Duration,
    /// For each read.
    pub scrape_timeout: Duration,
    /// The span buffer's state, once a read succeeded.
    pub buffer: Option<BufferStatus>,
}

/// What the reads of a span buffer said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BufferStatus {
    /// False for an endpoint without the protocol's headers: its losses cannot be known.
    pub tracked: bool,
    /// Spans read since start.
    pub spans_total: u64,
    /// Spans of the last round of reads.
    pub last_spans: u64,
    /// Bytes of the last round, after decompression.
    pub last_bytes: u64,
    /// Spans known to be overwritten before they were read, or not recorded at all, since start.
    pub lost_total: u64,
    /// Times that the loss could not be known, because the buffer began a new life.
    pub unknown_losses: u64,
    /// How full, 0 to 1.
    pub fill_ratio: Option<f64>,
    /// Seconds until the buffer overwrites what is unread; infinite when nothing fills it.
    pub seconds_to_overwrite: Option<f64>,
    /// The target's clock minus ours.
    pub clock_offset_seconds: Option<f64>,
    /// The platform is ending the target; it is being drained.
    pub ending: bool,
    /// Error of the last exemplar read; empty when good or not configured.
    pub exemplars_last_error: String,
}

/// A target that relabeling dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct DroppedTarget {
    /// The job's name.
    pub scrape_pool: String,
    /// Before relabeling.
    pub discovered_labels: Labels,
    /// Index of the rule that dropped it, from 0.
    pub rule: usize,
}
