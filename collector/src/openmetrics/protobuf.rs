//! The protobuf exposition format: messages of `io.prometheus.client.MetricFamily`, each with its length before it.

use super::{
    error::ParseError,
    exposition::Exposition,
    go_float::go_float,
    line::{EXEMPLAR_CHARACTERS_MAX, ExemplarPoint, ExemplarSample, hash},
};
use prost::Message;
use sigyn_proto::prometheus::exposition::{
    Bucket, Exemplar, Histogram, LabelPair, Metric, MetricFamily,
};

/// Reads the exemplars out of an exposition.
///
/// As in Prometheus, the exemplars of a native histogram belong to the series of the whole histogram and must say their
/// time; where it has none of its own, those of its classic buckets stand in. Those of classic buckets belong to the series of
/// their bucket too: which of the two Prometheus keeps is a matter of its configuration.
///
/// # Errors
/// The message that is broken, by its number as the line.
pub fn parse_protobuf(
    body: &[u8],
    is_new: &mut dyn FnMut(u64) -> bool,
) -> Result<Exposition, ParseError> {
    let mut reading = Reading { exposition: Exposition::default(), is_new };
    let mut rest = body;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let family = MetricFamily::decode_length_delimited(&mut rest).map_err(|error| {
            let what = format!("this message is not a MetricFamily: {error}");
            ParseError { line: number, column: 1, what }
        })?;
        for metric in &family.metric {
            reading.read(&family.name, metric);
        }
    }
    Ok(reading.exposition)
}

/// What was read so far.
struct Reading<'a> {
    exposition: Exposition,
    /// By the hash of series and exemplar.
    is_new: &'a mut dyn FnMut(u64) -> bool,
}

impl Reading<'_> {
    fn read(&mut self, name: &str, metric: &Metric) {
        self.exposition.sample_count += 1;
        if let Some(counter) = &metric.counter {
            self.offer(name, metric, None, counter.value, counter.exemplar.as_ref());
        }
        let Some(histogram) = &metric.histogram else { return };
        let sum = histogram.sample_sum;
        for bucket in histogram.bucket.iter().filter(|bucket| bucket.exemplar.is_some()) {
            let (name, le) = (format!("{name}_bucket"), go_float(bucket.upper_bound));
            let value = bucket.cumulative_count as f64;
            self.offer(&name, metric, Some(le), value, bucket.exemplar.as_ref());
        }
        if !is_native(histogram) {
            return;
        }
        let of_buckets = |bucket: &Bucket| bucket.exemplar.clone();
        let own = match histogram.exemplars.is_empty() {
            true => histogram.bucket.iter().filter_map(of_buckets).collect(),
            false => histogram.exemplars.clone(),
        };
        for exemplar in own.iter().filter(|exemplar| exemplar.timestamp.is_some()) {
            self.offer(name, metric, None, sum, Some(exemplar));
        }
    }

    fn offer(
        &mut self,
        name: &str,
        metric: &Metric,
        le: Option<String>,
        value: f64,
        exemplar: Option<&Exemplar>,
    ) {
        let Some(exemplar) = exemplar else { return };
        let characters =
            |label: &LabelPair| label.name.chars().count() + label.value.chars().count();
        if exemplar.label.iter().map(characters).sum::<usize>() > EXEMPLAR_CHARACTERS_MAX {
            self.exposition.over_budget += 1;
            return;
        }
        if !(self.is_new)(identity(name, metric, le.as_deref(), exemplar)) {
            return;
        }
        let mut labels = pairs(&metric.label);
        labels.extend(le.map(|le| ("le".to_owned(), le)));
        labels.sort();
        let seconds = exemplar.timestamp.map(|at| at.seconds as f64 + f64::from(at.nanos) / 1e9);
        self.exposition.samples.push(ExemplarSample {
            name: name.to_owned(),
            labels,
            value,
            timestamp_seconds: metric.timestamp_ms.map(|milliseconds| milliseconds as f64 / 1e3),
            exemplar: ExemplarPoint {
                labels: {
                    let mut labels = pairs(&exemplar.label);
                    labels.sort();
                    labels
                },
                value: exemplar.value,
                timestamp_seconds: seconds,
            },
        });
    }
}

fn identity(name: &str, metric: &Metric, le: Option<&str>, exemplar: &Exemplar) -> u64 {
    let text = |label: &LabelPair| hash((&label.name, &label.value));
    let labels: Vec<u64> = metric.label.iter().chain(&exemplar.label).map(text).collect();
    let at = exemplar.timestamp.map(|at| (at.seconds, at.nanos));
    hash((name, le, labels, exemplar.value.to_bits(), at))
}

/// A histogram without observations says that it is native by a span of no length.
fn is_native(histogram: &Histogram) -> bool {
    !histogram.positive_span.is_empty()
        || !histogram.negative_span.is_empty()
        || histogram.zero_threshold.is_some_and(|threshold| threshold > 0.0)
        || histogram.zero_count.is_some_and(|count| count > 0)
}

fn pairs(labels: &[LabelPair]) -> Vec<(String, String)> {
    labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigyn_proto::prometheus::exposition::{BucketSpan, Counter, Timestamp};

    fn pair(name: &str, value: &str) -> LabelPair {
        LabelPair { name: name.into(), value: value.into() }
    }

    fn exemplar(trace: &str, seconds: Option<i64>) -> Exemplar {
        Exemplar {
            label: vec![pair("trace_id", trace)],
            value: 0.25,
            timestamp: seconds.map(|seconds| Timestamp { seconds, nanos: 500_000_000 }),
        }
    }

    fn bucket(upper_bound: f64, exemplar: Option<Exemplar>) -> Bucket {
        Bucket { cumulative_count: 3, upper_bound, exemplar }
    }

    fn read(name: &str, metric: Metric) -> Exposition {
        let metric = Metric { label: vec![pair("route", "/")], ..metric };
        let family = MetricFamily { name: name.into(), metric: vec![metric], ..Default::default() };
        let empty = MetricFamily::default().encode_length_delimited_to_vec();
        let body = [family.encode_length_delimited_to_vec(), empty].concat();
        parse_protobuf(&body, &mut |_| true).unwrap()
    }

    /// Name, `le` and trace of each.
    fn told(exposition: &Exposition) -> Vec<(String, String, String)> {
        let told = |sample: &ExemplarSample| {
            let le = sample.labels.iter().find(|(name, _)| name == "le");
            let le = le.map_or_else(String::new, |(_, le)| le.clone());
            (sample.name.clone(), le, sample.exemplar.labels[0].1.clone())
        };
        exposition.samples.iter().map(told).collect()
    }

    fn row(name: &str, le: &str, trace: &str) -> (String, String, String) {
        (name.to_owned(), le.to_owned(), trace.to_owned())
    }

    #[test]
    fn counters_and_classic_buckets_tell_theirs() {
        let counter = Counter { value: 7.0, exemplar: Some(exemplar("a", Some(9))) };
        let found = read("hits_total", Metric { counter: Some(counter), ..Metric::default() });
        assert_eq!(told(&found), [row("hits_total", "", "a")]);
        let sample = &found.samples[0];
        assert_eq!((sample.value, sample.exemplar.timestamp_seconds), (7.0, Some(9.5)));
        assert_eq!(sample.labels, [("route".to_owned(), "/".to_owned())]);

        let classic = Histogram {
            bucket: vec![
                bucket(0.5, Some(exemplar("b", None))),
                bucket(1.0, None),
                bucket(f64::INFINITY, Some(exemplar("c", Some(1)))),
            ],
            ..Histogram::default()
        };
        let found = read("took", Metric { histogram: Some(classic), ..Metric::default() });
        assert_eq!(told(&found), [row("took_bucket", "0.5", "b"), row("took_bucket", "+Inf", "c")]);
    }

    #[test]
    fn a_native_histogram_tells_its_own_and_else_those_of_its_buckets() {
        let native = |exemplars: Vec<Exemplar>| Histogram {
            positive_span: vec![BucketSpan { offset: 0, length: 1 }],
            bucket: vec![
                bucket(0.5, Some(exemplar("b", Some(1)))),
                bucket(1.0, Some(exemplar("c", None))),
            ],
            exemplars,
            ..Histogram::default()
        };
        let read = |exemplars| {
            let histogram = Some(native(exemplars));
            told(&read("took", Metric { histogram, ..Metric::default() }))
        };
        let own = vec![exemplar("d", Some(1)), exemplar("e", None), exemplar("f", Some(2))];
        let classic = [row("took_bucket", "0.5", "b"), row("took_bucket", "1.0", "c")];
        let with = |native: &[(String, String, String)]| [&classic[..], native].concat();
        assert_eq!(read(own), with(&[row("took", "", "d"), row("took", "", "f")]));
        assert_eq!(read(Vec::new()), with(&[row("took", "", "b")]), "and only with a time");
    }

    #[test]
    fn what_is_broken_is_said_by_its_number() {
        let good = MetricFamily::default().encode_length_delimited_to_vec();
        let error = parse_protobuf(&[good, vec![9, 1]].concat(), &mut |_| true).unwrap_err();
        assert_eq!(error.line, 2);
        assert!(error.what.starts_with("this message is not a MetricFamily: "), "{error}");
    }
}
