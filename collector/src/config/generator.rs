//! `metrics_generator`: the metrics that are made from spans, and where they go.
//!
//! Keys are those of Tempo's metrics-generator. What is not said is `None`: the defaults belong to
//! the generator, which this room does not know.

use crate::config::{
    Field, Fields, HttpClient, PrometheusDuration, Reading, RemoteWrite,
    http_read::read_http,
    print::{Printed, PrintedMap},
};

/// Classic buckets at most.
const BOUNDS_MAX: usize = 1000;

/// `metrics_generator`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsGenerator {
    /// Rate, errors and duration of spans; `None`: off.
    pub span_metrics: Option<SpanMetrics>,
    /// Who calls whom; `None`: off.
    pub service_graphs: Option<ServiceGraphs>,
    /// Which kind of histograms is kept.
    pub histograms: Option<Histograms>,
    /// Series of each table at most.
    pub max_active_series: Option<u64>,
    /// A series that nothing was added to for this long goes.
    pub stale_duration: Option<PrometheusDuration>,
    /// How often the metrics are sent.
    pub collection_interval: Option<PrometheusDuration>,
    /// Base URLs of the other Sigyns that read the same targets; one of all shows the metrics.
    pub peers: Vec<String>,
    /// Credentials and TLS for asking them.
    pub peer_client: HttpClient,
    /// Where the metrics are sent.
    pub remote_write: Vec<RemoteWrite>,
}

/// `span_metrics`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanMetrics {
    /// Bounds of the classic buckets, seconds.
    pub histogram_buckets: Option<Vec<f64>>,
    /// Attributes that become labels.
    pub dimensions: Vec<String>,
    /// Whether `status_message` is a label.
    pub status_message: bool,
    /// Whether `traces_target_info` is made.
    pub enable_target_info: bool,
}

/// `service_graphs`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceGraphs {
    /// Bounds of the classic buckets, seconds.
    pub histogram_buckets: Option<Vec<f64>>,
    /// How long one side of a call waits for the other.
    pub wait: Option<PrometheusDuration>,
    /// Calls at most that wait at a time.
    pub max_items: Option<u64>,
    /// Attributes that become labels.
    pub dimensions: Vec<String>,
    /// Attributes that name the other side of an unanswered call.
    pub peer_attributes: Option<Vec<String>>,
    /// Whether time in queues is a histogram of its own.
    pub enable_messaging_system_latency_histogram: bool,
    /// Whether `traces_service_graph_connection_info` is made.
    pub enable_connection_info: bool,
}

/// Kinds of histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Histograms {
    /// Fixed buckets.
    Classic,
    /// Exponential buckets.
    Native,
    /// Both.
    Both,
}

impl MetricsGenerator {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Self {
        let mut generator = Self::default();
        let Some(mut fields) = reading.map(field) else { return generator };
        if let Some(field) = fields.take_even_null("span_metrics") {
            generator.span_metrics = SpanMetrics::read(reading, &field);
        }
        if let Some(field) = fields.take_even_null("service_graphs") {
            generator.service_graphs = ServiceGraphs::read(reading, &field);
        }
        if let Some(field) = fields.take("histograms") {
            generator.histograms = read_histograms(reading, &field);
        }
        generator.max_active_series = read_count(reading, &mut fields, "max_active_series");
        if let Some(field) = fields.take("stale_duration") {
            generator.stale_duration = reading.positive_duration(&field);
        }
        if let Some(field) = fields.take("collection_interval") {
            generator.collection_interval = reading.positive_duration(&field);
        }
        if let Some(field) = fields.take("peers") {
            generator.peers = read_peers(reading, &field);
        }
        if let Some(field) = fields.take("peer_client")
            && let Some(mut keys) = reading.map(&field)
        {
            generator.peer_client = read_http(reading, &mut keys);
            keys.finish(reading);
            if generator.peers.is_empty() {
                reading.warn(&field, "there are no `peers` to ask");
            }
        }
        if let Some(field) = fields.take("remote_write") {
            generator.remote_write = read_receivers(reading, &field);
        }
        fields.finish(reading);
        if generator.span_metrics.is_none() && generator.service_graphs.is_none() {
            reading
                .warn(field, "neither `span_metrics` nor `service_graphs` is on; nothing is made");
        }
        generator
    }

    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.maybe("span_metrics", self.span_metrics.as_ref().map(SpanMetrics::print))
            .maybe("service_graphs", self.service_graphs.as_ref().map(ServiceGraphs::print))
            .maybe("histograms", self.histograms.map(|it| Printed::text(it.name())))
            .maybe("max_active_series", self.max_active_series.map(Printed::Number))
            .maybe("stale_duration", self.stale_duration.map(Printed::text))
            .maybe("collection_interval", self.collection_interval.map(Printed::text))
            .list("peers", Printed::texts(&self.peers))
            .maybe(
                "peer_client",
                (self.peer_client != HttpClient::default()).then(|| {
                    let mut map = PrintedMap::default();
                    map.http(&self.peer_client);
                    map.done()
                }),
            )
            .list(
                "remote_write",
                Printed::List(self.remote_write.iter().map(RemoteWrite::print).collect()),
            );
        map.done()
    }
}

impl SpanMetrics {
    fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(field)?;
        let mut metrics =
            Self { histogram_buckets: read_buckets(reading, &mut fields), ..Self::default() };
        if let Some(field) = fields.take("dimensions") {
            metrics.dimensions = reading.texts(&field);
        }
        metrics.status_message = read_switch(reading, &mut fields, "status_message");
        metrics.enable_target_info = read_switch(reading, &mut fields, "enable_target_info");
        fields.finish(reading);
        Some(metrics)
    }

    fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.maybe("histogram_buckets", self.histogram_buckets.as_ref().map(Printed::texts))
            .list("dimensions", Printed::texts(&self.dimensions))
            .add("status_message", Printed::Boolean(self.status_message))
            .add("enable_target_info", Printed::Boolean(self.enable_target_info));
        map.done()
    }
}

impl ServiceGraphs {
    fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(field)?;
        let mut graphs = Self {
            histogram_buckets: read_buckets(reading, &mut fields),
            max_items: read_count(reading, &mut fields, "max_items"),
            ..Self::default()
        };
        if let Some(field) = fields.take("wait") {
            graphs.wait = reading.positive_duration(&field);
        }
        if let Some(field) = fields.take("dimensions") {
            graphs.dimensions = reading.texts(&field);
        }
        if let Some(field) = fields.take("peer_attributes") {
            graphs.peer_attributes = Some(reading.texts(&field));
        }
        graphs.enable_messaging_system_latency_histogram =
            read_switch(reading, &mut fields, "enable_messaging_system_latency_histogram");
        graphs.enable_connection_info = read_switch(reading, &mut fields, "enable_connection_info");
        fields.finish(reading);
        Some(graphs)
    }

    fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.maybe("histogram_buckets", self.histogram_buckets.as_ref().map(Printed::texts))
            .maybe("wait", self.wait.map(Printed::text))
            .maybe("max_items", self.max_items.map(Printed::Number))
            .list("dimensions", Printed::texts(&self.dimensions))
            .maybe("peer_attributes", self.peer_attributes.as_ref().map(Printed::texts))
            .add(
                "enable_messaging_system_latency_histogram",
                Printed::Boolean(self.enable_messaging_system_latency_histogram),
            )
            .add("enable_connection_info", Printed::Boolean(self.enable_connection_info));
        map.done()
    }
}

impl Histograms {
    fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Native => "native",
            Self::Both => "both",
        }
    }
}

fn read_peers(reading: &mut Reading<'_>, field: &Field<'_>) -> Vec<String> {
    let mut peers = Vec::new();
    for item in reading.list(field) {
        let Some(text) = reading.text(&item) else { continue };
        match reqwest::Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                peers.push(text);
            }
            _ => reading.error(
                &item,
                format!("{text:?} is not the URL of another Sigyn, such as http://sigyn-1:7449"),
            ),
        }
    }
    peers
}

/// Each has a queue of its own, which is named after it.
fn read_receivers(reading: &mut Reading<'_>, field: &Field<'_>) -> Vec<RemoteWrite> {
    let mut receivers: Vec<RemoteWrite> = Vec::new();
    for item in reading.list(field) {
        let Some(receiver) = RemoteWrite::read(reading, &item) else { continue };
        let name = |it: &RemoteWrite| it.name.clone().unwrap_or_else(|| it.url.clone());
        if receivers.iter().any(|it| name(it) == name(&receiver)) {
            let name = name(&receiver);
            reading.error(&item, format!("two receivers are called {name}; give one a `name`"));
        }
        receivers.push(receiver);
    }
    receivers
}

fn read_histograms(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Histograms> {
    let text = reading.text(field)?;
    let all = [Histograms::Classic, Histograms::Native, Histograms::Both];
    let found = all.into_iter().find(|it| it.name() == text);
    if found.is_none() {
        reading.error(field, format!("{text:?} is none of `classic`, `native` and `both`"));
    }
    found
}

/// Bounds in seconds, ascending.
fn read_buckets(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Vec<f64>> {
    let field = fields.take("histogram_buckets")?;
    let mut bounds = Vec::new();
    for item in reading.list(&field) {
        let bound: f64 = reading.parse(&item)?;
        if !bound.is_finite() || bounds.last().is_some_and(|&last| last >= bound) {
            reading.error(&item, "bounds are seconds, each above the one before");
        }
        bounds.push(bound);
    }
    if bounds.is_empty() {
        reading.error(&field, "at least one bound is needed");
    }
    if bounds.len() > BOUNDS_MAX {
        reading.error(&field, format!("{BOUNDS_MAX} bounds are enough; use native histograms"));
    }
    Some(bounds)
}

fn read_count(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    key: &'static str,
) -> Option<u64> {
    let field = fields.take(key)?;
    let count = reading.number(&field)?;
    if count == 0 {
        reading.error(&field, "it must be above zero");
    }
    Some(count)
}

fn read_switch(reading: &mut Reading<'_>, fields: &mut Fields<'_>, key: &'static str) -> bool {
    fields.take(key).and_then(|field| reading.boolean(&field)).unwrap_or(false)
}
