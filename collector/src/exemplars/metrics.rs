//! What the other ways of exemplars say about themselves.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub(super) polled: Family<Source, Counter>,
    pub(super) poll_failures: Family<Source, Counter>,
    pub(super) up: Family<Source, Gauge>,
    pub(super) written: Counter,
}

/// A Prometheus server, by its URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Source {
    pub(super) url: String,
}

impl Metrics {
    /// Registers `sigyn_exemplars_*`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "sigyn_exemplars_polled",
            "New exemplars that a Prometheus server told",
            metrics.polled.clone(),
        );
        registry.register(
            "sigyn_exemplars_poll_failures",
            "Times that a Prometheus server could not be asked for its exemplars",
            metrics.poll_failures.clone(),
        );
        registry.register(
            "sigyn_exemplars_poll_up",
            "Whether the last poll of a Prometheus server succeeded",
            metrics.up.clone(),
        );
        registry.register(
            "sigyn_exemplars_written",
            "New exemplars that came by remote write",
            metrics.written.clone(),
        );
        metrics
    }
}
