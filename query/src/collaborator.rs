//! What the APIs must ask of rooms that this crate does not know. The binary connects them.

use serde::Serialize;
use std::collections::BTreeMap;

/// The scrape targets of the running collector.
pub trait TargetDirectory: Send + Sync {
    /// All targets at this moment, pools sorted by name, targets by address within a pool.
    fn targets(&self) -> Vec<TargetStatus>;

    /// Dropped targets (bounded by `keep_dropped_targets`) and the count of all drops per pool.
    fn dropped(&self) -> (Vec<DroppedTarget>, BTreeMap<String, u64>);

    /// Names of the scrape pools, sorted.
    fn scrape_pools(&self) -> Vec<String>;

    /// Runs a pool's relabeling rules over labels. A list with one step a rule: `{"rule":{…},"output":{…},"keep":true}`; from
    /// the dropping rule on, `output` is `{}` and `keep` is false. `None`: no such pool.
    fn relabel_steps(
        &self,
        scrape_pool: &str,
        labels: &BTreeMap<String, String>,
    ) -> Option<serde_json::Value>;

    /// What discovery knows of a Kubernetes pod: a list with an object for each block that could find it, with `scrapePool`,
    /// `role`, `state` and what the state needs to be understood.
    fn pod_sightings(&self, namespace: &str, name: &str) -> serde_json::Value;
}

/// The state of the server that status pages show.
pub trait ServerStatus: Send + Sync {
    /// The loaded configuration as YAML, secrets hidden.
    fn config_yaml(&self) -> String;

    /// Command line flags and their values.
    fn flags(&self) -> BTreeMap<String, String>;

    /// `version`, `revision`, `branch`, `buildUser`, `buildDate`: Prometheus' names.
    fn build_info(&self) -> BTreeMap<String, String>;

    /// An object with `startTime`, `CWD`, `reloadConfigSuccess`, `lastConfigTime`, `storageRetention` …: Prometheus' names.
    fn runtime_info(&self) -> serde_json::Value;
}

/// One active target under Prometheus' names, and what a span buffer adds (last part).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    /// Before relabeling.
    pub discovered_labels: BTreeMap<String, String>,
    /// Public labels.
    pub labels: BTreeMap<String, String>,
    /// The job's name.
    pub scrape_pool: String,
    /// What is read.
    pub scrape_url: String,
    /// The same with a host that others reach.
    pub global_url: String,
    /// Empty when the last read was good.
    pub last_error: String,
    /// RFC 3339; `0001-01-01T00:00:00Z` before the first read.
    pub last_scrape: String,
    /// Seconds.
    pub last_scrape_duration: f64,
    /// `unknown`, `up` or `down`.
    pub health: String,
    /// As Prometheus writes durations.
    pub scrape_interval: String,
    /// As Prometheus writes durations.
    pub scrape_timeout: String,
    /// The span buffer's state, once a read succeeded.
    pub buffer: Option<BufferStatus>,
}

/// What the last reads of a span buffer said.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BufferStatus {
    /// False for an endpoint that answers OTLP without the protocol's headers: losses cannot be known.
    pub tracked: bool,
    /// Spans read from this target since start.
    pub spans_total: u64,
    /// Spans in the last read.
    pub last_spans: u64,
    /// Bytes of the last body after decompression.
    pub last_bytes: u64,
    /// Spans known to be overwritten before they were read, since start.
    pub lost_total: u64,
    /// Times that the loss could not be known (the buffer began a new life).
    pub unknown_losses: u64,
    /// 0 to 1.
    pub fill_ratio: Option<f64>,
    /// Seconds until the buffer overwrites what is unread, at the present rate.
    pub seconds_to_overwrite: Option<f64>,
    /// The target's clock minus ours, seconds.
    pub clock_offset_seconds: Option<f64>,
    /// The platform is ending the target; it is being drained.
    pub ending: bool,
    /// Error of the last exemplar read, empty when good or not configured.
    pub exemplars_last_error: String,
}

/// A target that relabeling dropped.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DroppedTarget {
    /// Before relabeling.
    pub discovered_labels: BTreeMap<String, String>,
    /// The job's name.
    pub scrape_pool: String,
    /// Index of the rule that dropped it, from 0.
    pub dropped_by_rule: usize,
}
