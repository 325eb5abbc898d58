//! Series become request bodies, as many as the receiver wants them small.

use super::series::{Kind, Series, Value};
use crate::{
    Labels,
    config::{RemoteWrite, WriteMessage},
    relabel::{self, Rule},
};
use bytes::Bytes;
use prost::Message;
use sigyn_proto::prometheus::{write_v1, write_v2};
use std::{
    collections::{HashMap, HashSet},
    mem,
};

/// A body, ready to be posted, and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) message: WriteMessage,
    pub(super) counts: Counts,
    /// Packed with snappy.
    pub(super) body: Bytes,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) samples: u32,
    pub(super) histograms: u32,
    pub(super) exemplars: u32,
}

/// Takes the series of one moment and packs them.
pub struct Requests<'a> {
    rules: &'a [Rule],
    external_labels: &'a Labels,
    send_exemplars: bool,
    send_native_histograms: bool,
    samples_max: u32,
    open: Open,
    counts: Counts,
    done: Vec<Request>,
}

/// The request that is being filled.
enum Open {
    V1 { request: write_v1::WriteRequest, told: HashSet<String> },
    V2 { request: write_v2::Request, symbols: HashMap<String, u32> },
}

impl<'a> Requests<'a> {
    pub(super) fn new(config: &'a RemoteWrite, external_labels: &'a Labels) -> Self {
        Self {
            rules: &config.write_relabel_configs,
            external_labels,
            send_exemplars: config.send_exemplars,
            send_native_histograms: config.send_native_histograms,
            samples_max: config.queue.max_samples_per_send,
            open: Open::new(config.message),
            counts: Counts::default(),
            done: Vec::new(),
        }
    }

    /// Adds a series, unless a relabeling rule drops it or the receiver is not to have its kind.
    pub fn add(&mut self, series: &Series<'_>) {
        let is_native = matches!(series.values, [(_, Value::Histogram(_)), ..]);
        if is_native && !self.send_native_histograms {
            return;
        }
        let Some(labels) = self.labels(series.labels) else { return };
        let exemplars = if self.send_exemplars { series.exemplars } else { &[] };
        self.open.add(series, &labels, exemplars);
        let values = series.values.len() as u32;
        match is_native {
            true => self.counts.histograms += values,
            false => self.counts.samples += values,
        }
        self.counts.exemplars += exemplars.len() as u32;
        if self.counts.total() >= self.samples_max {
            self.close();
        }
    }

    pub(super) fn finish(mut self) -> Vec<Request> {
        if self.counts.total() > 0 {
            self.close();
        }
        self.done
    }

    /// With external labels where the series has none of that name, relabeled, sorted.
    fn labels(&self, own: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        let external = self.external_labels.iter();
        let external = external.filter(|(name, _)| !own.iter().any(|(own, _)| own == name));
        let all = own.iter().copied().chain(external).filter(|(_, value)| !value.is_empty());
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        if self.rules.is_empty() {
            let mut labels: Vec<_> = all.map(owned).collect();
            labels.sort_unstable();
            return Some(labels);
        }
        let mut labels = Labels::new();
        all.for_each(|(name, value)| labels.set(name, value));
        let labels = relabel::apply(self.rules, labels).kept.pop()?;
        (!labels.is_empty()).then(|| labels.iter().map(owned).collect())
    }

    fn close(&mut self) {
        let message = self.open.message();
        let plain = match mem::replace(&mut self.open, Open::new(message)) {
            Open::V1 { request, .. } => request.encode_to_vec(),
            Open::V2 { request, .. } => request.encode_to_vec(),
        };
        let packed = snap::raw::Encoder::new().compress_vec(&plain);
        let body = packed.expect("a request is far below snappy's limit of 4 GiB");
        let counts = mem::take(&mut self.counts);
        self.done.push(Request { message, counts, body: body.into() });
    }
}

impl Counts {
    pub(super) fn total(self) -> u32 {
        self.samples + self.histograms + self.exemplars
    }
}

impl Open {
    fn new(message: WriteMessage) -> Self {
        match message {
            WriteMessage::V1 => Self::V1 { request: Default::default(), told: HashSet::new() },
            WriteMessage::V2 => {
                let symbols = HashMap::from([(String::new(), 0)]);
                let request =
                    write_v2::Request { symbols: vec![String::new()], timeseries: vec![] };
                Self::V2 { request, symbols }
            }
        }
    }

    fn message(&self) -> WriteMessage {
        match self {
            Self::V1 { .. } => WriteMessage::V1,
            Self::V2 { .. } => WriteMessage::V2,
        }
    }

    fn add(
        &mut self,
        series: &Series<'_>,
        labels: &[(String, String)],
        exemplars: &[super::Exemplar<'_>],
    ) {
        let (mut samples, mut histograms) = (Vec::new(), Vec::new());
        for (timestamp, value) in series.values {
            match value {
                Value::Number(value) => {
                    samples.push(write_v1::Sample { value: *value, timestamp: *timestamp });
                }
                Value::Histogram(histogram) => histograms
                    .push(write_v1::Histogram { timestamp: *timestamp, ..histogram.clone() }),
            }
        }
        match self {
            Self::V1 { request, told } => {
                if !told.contains(series.metric) {
                    told.insert(series.metric.to_owned());
                    request.metadata.push(metadata(series));
                }
                let exemplars = exemplars.iter().map(|it| write_v1::Exemplar {
                    labels: it.labels.iter().map(|(name, value)| label(name, value)).collect(),
                    value: it.value,
                    timestamp: it.timestamp_unix_milli,
                });
                request.timeseries.push(write_v1::TimeSeries {
                    labels: labels.iter().map(|(name, value)| label(name, value)).collect(),
                    samples,
                    exemplars: exemplars.collect(),
                    histograms,
                });
            }
            Self::V2 { request, symbols } => {
                let mut symbol = |text: &str| match symbols.get(text) {
                    Some(&number) => number,
                    None => {
                        let number = request.symbols.len() as u32;
                        request.symbols.push(text.to_owned());
                        symbols.insert(text.to_owned(), number);
                        number
                    }
                };
                let labels_refs =
                    labels.iter().flat_map(|(name, value)| [symbol(name), symbol(value)]).collect();
                let exemplars = exemplars
                    .iter()
                    .map(|it| write_v2::Exemplar {
                        labels_refs: it
                            .labels
                            .iter()
                            .flat_map(|(name, value)| [symbol(name), symbol(value)])
                            .collect(),
                        value: it.value,
                        timestamp: it.timestamp_unix_milli,
                    })
                    .collect();
                let metadata = write_v2::Metadata {
                    r#type: v2_type(series.kind),
                    help_ref: symbol(series.help),
                    unit_ref: 0,
                };
                request.timeseries.push(write_v2::TimeSeries {
                    labels_refs,
                    samples,
                    histograms,
                    exemplars,
                    metadata: Some(metadata),
                });
            }
        }
    }
}

fn label(name: &str, value: &str) -> write_v1::Label {
    write_v1::Label { name: name.to_owned(), value: value.to_owned() }
}

fn metadata(series: &Series<'_>) -> write_v1::Metadata {
    write_v1::Metadata {
        r#type: series.kind as i32,
        metric_family_name: series.metric.to_owned(),
        help: series.help.to_owned(),
    }
}

/// Version 2 has the same numbers for these three.
fn v2_type(kind: Kind) -> i32 {
    kind as i32
}
