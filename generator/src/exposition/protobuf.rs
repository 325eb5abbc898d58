//! `io.prometheus.client.MetricFamily`, each with its length before it.

use super::exemplar_labels;
use crate::{
    histogram::{ExemplarPoint, HistogramValue},
    series::{Family, Kind, Labels, Value},
};
use prost::Message;
use sigyn_proto::prometheus::exposition::{
    Bucket, BucketSpan, Counter, Exemplar, Histogram, LabelPair, Metric, MetricFamily, MetricType,
    Number, Timestamp,
};

/// The field `metric` of a family.
const METRIC: u32 = 4;

pub(super) fn write(families: &[Family]) -> Vec<u8> {
    let mut out = Vec::new();
    for family in families {
        let (r#type, suffix) = match family.kind {
            Kind::Counter => (MetricType::Counter, "_total"),
            Kind::Gauge => (MetricType::Gauge, ""),
            Kind::Histogram => (MetricType::Histogram, ""),
        };
        let head = MetricFamily {
            name: format!("{}{suffix}", family.name),
            help: family.help.to_owned(),
            r#type: r#type as i32,
            ..MetricFamily::default()
        };
        // One series at a time: a family of many would be several times its bytes as messages.
        let mut body = head.encode_to_vec();
        for point in &family.points {
            let mut metric = Metric { label: labels(&point.labels), ..Metric::default() };
            match &point.value {
                Value::Number(value) if family.kind == Kind::Counter => {
                    metric.counter = Some(Counter { value: *value, exemplar: None });
                }
                Value::Number(value) => metric.gauge = Some(Number { value: *value }),
                Value::Histogram(value) => metric.histogram = Some(histogram(value)),
            }
            prost::encoding::message::encode(METRIC, &metric, &mut body);
        }
        prost::encoding::encode_varint(body.len() as u64, &mut out);
        out.extend(body);
    }
    out
}

fn labels(labels: &Labels) -> Vec<LabelPair> {
    let pair = |(name, value): &(_, _)| LabelPair { name: str(name), value: str(value) };
    labels.iter().map(pair).collect()
}

fn str(text: &std::sync::Arc<str>) -> String {
    (**text).to_owned()
}

fn histogram(value: &HistogramValue) -> Histogram {
    let mut cumulative = 0;
    let bucket = value.counts.iter().enumerate().map(|(at, count)| {
        cumulative += count;
        Bucket {
            cumulative_count: cumulative,
            upper_bound: value.bounds.get(at).copied().unwrap_or(f64::INFINITY),
            exemplar: value.exemplar(at).map(exemplar),
        }
    });
    let mut histogram = Histogram {
        sample_count: value.count,
        sample_sum: value.sum,
        bucket: bucket.collect(),
        ..Histogram::default()
    };
    if let Some(native) = &value.native {
        let (spans, deltas) = native.spans_and_deltas();
        let span = spans.iter().map(|it| BucketSpan { offset: it.offset, length: it.length });
        histogram.positive_span = span.collect();
        // A span of nothing tells an empty native histogram from none.
        if histogram.positive_span.is_empty() {
            histogram.positive_span.push(BucketSpan { offset: 0, length: 0 });
        }
        histogram.positive_delta = deltas;
        histogram.schema = Some(native.schema);
        histogram.zero_threshold = Some(native.zero_threshold);
        histogram.zero_count = Some(native.zero_count);
        histogram.exemplars = value.exemplars().map(|(_, point)| exemplar(point)).collect();
    }
    histogram
}

fn exemplar(point: &ExemplarPoint) -> Exemplar {
    let label = exemplar_labels(point).map(|(name, value)| LabelPair { name: name.into(), value });
    Exemplar {
        label: label.to_vec(),
        value: point.value,
        timestamp: Some(Timestamp {
            seconds: (point.timestamp_unix_nano / 1_000_000_000) as i64,
            nanos: (point.timestamp_unix_nano % 1_000_000_000) as i32,
        }),
    }
}
