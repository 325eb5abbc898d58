//! The sections beside scraping: `exemplars`, and the reading of `receivers`.

use crate::{
    config::{
        Field, HttpClient, PrometheusDuration, Reading,
        http_read::read_http,
        print::{Printed, PrintedMap},
    },
    receivers,
};

const EXEMPLAR_INTERVAL_DEFAULT: PrometheusDuration = PrometheusDuration::from_seconds(15);
const DAY_SECONDS: u64 = 86_400;

/// `exemplars`: where they come from besides the targets, and how long they are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplars {
    /// Prometheus servers whose `query_exemplars` is polled.
    pub prometheus: Vec<ExemplarSource>,
    /// How long an exemplar, and the pin that it makes, is kept.
    pub retention: PrometheusDuration,
}

/// One Prometheus to poll.
#[derive(Clone, Debug, PartialEq)]
pub struct ExemplarSource {
    /// Its base URL.
    pub url: String,
    /// How often.
    pub interval: PrometheusDuration,
    /// Credentials and TLS.
    pub http: HttpClient,
}

impl Default for Exemplars {
    /// 30 days, as long as Prometheus keeps metrics in many places.
    fn default() -> Self {
        Self {
            prometheus: Vec::new(),
            retention: PrometheusDuration::from_seconds(30 * DAY_SECONDS),
        }
    }
}

impl Exemplars {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Self {
        let mut exemplars = Self::default();
        let Some(mut fields) = reading.map(field) else { return exemplars };
        if let Some(field) = fields.take("retention") {
            exemplars.retention = reading.positive_duration(&field).unwrap_or(exemplars.retention);
        }
        if let Some(field) = fields.take("prometheus") {
            for item in reading.list(&field) {
                let Some(mut fields) = reading.map(&item) else { continue };
                let url = read_url(reading, &mut fields, &item);
                let interval = fields.take("interval").map(|it| reading.positive_duration(&it));
                let http = read_http(reading, &mut fields);
                fields.finish(reading);
                let interval = interval.flatten().unwrap_or(EXEMPLAR_INTERVAL_DEFAULT);
                exemplars.prometheus.push(ExemplarSource { url, interval, http });
            }
        }
        fields.finish(reading);
        exemplars
    }

    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        let source = |source: &ExemplarSource| {
            let mut map = PrintedMap::default();
            map.add("url", Printed::text(&source.url))
                .add("interval", Printed::text(source.interval))
                .http(&source.http);
            map.done()
        };
        map.list("prometheus", Printed::List(self.prometheus.iter().map(source).collect()))
            .add("retention", Printed::text(self.retention));
        map.done()
    }
}

pub(crate) fn read_url(
    reading: &mut Reading<'_>,
    fields: &mut crate::config::Fields<'_>,
    item: &Field<'_>,
) -> String {
    let Some(field) = fields.take("url") else {
        reading.error(item, "`url` is needed");
        return String::new();
    };
    let url = reading.text(&field).unwrap_or_default();
    let is_url = reqwest::Url::parse(&url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !is_url {
        reading.error(&field, format!("{url:?} is not an http or https URL"));
    }
    url
}

/// `receivers`. Absent: OTLP on its two ports. Present: what stands there and nothing else.
pub(crate) fn read_receivers(reading: &mut Reading<'_>, field: &Field<'_>) -> receivers::Config {
    let default = receivers::Config::default();
    let mut config =
        receivers::Config { otlp_grpc: None, otlp_http: None, ..receivers::Config::default() };
    let Some(mut fields) = reading.map(field) else { return config };
    if let Some(field) = fields.take_even_null("otlp")
        && let Some(mut otlp) = reading.map(&field)
    {
        let is_bare = !otlp.has("grpc") && !otlp.has("http");
        let mut endpoint = |key, default: Option<String>| {
            let field = otlp.take_even_null(key)?;
            read_endpoint(reading, &field, default)
        };
        config.otlp_grpc = endpoint("grpc", default.otlp_grpc.clone());
        config.otlp_http = endpoint("http", default.otlp_http.clone());
        if is_bare {
            (config.otlp_grpc, config.otlp_http) = (default.otlp_grpc, default.otlp_http);
        }
        otlp.finish(reading);
    }
    for key in ["zipkin", "jaeger"] {
        if let Some(field) = fields.take_even_null(key) {
            reading.error(&field, format!("the receiver {key} is not supported yet; remove it"));
        }
    }
    fields.finish(reading);
    config
}

fn read_endpoint(
    reading: &mut Reading<'_>,
    field: &Field<'_>,
    default: Option<String>,
) -> Option<String> {
    let mut fields = reading.map(field)?;
    let endpoint = match fields.take("endpoint") {
        None => default,
        Some(field) => {
            let text = reading.text(&field)?;
            let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
            if !matches!(port, Some(Ok(_))) {
                reading.error(&field, format!("{text:?} is not an address such as 0.0.0.0:4317"));
            }
            Some(text)
        }
    };
    fields.finish(reading);
    endpoint
}

pub(crate) fn print_receivers(config: &receivers::Config) -> Printed {
    let mut otlp = PrintedMap::default();
    for (key, endpoint) in [("grpc", &config.otlp_grpc), ("http", &config.otlp_http)] {
        if let Some(endpoint) = endpoint {
            otlp.add(key, Printed::Map(vec![("endpoint".into(), Printed::text(endpoint))]));
        }
    }
    let otlp = otlp.done();
    let mut map = PrintedMap::default();
    if otlp != Printed::Map(Vec::new()) {
        map.add("otlp", otlp);
    }
    map.done()
}
