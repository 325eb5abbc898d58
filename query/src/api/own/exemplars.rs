//! Exemplars of a time range: which metrics have any, their values over time as a grid, and some as dots.

use super::{dots::Dots, selection::bounded};
use crate::api::{
    ApiState, Fault, otlp_json::Double, parameters::Parameters, prometheus::Selectors, times,
};
use axum::{Json, extract::State};
use serde::Serialize;
use sigyn_store::Exemplar;
use std::{collections::BTreeMap, sync::Arc};

/// Exemplars that one answer looks at, newest first; beyond that it is partial.
const LOOKED_AT_MAX: usize = 200_000;
const DOTS_DEFAULT: usize = 1_000;
const DOTS_MAX: usize = 10_000;
const COLUMNS_MAX: u64 = 1_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exemplars {
    /// Between two columns.
    step_nanos: u64,
    /// The ends of the columns.
    times_unix_milli: Vec<i64>,
    /// Of the wanted series, from small values to large ones.
    rows: Vec<Row>,
    /// How many the wanted series have.
    exemplars: usize,
    /// The newest of these, or some of all times and values; newest first.
    dots: Vec<Dot>,
    /// All metrics that have any in the range, with their number, whatever series are wanted; sorted by name.
    metrics: BTreeMap<String, usize>,
    /// Of all exemplars seen lately, the share whose trace is held; `None` where there are none.
    hit_ratio: Option<f64>,
    partial: Option<String>,
}

/// Exemplars of about one value, by time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// Upper bound, inclusive; the lower one is half of it.
    value_max: f64,
    /// One for each time.
    counts: Vec<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dot {
    series_labels: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    value: Double,
    /// Unix seconds.
    timestamp: f64,
    trace_id: String,
    span_id: Option<String>,
}

/// What is counted while the index is read.
struct Counted {
    selectors: Option<Selectors>,
    start_unix_milli: i64,
    step_unix_milli: i64,
    columns: usize,
    exemplars: usize,
    /// By exponent of two.
    rows: BTreeMap<i32, Vec<usize>>,
    dots: Dots,
    metrics: BTreeMap<String, usize>,
}

/// `GET /api/sigyn/v1/exemplars?query=&start=&end=&limit=&spread=`
pub(super) async fn exemplars(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Json<Exemplars>, Fault> {
    let selectors = parameters.get("query").map(|query| {
        let query_bytes_max = state.limits.query_text_bytes_max;
        if query.len() > query_bytes_max {
            let bytes = query.len();
            let what =
                format!("the query has {bytes} bytes, at most {query_bytes_max} are possible");
            return Err(Fault::bad_request(what));
        }
        Selectors::parse(query)
    });
    let (start, end) = times::range(&parameters, state.clock.now_unix_nano())?;
    let step = times::step(&parameters)?.unwrap_or_else(|| times::default_step(start, end));
    let step = step.max((end - start).div_ceil(COLUMNS_MAX)).max(1_000_000);
    let columns = (end - start).div_ceil(step);
    let milli = |nano: u64| (nano / 1_000_000) as i64;
    let counted = Counted {
        selectors: selectors.transpose()?,
        start_unix_milli: milli(start),
        step_unix_milli: milli(step),
        columns: columns as usize,
        exemplars: 0,
        rows: BTreeMap::new(),
        dots: dots(&parameters, milli(start), milli(end))?,
        metrics: BTreeMap::new(),
    };
    let (counted, is_whole) = state
        .store
        .fold_exemplars(milli(start), milli(end), LOOKED_AT_MAX, counted, Counted::add)
        .await?;
    let row = |(exponent, counts)| Row { value_max: 2f64.powi(exponent), counts };
    Ok(Json(Exemplars {
        step_nanos: step,
        times_unix_milli: (1..=columns).map(|column| milli(start + column * step)).collect(),
        rows: counted.rows.into_iter().map(row).collect(),
        exemplars: counted.exemplars,
        dots: counted.dots.into_shown().into_iter().map(Dot::from).collect(),
        metrics: counted.metrics,
        hit_ratio: state.store.exemplars_resolved_ratio(),
        partial: (!is_whole)
            .then(|| format!("there are more than the newest {LOOKED_AT_MAX} that were looked at")),
    }))
}

/// Where dots are kept: the newest, unless they are to be spread.
fn dots(parameters: &Parameters, start: i64, end: i64) -> Result<Dots, Fault> {
    let limit = parameters.number::<usize>("limit", "a number of dots")?;
    if parameters.get("spread").is_none() {
        return Ok(Dots::newest(limit.unwrap_or(DOTS_DEFAULT).min(DOTS_MAX)));
    }
    if limit.is_some() {
        return Err(Fault::bad_request(
            "limit and spread cannot be used together: limit asks for the newest dots, spread for some of all times and values",
        ));
    }
    Ok(Dots::spread(bounded(parameters, "spread", DOTS_DEFAULT, DOTS_MAX)?, start, end))
}

impl Counted {
    fn add(&mut self, exemplar: Exemplar) {
        let name = exemplar.series.iter().find(|(name, _)| name == "__name__");
        let name = name.map_or("", |(_, value)| value.as_str());
        match self.metrics.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(self.metrics.insert(name.to_owned(), 1)),
        }
        if self.selectors.as_ref().is_some_and(|wanted| !wanted.select(&exemplar.series)) {
            return;
        }
        self.exemplars += 1;
        let since = exemplar.timestamp_unix_milli - self.start_unix_milli;
        let column = usize::try_from(since / self.step_unix_milli).unwrap_or_default();
        let exponent = exponent(exemplar.value);
        let counts = self.rows.entry(exponent).or_insert_with(|| vec![0; self.columns]);
        counts[column.min(self.columns - 1)] += 1;
        self.dots.add(exemplar, exponent);
    }
}

/// Of the smallest power of two that is not below the value. What is not above zero, or no number, goes with the smallest.
fn exponent(value: f64) -> i32 {
    match value > 0.0 {
        true => (value.log2().ceil() as i32).clamp(-64, 64),
        false => -64,
    }
}

impl From<Exemplar> for Dot {
    fn from(exemplar: Exemplar) -> Self {
        Self {
            series_labels: exemplar.series.into_iter().collect(),
            labels: exemplar.labels.into_iter().collect(),
            value: Double(exemplar.value),
            timestamp: exemplar.timestamp_unix_milli as f64 / 1_000.0,
            trace_id: exemplar.trace_id.to_string(),
            span_id: exemplar.span_id.map(|id| id.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigyn_store::TraceId;

    fn exemplar(name: &str, value: f64, timestamp_unix_milli: i64) -> Exemplar {
        Exemplar {
            series: vec![("__name__".into(), name.into())],
            labels: Vec::new(),
            trace_id: TraceId([1; 16]),
            span_id: None,
            value,
            timestamp_unix_milli,
        }
    }

    #[test]
    fn the_newest_and_spread_dots_are_asked_for_apart() {
        let of = |text| dots(&Parameters::parse(text), 0, 1).map_err(|fault| fault.sentence);
        assert!(matches!(of("limit=7"), Ok(Dots::Newest { dots_max: 7, .. })));
        assert!(matches!(of(""), Ok(Dots::Newest { dots_max: DOTS_DEFAULT, .. })));
        assert!(matches!(of("spread=7"), Ok(Dots::Spread { dots_max: 7, .. })));
        for (text, part) in [
            ("limit=7&spread=7", "together"),
            ("spread=0", "from 1 to"),
            ("spread=x", "spread=\"x\""),
        ] {
            assert!(of(text).is_err_and(|sentence| sentence.contains(part)), "{text}");
        }
    }

    #[test]
    fn values_fall_into_rows_and_columns_and_the_dots_have_a_limit() {
        let mut counted = Counted {
            selectors: Some(Selectors::parse("a").unwrap()),
            start_unix_milli: 1_000,
            step_unix_milli: 100,
            columns: 3,
            exemplars: 0,
            rows: BTreeMap::new(),
            dots: Dots::newest(2),
            metrics: BTreeMap::new(),
        };
        for (name, value, at) in [
            ("a", 0.5, 1_000),
            ("a", 0.51, 1_099),
            ("a", 1.0, 1_100),
            ("b", 1.0, 1_100),
            ("a", f64::NAN, 1_300),
        ] {
            counted.add(exemplar(name, value, at));
        }
        let rows: Vec<(i32, Vec<usize>)> = counted.rows.into_iter().collect();
        assert_eq!(rows, [(-64, vec![0, 0, 1]), (-1, vec![1, 0, 0]), (0, vec![1, 1, 0])]);
        assert_eq!((counted.exemplars, counted.dots.into_shown().len()), (4, 2));
        assert_eq!(counted.metrics, BTreeMap::from([("a".into(), 4), ("b".into(), 1)]));
    }
}
