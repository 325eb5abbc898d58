//! What is generated, and within which bounds.

use sigyn_store::calls;
use std::time::Duration;

/// The generator's settings. Names and defaults are those of Tempo's metrics-generator where it has
/// the same thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Rate, errors and duration of spans; `None`: off.
    pub span_metrics: Option<SpanMetrics>,
    /// Who calls whom; `None`: off.
    pub service_graphs: Option<ServiceGraphs>,
    /// Which kind of histograms is kept.
    pub histograms: Histograms,
    /// Series of each table at most; what comes after is counted in one series that says
    /// `metric_overflow="true"`.
    pub active_series_max: usize,
    /// A series that nothing was added to for this long goes.
    pub stale_duration: Duration,
    /// Whether series that went stale are told to whoever asks with `collect_to_send`.
    pub keep_ended: bool,
}

/// Which kind of histograms is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Histograms {
    /// Fixed buckets.
    Classic,
    /// Exponential buckets, Prometheus' native histograms. They travel in protobuf only.
    Native,
    /// Both at once.
    Both,
}

/// `span_metrics`.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanMetrics {
    /// Upper bounds of the classic buckets, seconds, ascending.
    pub histogram_buckets: Vec<f64>,
    /// Attributes of the resource or the span that become labels.
    pub dimensions: Vec<String>,
    /// Whether `status_message` is a label.
    pub status_message: bool,
    /// Whether `traces_target_info` says the resource attributes of each instance.
    pub enable_target_info: bool,
}

/// `service_graphs`.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceGraphs {
    /// Upper bounds of the classic buckets, seconds, ascending.
    pub histogram_buckets: Vec<f64>,
    /// How long one side of a call waits for the other. Sides are read from different targets, so
    /// it must span two scrapes.
    pub wait: Duration,
    /// Calls at most that wait at a time.
    pub max_items: usize,
    /// Attributes of either side that become labels, prefixed `client_` and `server_`.
    pub dimensions: Vec<String>,
    /// Attributes that name the other side of a call that nobody answered.
    pub peer_attributes: Vec<String>,
    /// Whether time spent in queues is a histogram of its own.
    pub enable_messaging_system_latency_histogram: bool,
    /// Whether `traces_service_graph_connection_info` says which services are connected.
    pub enable_connection_info: bool,
}

impl Default for Config {
    /// Nothing is on; classic histograms, 100,000 series a table, stale after 15 minutes.
    fn default() -> Self {
        Self {
            span_metrics: None,
            service_graphs: None,
            histograms: Histograms::Classic,
            active_series_max: 100_000,
            stale_duration: Duration::from_secs(15 * 60),
            keep_ended: false,
        }
    }
}

impl Default for SpanMetrics {
    /// 14 buckets from 2 ms to 16.384 s, no further labels.
    fn default() -> Self {
        Self {
            histogram_buckets: doubling(0.002, 14),
            dimensions: Vec::new(),
            status_message: false,
            enable_target_info: false,
        }
    }
}

impl Default for ServiceGraphs {
    /// 8 buckets from 0.1 s to 12.8 s; a side waits 30 s, 100,000 of them at most.
    fn default() -> Self {
        Self {
            histogram_buckets: doubling(0.1, 8),
            wait: Duration::from_secs(30),
            max_items: 100_000,
            dimensions: Vec::new(),
            peer_attributes: calls::PEER_ATTRIBUTES.map(str::to_owned).to_vec(),
            enable_messaging_system_latency_histogram: false,
            enable_connection_info: false,
        }
    }
}

impl Histograms {
    pub(crate) fn has_classic(self) -> bool {
        self != Self::Native
    }

    pub(crate) fn has_native(self) -> bool {
        self != Self::Classic
    }
}

fn doubling(first: f64, count: u32) -> Vec<f64> {
    (0..count).map(|power| first * f64::from(1u32 << power)).collect()
}
