//! Tells the query room what the collector's targets are: neither knows the other.

use crate::control::Live;
use sigyn_collector::{Labels, config::PrometheusDuration, relabel, scrape};
use sigyn_query::collaborator::{BufferStatus, DroppedTarget, TargetDirectory, TargetStatus};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

/// The collector's targets under the names of the query room.
pub(crate) struct Directory {
    live: Arc<Live>,
    web_address: SocketAddr,
}

impl Directory {
    pub(crate) fn new(live: Arc<Live>, web_address: SocketAddr) -> Self {
        Self { live, web_address }
    }

    fn target(&self, target: scrape::TargetStatus) -> TargetStatus {
        TargetStatus {
            discovered_labels: map(&target.discovered_labels),
            labels: map(&target.labels),
            scrape_pool: target.scrape_pool,
            global_url: self.global_url(&target.scrape_url),
            scrape_url: target.scrape_url,
            last_error: target.last_error,
            last_scrape: target
                .last_scrape_unix_nano
                .map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), rfc3339),
            last_scrape_duration: target.last_scrape_duration.as_secs_f64(),
            health: target.health.as_str().to_owned(),
            scrape_interval: duration(target.scrape_interval),
            scrape_timeout: duration(target.scrape_timeout),
            buffer: target.buffer.map(buffer),
        }
    }

    /// Others cannot reach what this host calls localhost, so its address stands in, where one is bound.
    fn global_url(&self, url: &str) -> String {
        let host = self.web_address.ip();
        if host.is_unspecified() || host.is_loopback() {
            return url.to_owned();
        }
        let host = SocketAddr::new(host, 0).to_string();
        let host = host.trim_end_matches(":0");
        ["//localhost", "//127.0.0.1", "//[::1]"]
            .iter()
            .find(|local| url.contains(**local))
            .map_or_else(|| url.to_owned(), |local| url.replacen(local, &format!("//{host}"), 1))
    }
}

impl TargetDirectory for Directory {
    fn targets(&self) -> Vec<TargetStatus> {
        self.live.manager().targets().into_iter().map(|target| self.target(target)).collect()
    }

    fn dropped(&self) -> (Vec<DroppedTarget>, BTreeMap<String, u64>) {
        let (dropped, counts) = self.live.manager().dropped();
        let dropped = dropped
            .into_iter()
            .map(|target| DroppedTarget {
                discovered_labels: map(&target.discovered_labels),
                scrape_pool: target.scrape_pool,
                dropped_by_rule: target.rule,
            })
            .collect();
        (dropped, counts)
    }

    fn scrape_pools(&self) -> Vec<String> {
        self.live.manager().scrape_pools()
    }

    fn relabel_steps(
        &self,
        scrape_pool: &str,
        labels: &BTreeMap<String, String>,
    ) -> Option<serde_json::Value> {
        let job = self.live.manager().config(scrape_pool)?;
        let labels: Labels =
            labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        serde_json::to_value(relabel::trace(&job.relabel_configs, &labels)).ok()
    }

    fn pod_sightings(&self, namespace: &str, name: &str) -> serde_json::Value {
        serde_json::to_value(self.live.discovery().sightings(namespace, name)).unwrap_or_default()
    }
}

fn buffer(status: scrape::BufferStatus) -> BufferStatus {
    BufferStatus {
        tracked: status.tracked,
        spans_total: status.spans_total,
        last_spans: status.last_spans,
        last_bytes: status.last_bytes,
        lost_total: status.lost_total,
        unknown_losses: status.unknown_losses,
        fill_ratio: status.fill_ratio,
        // JSON has no infinity; a buffer that nothing fills has no such time.
        seconds_to_overwrite: status.seconds_to_overwrite.filter(|seconds| seconds.is_finite()),
        clock_offset_seconds: status.clock_offset_seconds,
        ending: status.ending,
        exemplars_last_error: status.exemplars_last_error,
    }
}

fn map(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn duration(duration: Duration) -> String {
    PrometheusDuration(duration).to_string()
}

fn rfc3339(unix_nano: u64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(unix_nano))
        .map(|timestamp| timestamp.to_string())
        .unwrap_or_default()
}
