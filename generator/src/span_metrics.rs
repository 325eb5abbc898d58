//! `traces_spanmetrics_*`: rate, errors and duration of spans.

use crate::{
    config::{Config, SpanMetrics},
    dimension::{Dimension, label_name},
    histogram::{Buckets, ExemplarPoint, HistogramValue},
    series::{Family, Kind, Selection, Table, Value},
    spans::{Spans, attribute},
};
use sigyn_store::{Error, Field, Source};
use std::{collections::HashMap, sync::Arc, time::Duration};

const BUILT_IN: [&str; 5] = ["service", "span_name", "span_kind", "status_code", "status_message"];
const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUS_CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/// What is known of the spans of a series.
pub(crate) struct SpanStatistics {
    pub(crate) latency: Arc<HistogramValue>,
    /// Bytes of the spans as they came.
    pub(crate) size: u64,
}

/// The table of all series.
pub(crate) struct SpanTable {
    settings: SpanMetrics,
    histograms: crate::config::Histograms,
    bounds: Buckets,
    kinds: [Arc<str>; 6],
    status_codes: [Arc<str>; 3],
    pub(crate) table: Table<SpanStatistics>,
}

impl SpanTable {
    pub(crate) fn new(settings: &SpanMetrics, config: &Config) -> Self {
        let mut names: Vec<Arc<str>> = BUILT_IN.map(Arc::from).to_vec();
        names.extend(settings.dimensions.iter().map(|it| label_name(it, &BUILT_IN)));
        Self {
            settings: settings.clone(),
            histograms: config.histograms,
            bounds: settings.histogram_buckets.as_slice().into(),
            kinds: KINDS.map(Arc::from),
            status_codes: STATUS_CODES.map(Arc::from),
            table: Table::new(names, config.active_series_max, config.keep_ended),
        }
    }

    /// Counts the spans of some rows.
    pub(crate) fn observe(
        &mut self,
        source: &dyn Source,
        spans: &Spans,
        rows: &[u32],
        now: Duration,
    ) -> Result<(), Error> {
        let mut dimensions: Vec<Dimension> = Vec::with_capacity(1 + self.settings.dimensions.len());
        dimensions.push(match self.settings.status_message {
            true => Dimension::of_text(&source.field(Field::StatusMessage)?),
            false => Dimension::absent(source.rows()),
        });
        for name in &self.settings.dimensions {
            dimensions.push(attribute(source, name)?);
        }
        // Within a source a series is told by codes; its texts are looked up once.
        let mut places = HashMap::<Box<[u32]>, usize, rapidhash::fast::RandomState>::default();
        let mut codes = vec![0; 3 + dimensions.len()];
        for row in rows.iter().map(|&row| row as usize) {
            // What is no OTLP number counts as the first.
            let kind = usize::from(spans.kind(row)).min(KINDS.len()) % KINDS.len();
            let status =
                usize::from(spans.status_code(row)).min(STATUS_CODES.len()) % STATUS_CODES.len();
            codes[0] = spans.services.codes[row];
            codes[1] = spans.names.codes[row];
            codes[2] = (kind * STATUS_CODES.len() + status) as u32;
            for (code, dimension) in codes[3..].iter_mut().zip(&dimensions) {
                *code = dimension.codes[row];
            }
            let place = match places.get(&*codes) {
                Some(&place) => place,
                None => {
                    let mut values = vec![
                        Arc::clone(spans.services.value(row)),
                        Arc::clone(spans.names.value(row)),
                        Arc::clone(&self.kinds[kind]),
                        Arc::clone(&self.status_codes[status]),
                    ];
                    values.extend(dimensions.iter().map(|it| Arc::clone(it.value(row))));
                    let make = || SpanStatistics {
                        latency: HistogramValue::new(&self.bounds, self.histograms).into(),
                        size: 0,
                    };
                    let place = self.table.place(&values, now, make);
                    places.insert(codes.as_slice().into(), place);
                    place
                }
            };
            let statistics = self.table.at(place);
            statistics.size += spans.encoded_bytes(row);
            Arc::make_mut(&mut statistics.latency).observe(ExemplarPoint {
                trace_id: spans.trace_id(row),
                span_id: spans.span_id(row),
                value: spans.seconds(row),
                timestamp_unix_nano: spans.end_unix_nano(row),
            });
        }
        Ok(())
    }

    pub(crate) fn families(&self, selection: Selection) -> [Family; 3] {
        let numbers = |name, help, number_of: fn(&SpanStatistics) -> u64| Family {
            name,
            help,
            kind: Kind::Counter,
            points: self.table.points(selection, |it| Some(Value::Number(number_of(it) as f64))),
        };
        [
            numbers("traces_spanmetrics_calls", "Spans, by service, name, kind and status", |it| {
                it.latency.count
            }),
            Family {
                name: "traces_spanmetrics_latency",
                help: "Duration of spans in seconds",
                kind: Kind::Histogram,
                points: self
                    .table
                    .points(selection, |it| Some(Value::Histogram(Arc::clone(&it.latency)))),
            },
            numbers("traces_spanmetrics_size", "Size of spans in bytes as they came", |it| it.size),
        ]
    }

    /// An empty histogram of this table's shape.
    pub(crate) fn empty(&self) -> HistogramValue {
        HistogramValue::new(&self.bounds, self.histograms)
    }
}
