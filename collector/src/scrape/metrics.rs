//! The collector's own metrics about targets, as CONTRACT.md names them.

use parking_lot::Mutex;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU64},
};

type FloatGauge = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetLabels {
    job: String,
    instance: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LossLabels {
    job: String,
    instance: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    job: String,
}

/// All families. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Metrics {
    up: Family<TargetLabels, Gauge>,
    duration_seconds: Family<TargetLabels, FloatGauge>,
    scraped_spans: Family<TargetLabels, Counter>,
    fill_ratio: Family<TargetLabels, FloatGauge>,
    seconds_to_overwrite: Family<TargetLabels, FloatGauge>,
    clock_offset_seconds: Family<TargetLabels, FloatGauge>,
    lost_spans: Family<LossLabels, Counter>,
    dropped_spans: Family<TargetLabels, Counter>,
    sync_failed: Family<JobLabels, Counter>,
    pub(super) exemplars_seen: Counter,
    pub(super) exemplars_over_budget: Counter,
    exemplars_sought: Family<SoughtLabels, Counter>,
    /// How many targets write the series of a job and instance.
    writers: Arc<Mutex<HashMap<TargetLabels, usize>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SoughtLabels {
    outcome: &'static str,
}

/// How the search for an exemplar's trace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sought {
    Found,
    GivenUp,
}

/// Why spans are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LossReason {
    Overwritten,
    UnknownEpoch,
    TooLarge,
    BufferFull,
    Malformed,
}

/// The series of one target; they go away with the last target that has their labels.
pub(super) struct TargetSeries {
    metrics: Metrics,
    labels: TargetLabels,
}

impl LossReason {
    const ALL: [Self; 5] =
        [Self::Overwritten, Self::UnknownEpoch, Self::TooLarge, Self::BufferFull, Self::Malformed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Overwritten => "overwritten",
            Self::UnknownEpoch => "unknown_epoch",
            Self::TooLarge => "too_large",
            Self::BufferFull => "buffer_full",
            Self::Malformed => "malformed",
        }
    }
}

impl Metrics {
    pub(super) fn sought(&self, outcome: Sought) {
        let outcome = match outcome {
            Sought::Found => "found",
            Sought::GivenUp => "given_up",
        };
        self.exemplars_sought.get_or_create(&SoughtLabels { outcome }).inc();
    }

    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let spans = || Unit::Other("spans".to_owned());
        registry.register(
            "sigyn_target_up",
            "Whether the last read of the target was good",
            metrics.up.clone(),
        );
        registry.register_with_unit(
            "sigyn_target_scrape_duration",
            "How long the last read took, storing included",
            Unit::Seconds,
            metrics.duration_seconds.clone(),
        );
        registry.register_with_unit(
            "sigyn_target_scraped",
            "Spans read from the target",
            spans(),
            metrics.scraped_spans.clone(),
        );
        registry.register_with_unit(
            "sigyn_target_buffer_fill",
            "How full the target's span buffer is, 0 to 1",
            Unit::Other("ratio".to_owned()),
            metrics.fill_ratio.clone(),
        );
        registry.register(
            "sigyn_target_seconds_to_overwrite",
            "Seconds until the target's span buffer overwrites what is unread, at its present rate",
            metrics.seconds_to_overwrite.clone(),
        );
        registry.register_with_unit(
            "sigyn_target_clock_offset",
            "The target's clock minus ours",
            Unit::Seconds,
            metrics.clock_offset_seconds.clone(),
        );
        registry.register_with_unit(
            "sigyn_lost",
            "Spans lost before they could be read; with reason unknown_epoch, \
             how often a buffer began a new life so that the number cannot be known; with reason \
             malformed, spans and batches that were no OTLP",
            spans(),
            metrics.lost_spans.clone(),
        );
        registry.register_with_unit(
            "sigyn_target_dropped",
            "Spans that span_relabel_configs dropped",
            spans(),
            metrics.dropped_spans.clone(),
        );
        registry.register(
            "sigyn_target_sync_failed",
            "Targets that could not be made from what discovery found",
            metrics.sync_failed.clone(),
        );
        registry.register(
            "sigyn_exemplars_seen",
            "Exemplars that point at a trace, each counted once",
            metrics.exemplars_seen.clone(),
        );
        registry.register(
            "sigyn_exemplars_over_budget",
            "Exemplars left out because their labels have more than 128 characters",
            metrics.exemplars_over_budget.clone(),
        );
        registry.register(
            "sigyn_exemplars_sought",
            "Traces of exemplars that were not held and were asked from the live buffers",
            metrics.exemplars_sought.clone(),
        );
        metrics
    }

    pub(super) fn sync_failed(&self, job: &str, targets: usize) {
        let labels = JobLabels { job: job.to_owned() };
        self.sync_failed.get_or_create(&labels).inc_by(targets as u64);
    }

    pub(super) fn forget_job(&self, job: &str) {
        self.sync_failed.remove(&JobLabels { job: job.to_owned() });
    }

    pub(super) fn target(&self, job: &str, instance: &str) -> TargetSeries {
        let labels = TargetLabels { job: job.to_owned(), instance: instance.to_owned() };
        *self.writers.lock().entry(labels.clone()).or_default() += 1;
        let series = TargetSeries { metrics: self.clone(), labels };
        // A loss of zero is worth saying: its absence would look the same as no information.
        series.lost(LossReason::Overwritten, 0);
        series
    }
}

impl TargetSeries {
    pub(super) fn read(&self, good: bool, seconds: f64, spans: u64) {
        self.metrics.up.get_or_create(&self.labels).set(i64::from(good));
        self.metrics.duration_seconds.get_or_create(&self.labels).set(seconds);
        self.metrics.scraped_spans.get_or_create(&self.labels).inc_by(spans);
    }

    pub(super) fn fill_ratio(&self, ratio: Option<f64>) {
        set(&self.metrics.fill_ratio, &self.labels, ratio);
    }

    pub(super) fn seconds_to_overwrite(&self, seconds: Option<f64>) {
        set(&self.metrics.seconds_to_overwrite, &self.labels, seconds);
    }

    pub(super) fn clock_offset_seconds(&self, seconds: Option<f64>) {
        set(&self.metrics.clock_offset_seconds, &self.labels, seconds);
    }

    pub(super) fn lost(&self, reason: LossReason, spans: u64) {
        self.metrics.lost_spans.get_or_create(&self.loss_labels(reason)).inc_by(spans);
    }

    pub(super) fn dropped(&self, spans: u64) {
        if spans > 0 {
            self.metrics.dropped_spans.get_or_create(&self.labels).inc_by(spans);
        }
    }

    fn loss_labels(&self, reason: LossReason) -> LossLabels {
        LossLabels {
            job: self.labels.job.clone(),
            instance: self.labels.instance.clone(),
            reason: reason.as_str(),
        }
    }
}

impl Drop for TargetSeries {
    fn drop(&mut self) {
        let mut writers = self.metrics.writers.lock();
        if let Some(count) = writers.get_mut(&self.labels)
            && *count > 1
        {
            *count -= 1;
            return;
        }
        writers.remove(&self.labels);
        self.metrics.up.remove(&self.labels);
        self.metrics.duration_seconds.remove(&self.labels);
        self.metrics.scraped_spans.remove(&self.labels);
        self.metrics.fill_ratio.remove(&self.labels);
        self.metrics.seconds_to_overwrite.remove(&self.labels);
        self.metrics.clock_offset_seconds.remove(&self.labels);
        self.metrics.dropped_spans.remove(&self.labels);
        for reason in LossReason::ALL {
            self.metrics.lost_spans.remove(&self.loss_labels(reason));
        }
    }
}

fn set(family: &Family<TargetLabels, FloatGauge>, labels: &TargetLabels, value: Option<f64>) {
    match value {
        Some(value) => {
            family.get_or_create(labels).set(value);
        }
        None => {
            family.remove(labels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        text
    }

    #[test]
    fn series_carry_the_promised_names_and_go_with_their_last_target() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let twin = metrics.target("pods", "a:1");
        let series = metrics.target("pods", "a:1");
        series.read(true, 0.25, 7);
        series.fill_ratio(Some(0.5));
        series.seconds_to_overwrite(Some(f64::INFINITY));
        series.clock_offset_seconds(Some(-0.001));
        series.lost(LossReason::Overwritten, 3);
        metrics.sync_failed("pods", 2);
        metrics.exemplars_seen.inc();
        let labels = r#"{job="pods",instance="a:1"}"#;
        let shown = text(&registry);
        for line in [
            format!("sigyn_target_up{labels} 1"),
            format!("sigyn_target_scrape_duration_seconds{labels} 0.25"),
            format!("sigyn_target_scraped_spans_total{labels} 7"),
            format!("sigyn_target_buffer_fill_ratio{labels} 0.5"),
            format!("sigyn_target_seconds_to_overwrite{labels} inf"),
            format!("sigyn_target_clock_offset_seconds{labels} -0.001"),
            r#"sigyn_lost_spans_total{job="pods",instance="a:1",reason="overwritten"} 3"#
                .to_owned(),
            r#"sigyn_target_sync_failed_total{job="pods"} 2"#.to_owned(),
            "sigyn_exemplars_seen_total 1".to_owned(),
            "# UNIT sigyn_lost_spans spans".to_owned(),
        ] {
            assert!(shown.lines().any(|have| have == line), "{line}\nis not in\n{shown}");
        }
        crate::openmetrics::parse(shown.as_bytes()).expect("what we expose is OpenMetrics");
        drop(series);
        assert!(text(&registry).contains("sigyn_target_up{"), "its twin still writes it");
        drop(twin);
        assert!(!text(&registry).contains("a:1"));
    }
}
