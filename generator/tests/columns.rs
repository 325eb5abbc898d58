//! The generator against a naive count over plain spans, with a real store between.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

#[path = "columns/model.rs"]
mod model;

use bytes::Bytes;
use model::{Calls, Model};
use prost::Message;
use sigyn_generator::{
    Arrival, Config, Family, Format, Generator, Histograms, ServiceGraphs, SpanMetrics, StateError,
    Value, write,
};
use sigyn_proto::{
    otlp::{
        collector::trace::v1::ExportTraceServiceRequest,
        common::v1::{AnyValue, KeyValue, any_value},
        resource::v1::Resource,
        trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
    },
    prometheus::exposition::MetricFamily,
};
use sigyn_store::{Batch, Clock, Snapshot, Source, Store, Via};
use sigyn_workload::Workload;
use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

const START: u64 = 1_790_000_000_000_000_000;

struct Frozen;

impl Clock for Frozen {
    fn now_unix_nano(&self) -> u64 {
        START
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

async fn snapshot(bodies: Vec<Bytes>) -> (Snapshot, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = sigyn_store::Config::at(folder.path());
    let mut registry = prometheus_client::registry::Registry::default();
    let store = Store::open(config, Arc::new(Frozen), &mut registry).await.unwrap();
    for body in bodies {
        let batch = Batch {
            via: Via::Otlp,
            body,
            compressed: None,
            overlay: Arc::default(),
            reach: None,
            gap: None,
        };
        store.append(batch).await.unwrap();
    }
    let snapshot = store.snapshot();
    store.close().await.unwrap();
    (snapshot, folder)
}

fn everything() -> Config {
    Config {
        span_metrics: Some(SpanMetrics::default()),
        service_graphs: Some(ServiceGraphs::default()),
        histograms: Histograms::Both,
        ..Config::default()
    }
}

/// Feeds all rows of a snapshot, in pieces, as a tail of the head would.
fn feed(generator: &Generator, snapshot: &Snapshot) {
    for source in &snapshot.sources {
        let rows = source.rows();
        for start in (0..rows).step_by(97) {
            let piece = start..rows.min(start + 97);
            generator.observe(&**source, piece, Arrival::Live, Duration::ZERO).unwrap();
        }
    }
}

fn numbers(families: &[Family], name: &str) -> BTreeMap<Vec<String>, u64> {
    let family = families.iter().find(|family| family.name == name);
    let points = family.map(|family| &*family.points).unwrap_or_default();
    points
        .iter()
        .map(|point| {
            let labels = point.labels.iter().map(|(_, value)| value.to_string()).collect();
            let number = match &point.value {
                Value::Number(number) => *number as u64,
                Value::Histogram(histogram) => histogram.count,
            };
            (labels, number)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_and_buckets_are_those_of_the_spans() {
    let (bodies, _) = Workload::bodies(11, 300, START, 60_000_000_000);
    let bodies: Vec<Bytes> = bodies.into_iter().map(|body| body.bytes.into()).collect();
    let model = Model::of(&bodies);
    let (snapshot, _folder) = snapshot(bodies).await;
    let generator = Generator::new(&everything());
    feed(&generator, &snapshot);

    let families = generator.collect();
    assert_eq!(numbers(&families, "traces_spanmetrics_calls"), model.calls());
    assert_eq!(numbers(&families, "traces_spanmetrics_size"), model.sizes);
    let latency = families.iter().find(|it| it.name == "traces_spanmetrics_latency").unwrap();
    assert_eq!(latency.points.len(), model.series.len());
    for point in &latency.points {
        let labels: Vec<String> = point.labels.iter().map(|(_, value)| value.to_string()).collect();
        let Value::Histogram(histogram) = &point.value else { panic!("a histogram") };
        let expected = &model.series[&labels];
        assert_eq!(histogram.count, expected.len() as u64);
        let sum: f64 = expected.iter().sum();
        assert!((histogram.sum - sum).abs() <= 1e-9 * sum.max(1.0), "{labels:?}");
        for (at, &count) in histogram.counts.iter().enumerate() {
            let above = at.checked_sub(1).map_or(f64::NEG_INFINITY, |at| histogram.bounds[at]);
            let bound = histogram.bounds.get(at).copied().unwrap_or(f64::INFINITY);
            let within = expected.iter().filter(|&&it| it > above && it <= bound).count();
            assert_eq!(count, within as u64, "{labels:?} at {bound}");
        }
        let native = histogram.native.as_ref().unwrap();
        assert_eq!(native.zero_count + native.buckets.values().sum::<u64>(), histogram.count);
        for (_, exemplar) in histogram.exemplars() {
            assert!(model.spans.contains(&(exemplar.trace_id, exemplar.span_id)));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edges_are_exactly_the_calls() {
    let (bodies, _) = Workload::bodies(12, 300, START, 60_000_000_000);
    let bodies: Vec<Bytes> = bodies.into_iter().map(|body| body.bytes.into()).collect();
    let Model { edges, .. } = Model::of(&bodies);
    let (snapshot, _folder) = snapshot(bodies).await;
    let generator = Generator::new(&everything());
    feed(&generator, &snapshot);
    generator.expire(Duration::from_secs(60));
    assert_eq!(generator.stats().waiting_edges, 0);

    let families = generator.collect();
    let total = edges.iter().map(|(labels, calls)| (labels.clone(), calls.total));
    assert_eq!(numbers(&families, "traces_service_graph_request"), total.collect());
    let failed = edges.iter().map(|(labels, calls)| (labels.clone(), calls.failed));
    assert_eq!(numbers(&families, "traces_service_graph_request_failed"), failed.collect());
    assert!(edges.len() > 20 && edges.values().any(|&Calls { failed, .. }| failed > 0));
}

/// Feeds the pieces of a snapshot in an order that the seed draws, a second apart: targets are scraped at different
/// moments. `at_half` may put another generator in the place of the first.
fn feed_shuffled(
    generator: Generator,
    snapshot: &Snapshot,
    seed: u64,
    at_half: impl FnOnce(Generator, Duration) -> Generator,
) -> Generator {
    let mut pieces = Vec::new();
    for source in &snapshot.sources {
        let rows = source.rows();
        pieces.extend((0..rows).step_by(61).map(|at| (source, at..rows.min(at + 61))));
    }
    pieces.sort_by_key(|(_, rows)| (rows.start as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (half, mut now) = (pieces.len() / 2, Duration::from_secs(100));
    let second = pieces.split_off(half);
    let mut observe = |generator: &Generator, pieces: Vec<(&Arc<dyn Source>, Range<usize>)>| {
        for (source, rows) in pieces {
            generator.observe(&**source, rows, Arrival::Live, now).unwrap();
            generator.expire(now);
            now += Duration::from_millis(200);
        }
        now
    };
    let now = observe(&generator, pieces);
    let generator = at_half(generator, now);
    observe(&generator, second);
    generator.expire(Duration::from_secs(3600));
    generator
}

/// What a generator says, without exemplars, as text in an order of its own.
fn told(generator: &Generator) -> Vec<String> {
    let text = String::from_utf8(write(&generator.collect(), Format::Text)).unwrap();
    let mut lines: Vec<String> = text
        .lines()
        // Sums of floats depend on the order.
        .filter(|line| !line.contains("_sum{"))
        .map(|line| line.split(" # ").next().unwrap().to_owned())
        .collect();
    lines.sort();
    lines
}

fn patient() -> Config {
    let wait = Duration::from_secs(1000);
    let service_graphs = ServiceGraphs { wait, ..ServiceGraphs::default() };
    let stale_duration = Duration::from_secs(100_000);
    Config { service_graphs: Some(service_graphs), stale_duration, ..everything() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_life_goes_on_exactly_where_one_ended() {
    let (bodies, _) = Workload::bodies(13, 200, START, 60_000_000_000);
    let bodies: Vec<Bytes> = bodies.into_iter().map(|body| body.bytes.into()).collect();
    let model = Model::of(&bodies);
    let (snapshot, _folder) = snapshot(bodies).await;
    let one = feed_shuffled(Generator::new(&patient()), &snapshot, 1, |it, _| it);
    let total = model.edges.iter().map(|(labels, calls)| (labels.clone(), calls.total));
    assert_eq!(numbers(&one.collect(), "traces_service_graph_request"), total.collect());

    let two = feed_shuffled(Generator::new(&patient()), &snapshot, 1, |first, now| {
        let state = first.save(now, START);
        let second = Generator::new(&patient());
        let later = now + Duration::from_secs(5);
        let moment = second.restore(&state, later, START + 5_000_000_000).unwrap();
        assert!(moment <= START, "what came a minute ago may come again");
        assert_eq!(told(&second), told(&first));
        second
    });
    assert_eq!(told(&two), told(&one));
    assert_eq!(two.stats().repeated_spans, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_span_that_comes_twice_is_counted_once() {
    let (bodies, _) = Workload::bodies(14, 50, START, 60_000_000_000);
    let bodies: Vec<Bytes> = bodies.into_iter().map(|body| body.bytes.into()).collect();
    let (snapshot, _folder) = snapshot(bodies).await;
    let generator = Generator::new(&everything());
    feed(&generator, &snapshot);
    let once = told(&generator);
    feed(&generator, &snapshot);
    assert_eq!(told(&generator), once);
    let spans: usize = snapshot.sources.iter().map(|it| it.rows()).sum();
    assert_eq!(generator.stats().repeated_spans, spans as u64);

    // The same for another life, which knows of them by what the first one remembered.
    let next = Generator::new(&everything());
    let state = generator.save(Duration::ZERO, START);
    let moment = next.restore(&state, Duration::ZERO, START).unwrap();
    for source in &snapshot.sources {
        let rows = 0..source.rows();
        next.observe(&**source, rows, Arrival::Again(moment), Duration::ZERO).unwrap();
    }
    assert_eq!(told(&next), once);
}

#[test]
fn a_state_of_other_settings_or_a_damaged_one_is_refused() {
    let generator = Generator::new(&everything());
    let state = generator.save(Duration::ZERO, START);
    let mut other = everything();
    other.histograms = Histograms::Classic;
    let refused = Generator::new(&other).restore(&state, Duration::ZERO, START);
    assert_eq!(refused, Err(StateError::OtherSettings));
    let refused = generator.restore(b"\xff\xff", Duration::ZERO, START);
    assert_eq!(refused, Err(StateError::Malformed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_received_by_all_who_subscribed() {
    let expected = BTreeMap::from([
        (labels(&["shop", "ledger", "messaging_system"]), 1),
        (labels(&["shop", "mailer", "messaging_system"]), 1),
    ]);
    let mut bodies = vec![
        body("shop", vec![span(1, 9, 4, &[("peer.service", "kafka")])]),
        body("mailer", vec![span(2, 1, 5, &[])]),
        body("ledger", vec![span(3, 1, 5, &[])]),
    ];
    // Whoever is read first.
    for _ in 0..3 {
        assert_eq!(graph_of(bodies.clone()).await, expected);
        bodies.rotate_left(1);
    }
}

fn span(id: u8, parent: u8, kind: i32, attributes: &[(&str, &str)]) -> Span {
    let parent = if parent == 0 { Vec::new() } else { vec![parent; 8] };
    let attribute = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue((*value).to_owned())) }),
        ..KeyValue::default()
    };
    Span {
        trace_id: vec![7; 16],
        span_id: vec![id; 8],
        parent_span_id: parent,
        name: "work".to_owned(),
        kind,
        start_time_unix_nano: START + u64::from(id) * 1_000_000,
        end_time_unix_nano: START + u64::from(id) * 1_000_000 + 3_000_000,
        attributes: attributes.iter().map(attribute).collect(),
        status: Some(Status::default()),
        ..Span::default()
    }
}

fn body(service: &str, spans: Vec<Span>) -> Bytes {
    let name = KeyValue {
        key: "service.name".to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(service.to_owned())) }),
        ..KeyValue::default()
    };
    let resource = Resource { attributes: vec![name], ..Resource::default() };
    let spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec().into()
}

async fn graph_of(bodies: Vec<Bytes>) -> BTreeMap<Vec<String>, u64> {
    let (snapshot, _folder) = snapshot(bodies).await;
    let generator = Generator::new(&everything());
    feed(&generator, &snapshot);
    generator.expire(Duration::from_secs(60));
    numbers(&generator.collect(), "traces_service_graph_request")
}

fn labels(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_queues_and_strangers_are_nodes() {
    let graph = graph_of(vec![
        body("front", vec![span(1, 0, 2, &[]), span(2, 1, 4, &[])]),
        body("worker", vec![span(3, 2, 5, &[])]),
        body(
            "worker",
            vec![
                span(4, 3, 3, &[("db.system", "postgresql"), ("server.address", "db-1")]),
                span(5, 3, 3, &[("peer.service", "bank")]),
                span(6, 3, 3, &[]),
            ],
        ),
    ])
    .await;
    let expected = [
        (labels(&["front", "worker", "messaging_system"]), 1),
        (labels(&["user", "front", "virtual_node"]), 1),
        (labels(&["worker", "bank", "virtual_node"]), 1),
        (labels(&["worker", "db-1", "database"]), 1),
    ];
    assert_eq!(graph, BTreeMap::from(expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_formats_say_the_same() {
    let bodies = vec![body("a\"b\\c\nd", vec![span(1, 0, 2, &[("region", "eu")])])];
    let (snapshot, _folder) = snapshot(bodies).await;
    let metrics = SpanMetrics { dimensions: vec!["region".to_owned()], ..SpanMetrics::default() };
    let generator = Generator::new(&Config { span_metrics: Some(metrics), ..everything() });
    feed(&generator, &snapshot);
    let families = generator.collect();

    let text = String::from_utf8(write(&families, Format::Text)).unwrap();
    let service = r#"service="a\"b\\c\nd",span_name="work",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET",region="eu""#;
    let calls = format!("traces_spanmetrics_calls_total{{{service}}} 1\n");
    assert!(text.contains(&calls), "{text}");
    let exemplar = "# {traceID=\"07070707070707070707070707070707\",spanID=\"0101010101010101\"} 0.003 1790000000.004";
    let bucket =
        format!("traces_spanmetrics_latency_bucket{{{service},le=\"0.004\"}} 1 {exemplar}\n");
    assert!(text.contains(&bucket), "{text}");
    assert!(text.ends_with("# EOF\n"));

    let protobuf = write(&families, Format::Protobuf);
    let (mut rest, mut decoded) = (&*protobuf, Vec::new());
    while !rest.is_empty() {
        decoded.push(MetricFamily::decode_length_delimited(&mut rest).unwrap());
    }
    assert_eq!(decoded.len(), families.len());
    let latency = decoded.iter().find(|it| it.name == "traces_spanmetrics_latency").unwrap();
    let histogram = latency.metric[0].histogram.as_ref().unwrap();
    assert_eq!(histogram.sample_count, 1);
    assert_eq!(histogram.bucket.last().unwrap().cumulative_count, 1);
    // 2^(−67/8) < 0.003 ≤ 2^(−66/8): its bucket is the 67th below 1.
    assert_eq!((histogram.schema, histogram.positive_span[0].offset), (Some(3), -67));
}

#[test]
fn prometheus_is_answered_as_it_asks() {
    let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                  application/openmetrics-text;version=1.0.0;q=0.8";
    assert_eq!(Format::of_accept(native), Format::Protobuf);
    assert_eq!(Format::of_accept("application/openmetrics-text;version=1.0.0"), Format::Text);
    assert_eq!(Format::of_accept("*/*"), Format::Text);
}
