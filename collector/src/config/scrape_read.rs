//! Reads one entry of `scrape_configs` and fills in its defaults.

use crate::{
    config::{
        ByteSize, Dialect, Field, Fields, Global, PrometheusDuration, Reading, Scheme,
        ScrapeConfig,
        global::{
            SCRAPE_INTERVAL_DEFAULT, SCRAPE_TIMEOUT_DEFAULT, TRACES_PATH_DEFAULT,
            read_naming_scheme,
        },
        http_read::read_http,
        print::{Printed, PrintedMap},
        unused::warn_unused,
    },
    discovery::{Mechanism, read_mechanisms},
    relabel::read_rules,
    span_relabel::read_span_rules,
};

/// What a job may hold in Prometheus and means nothing here.
const UNUSED: [&str; 16] = [
    "honor_timestamps",
    "track_timestamps_staleness",
    "scrape_protocols",
    "fallback_scrape_protocol",
    "sample_limit",
    "metric_relabel_configs",
    "metric_name_escaping_scheme",
    "native_histogram_bucket_limit",
    "native_histogram_min_bucket_factor",
    "scrape_native_histograms",
    "scrape_classic_histograms",
    "always_scrape_classic_histograms",
    "convert_classic_histograms_to_nhcb",
    "extra_scrape_metrics",
    "scrape_fallback_protocol",
    "enable_start_timestamp_zero_ingestion",
];

/// Reads a job; `None` when it cannot be used, with the faults noted.
pub(crate) fn read_scrape_config(
    reading: &mut Reading<'_>,
    field: &Field<'_>,
    global: &Global,
) -> Option<ScrapeConfig> {
    let errors_before = reading.errors.len();
    let mut fields = reading.map(field)?;
    let from_prometheus = reading.dialect == Dialect::Prometheus;

    let job_name = fields.take("job_name").and_then(|field| reading.text(&field));
    let job_name = job_name.filter(|name| !name.is_empty());
    if job_name.is_none() {
        reading.error(field, "a scrape config needs a `job_name`");
    }
    let (scrape_interval, scrape_timeout) = read_times(reading, &mut fields, global);
    let paths = read_paths(reading, &mut fields, global);

    let scheme = match fields.take("scheme").and_then(|it| Some((reading.text(&it)?, it))) {
        None => Scheme::Http,
        Some((text, field)) => match &*text.to_ascii_lowercase() {
            "http" | "" => Scheme::Http,
            "https" => Scheme::Https,
            _ => {
                reading.error(&field, format!("{text:?} is neither http nor https"));
                Scheme::Http
            }
        },
    };
    let legacy_names = match fields.take("metric_name_validation_scheme") {
        Some(field) => read_naming_scheme(reading, &field),
        None => global.legacy_names,
    };
    let limit = |reading: &mut Reading<'_>, fields: &mut Fields<'_>, key, global: Option<u64>| {
        let own = fields.take(key).and_then(|field| reading.number(&field)).unwrap_or(0);
        // 0 takes the global value: a job cannot switch off a global limit.
        if own > 0 { own } else { global.unwrap_or(0) }
    };
    let boolean = |reading: &mut Reading<'_>, fields: &mut Fields<'_>, key, default: bool| {
        fields.take(key).and_then(|field| reading.boolean(&field)).unwrap_or(default)
    };
    let body_size = fields.take("body_size_limit").and_then(|field| reading.parse(&field));
    let body_size = body_size.map(|size: ByteSize| size.0).filter(|bytes| *bytes > 0);
    let params = match fields.take("params") {
        Some(field) => read_params(reading, &field),
        None => Vec::new(),
    };
    let relabel_configs = match fields.take("relabel_configs") {
        Some(field) => read_rules(reading, &field, legacy_names == Some(true)),
        None => Vec::new(),
    };
    let span_relabel_configs = match fields.take("span_relabel_configs") {
        Some(field) => read_span_rules(reading, &field),
        None => Vec::new(),
    };
    let config = ScrapeConfig {
        job_name: job_name.unwrap_or_default(),
        scrape_interval,
        scrape_timeout,
        metrics_path: paths.metrics,
        traces_path: paths.traces,
        exemplars_path: paths.exemplars,
        scheme,
        params,
        honor_labels: boolean(reading, &mut fields, "honor_labels", false),
        body_size_limit_bytes: body_size.or(global.body_size_limit_bytes).unwrap_or(0),
        target_limit: limit(reading, &mut fields, "target_limit", global.target_limit),
        span_limit: limit(reading, &mut fields, "span_limit", global.span_limit),
        label_limit: limit(reading, &mut fields, "label_limit", global.label_limit),
        label_name_length_limit: limit(
            reading,
            &mut fields,
            "label_name_length_limit",
            global.label_name_length_limit,
        ),
        label_value_length_limit: limit(
            reading,
            &mut fields,
            "label_value_length_limit",
            global.label_value_length_limit,
        ),
        keep_dropped_targets: limit(
            reading,
            &mut fields,
            "keep_dropped_targets",
            global.keep_dropped_targets,
        ),
        enable_compression: boolean(reading, &mut fields, "enable_compression", true),
        from_prometheus,
        live: boolean(reading, &mut fields, "live", false),
        scrape_failure_log_file: match fields.take("scrape_failure_log_file") {
            Some(field) => reading.path(&field),
            None => global.scrape_failure_log_file.clone(),
        },
        http: read_http(reading, &mut fields),
        discovery: read_mechanisms(reading, &mut fields, !relabel_configs.is_empty()),
        relabel_configs,
        span_relabel_configs,
    };
    warn_unused(reading, &mut fields, &UNUSED);
    fields.finish(reading);
    (reading.errors.len() == errors_before).then_some(config)
}

/// The interval and the timeout, which must not be longer. When nobody wrote the interval down, a
/// longer timeout is lowered to it instead, so that a copied config with Prometheus' 10s loads.
fn read_times(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    global: &Global,
) -> (PrometheusDuration, PrometheusDuration) {
    let interval = fields.take("scrape_interval").and_then(|field| reading.parse(&field));
    let interval = interval.filter(|interval: &PrometheusDuration| !interval.is_zero());
    let timeout = fields.take("scrape_timeout");
    let own = timeout.as_ref().and_then(|field| reading.parse(field));
    let own = own.filter(|timeout: &PrometheusDuration| !timeout.is_zero());

    let written = interval.or(global.scrape_interval);
    let interval = written.unwrap_or(SCRAPE_INTERVAL_DEFAULT);
    let (Some(own), Some(field)) = (own, &timeout) else {
        let inherited = global.scrape_timeout.unwrap_or(SCRAPE_TIMEOUT_DEFAULT);
        return (interval, inherited.min(interval));
    };
    if own > interval && written.is_some() {
        let message = format!("`scrape_timeout` {own} is longer than `scrape_interval` {interval}");
        reading.error(field, message);
    } else if own > interval {
        let message = format!(
            "`scrape_timeout` {own} is lowered to the default `scrape_interval` {interval}; write \
             the interval down to keep it"
        );
        reading.warn(field, message);
    }
    (interval, own.min(interval))
}

struct Paths {
    metrics: String,
    traces: String,
    exemplars: Option<String>,
}

/// In our own files `metrics_path` is another name of `traces_path`. In a `prometheus_config_file`
/// it is what it says: the page with the metrics, where exemplars are found.
fn read_paths(reading: &mut Reading<'_>, fields: &mut Fields<'_>, global: &Global) -> Paths {
    let traces_field = fields.take("traces_path");
    let traces = traces_field.as_ref().and_then(|field| reading.text(field));
    let metrics = fields.take("metrics_path").and_then(|field| reading.text(&field));
    let exemplars = fields.take("exemplars_path").and_then(|field| reading.text(&field));
    let default = || global.traces_path.clone().unwrap_or_else(|| TRACES_PATH_DEFAULT.into());
    if reading.dialect == Dialect::Prometheus {
        let metrics = metrics.unwrap_or_else(|| "/metrics".into());
        return Paths { exemplars: Some(metrics.clone()), metrics, traces: default() };
    }
    if let (Some(traces), Some(metrics), Some(field)) = (&traces, &metrics, &traces_field)
        && traces != metrics
    {
        let message = format!(
            "`traces_path` {traces:?} and `metrics_path` {metrics:?} are two names of one thing and \
             differ; keep one of them (the page with the metrics is `exemplars_path`)"
        );
        reading.error(field, message);
    }
    let traces = traces.or(metrics).filter(|path| !path.is_empty()).unwrap_or_else(default);
    let exemplars = exemplars.filter(|path| !path.is_empty());
    Paths { metrics: traces.clone(), traces, exemplars }
}

fn read_params(reading: &mut Reading<'_>, field: &Field<'_>) -> Vec<(String, Vec<String>)> {
    let Some(mut fields) = reading.map(field) else { return Vec::new() };
    let mut params: Vec<_> = fields
        .take_all(|_| true)
        .into_iter()
        .map(|(name, _, values)| (name, reading.texts(&values)))
        .collect();
    params.sort();
    params
}

impl ScrapeConfig {
    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("job_name", Printed::text(&self.job_name))
            .add("scrape_interval", Printed::text(self.scrape_interval))
            .add("scrape_timeout", Printed::text(self.scrape_timeout))
            .add("traces_path", Printed::text(&self.traces_path))
            .maybe("exemplars_path", self.exemplars_path.as_ref().map(Printed::text))
            .add("scheme", Printed::text(self.scheme.as_str()));
        let params = self.params.iter();
        let params: Vec<_> =
            params.map(|(name, values)| (name.clone(), Printed::texts(values))).collect();
        map.maybe("params", (!params.is_empty()).then_some(Printed::Map(params)))
            .add("honor_labels", Printed::Boolean(self.honor_labels))
            .add("enable_compression", Printed::Boolean(self.enable_compression))
            .add("live", Printed::Boolean(self.live))
            .maybe(
                "body_size_limit",
                (self.body_size_limit_bytes > 0)
                    .then(|| Printed::text(ByteSize(self.body_size_limit_bytes))),
            )
            .limit("target_limit", self.target_limit)
            .limit("span_limit", self.span_limit)
            .limit("label_limit", self.label_limit)
            .limit("label_name_length_limit", self.label_name_length_limit)
            .limit("label_value_length_limit", self.label_value_length_limit)
            .limit("keep_dropped_targets", self.keep_dropped_targets)
            .maybe(
                "scrape_failure_log_file",
                self.scrape_failure_log_file.as_deref().map(Printed::path),
            )
            .http(&self.http);
        let rules = self.relabel_configs.iter().cloned().map(Printed::Rule).collect();
        map.list("relabel_configs", Printed::List(rules));
        let rules = self.span_relabel_configs.iter().cloned().map(Printed::Rule).collect();
        map.list("span_relabel_configs", Printed::List(rules));
        let mut printed: Vec<(&str, Vec<Printed>)> = Vec::new();
        for mechanism in &self.discovery {
            let items = Mechanism::print(mechanism);
            match printed.iter_mut().find(|(key, _)| *key == mechanism.key()) {
                Some((_, have)) => have.extend(items),
                None => printed.push((mechanism.key(), items)),
            }
        }
        for (key, items) in printed {
            map.list(key, Printed::List(items));
        }
        map.done()
    }

    /// The job alone as YAML, for `/api/v1/scrape_pools/config`. Secrets are hidden.
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(&self.print()).unwrap_or_default()
    }
}
