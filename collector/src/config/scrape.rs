//! One entry of `scrape_configs`, after defaults were filled in.

use crate::{
    config::{HttpClient, PrometheusDuration},
    discovery::Mechanism,
    relabel::Rule,
};
use std::path::PathBuf;

/// How a target is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Scheme {
    /// Plain text.
    #[default]
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
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
    /// What the label `__metrics_path__` is before relabeling. It is `traces_path`, except in jobs
    /// of a `prometheus_config_file`, where it is the page with the metrics.
    pub metrics_path: String,
    /// Where the buffer answers (`traces_path`, alias `metrics_path`).
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
    /// Spans of one read; those above it are left out and counted; 0: no limit.
    pub span_limit: u64,
    /// Attributes of a span; 0: no limit.
    pub label_limit: u64,
    /// Bytes of an attribute's name; 0: no limit.
    pub label_name_length_limit: u64,
    /// Bytes of an attribute's value; 0: no limit.
    pub label_value_length_limit: u64,
    /// Dropped targets kept for display; 0: all.
    pub keep_dropped_targets: u64,
    /// Whether compression is asked for.
    pub enable_compression: bool,
    /// The job stands in the `prometheus_config_file`: the label `__metrics_path__` names the
    /// metrics page (for exemplars), and the buffer of the same target is at `traces_path`.
    pub from_prometheus: bool,
    /// Long-poll (`live: true`).
    pub live: bool,
    /// Failed reads are written here as JSON lines.
    pub scrape_failure_log_file: Option<PathBuf>,
    /// Credentials, TLS and headers of every read of this job.
    pub http: HttpClient,
    /// Target relabeling.
    pub relabel_configs: Vec<Rule>,
    /// Rules for each span, before it is stored.
    pub span_relabel_configs: Vec<Rule>,
    /// Where targets come from, in the order of the file; all `static_configs` are one.
    pub discovery: Vec<Mechanism>,
}
