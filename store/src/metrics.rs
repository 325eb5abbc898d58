//! What the store tells about itself.

use crate::Via;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::sync::atomic::AtomicU64;

/// The metrics of CONTRACT that begin with `sigyn_store_` and `sigyn_ingested_`.
#[derive(Clone)]
pub(crate) struct Metrics {
    ingested_spans: Family<ViaLabel, Counter>,
    ingested_bytes: Family<ViaLabel, Counter>,
    pub(crate) head_spans: Gauge,
    pub(crate) head_bytes: Gauge,
    pub(crate) journal_bytes: Gauge,
    pub(crate) journal_damaged: Counter,
    pub(crate) journal_poisoned: Gauge,
    pub(crate) journal_sync_seconds: Histogram,
    pub(crate) disk_free_bytes: Gauge,
    refused_batches: Family<RefusedLabel, Counter>,
    pub(crate) index_set_aside: Counter,
    pub(crate) blocks: Gauge,
    pub(crate) block_bytes: Gauge,
    pub(crate) pinned_blocks: Gauge,
    pub(crate) pinned_block_bytes: Gauge,
    deleted_blocks: Family<DeletedLabel, Counter>,
    pub(crate) compacted_blocks: Counter,
    pub(crate) compacted_spans: Counter,
    pub(crate) upkeep_failed: Counter,
    pub(crate) read_cache: ReadCacheMetrics,
    pub(crate) cuts_failed: Counter,
    pub(crate) pinned_traces: Gauge,
    pub(crate) exemplars_resolved: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ViaLabel {
    via: &'static str,
}

/// What the read cache on local disk tells.
#[derive(Clone, Default)]
pub(crate) struct ReadCacheMetrics {
    pub(crate) bytes: Gauge,
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) damaged: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabel {
    reason: &'static str,
}

/// Why a batch was not taken in, though there is nothing wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The journal has reached its bound.
    JournalFull,
    /// The disk has no space, or less than must stay free.
    DiskFull,
    /// The head waits for blocks to be written.
    HeadFull,
    /// An fsync failed earlier.
    Poisoned,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeletedLabel {
    reason: &'static str,
}

/// Why a block was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// Another one holds its spans.
    Replaced,
    /// It is older than `storage.retention`.
    Expired,
    /// All blocks together are larger than `storage.retention_bytes`.
    Oversize,
    /// All its pins have ended.
    Unpinned,
    /// Its writer died.
    Unfinished,
}

impl Metrics {
    /// Registers all of them. The library appends unit and `_total` to the names.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::new();
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
            "sigyn_store_journal_poisoned",
            "1 when the journal refuses all intake since a failed write or fsync, until a restart",
            metrics.journal_poisoned.clone(),
        );
        registry.register_with_unit(
            "sigyn_store_journal_sync_duration",
            "Time of one write and fdatasync of the journal; acknowledgements wait for it",
            Unit::Seconds,
            metrics.journal_sync_seconds.clone(),
        );
        registry.register_with_unit(
            "sigyn_store_disk_free",
            "Free space of the disk where the journal lies, when last written to",
            Unit::Bytes,
            metrics.disk_free_bytes.clone(),
        );
        registry.register(
            "sigyn_store_refused_batches",
            "Sound batches that were not taken in, by reason; their senders were told to try again",
            metrics.refused_batches.clone(),
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
        metrics.register_upkeep(registry);
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

    fn new() -> Self {
        Self {
            ingested_spans: Family::default(),
            ingested_bytes: Family::default(),
            head_spans: Gauge::default(),
            head_bytes: Gauge::default(),
            journal_bytes: Gauge::default(),
            journal_damaged: Counter::default(),
            journal_poisoned: Gauge::default(),
            journal_sync_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 14)),
            disk_free_bytes: Gauge::default(),
            refused_batches: Family::default(),
            index_set_aside: Counter::default(),
            blocks: Gauge::default(),
            block_bytes: Gauge::default(),
            pinned_blocks: Gauge::default(),
            pinned_block_bytes: Gauge::default(),
            deleted_blocks: Family::default(),
            compacted_blocks: Counter::default(),
            compacted_spans: Counter::default(),
            upkeep_failed: Counter::default(),
            read_cache: ReadCacheMetrics::default(),
            cuts_failed: Counter::default(),
            pinned_traces: Gauge::default(),
            exemplars_resolved: Gauge::default(),
        }
    }

    /// What compaction, retention and the read cache tell.
    fn register_upkeep(&self, registry: &mut Registry) {
        registry.register(
            "sigyn_store_pinned_blocks",
            "Blocks that hold nothing but pinned traces beyond their retention",
            self.pinned_blocks.clone(),
        );
        registry.register_with_unit(
            "sigyn_store_pinned_block",
            "Size of the blocks that hold nothing but pinned traces",
            Unit::Bytes,
            self.pinned_block_bytes.clone(),
        );
        registry.register(
            "sigyn_store_deleted_blocks",
            "Blocks deleted, by reason",
            self.deleted_blocks.clone(),
        );
        registry.register(
            "sigyn_store_compacted_blocks",
            "Blocks that were merged into larger ones",
            self.compacted_blocks.clone(),
        );
        registry.register_with_unit(
            "sigyn_store_compacted",
            "Spans written again by compaction",
            Unit::Other("spans".to_owned()),
            self.compacted_spans.clone(),
        );
        registry.register(
            "sigyn_store_upkeep_failed",
            "Turns of compaction, retention or block discovery that failed and will be repeated",
            self.upkeep_failed.clone(),
        );
        let cache = &self.read_cache;
        registry.register_with_unit(
            "sigyn_store_read_cache",
            "Size of the local copies of parts of remote blocks",
            Unit::Bytes,
            cache.bytes.clone(),
        );
        registry.register(
            "sigyn_store_read_cache_hits",
            "Parts of remote blocks that were found on local disk",
            cache.hits.clone(),
        );
        registry.register(
            "sigyn_store_read_cache_misses",
            "Parts of remote blocks that had to be fetched",
            cache.misses.clone(),
        );
        registry.register(
            "sigyn_store_read_cache_damaged",
            "Local copies that did not match their checksum and were fetched again",
            cache.damaged.clone(),
        );
    }

    /// Counts batches that were not taken in.
    pub(crate) fn refused(&self, reason: Refused, batches: usize) {
        let reason = match reason {
            Refused::JournalFull => "journal_full",
            Refused::DiskFull => "disk_full",
            Refused::HeadFull => "head_full",
            Refused::Poisoned => "poisoned",
        };
        self.refused_batches.get_or_create(&RefusedLabel { reason }).inc_by(batches as u64);
    }

    /// Counts a block that was deleted.
    pub(crate) fn deleted(&self, reason: Deleted) {
        let reason = match reason {
            Deleted::Replaced => "replaced",
            Deleted::Expired => "expired",
            Deleted::Oversize => "oversize",
            Deleted::Unpinned => "unpinned",
            Deleted::Unfinished => "unfinished",
        };
        self.deleted_blocks.get_or_create(&DeletedLabel { reason }).inc();
    }

    /// Counts a batch.
    pub(crate) fn ingested(&self, via: Via, spans: usize, bytes: usize) {
        let label = ViaLabel {
            via: match via {
                Via::Scrape => "scrape",
                Via::Otlp => "otlp",
                Via::Zipkin => "zipkin",
                Via::Jaeger => "jaeger",
                Via::Lookup => "lookup",
            },
        };
        self.ingested_spans.get_or_create(&label).inc_by(spans as u64);
        self.ingested_bytes.get_or_create(&label).inc_by(bytes as u64);
    }
}
