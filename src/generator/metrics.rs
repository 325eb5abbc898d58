//! What the generator says about itself.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use sigyn_generator::Stats;

#[derive(Default)]
pub(super) struct Metrics {
    series: Gauge,
    waiting_edges: Gauge,
    pub(super) leads: Gauge,
    pub(super) peers_reachable: Gauge,
    pub(super) missed_spans: Counter,
    repeated_spans: Counter,
    dropped_edges: Counter,
    unpaired_edges: Counter,
    dropped_targets: Counter,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let gauges = [
            ("series", "Series of metrics made from spans", &metrics.series),
            (
                "waiting_edges",
                "Calls of which one side was seen and the other is waited for",
                &metrics.waiting_edges,
            ),
            ("leads", "Whether this one of several replicas shows the metrics", &metrics.leads),
            ("peers_reachable", "Replicas that answer", &metrics.peers_reachable),
        ];
        for (name, help, gauge) in gauges {
            registry.register(format!("sigyn_generator_{name}"), help, gauge.clone());
        }
        let counters = [
            (
                "missed_spans",
                "Spans that left the head before they were counted",
                &metrics.missed_spans,
            ),
            (
                "repeated_spans",
                "Spans that came a second time and were not counted again",
                &metrics.repeated_spans,
            ),
            ("dropped_edges", "Sides of calls that found no room to wait", &metrics.dropped_edges),
            (
                "unpaired_edges",
                "Sides of calls whose other side never came and was not named",
                &metrics.unpaired_edges,
            ),
            (
                "dropped_targets",
                "Resources that found no room in traces_target_info",
                &metrics.dropped_targets,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(format!("sigyn_generator_{name}"), help, counter.clone());
        }
        metrics
    }

    pub(super) fn show(&self, stats: &Stats) {
        self.series.set(stats.series as i64);
        self.waiting_edges.set(stats.waiting_edges as i64);
        for (counter, value) in [
            (&self.repeated_spans, stats.repeated_spans),
            (&self.dropped_edges, stats.dropped_edges),
            (&self.unpaired_edges, stats.unpaired_edges),
            (&self.dropped_targets, stats.dropped_targets),
        ] {
            counter.inc_by(value.saturating_sub(counter.get()));
        }
    }
}
