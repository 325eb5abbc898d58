//! What the APIs say about themselves.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::time::Duration;

/// `sigyn_query_duration_seconds`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ApiMetrics {
    duration: Family<QueryLabels, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueryLabels {
    api: &'static str,
    kind: &'static str,
}

impl ApiMetrics {
    /// Registers the metrics of the APIs; once for a registry.
    pub fn register(registry: &mut Registry) -> Self {
        let duration = Family::new_with_constructor(new_histogram as fn() -> Histogram);
        registry.register_with_unit(
            "sigyn_query_duration",
            "How long queries took, by API family and kind of question, faults included",
            Unit::Seconds,
            duration.clone(),
        );
        Self { duration }
    }

    pub(crate) fn observe(&self, api: &'static str, kind: &'static str, took: Duration) {
        self.duration.get_or_create(&QueryLabels { api, kind }).observe(took.as_secs_f64());
    }
}

/// 0.5 ms to 65 s in steps of 3: from a look-up in memory to the query timeout.
fn new_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 3.25, 11))
}
