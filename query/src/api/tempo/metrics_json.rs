//! The answers of metrics queries, key by key as Grafana knows them: the one of an instant query is decoded strictly.

use super::search_json::{Attribute, Long, Metrics, attributes};
use crate::{
    api::otlp_json::Double,
    engine::{self, MetricsResponse, Value},
};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Range<'a> {
    series: Vec<Series<'a>>,
    metrics: Metrics,
    #[serde(flatten)]
    status: Status<'a>,
}

#[derive(Serialize)]
pub(super) struct Instant<'a> {
    series: Vec<InstantSeries<'a>>,
    metrics: Metrics,
    #[serde(flatten)]
    status: Status<'a>,
}

/// Nothing when the answer is whole.
#[derive(Serialize)]
struct Status<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct Series<'a> {
    labels: Vec<Attribute<'a>>,
    samples: Vec<Sample>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exemplars: Vec<Exemplar>,
}

#[derive(Serialize)]
struct InstantSeries<'a> {
    labels: Vec<Attribute<'a>>,
    #[serde(skip_serializing_if = "is_zero_double")]
    value: Double,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    timestamp_ms: Long<i64>,
    #[serde(skip_serializing_if = "is_zero_double")]
    value: Double,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exemplar {
    labels: [TextLabel; 2],
    value: Double,
    timestamp_ms: Long<i64>,
}

#[derive(Serialize)]
struct TextLabel {
    key: &'static str,
    value: Text,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    string_value: String,
}

fn is_zero_double(value: &Double) -> bool {
    value.0 == 0.0
}

impl<'a> From<&'a MetricsResponse> for Range<'a> {
    fn from(answer: &'a MetricsResponse) -> Self {
        Self {
            series: answer.series.iter().map(Series::from).collect(),
            metrics: Metrics::from(&answer.stats),
            status: Status::from(answer),
        }
    }
}

impl<'a> From<&'a MetricsResponse> for Instant<'a> {
    fn from(answer: &'a MetricsResponse) -> Self {
        let series = answer.series.iter().filter_map(|series| {
            let value = Double(series.samples.last()?.value);
            Some(InstantSeries { labels: labels(&series.labels), value })
        });
        Self {
            series: series.collect(),
            metrics: Metrics::from(&answer.stats),
            status: Status::from(answer),
        }
    }
}

impl<'a> From<&'a MetricsResponse> for Status<'a> {
    fn from(answer: &'a MetricsResponse) -> Self {
        Self {
            status: answer.partial.is_some().then_some("PARTIAL"),
            message: answer.partial.as_deref(),
        }
    }
}

fn labels(all: &[(String, Value)]) -> Vec<Attribute<'_>> {
    attributes(all)
}

impl<'a> From<&'a engine::Series> for Series<'a> {
    fn from(series: &'a engine::Series) -> Self {
        let sample = |sample: &engine::Sample| Sample {
            timestamp_ms: Long(sample.timestamp_unix_milli),
            value: Double(sample.value),
        };
        Self {
            labels: labels(&series.labels),
            samples: series.samples.iter().map(sample).collect(),
            exemplars: series.exemplars.iter().map(Exemplar::from).collect(),
        }
    }
}

impl From<&engine::Exemplar> for Exemplar {
    fn from(exemplar: &engine::Exemplar) -> Self {
        let label = |key, string_value| TextLabel { key, value: Text { string_value } };
        Self {
            labels: [
                label("trace:id", exemplar.trace_id.to_short_hex()),
                label("span:id", exemplar.span_id.to_string()),
            ],
            value: Double(exemplar.value),
            timestamp_ms: Long((exemplar.timestamp_unix_nano / 1_000_000) as i64),
        }
    }
}
