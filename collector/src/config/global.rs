//! `global`: what jobs take when they do not say otherwise.

use crate::{
    Labels,
    config::{
        ByteSize, Dialect, Field, PrometheusDuration, Reading,
        environment::expand_as_prometheus,
        print::{Printed, PrintedMap},
        unused::warn_unused,
    },
};
use std::path::PathBuf;

/// How often buffers are read when nobody says otherwise.
pub(crate) const SCRAPE_INTERVAL_DEFAULT: PrometheusDuration = PrometheusDuration::from_seconds(5);
/// How long a read may take when nobody says otherwise and the interval is not shorter.
pub(crate) const SCRAPE_TIMEOUT_DEFAULT: PrometheusDuration = PrometheusDuration::from_seconds(10);
/// Where a buffer answers.
pub(crate) const TRACES_PATH_DEFAULT: &str = "/debug/spans";

/// `global` as written; what is `None` is left to the defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Global {
    /// Time between two reads of a target.
    pub scrape_interval: Option<PrometheusDuration>,
    /// At most the interval.
    pub scrape_timeout: Option<PrometheusDuration>,
    /// Where buffers answer, for jobs of a `prometheus_config_file`.
    pub traces_path: Option<String>,
    /// Labels that tell this Sigyn from others; they also spread the phases of twins.
    pub external_labels: Labels,
    /// Failed reads are written here as JSON lines.
    pub scrape_failure_log_file: Option<PathBuf>,
    /// Label names of the legacy scheme only.
    pub legacy_names: Option<bool>,
    /// Job limits that are 0 take these.
    pub body_size_limit_bytes: Option<u64>,
    /// As above.
    pub target_limit: Option<u64>,
    /// As above.
    pub span_limit: Option<u64>,
    /// As above.
    pub label_limit: Option<u64>,
    /// As above.
    pub label_name_length_limit: Option<u64>,
    /// As above.
    pub label_value_length_limit: Option<u64>,
    /// As above.
    pub keep_dropped_targets: Option<u64>,
}

/// What `global` may hold in Prometheus and means nothing here.
const UNUSED: [&str; 15] = [
    "evaluation_interval",
    "rule_query_offset",
    "query_log_file",
    "scrape_protocols",
    "sample_limit",
    "metric_name_escaping_scheme",
    "scrape_native_histograms",
    "convert_classic_histograms_to_nhcb",
    "always_scrape_classic_histograms",
    "native_histogram_bucket_limit",
    "native_histogram_min_bucket_factor",
    "extra_scrape_metrics",
    "scrape_classic_histograms",
    "rule_group_concurrency",
    "query_log_format",
];

impl Global {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Self {
        let mut global = Self::default();
        let Some(mut fields) = reading.map(field) else { return global };
        let interval = fields.take("scrape_interval");
        global.scrape_interval = interval.and_then(|field| reading.parse(&field)).filter(not_zero);
        let timeout = fields.take("scrape_timeout");
        global.scrape_timeout =
            timeout.as_ref().and_then(|field| reading.parse(field)).filter(not_zero);
        if let (Some(interval), Some(timeout), Some(field)) =
            (global.scrape_interval, global.scrape_timeout, &timeout)
            && timeout > interval
        {
            reading.error(
                field,
                format!("`scrape_timeout` {timeout} is longer than `scrape_interval` {interval}"),
            );
        }
        if let Some(field) = fields.take("traces_path") {
            global.traces_path = reading.text(&field);
        }
        if let Some(field) = fields.take("external_labels") {
            global.external_labels = read_external_labels(reading, &field);
        }
        if let Some(field) = fields.take("scrape_failure_log_file") {
            global.scrape_failure_log_file = reading.path(&field);
        }
        if let Some(field) = fields.take("metric_name_validation_scheme") {
            global.legacy_names = read_naming_scheme(reading, &field);
        }
        if let Some(field) = fields.take("body_size_limit") {
            global.body_size_limit_bytes = reading.parse(&field).map(|size: ByteSize| size.0);
        }
        for (key, limit) in [
            ("target_limit", &mut global.target_limit),
            ("span_limit", &mut global.span_limit),
            ("label_limit", &mut global.label_limit),
            ("label_name_length_limit", &mut global.label_name_length_limit),
            ("label_value_length_limit", &mut global.label_value_length_limit),
            ("keep_dropped_targets", &mut global.keep_dropped_targets),
        ] {
            *limit = fields.take(key).and_then(|field| reading.number(&field));
        }
        warn_unused(reading, &mut fields, &UNUSED);
        fields.finish(reading);
        global
    }

    /// Ours where it says something, otherwise the other's.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            scrape_interval: self.scrape_interval.or(other.scrape_interval),
            scrape_timeout: self.scrape_timeout.or(other.scrape_timeout),
            traces_path: self.traces_path.or(other.traces_path),
            external_labels: match self.external_labels.is_empty() {
                true => other.external_labels,
                false => self.external_labels,
            },
            scrape_failure_log_file: self.scrape_failure_log_file.or(other.scrape_failure_log_file),
            legacy_names: self.legacy_names.or(other.legacy_names),
            body_size_limit_bytes: self.body_size_limit_bytes.or(other.body_size_limit_bytes),
            target_limit: self.target_limit.or(other.target_limit),
            span_limit: self.span_limit.or(other.span_limit),
            label_limit: self.label_limit.or(other.label_limit),
            label_name_length_limit: self.label_name_length_limit.or(other.label_name_length_limit),
            label_value_length_limit: self
                .label_value_length_limit
                .or(other.label_value_length_limit),
            keep_dropped_targets: self.keep_dropped_targets.or(other.keep_dropped_targets),
        }
    }

    /// The interval of jobs that name none.
    pub fn scrape_interval(&self) -> PrometheusDuration {
        self.scrape_interval.unwrap_or(SCRAPE_INTERVAL_DEFAULT)
    }

    /// The timeout of jobs that name none; at most the interval.
    pub fn scrape_timeout(&self) -> PrometheusDuration {
        self.scrape_timeout.unwrap_or(SCRAPE_TIMEOUT_DEFAULT).min(self.scrape_interval())
    }

    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("scrape_interval", Printed::text(self.scrape_interval()))
            .add("scrape_timeout", Printed::text(self.scrape_timeout()))
            .maybe("traces_path", self.traces_path.as_ref().map(Printed::text))
            .maybe(
                "external_labels",
                (!self.external_labels.is_empty()).then(|| Printed::labels(&self.external_labels)),
            )
            .maybe(
                "scrape_failure_log_file",
                self.scrape_failure_log_file.as_deref().map(Printed::path),
            );
        if self.legacy_names == Some(true) {
            map.add("metric_name_validation_scheme", Printed::text("legacy"));
        }
        let body_size = ByteSize(self.body_size_limit_bytes.unwrap_or(0));
        map.maybe("body_size_limit", (body_size.0 > 0).then(|| Printed::text(body_size)))
            .limit("target_limit", self.target_limit.unwrap_or(0))
            .limit("span_limit", self.span_limit.unwrap_or(0))
            .limit("label_limit", self.label_limit.unwrap_or(0))
            .limit("label_name_length_limit", self.label_name_length_limit.unwrap_or(0))
            .limit("label_value_length_limit", self.label_value_length_limit.unwrap_or(0))
            .limit("keep_dropped_targets", self.keep_dropped_targets.unwrap_or(0));
        map.done()
    }
}

/// 0 stands for the default, as in Prometheus.
fn not_zero(duration: &PrometheusDuration) -> bool {
    !duration.is_zero()
}

/// `utf8` or `legacy`: true for legacy.
pub(crate) fn read_naming_scheme(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<bool> {
    match &*reading.text(field)? {
        "utf8" | "" => Some(false),
        "legacy" => Some(true),
        other => {
            reading.error(field, format!("{other:?} is neither utf8 nor legacy"));
            None
        }
    }
}

/// The one place where Prometheus, too, replaces variables.
fn read_external_labels(reading: &mut Reading<'_>, field: &Field<'_>) -> Labels {
    let Some(mut fields) = reading.map(field) else { return Labels::new() };
    let mut labels = Labels::new();
    for (name, _, value) in fields.take_all(|_| true) {
        let Some(text) = reading.raw_text(&value) else { continue };
        // `${env:…}` first; its `$$` stays for the second pass.
        let text = match reading.dialect {
            Dialect::Sigyn => match reading.template(&value) {
                Some(text) => text,
                None => continue,
            },
            Dialect::Prometheus => text,
        };
        let (text, missing) = expand_as_prometheus(&text, reading.environment);
        for variable in missing {
            let message =
                format!("the environment variable {variable} is not set; it counts as empty");
            reading.warn(&value, message);
        }
        labels.set(name, text);
    }
    labels
}
