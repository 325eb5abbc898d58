//! Answers of the engine as messages of `tempopb`.

use super::search_json::{root_service, saturated};
use crate::engine::{self, MetricsResponse, ScanStats, TraceMatch, Value};
use prost::Message;
use sigyn_proto::{
    otlp::common::v1::{AnyValue, KeyValue, any_value},
    tempo::{
        Exemplar, InstantSeries, PartialStatus, QueryInstantResponse, QueryRangeResponse, Sample,
        SearchMetrics, SearchResponse, ServiceStats, Span, SpanSet, TimeSeries,
        TraceSearchMetadata,
    },
};

pub(super) fn search(answer: &engine::SearchResponse) -> SearchResponse {
    SearchResponse {
        traces: answer.traces.iter().map(trace).collect(),
        metrics: Some(SearchMetrics {
            inspected_bytes: answer.inspected_bytes,
            inspected_spans: answer.inspected_spans,
            ..Default::default()
        }),
    }
}

pub(super) fn metrics(stats: &ScanStats) -> SearchMetrics {
    SearchMetrics {
        inspected_bytes: stats.inspected_bytes,
        inspected_spans: stats.inspected_spans,
        completed_jobs: saturated(stats.sources_done as u64),
        total_jobs: saturated(stats.sources as u64),
        ..Default::default()
    }
}

pub(super) fn trace(found: &TraceMatch) -> TraceSearchMetadata {
    let span_sets: Vec<SpanSet> = found.span_sets.iter().map(span_set).collect();
    let stats = found.service_stats.iter().map(|(service, stats)| {
        let span_count = saturated(stats.span_count);
        (service.clone(), ServiceStats { span_count, error_count: saturated(stats.error_count) })
    });
    TraceSearchMetadata {
        trace_id: found.trace_id.to_short_hex(),
        root_service_name: root_service(found).to_owned(),
        root_trace_name: found.root_trace_name.clone().unwrap_or_default(),
        start_time_unix_nano: found.start_unix_nano,
        duration_ms: saturated(found.duration_nano / 1_000_000),
        span_set: match &span_sets[..] {
            [only] => Some(only.clone()),
            _ => None,
        },
        span_sets,
        service_stats: stats.collect(),
    }
}

fn span_set(set: &engine::SpanSet) -> SpanSet {
    let span = |span: &engine::SpanMatch| Span {
        span_id: span.span_id.to_string(),
        name: span.name.clone(),
        start_time_unix_nano: span.start_unix_nano,
        duration_nanos: span.duration_nano,
        attributes: attributes(&span.attributes),
    };
    SpanSet {
        spans: set.spans.iter().map(span).collect(),
        matched: saturated(set.matched as u64),
        attributes: attributes(&set.attributes),
    }
}

pub(super) fn range(answer: &MetricsResponse) -> QueryRangeResponse {
    let series = answer.series.iter().map(|series| TimeSeries {
        labels: attributes(&series.labels),
        samples: series
            .samples
            .iter()
            .map(|sample| Sample { value: sample.value, timestamp_ms: sample.timestamp_unix_milli })
            .collect(),
        exemplars: series.exemplars.iter().map(exemplar).collect(),
    });
    QueryRangeResponse {
        series: series.collect(),
        metrics: Some(metrics(&answer.stats)),
        status: status(answer).into(),
        message: answer.partial.clone().unwrap_or_default(),
    }
}

pub(super) fn instant(answer: &MetricsResponse) -> QueryInstantResponse {
    let series = answer.series.iter().filter_map(|series| {
        let value = series.samples.last()?.value;
        Some(InstantSeries { labels: attributes(&series.labels), value })
    });
    QueryInstantResponse {
        series: series.collect(),
        metrics: Some(metrics(&answer.stats)),
        status: status(answer).into(),
        message: answer.partial.clone().unwrap_or_default(),
    }
}

fn status(answer: &MetricsResponse) -> PartialStatus {
    match answer.partial {
        None => PartialStatus::Complete,
        Some(_) => PartialStatus::Partial,
    }
}

fn exemplar(exemplar: &engine::Exemplar) -> Exemplar {
    Exemplar {
        labels: attributes(&[
            ("trace:id".to_owned(), Value::String(exemplar.trace_id.to_short_hex())),
            ("span:id".to_owned(), Value::String(exemplar.span_id.to_string())),
        ]),
        value: exemplar.value,
        timestamp_ms: (exemplar.timestamp_unix_nano / 1_000_000) as i64,
    }
}

fn attributes(all: &[(String, Value)]) -> Vec<KeyValue> {
    let attribute = |(key, value): &(String, Value)| KeyValue {
        key: key.clone(),
        value: any_value(value),
        ..Default::default()
    };
    all.iter().map(attribute).collect()
}

fn any_value(value: &Value) -> Option<AnyValue> {
    let value = match value {
        Value::String(text) => any_value::Value::StringValue(text.clone()),
        Value::Int(int) => any_value::Value::IntValue(*int),
        Value::Double(double) => any_value::Value::DoubleValue(*double),
        Value::Bool(flag) => any_value::Value::BoolValue(*flag),
        Value::Encoded(bytes) => return AnyValue::decode(&bytes[..]).ok(),
    };
    Some(AnyValue { value: Some(value) })
}
