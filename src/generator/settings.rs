//! From what the configuration says to the generator's settings.

use sigyn_collector::config::{self, Config};
use sigyn_generator::{Histograms, ServiceGraphs, SpanMetrics};
use std::time::Duration;

/// One side of a call waits for the other at least this long.
const WAIT_MIN: Duration = Duration::from_secs(10);

/// What the configuration says, with the generator's defaults.
pub(super) fn settings(config: &Config) -> Option<sigyn_generator::Config> {
    let said = config.metrics_generator.as_ref()?;
    let default = sigyn_generator::Config::default();
    let interval_max = interval_max(config);
    let count = |said: Option<u64>| said.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let span_metrics = said.span_metrics.as_ref().map(|said| {
        let default = SpanMetrics::default();
        SpanMetrics {
            histogram_buckets: said.histogram_buckets.clone().unwrap_or(default.histogram_buckets),
            dimensions: said.dimensions.clone(),
            status_message: said.status_message,
            enable_target_info: said.enable_target_info,
        }
    });
    let service_graphs = said.service_graphs.as_ref().map(|said| {
        let default = ServiceGraphs::default();
        // The two sides may be read one interval apart, and a read may fail once.
        let wait = interval_max.map_or(default.wait, |it| (it * 3).max(WAIT_MIN));
        ServiceGraphs {
            histogram_buckets: said.histogram_buckets.clone().unwrap_or(default.histogram_buckets),
            wait: said.wait.map_or(wait, |wait| wait.0),
            max_items: count(said.max_items).unwrap_or(default.max_items),
            dimensions: said.dimensions.clone(),
            peer_attributes: said.peer_attributes.clone().unwrap_or(default.peer_attributes),
            enable_messaging_system_latency_histogram: said
                .enable_messaging_system_latency_histogram,
            enable_connection_info: said.enable_connection_info,
        }
    });
    Some(sigyn_generator::Config {
        span_metrics,
        service_graphs,
        histograms: match said.histograms {
            None => default.histograms,
            Some(config::Histograms::Classic) => Histograms::Classic,
            Some(config::Histograms::Native) => Histograms::Native,
            Some(config::Histograms::Both) => Histograms::Both,
        },
        active_series_max: count(said.max_active_series).unwrap_or(default.active_series_max),
        stale_duration: said.stale_duration.map_or(default.stale_duration, |it| it.0),
        keep_ended: !said.remote_write.is_empty(),
    })
}

/// The longest time between two reads of a target; `None` when nothing is read.
pub(super) fn interval_max(config: &Config) -> Option<Duration> {
    config.scrape_configs.iter().map(|job| job.scrape_interval.0).max()
}
