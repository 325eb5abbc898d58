//! `remote_write`: one receiver of series, with Prometheus' keys.

use crate::{
    config::{
        ByteSize, Field, Fields, HttpClient, HttpHeader, PrometheusDuration, Reading,
        http_read::read_http,
        parts::read_url,
        print::{Printed, PrintedMap},
    },
    relabel::{Rule, read_rules},
};
use std::time::Duration;

/// Keys that Prometheus has and that mean nothing here.
const UNUSED: [&str; 2] = ["metadata_config", "round_robin_dns"];
const UNUSED_IN_QUEUE: [&str; 4] =
    ["capacity", "min_shards", "batch_send_deadline", "retry_on_http_429"];

/// Headers that the sender sets itself.
const RESERVED: [&str; 6] = [
    "authorization",
    "content-encoding",
    "content-type",
    "host",
    "user-agent",
    "x-prometheus-remote-write-version",
];

/// One receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteWrite {
    /// The endpoint.
    pub url: String,
    /// What it is called in metrics and logs; default: the URL.
    pub name: Option<String>,
    /// How long a request may take.
    pub remote_timeout: PrometheusDuration,
    /// Rules over each series' labels.
    pub write_relabel_configs: Vec<Rule>,
    /// Whether exemplars go along.
    pub send_exemplars: bool,
    /// Whether native histograms go along.
    pub send_native_histograms: bool,
    /// The version of the protocol.
    pub message: WriteMessage,
    /// What waits, and how it is sent.
    pub queue: QueueConfig,
    /// Credentials, TLS and further headers.
    pub http: HttpClient,
}

/// `protobuf_message`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteMessage {
    /// `prometheus.WriteRequest`.
    #[default]
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

/// `queue_config`.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueConfig {
    /// Requests at a time.
    pub max_shards: u32,
    /// Samples, histograms and exemplars of a request.
    pub max_samples_per_send: u32,
    /// First wait after a failure.
    pub min_backoff: PrometheusDuration,
    /// Longest wait after many.
    pub max_backoff: PrometheusDuration,
    /// What is older is dropped.
    pub sample_age_limit: PrometheusDuration,
    /// Bytes on disk at most; the oldest make room.
    pub max_bytes: ByteSize,
}

impl Default for QueueConfig {
    /// 4 requests at a time of 2,000 samples, waits of 30 ms to 5 s, two hours or 256 MiB on disk.
    fn default() -> Self {
        Self {
            max_shards: 4,
            max_samples_per_send: 2000,
            min_backoff: PrometheusDuration(Duration::from_millis(30)),
            max_backoff: PrometheusDuration::from_seconds(5),
            sample_age_limit: PrometheusDuration::from_seconds(2 * 3600),
            max_bytes: ByteSize(256 << 20),
        }
    }
}

impl WriteMessage {
    fn name(self) -> &'static str {
        match self {
            Self::V1 => "prometheus.WriteRequest",
            Self::V2 => "io.prometheus.write.v2.Request",
        }
    }
}

impl RemoteWrite {
    pub(crate) fn read(reading: &mut Reading<'_>, item: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(item)?;
        let url = read_url(reading, &mut fields, item);
        let name = fields.take("name").and_then(|field| reading.text(&field));
        let remote_timeout = fields.take("remote_timeout");
        let remote_timeout = remote_timeout.and_then(|field| reading.positive_duration(&field));
        let rules = fields.take("write_relabel_configs");
        let mut switch = |key: &'static str| {
            fields.take(key).and_then(|field| reading.boolean(&field)).unwrap_or(false)
        };
        let send_exemplars = switch("send_exemplars");
        let send_native_histograms = switch("send_native_histograms");
        let write_relabel_configs =
            rules.map(|field| read_rules(reading, &field, false)).unwrap_or_default();
        let message = fields.take("protobuf_message");
        let message = message.and_then(|field| read_message(reading, &field)).unwrap_or_default();
        let headers = fields.take("headers");
        let mut http = read_http(reading, &mut fields);
        if let Some(field) = headers {
            http.headers.extend(read_headers(reading, &field));
            http.headers.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let queue = fields.take("queue_config");
        let queue = queue.and_then(|field| QueueConfig::read(reading, &field)).unwrap_or_default();
        pass_over(reading, &mut fields, &UNUSED);
        fields.finish(reading);
        let remote_timeout = remote_timeout.unwrap_or(PrometheusDuration::from_seconds(30));
        Some(Self {
            url,
            name,
            remote_timeout,
            write_relabel_configs,
            send_exemplars,
            send_native_histograms,
            message,
            queue,
            http,
        })
    }

    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        let rules = self.write_relabel_configs.iter().cloned().map(Printed::Rule).collect();
        map.add("url", Printed::text(&self.url))
            .maybe("name", self.name.as_ref().map(Printed::text))
            .add("remote_timeout", Printed::text(self.remote_timeout))
            .list("write_relabel_configs", Printed::List(rules))
            .add("send_exemplars", Printed::Boolean(self.send_exemplars))
            .add("send_native_histograms", Printed::Boolean(self.send_native_histograms))
            .add("protobuf_message", Printed::text(self.message.name()))
            .add("queue_config", self.queue.print())
            .http(&self.http);
        map.done()
    }
}

impl QueueConfig {
    fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(field)?;
        let mut queue = Self::default();
        for (key, place) in [
            ("max_shards", &mut queue.max_shards),
            ("max_samples_per_send", &mut queue.max_samples_per_send),
        ] {
            let Some(field) = fields.take(key) else { continue };
            match reading.number(&field).map(u32::try_from) {
                Some(Ok(number)) if number > 0 => *place = number,
                Some(_) => reading.error(&field, "it must be above zero and below 2^32"),
                None => {}
            }
        }
        for (key, place) in [
            ("min_backoff", &mut queue.min_backoff),
            ("max_backoff", &mut queue.max_backoff),
            ("sample_age_limit", &mut queue.sample_age_limit),
        ] {
            let Some(field) = fields.take(key) else { continue };
            *place = reading.positive_duration(&field).unwrap_or(*place);
        }
        if let Some(field) = fields.take("max_bytes") {
            queue.max_bytes = reading.parse(&field).unwrap_or(queue.max_bytes);
        }
        pass_over(reading, &mut fields, &UNUSED_IN_QUEUE);
        fields.finish(reading);
        Some(queue)
    }

    fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("max_shards", Printed::Number(self.max_shards.into()))
            .add("max_samples_per_send", Printed::Number(self.max_samples_per_send.into()))
            .add("min_backoff", Printed::text(self.min_backoff))
            .add("max_backoff", Printed::text(self.max_backoff))
            .add("sample_age_limit", Printed::text(self.sample_age_limit))
            .add("max_bytes", Printed::text(self.max_bytes));
        map.done()
    }
}

fn read_message(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<WriteMessage> {
    let text = reading.text(field)?;
    let found = [WriteMessage::V1, WriteMessage::V2].into_iter().find(|it| it.name() == text);
    if found.is_none() {
        let (first, second) = (WriteMessage::V1.name(), WriteMessage::V2.name());
        reading.error(field, format!("{text:?} is neither `{first}` nor `{second}`"));
    }
    found
}

/// `headers` of remote write are plain pairs.
fn read_headers(reading: &mut Reading<'_>, field: &Field<'_>) -> Vec<HttpHeader> {
    let mut headers = Vec::new();
    for (name, value) in reading.text_map(field) {
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            reading.error(field, format!("the header {name} is set by the sender itself"));
        } else if http::HeaderName::try_from(name.as_str()).is_err()
            || http::HeaderValue::try_from(value.as_str()).is_err()
        {
            reading.error(field, format!("{name:?} is not a header, or its value cannot be sent"));
        } else {
            let (secrets, files) = (Vec::new(), Vec::new());
            headers.push(HttpHeader { name, values: vec![value], secrets, files });
        }
    }
    headers
}

fn pass_over(reading: &mut Reading<'_>, fields: &mut Fields<'_>, keys: &[&'static str]) {
    for key in keys {
        if let Some(field) = fields.take_even_null(key) {
            reading
                .warn(&field, format!("`{key}` means nothing to this sender and is passed over"));
        }
    }
}
