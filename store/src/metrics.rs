//! What the store tells about itself.

use crate::Via;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::sync::atomic::AtomicU64;

/// The metrics of CONTRACT that begin with `sigyn_store_` and `sigyn_ingested_`.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    ingested_spans: Family<ViaLabel, Counter>,
    ingested_bytes: Family<ViaLabel, Counter>,
    pub(crate) head_spans: Gauge,
    pub(crate) head_bytes: Gauge,
    pub(crate) journal_bytes: Gauge,
    pub(crate) journal_damaged: Counter,
    pub(crate) index_set_aside: Counter,
    pub(crate) blocks: Gauge,
    pub(crate) block_bytes: Gauge,
    pub(crate) cuts_failed: Counter,
    pub(crate) pinned_traces: Gauge,
    pub(crate) exemplars_resolved: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ViaLabel {
    via: &'static str,
}

impl Metrics {
    /// Registers all of them. The library appends unit and `_total` to the names.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let spans = || Unit::Other("spans".to_owned());
        registry.register_with_unit(
            "sigyn_ingested",
            "Spans taken in",
            spans(),
            metrics.ingested_spans.clone(),
        );
        registry.register_with_unit(
            "sigyn_ingested",
            "Bytes of OTLP taken in, before compression",
            Unit::Bytes,
            metrics.ingested_bytes.clone(),
        );
        registry.register_with_unit(
            "sigyn_store_head",
            "Spans in memory",
            spans(),
            metrics.head_spans.clone(),
        );
        registry.register_with_unit(
            "sigyn_store_head",
            "Memory that the spans of the head take",
            Unit::Bytes,
            metrics.head_bytes.clone(),
        );
        registry.register_with_unit(
            "sigyn_store_journal",
            "Size of the journal on disk",
            Unit::Bytes,
            metrics.journal_bytes.clone(),
        );
        registry.register(
            "sigyn_store_journal_damaged_records",
            "Damaged runs in the journal that were skipped when it was read back",
            metrics.journal_damaged.clone(),
        );
        registry.register(
            "sigyn_store_index_set_aside",
            "How often the index would not open and was set aside",
            metrics.index_set_aside.clone(),
        );
        registry.register("sigyn_store_blocks", "Blocks", metrics.blocks.clone());
        registry.register_with_unit(
            "sigyn_store_block",
            "Size of all blocks",
            Unit::Bytes,
            metrics.block_bytes.clone(),
        );
        registry.register(
            "sigyn_store_cuts_failed",
            "Attempts to write the head as a block that failed and will be repeated",
            metrics.cuts_failed.clone(),
        );
        registry.register(
            "sigyn_store_pinned_traces",
            "Traces that are kept whatever retention says",
            metrics.pinned_traces.clone(),
        );
        metrics.exemplars_resolved.set(1.0);
        registry.register_with_unit(
            "sigyn_exemplars_resolved",
            "Share of the exemplars seen between ten minutes and half a minute ago whose trace is held",
            Unit::Other("ratio".to_owned()),
            metrics.exemplars_resolved.clone(),
        );
        metrics
    }

    /// Counts a batch.
    pub(crate) fn ingested(&self, via: Via, spans: usize, bytes: usize) {
        let label = ViaLabel {
            via: match via {
                Via::Scrape => "scrape",
                Via::Otlp => "otlp",
                Via::Zipkin => "zipkin",
                Via::Jaeger => "jaeger",
            },
        };
        self.ingested_spans.get_or_create(&label).inc_by(spans as u64);
        self.ingested_bytes.get_or_create(&label).inc_by(bytes as u64);
    }
}
