//! What sending says about itself.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::sync::atomic::AtomicU64;

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub(super) sent_samples: Family<To, Counter>,
    pub(super) sent_histograms: Family<To, Counter>,
    pub(super) sent_exemplars: Family<To, Counter>,
    pub(super) dropped_samples: Family<Dropped, Counter>,
    pub(super) retried_requests: Family<To, Counter>,
    pub(super) pending_samples: Family<To, Gauge>,
    pub(super) queue_bytes: Family<To, Gauge>,
    pub(super) sent_timestamp: Family<To, Gauge<f64, AtomicU64>>,
    pub(super) up: Family<To, Gauge>,
}

/// A receiver, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct To {
    pub(super) remote: String,
}

/// What a receiver did not get, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Dropped {
    pub(super) remote: String,
    pub(super) reason: &'static str,
}

impl Metrics {
    /// Registers `sigyn_remote_write_*`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let counters = [
            ("sent_samples", "Samples that the receiver wrote", &metrics.sent_samples),
            (
                "sent_histograms",
                "Native histograms that the receiver wrote",
                &metrics.sent_histograms,
            ),
            ("sent_exemplars", "Exemplars that the receiver wrote", &metrics.sent_exemplars),
            (
                "retried_requests",
                "Requests that the receiver could not take and that were sent again",
                &metrics.retried_requests,
            ),
        ];
        for (name, help, family) in counters {
            registry.register(format!("sigyn_remote_write_{name}"), help, family.clone());
        }
        registry.register(
            "sigyn_remote_write_dropped_samples",
            "Samples, histograms and exemplars that were given up: refused, unwritten, queue_full, too_old, unreadable",
            metrics.dropped_samples.clone(),
        );
        let gauges = [
            (
                "pending_samples",
                "Samples, histograms and exemplars that wait on disk",
                &metrics.pending_samples,
            ),
            ("up", "Whether the last request was answered", &metrics.up),
        ];
        for (name, help, family) in gauges {
            registry.register(format!("sigyn_remote_write_{name}"), help, family.clone());
        }
        registry.register_with_unit(
            "sigyn_remote_write_queue",
            "Size of what waits on disk",
            Unit::Bytes,
            metrics.queue_bytes.clone(),
        );
        registry.register_with_unit(
            "sigyn_remote_write_sent_timestamp",
            "Time of the newest collection that was sent whole",
            Unit::Seconds,
            metrics.sent_timestamp.clone(),
        );
        metrics
    }
}
