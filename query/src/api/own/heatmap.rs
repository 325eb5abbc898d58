//! Durations over time of all spans that match, as counts in a grid.

use super::selection::{Stats, bounded};
use crate::{
    api::{ApiState, Fault, parameters::Parameters, times},
    engine::{MetricsRequest, MetricsWindow, Value},
    traceql::{
        self, Intrinsic, MetricsExpression, MetricsFunction, MetricsKind, Query, QueryBody, Span,
    },
};
use axum::{Json, extract::State};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

const SERIES_MAX: usize = 1_000;
/// Dots beyond this cover the grid.
const EXEMPLARS_MAX: usize = 100;
const NANOS_PER_MILLI: u64 = 1_000_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Heatmap {
    /// Between two columns.
    step_nanos: u64,
    /// The ends of the columns.
    times_unix_milli: Vec<i64>,
    rows: Vec<Row>,
    /// Some of the spans, if they were asked for, by time.
    exemplars: Vec<Dot>,
    /// All spans in the grid.
    spans: f64,
    partial: Option<String>,
    stats: Stats,
}

/// Spans of about one duration, by time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// Upper bound, inclusive; the lower one is that of the row before.
    duration_nanos_max: f64,
    /// One for each time.
    counts: Vec<f64>,
}

/// A span in the grid.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dot {
    trace_id: String,
    span_id: String,
    /// Its start.
    time_unix_milli: i64,
    duration_nanos: f64,
    /// Whether a metric shows its trace as an example, too.
    is_exemplar: bool,
}

/// `GET /api/sigyn/v1/heatmap?q=&start=&end=&exemplars=`
pub(super) async fn heatmap(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Json<Heatmap>, Fault> {
    let text = parameters.get("q").unwrap_or("{ }");
    let search = traceql::parse(text)?.into_search();
    let QueryBody::Search(pipeline) = search.body else {
        return Err(Fault::bad_request("the query has no spans"));
    };
    let function = MetricsFunction {
        kind: MetricsKind::HistogramOverTime(Intrinsic::Duration.into()),
        by: Vec::new(),
        span: Span::default(),
    };
    let query = Query {
        body: QueryBody::Metrics(MetricsExpression::Series { pipeline, function }),
        hints: search.hints,
    };
    let (start, end) = times::range(&parameters, state.clock.now_unix_nano())?;
    let step = times::step(&parameters)?.unwrap_or_else(|| times::default_step(start, end));
    // Columns are told by their ends in milliseconds.
    let step = step.next_multiple_of(NANOS_PER_MILLI);
    let window = MetricsWindow::aligned(start, end, step)?;
    let exemplars_max = match parameters.get("exemplars") {
        None | Some("0") => 0,
        Some(_) => bounded(&parameters, "exemplars", 0, EXEMPLARS_MAX)?,
    };
    let request = MetricsRequest { query, window, exemplars_max, series_max: SERIES_MAX };
    let answer = state.engine.metrics(request).await?;

    let times: Vec<i64> = (1..=window.intervals() as u64)
        .map(|index| (window.start_unix_nano + index * step) as i64 / 1_000_000)
        .collect();
    let column = |time: i64| times.binary_search(&time).ok();
    let mut spans = 0.0;
    // By bound; whole nanoseconds order as the bounds do.
    let mut rows: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for series in &answer.series {
        let bound = series.labels.iter().find(|(key, _)| key == "__bucket");
        let seconds = match bound {
            Some((_, Value::Double(seconds))) => *seconds,
            Some((_, Value::Int(seconds))) => *seconds as f64,
            _ => continue,
        };
        let counts = rows.entry((seconds * 1e9) as u64).or_insert_with(|| vec![0.0; times.len()]);
        for sample in &series.samples {
            if let Some(column) = column(sample.timestamp_unix_milli) {
                counts[column] += sample.value;
                spans += sample.value;
            }
        }
    }
    let mut exemplars = Vec::new();
    for exemplar in answer.series.iter().flat_map(|series| &series.exemplars) {
        let known = state.store.exemplars_of(exemplar.trace_id).await?;
        exemplars.push(Dot {
            trace_id: exemplar.trace_id.to_string(),
            span_id: exemplar.span_id.to_string(),
            time_unix_milli: (exemplar.timestamp_unix_nano / 1_000_000) as i64,
            duration_nanos: (exemplar.value * 1e9).round(),
            is_exemplar: !known.is_empty(),
        });
    }
    exemplars.sort_by_key(|dot| dot.time_unix_milli);
    let row = |(bound, counts)| Row { duration_nanos_max: bound as f64, counts };
    Ok(Json(Heatmap {
        step_nanos: step,
        times_unix_milli: times,
        rows: rows.into_iter().map(row).collect(),
        exemplars,
        spans,
        partial: answer.partial,
        stats: answer.stats.into(),
    }))
}
