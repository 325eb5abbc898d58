//! The sections beside scraping: `exemplars`, and the reading of `receivers`.

use crate::{
    config::{
        Field, HttpClient, PrometheusDuration, Reading,
        http_read::read_http,
        print::{Printed, PrintedMap},
    },
    receivers::{self, JaegerConfig},
};

const JAEGER_KEYS: [&str; 4] = ["grpc", "thrift_http", "thrift_compact", "thrift_binary"];
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
    let mut config = receivers::Config::none();
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
    if let Some(field) = fields.take_even_null("zipkin") {
        let default = receivers::Config::ZIPKIN_ENDPOINT.to_owned();
        config.zipkin = read_endpoint(reading, &field, Some(default));
    }
    if let Some(field) = fields.take_even_null("jaeger")
        && let Some(mut jaeger) = reading.map(&field)
    {
        let everything = JaegerConfig::everything();
        let is_bare = JAEGER_KEYS.iter().all(|key| !jaeger.has(key));
        let mut endpoint = |key, default: Option<String>| {
            let field = jaeger.take_even_null(key)?;
            read_endpoint(reading, &field, default)
        };
        let [grpc, thrift_http, thrift_compact, thrift_binary] = JAEGER_KEYS;
        let chosen = JaegerConfig {
            grpc: endpoint(grpc, everything.grpc.clone()),
            thrift_http: endpoint(thrift_http, everything.thrift_http.clone()),
            thrift_compact: endpoint(thrift_compact, everything.thrift_compact.clone()),
            thrift_binary: endpoint(thrift_binary, everything.thrift_binary.clone()),
        };
        config.jaeger = if is_bare { everything } else { chosen };
        jaeger.finish(reading);
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
    let endpoint =
        |endpoint: &String| Printed::Map(vec![("endpoint".into(), Printed::text(endpoint))]);
    let section = |keys: &[(&str, &Option<String>)]| {
        let mut section = PrintedMap::default();
        for (key, address) in keys {
            if let Some(address) = address {
                section.add(key, endpoint(address));
            }
        }
        Some(section.done()).filter(|section| *section != Printed::Map(Vec::new()))
    };
    let mut map = PrintedMap::default();
    if let Some(otlp) = section(&[("grpc", &config.otlp_grpc), ("http", &config.otlp_http)]) {
        map.add("otlp", otlp);
    }
    if let Some(address) = &config.zipkin {
        map.add("zipkin", endpoint(address));
    }
    let JaegerConfig { grpc, thrift_http, thrift_compact, thrift_binary } = &config.jaeger;
    let addresses = [grpc, thrift_http, thrift_compact, thrift_binary];
    let jaeger: Vec<_> = JAEGER_KEYS.into_iter().zip(addresses).collect();
    if let Some(jaeger) = section(&jaeger) {
        map.add("jaeger", jaeger);
    }
    map.done()
}
