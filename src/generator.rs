//! Feeds the generator with what the store takes in, and shows its metrics.

use anyhow::anyhow;
use parking_lot::Mutex;
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use sigyn_collector::config::{self, Config};
use sigyn_generator::{
    Family, Format, Generator, HistogramValue, Histograms, ServiceGraphs, SpanMetrics, Value, write,
};
use sigyn_store::{Clock, Exemplar, Store, Tail};
use std::{collections::HashSet, hash::BuildHasher, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often new spans are counted.
const INTERVAL: Duration = Duration::from_secs(1);
/// One side of a call waits for the other at least this long.
const WAIT_MIN: Duration = Duration::from_secs(10);

/// The running generator.
pub(crate) struct SpanMetricsSource {
    generator: Generator,
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// Exemplars of the last answer, by hash: the store need not be asked about them again.
    shown: Mutex<HashSet<u64>>,
}

struct Metrics {
    series: Gauge,
    waiting_edges: Gauge,
    missed_spans: Counter,
    dropped_edges: Counter,
    unpaired_edges: Counter,
}

impl SpanMetricsSource {
    /// Starts to count from now on; `None` when the configuration has no `metrics_generator`.
    pub(crate) fn start(
        config: &Config,
        store: Store,
        clock: Arc<dyn Clock>,
        registry: &mut Registry,
        stopping: CancellationToken,
    ) -> Option<Arc<Self>> {
        let generator = Generator::new(&settings(config)?);
        let metrics = Metrics::register(registry);
        let shown = Mutex::default();
        let source = Arc::new(Self { generator, store, clock, metrics, shown });
        // What the journal replayed was counted by an earlier process.
        let next = source.store.tail(u64::MAX).next;
        tokio::spawn(source.clone().follow(next, stopping));
        Some(source)
    }

    async fn follow(self: Arc<Self>, mut next: u64, stopping: CancellationToken) {
        loop {
            let is_last = tokio::select! {
                () = stopping.cancelled() => true,
                () = tokio::time::sleep(INTERVAL) => false,
            };
            let tail = self.store.tail(next);
            next = tail.next;
            let source = self.clone();
            let counted = tokio::task::spawn_blocking(move || source.count(&tail)).await;
            if let Err(error) = counted.map_err(|error| anyhow!(error)).flatten() {
                tracing::error!(%error, "spans could not be counted");
            }
            if is_last {
                return;
            }
        }
    }

    fn count(&self, tail: &Tail) -> anyhow::Result<()> {
        let now = self.clock.monotonic();
        for (source, rows) in &tail.parts {
            self.generator.observe(&**source, rows.clone(), now)?;
        }
        self.generator.expire(now);
        let (stats, metrics) = (self.generator.stats(), &self.metrics);
        metrics.series.set(stats.series as i64);
        metrics.waiting_edges.set(stats.waiting_edges as i64);
        metrics.missed_spans.inc_by(tail.missed);
        metrics.dropped_edges.inc_by(stats.dropped_edges - metrics.dropped_edges.get());
        metrics.unpaired_edges.inc_by(stats.unpaired_edges - metrics.unpaired_edges.get());
        Ok(())
    }

    /// The metrics as they are now. The traces that their exemplars name are pinned first, so that
    /// no link that anyone has seen leads nowhere.
    pub(crate) async fn show(&self, format: Format) -> anyhow::Result<Vec<u8>> {
        let families = self.generator.collect();
        let (exemplars, shown) = new_exemplars(&families, &self.shown.lock());
        if !exemplars.is_empty() {
            self.store.add_exemplars(exemplars).await?;
        }
        *self.shown.lock() = shown;
        Ok(write(&families, format))
    }
}

impl Metrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            series: Gauge::default(),
            waiting_edges: Gauge::default(),
            missed_spans: Counter::default(),
            dropped_edges: Counter::default(),
            unpaired_edges: Counter::default(),
        };
        let gauges = [
            ("series", "Series of metrics made from spans", &metrics.series),
            (
                "waiting_edges",
                "Calls of which one side was seen and the other is waited for",
                &metrics.waiting_edges,
            ),
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
            ("dropped_edges", "Sides of calls that found no room to wait", &metrics.dropped_edges),
            (
                "unpaired_edges",
                "Sides of calls whose other side never came and was not named",
                &metrics.unpaired_edges,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(format!("sigyn_generator_{name}"), help, counter.clone());
        }
        metrics
    }
}

/// The exemplars that were not shown before, as the store keeps them, and the hashes of all.
fn new_exemplars(families: &[Family], before: &HashSet<u64>) -> (Vec<Exemplar>, HashSet<u64>) {
    let (mut new, mut shown) = (Vec::new(), HashSet::new());
    for family in families {
        for point in &family.points {
            let Value::Histogram(histogram) = &point.value else { continue };
            let HistogramValue { exemplars, bounds, .. } = &**histogram;
            for (at, exemplar) in exemplars.iter().enumerate() {
                let Some(exemplar) = exemplar else { continue };
                let identity = (family.name, exemplar.trace_id, exemplar.span_id, at);
                let hash = rapidhash::fast::SeedableState::fixed().hash_one(identity);
                if !shown.insert(hash) || before.contains(&hash) {
                    continue;
                }
                let bound = bounds.get(at).map_or("+Inf".to_owned(), f64::to_string);
                let mut series: Vec<(String, String)> = point
                    .labels
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_string()))
                    .collect();
                series.push(("__name__".to_owned(), format!("{}_bucket", family.name)));
                series.push(("le".to_owned(), bound));
                series.sort();
                new.push(Exemplar {
                    series,
                    labels: vec![
                        ("spanID".to_owned(), exemplar.span_id.to_string()),
                        ("traceID".to_owned(), exemplar.trace_id.to_string()),
                    ],
                    trace_id: exemplar.trace_id,
                    span_id: Some(exemplar.span_id),
                    value: exemplar.value,
                    timestamp_unix_milli: (exemplar.timestamp_unix_nano / 1_000_000) as i64,
                });
            }
        }
    }
    (new, shown)
}

/// What the configuration says, with the generator's defaults.
fn settings(config: &Config) -> Option<sigyn_generator::Config> {
    let said = config.metrics_generator.as_ref()?;
    let default = sigyn_generator::Config::default();
    let interval_max = config.scrape_configs.iter().map(|job| job.scrape_interval.0).max();
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
    })
}
