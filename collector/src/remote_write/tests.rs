//! Sending, against a receiver behind a real socket that says what it is told to say.

use super::{
    Exemplar, Kind, Metrics, Remote, STALE, Series, Value,
    answer::{self, Outcome},
    queue::Queue,
    request::{Counts, Request},
};
use crate::{
    Labels,
    config::{Config, RemoteWrite, WriteMessage},
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use prost::Message;
use sigyn_proto::prometheus::{write_v1, write_v2};
use sigyn_store::Clock;
use std::{collections::VecDeque, path::Path, sync::Arc, time::Duration};
use tokio::net::TcpListener;

const NOW_MILLI: i64 = 1_790_000_000_000;
const PATIENCE: Duration = Duration::from_secs(20);

struct Frozen;

impl Clock for Frozen {
    fn now_unix_nano(&self) -> u64 {
        NOW_MILLI as u64 * 1_000_000
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// What came, and what is answered: success when nothing else is said.
#[derive(Default)]
struct Receiver {
    came: Mutex<Vec<(HeaderMap, Bytes)>>,
    script: Mutex<VecDeque<(u16, HeaderMap)>>,
}

impl Receiver {
    async fn start(listener: TcpListener) -> Arc<Self> {
        let receiver = Arc::new(Self::default());
        let router = Router::new().route("/write", post(Self::write)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    async fn write(State(this): State<Arc<Self>>, headers: HeaderMap, body: Bytes) -> Response {
        let scripted = this.script.lock().pop_front();
        let (status, answer) = scripted.unwrap_or_else(|| (204, written(&headers, &body)));
        if status < 300 {
            let plain = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
            this.came.lock().push((headers, plain.into()));
        }
        (StatusCode::from_u16(status).unwrap(), answer, "a sentence").into_response()
    }

    fn says(&self, status: u16, headers: &[(&'static str, &str)]) {
        let headers = headers.iter().map(|(name, value)| {
            let name = header::HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        });
        self.script.lock().push_back((status, headers.collect()));
    }

    /// All samples in the order in which they came: series as text, time, value.
    fn samples(&self) -> Vec<(String, i64, f64)> {
        let mut samples = Vec::new();
        for (headers, body) in &*self.came.lock() {
            for (labels, series) in series_of(headers, body) {
                let all = series.samples.iter().map(|it| (labels.clone(), it.timestamp, it.value));
                samples.extend(all);
            }
        }
        samples
    }
}

/// What version 2 wants to hear.
fn written(headers: &HeaderMap, body: &[u8]) -> HeaderMap {
    let plain = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let all = series_of(headers, &plain);
    let counts = [
        ("samples", all.iter().map(|(_, it)| it.samples.len()).sum::<usize>()),
        ("histograms", all.iter().map(|(_, it)| it.histograms.len()).sum()),
        ("exemplars", all.iter().map(|(_, it)| it.exemplars.len()).sum()),
    ];
    let header = |(kind, count): (&str, usize)| {
        let name = format!("x-prometheus-remote-write-{kind}-written");
        (name.parse::<header::HeaderName>().unwrap(), HeaderValue::from(count))
    };
    counts.into_iter().map(header).collect()
}

/// Both versions as the first, with the labels as text.
fn series_of(headers: &HeaderMap, plain: &[u8]) -> Vec<(String, write_v1::TimeSeries)> {
    let version = headers["x-prometheus-remote-write-version"].to_str().unwrap();
    assert_eq!(headers[header::CONTENT_ENCODING], "snappy");
    let content_type = headers[header::CONTENT_TYPE].to_str().unwrap();
    let all = if version == "2.0.0" {
        assert_eq!(content_type, "application/x-protobuf;proto=io.prometheus.write.v2.Request");
        let request = write_v2::Request::decode(plain).unwrap();
        assert_eq!(request.symbols[0], "");
        let pairs = |numbers: &[u32]| -> Vec<write_v1::Label> {
            let pair = |it: &[u32]| write_v1::Label {
                name: request.symbols[it[0] as usize].clone(),
                value: request.symbols[it[1] as usize].clone(),
            };
            numbers.chunks_exact(2).map(pair).collect()
        };
        let exemplar = |it: &write_v2::Exemplar| write_v1::Exemplar {
            labels: pairs(&it.labels_refs),
            value: it.value,
            timestamp: it.timestamp,
        };
        let series = |it: &write_v2::TimeSeries| {
            assert!(!request.symbols[it.metadata.unwrap().help_ref as usize].is_empty());
            write_v1::TimeSeries {
                labels: pairs(&it.labels_refs),
                samples: it.samples.clone(),
                exemplars: it.exemplars.iter().map(exemplar).collect(),
                histograms: it.histograms.clone(),
            }
        };
        request.timeseries.iter().map(series).collect()
    } else {
        assert_eq!((version, content_type), ("0.1.0", "application/x-protobuf"));
        write_v1::WriteRequest::decode(plain).unwrap().timeseries
    };
    let text = |series: &write_v1::TimeSeries| {
        assert!(series.labels.is_sorted_by(|a, b| a.name < b.name), "{:?}", series.labels);
        let labels = series.labels.iter().map(|it| format!("{}={}", it.name, it.value));
        labels.collect::<Vec<_>>().join(",")
    };
    all.into_iter().map(|series| (text(&series), series)).collect()
}

fn config(yaml: &str) -> RemoteWrite {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sigyn.yml");
    let text = format!("metrics_generator: {{span_metrics: {{}}, remote_write: [{{{yaml}}}]}}\n");
    std::fs::write(&file, text).unwrap();
    let (config, _) = Config::load(&file).unwrap();
    config.metrics_generator.unwrap().remote_write.remove(0)
}

fn start(yaml: &str, folder: &Path, registry: &mut Registry) -> Remote {
    let mut external = Labels::new();
    external.set("cluster", "eu-1");
    let metrics = Metrics::register(registry);
    Remote::start(&config(yaml), &external, folder, Arc::new(Frozen), metrics).unwrap()
}

fn enqueue(remote: &Remote, name: &str, unix_milli: i64, value: f64) {
    let mut requests = remote.requests();
    requests.add(&Series {
        labels: &[("__name__", name), ("zone", "a"), ("empty", "")],
        metric: "calls",
        help: "Calls",
        kind: Kind::Counter,
        values: &[(unix_milli, Value::Number(value))],
        exemplars: &[],
    });
    remote.enqueue(requests, unix_milli).unwrap();
}

async fn eventually(mut check: impl FnMut() -> bool) {
    let checked = async {
        while !check() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, checked).await.expect("it happens in time");
}

fn metric(registry: &Registry, line: &str) -> bool {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text.lines().any(|it| it.starts_with(line))
}

#[tokio::test]
async fn both_versions_say_the_same() {
    for message in ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"] {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Receiver::start(listener).await;
        let mut registry = Registry::default();
        let remote = start(
            &format!(
                "url: 'http://{address}/write', name: peer, protobuf_message: {message}, send_exemplars: true, \
                 send_native_histograms: true, headers: {{X-Scope-OrgID: shop}}, basic_auth: {{username: me, password: it}}, \
                 write_relabel_configs: [{{source_labels: [__name__], regex: noise, action: drop}}, {{action: labeldrop, regex: zone}}]"
            ),
            folder.path(),
            &mut registry,
        );
        let mut requests = remote.requests();
        let labels = [("traceID", "ab".to_owned())];
        let exemplar =
            Exemplar { labels: &labels, value: 0.25, timestamp_unix_milli: NOW_MILLI - 5 };
        let histogram =
            write_v1::Histogram { count_int: 3, sum: 1.5, schema: 3, ..Default::default() };
        let series = |name, values, exemplars| {
            let labels = [("zone", "a"), ("__name__", name), ("cluster", "own")];
            (labels, values, exemplars)
        };
        for (labels, values, exemplars) in [
            series("noise", vec![(NOW_MILLI, Value::Number(1.0))], vec![]),
            series(
                "calls",
                vec![(NOW_MILLI - 9, Value::Number(0.0)), (NOW_MILLI, Value::Number(STALE))],
                vec![exemplar],
            ),
            series("latency", vec![(NOW_MILLI, Value::Histogram(histogram))], vec![]),
        ] {
            requests.add(&Series {
                labels: &labels,
                metric: "calls",
                help: "Calls",
                kind: Kind::Counter,
                values: &values,
                exemplars: &exemplars,
            });
        }
        remote.enqueue(requests, NOW_MILLI).unwrap();
        eventually(|| metric(&registry, "sigyn_remote_write_pending_samples{remote=\"peer\"} 0"))
            .await;
        let came = receiver.came.lock().clone();
        let [(headers, body)] = &came[..] else { panic!("one request, not {}", came.len()) };
        assert_eq!(headers["x-scope-orgid"], "shop");
        assert_eq!(headers[header::AUTHORIZATION], "Basic bWU6aXQ=");
        let all = series_of(headers, body);
        let [(calls, first), (latency, second)] = &all[..] else { panic!("{all:?}") };
        assert_eq!(calls, "__name__=calls,cluster=own");
        assert_eq!((first.samples[0].value, first.samples[0].timestamp), (0.0, NOW_MILLI - 9));
        assert_eq!(first.samples[1].value.to_bits(), 0x7ff0_0000_0000_0002);
        assert_eq!((first.exemplars[0].value, first.exemplars[0].timestamp), (0.25, NOW_MILLI - 5));
        assert_eq!(
            (&*first.exemplars[0].labels[0].name, &*first.exemplars[0].labels[0].value),
            ("traceID", "ab")
        );
        assert_eq!(latency, "__name__=latency,cluster=own");
        let histogram = &second.histograms[0];
        assert_eq!((histogram.count_int, histogram.sum, histogram.timestamp), (3, 1.5, NOW_MILLI));
        for (what, count) in [("samples", 2), ("histograms", 1), ("exemplars", 1)] {
            let line = format!("sigyn_remote_write_sent_{what}_total{{remote=\"peer\"}} {count}");
            assert!(metric(&registry, &line), "{line}");
        }
    }
}

#[tokio::test]
async fn a_receiver_in_trouble_is_asked_again_and_one_that_refuses_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let receiver = Receiver::start(listener).await;
    receiver.says(503, &[]);
    receiver.says(429, &[("retry-after", "0")]);
    receiver.says(400, &[]);
    receiver.says(500, &[]);
    let mut registry = Registry::default();
    let yaml =
        format!("url: 'http://{address}/write', name: peer, queue_config: {{min_backoff: 1ms}}");
    let remote = start(&yaml, folder.path(), &mut registry);
    for at in 0..3 {
        enqueue(&remote, "calls", NOW_MILLI + at, at as f64);
    }
    eventually(|| metric(&registry, "sigyn_remote_write_sent_samples_total{remote=\"peer\"} 2"))
        .await;
    let came: Vec<_> = receiver.samples().into_iter().map(|(_, _, value)| value).collect();
    assert_eq!(came, [1.0, 2.0]);
    assert!(metric(
        &registry,
        "sigyn_remote_write_dropped_samples_total{remote=\"peer\",reason=\"refused\"} 1"
    ));
    assert!(metric(&registry, "sigyn_remote_write_retried_requests_total{remote=\"peer\"} 3"));
    remote.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn what_waits_survives_a_restart_and_goes_in_order() {
    let folder = tempfile::tempdir().unwrap();
    // Bound, so that nobody else takes the port, but not served: connections hang.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let yaml = format!(
        "url: 'http://{}/write', queue_config: {{max_samples_per_send: 1}}",
        listener.local_addr().unwrap()
    );
    let remote = start(&yaml, folder.path(), &mut Registry::default());
    for at in 0..5 {
        enqueue(&remote, "calls", NOW_MILLI + at, at as f64);
    }
    remote.stop(Duration::ZERO).await;

    let receiver = Receiver::start(listener).await;
    let mut registry = Registry::default();
    let remote = start(&yaml, folder.path(), &mut registry);
    enqueue(&remote, "calls", NOW_MILLI + 5, 5.0);
    eventually(|| receiver.samples().len() == 6).await;
    let expected: Vec<_> = (0..6)
        .map(|at| ("__name__=calls,cluster=eu-1,zone=a".to_owned(), NOW_MILLI + at, at as f64))
        .collect();
    assert_eq!(receiver.samples(), expected);
    remote.stop(PATIENCE).await;
    let left = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::read_dir(left).unwrap().count(), 0);
}

fn request(bytes: usize) -> Request {
    let counts = Counts { samples: 1, histograms: 0, exemplars: 0 };
    Request { message: WriteMessage::V2, counts, body: vec![7; bytes].into() }
}

#[test]
fn the_oldest_make_room_and_the_too_old_go() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Queue::open(folder.path(), 1000, Duration::from_secs(60)).unwrap();
    let queue = open();
    let lost: Vec<_> = (0..5).map(|at| queue.push(&[request(300)], at * 10_000).unwrap()).collect();
    assert_eq!(lost.iter().map(|it| it.queue_full).sum::<u64>(), 2);
    assert_eq!(queue.size().0, 3);
    drop(queue);

    let queue = open();
    let (oldest, lost) = queue.oldest(85_000);
    assert_eq!((oldest.unwrap().unix_milli, lost.too_old), (30_000, 1));
    let oldest = oldest.unwrap();
    assert_eq!(queue.read(&oldest).unwrap().unwrap(), [request(300)]);
    // A clock that goes back does not take the samples with it.
    queue.push(&[request(1)], 5_000).unwrap();
    queue.remove(&oldest);
    queue.remove(&queue.oldest(85_000).0.unwrap());
    assert_eq!(queue.oldest(85_000).0.unwrap().unix_milli, 40_000);
}

#[test]
fn a_damaged_file_is_told_from_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Queue::open(folder.path(), 1 << 20, Duration::from_secs(60)).unwrap();
    queue.push(&[request(20), request(0), request(300)], 0).unwrap();
    let entry = queue.oldest(0).0.unwrap();
    assert_eq!(queue.read(&entry).unwrap().unwrap().len(), 3);
    let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        std::fs::write(&path, damaged).unwrap();
        assert!(queue.read(&entry).is_err(), "byte {at}");
    }
}

#[test]
fn answers_mean_what_the_specification_says() {
    let outcome = |message, status, headers: &[(&'static str, &str)]| {
        let headers = headers.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        let counts = Counts { samples: 5, histograms: 0, exemplars: 2 };
        let request = Request { message, counts, body: Bytes::new() };
        let status = StatusCode::from_u16(status).unwrap();
        answer::outcome(&request, status, &headers.collect(), "why", NOW_MILLI as u64 * 1_000_000)
    };
    let whole = Counts { samples: 5, histograms: 0, exemplars: 2 };
    assert_eq!(outcome(WriteMessage::V1, 200, &[]), Outcome::Written(whole, None));
    // Success without a word about what was written is a receiver that knows version 1 only.
    let silent = outcome(WriteMessage::V2, 204, &[]);
    assert!(matches!(silent, Outcome::Written(counts, Some(_)) if counts == Counts::default()));
    let partial = [
        ("x-prometheus-remote-write-samples-written", "4"),
        ("x-prometheus-remote-write-exemplars-written", "0"),
    ];
    let partial = outcome(WriteMessage::V2, 204, &partial);
    assert!(matches!(partial, Outcome::Written(counts, Some(_)) if counts.total() == 4));
    for status in [400, 401, 404, 409, 413, 422] {
        assert!(matches!(outcome(WriteMessage::V1, status, &[]), Outcome::Refused(_)), "{status}");
    }
    let Outcome::Refused(why) = outcome(WriteMessage::V2, 415, &[]) else { panic!("refused") };
    assert!(why.contains("protobuf_message"), "{why}");
    for (told, seconds) in [
        ("7", 7),
        ("Mon, 21 Sep 2026 14:13:25 GMT", 5),
        ("Mon, 21 Sep 2020 00:00:00 GMT", 0),
        ("?", 0),
        ("99999", 300),
    ] {
        for status in [429, 500, 503] {
            let Outcome::Later(wait, _) =
                outcome(WriteMessage::V1, status, &[("retry-after", told)])
            else {
                panic!("{status} is not for ever")
            };
            assert_eq!(wait.as_secs(), seconds, "{told}");
        }
    }
}
