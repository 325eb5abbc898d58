//! The generator against a naive count over plain spans, with a real store between.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

#[path = "columns/model.rs"]
mod model;

use bytes::Bytes;
use model::{Calls, Model};
use prost::Message;
use sigyn_generator::{
    Config, Family, Format, Generator, Histograms, ServiceGraphs, SpanMetrics, Value, write,
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
use sigyn_store::{Batch, Clock, Snapshot, Store, Via};
use sigyn_workload::Workload;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

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
            generator.observe(&**source, piece, Duration::ZERO).unwrap();
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
        for exemplar in histogram.exemplars.iter().flatten() {
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
