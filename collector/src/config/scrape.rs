//! One entry of `scrape_configs`, after defaults were filled in.

use crate::{config::PrometheusDuration, relabel::Rule};

/// How a target is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Scheme {
    /// Plain text.
    #[default]
    Http,
    /// TLS.
    Https,
}

/// A scrape pool's configuration with the global defaults already applied.
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapeConfig {
    /// Unique over all files.
    pub job_name: String,
    /// Time between two reads of a target.
    pub scrape_interval: PrometheusDuration,
    /// At most the interval.
    pub scrape_timeout: PrometheusDuration,
    /// `traces_path` (alias `metrics_path`).
    pub traces_path: String,
    /// Where the same target exposes OpenMetrics with exemplars; `None`: exemplars are not read.
    pub exemplars_path: Option<String>,
    /// Default scheme.
    pub scheme: Scheme,
    /// Query parameters, sorted by key.
    pub params: Vec<(String, Vec<String>)>,
    /// Whether the span's own value wins a clash.
    pub honor_labels: bool,
    /// Bytes of a body after decompression; 0: no limit.
    pub body_size_limit_bytes: u64,
    /// Targets of the job; 0: no limit.
    pub target_limit: u64,
    /// Dropped targets kept for display; 0: all.
    pub keep_dropped_targets: u64,
    /// Whether compression is asked for.
    pub enable_compression: bool,
    /// Long-poll (`live: true`).
    pub live: bool,
    /// Target relabeling.
    pub relabel_configs: Vec<Rule>,
    // The discovery mechanisms, HTTP client options and further limits stand here too.
}
