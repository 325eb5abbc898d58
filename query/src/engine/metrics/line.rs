//! Time series under construction, and what second stages and arithmetic make of them.

use super::{Exemplar, MetricsWindow, Sample, Series};
use crate::{
    engine::{Value, column::Scalar, plan::holds},
    traceql::{ArithmeticOperator, Literal, SecondStage, format_duration},
};
use rapidhash::RapidHashMap;
use std::cmp::Ordering;

pub(super) const NAME: &str = "__name__";

/// A series with one place for each interval.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) labels: Vec<(String, Value)>,
    /// NaN: no point.
    pub(super) points: Vec<f64>,
    pub(super) exemplars: Vec<Exemplar>,
}

/// What a metrics expression gives.
pub(super) enum Lines {
    Constant(f64),
    Series(Vec<Line>),
}

impl Line {
    fn is_empty(&self) -> bool {
        self.points.iter().all(|point| point.is_nan())
    }

    fn is_unlabelled(&self) -> bool {
        self.labels.iter().all(|(name, _)| name == NAME)
    }

    fn name(&self) -> Option<&str> {
        self.labels.iter().find_map(|(name, value)| match value {
            Value::String(text) if name == NAME => Some(text.as_str()),
            _ => None,
        })
    }

    /// How much the line weighs when only some can be kept.
    fn weight(&self) -> f64 {
        self.points.iter().filter(|point| !point.is_nan()).map(|point| point.abs()).sum()
    }

    /// As it is answered; exemplars without a point to stand beside are left out.
    pub(super) fn into_series(self, window: &MetricsWindow) -> Series {
        let points = self.points.iter().enumerate().filter(|(_, value)| value.is_finite());
        let samples = points.map(|(at, value)| Sample {
            timestamp_unix_milli: (window.moment(at) / 1_000_000) as i64,
            value: *value,
        });
        let samples = samples.collect();
        let mut exemplars = self.exemplars;
        exemplars.retain(|it| {
            let point = window.interval(it.timestamp_unix_nano).map(|at| self.points[at]);
            point.is_some_and(f64::is_finite) && it.value != 0.0 && it.value.is_finite()
        });
        exemplars.sort_by_key(|it| (it.timestamp_unix_nano, it.trace_id));
        Series { labels: self.labels, samples, exemplars }
    }
}

/// By labels: names, then values.
pub(super) fn sort(lines: &mut [Line]) {
    lines.sort_by_cached_key(|line| {
        line.labels.iter().map(|(name, value)| (name.clone(), order(value))).collect::<Vec<_>>()
    });
}

/// Numbers before text, each in its order.
fn order(value: &Value) -> (u8, i64, String) {
    let bits = |value: f64| {
        let bits = value.to_bits() as i64;
        bits ^ (((bits >> 63) as u64) >> 1) as i64
    };
    match value {
        Value::Bool(flag) => (0, i64::from(*flag), String::new()),
        Value::Int(int) => (1, *int, String::new()),
        Value::Double(double) => (2, bits(*double), String::new()),
        Value::String(text) => (3, 0, text.clone()),
        Value::Encoded(bytes) => (4, 0, format!("{bytes:02x?}")),
    }
}

/// A scalar as the value of a label. Numbers keep their type.
pub(super) fn label(scalar: Option<&Scalar>) -> Value {
    match scalar {
        Some(Scalar::Duration(nanos)) => Value::String(format_duration(*nanos)),
        Some(scalar) => scalar.clone().into_value(),
        None => nil(),
    }
}

pub(super) fn nil() -> Value {
    Value::String("nil".to_owned())
}

/// Keeps the heaviest lines; says so.
pub(super) fn limit(lines: &mut Vec<Line>, series_max: usize) -> Option<String> {
    let count = lines.len();
    if count <= series_max {
        return None;
    }
    // The sort is stable: of equal ones those that come first by label stay.
    lines.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
    lines.truncate(series_max);
    sort(lines);
    Some(format!(
        "the query gives {count} series, the largest {series_max} are shown; group by fewer values or use topk"
    ))
}

/// Applies second stages from left to right.
pub(super) fn staged(mut lines: Vec<Line>, stages: &[SecondStage]) -> Vec<Line> {
    for stage in stages {
        match stage {
            SecondStage::TopK(count, _) => pick(&mut lines, *count, |a, b| b.total_cmp(&a)),
            SecondStage::BottomK(count, _) => pick(&mut lines, *count, |a, b| a.total_cmp(&b)),
            SecondStage::Filter(operator, literal, _) => {
                let wanted = match literal {
                    Literal::Int(value) => *value as f64,
                    Literal::Float(value) => *value,
                    Literal::Duration(nanos) => *nanos as f64 / 1e9,
                    // The parser takes no other.
                    _ => f64::NAN,
                };
                for point in lines.iter_mut().flat_map(|line| &mut line.points) {
                    if !holds(*operator, f64::partial_cmp(point, &wanted)) {
                        *point = f64::NAN;
                    }
                }
            }
        }
        lines.retain(|line| !line.is_empty());
    }
    lines
}

/// At each moment keeps the first few points in an order; of equal ones those that come first by label.
fn pick(lines: &mut [Line], count: i64, order: impl Fn(f64, f64) -> Ordering) {
    let count = usize::try_from(count).unwrap_or(0);
    let moments = lines.first().map_or(0, |line| line.points.len());
    for at in 0..moments {
        let mut ranked: Vec<(f64, usize)> = lines
            .iter()
            .enumerate()
            .map(|(place, line)| (line.points[at], place))
            .filter(|(point, _)| !point.is_nan())
            .collect();
        // Zeros of either sign are equal.
        ranked.sort_by(|a, b| order(a.0 + 0.0, b.0 + 0.0).then(a.1.cmp(&b.1)));
        for (_, place) in ranked.into_iter().skip(count) {
            lines[place].points[at] = f64::NAN;
        }
    }
}

/// Arithmetic between two sides, joined on equal labels. A side without labels applies to every series of the other.
pub(super) fn combine(operator: ArithmeticOperator, left: Lines, right: Lines) -> Lines {
    match (left, right) {
        (Lines::Constant(a), Lines::Constant(b)) => Lines::Constant(calculate(operator, a, b)),
        (Lines::Series(lines), Lines::Constant(b)) => {
            Lines::Series(with_each(lines, |point| calculate(operator, point, b)))
        }
        (Lines::Constant(a), Lines::Series(lines)) => {
            Lines::Series(with_each(lines, |point| calculate(operator, a, point)))
        }
        (Lines::Series(left), Lines::Series(right)) => Lines::Series(joined(operator, left, right)),
    }
}

fn with_each(mut lines: Vec<Line>, change: impl Fn(f64) -> f64) -> Vec<Line> {
    for line in &mut lines {
        line.points.iter_mut().for_each(|point| *point = change(*point));
        line.exemplars.iter_mut().for_each(|it| it.value = change(it.value));
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn joined(operator: ArithmeticOperator, left: Vec<Line>, right: Vec<Line>) -> Vec<Line> {
    let alone = |lines: &[Line]| matches!(lines, [line] if line.is_unlabelled());
    let mut lines = match (alone(&left), alone(&right)) {
        (true, true) => {
            let names = left[0].name().zip(right[0].name());
            let name = names.map(|(a, b)| format!("({a} {operator} {b})"));
            let mut line = both(operator, &left[0], &right[0]);
            if let Some(name) = name {
                line.labels = vec![(NAME.to_owned(), Value::String(name))];
            }
            vec![line]
        }
        (false, true) => left.iter().map(|line| both(operator, line, &right[0])).collect(),
        (true, false) => {
            let onto = |line: &Line| {
                let result = both(operator, &left[0], line);
                Line { labels: line.labels.clone(), ..result }
            };
            right.iter().map(onto).collect()
        }
        (false, false) => {
            let key = |line: &Line| {
                let mut labels = line.labels.clone();
                labels.sort_by(|a, b| a.0.cmp(&b.0));
                format!("{labels:?}")
            };
            let by_labels: RapidHashMap<String, &Line> =
                right.iter().map(|line| (key(line), line)).collect();
            left.iter()
                .filter_map(|line| Some(both(operator, line, by_labels.get(&key(line))?)))
                .collect::<Vec<_>>()
        }
    };
    lines.retain(|line| !line.is_empty());
    lines
}

/// The left line's labels and exemplars with the result's points. An exemplar of a result keeps its own value.
fn both(operator: ArithmeticOperator, left: &Line, right: &Line) -> Line {
    let pairs = left.points.iter().zip(&right.points);
    let points = pairs.map(|(a, b)| calculate(operator, *a, *b)).collect();
    Line { labels: left.labels.clone(), points, exemplars: left.exemplars.clone() }
}

/// NaN where there is no result.
fn calculate(operator: ArithmeticOperator, left: f64, right: f64) -> f64 {
    let result = match operator {
        ArithmeticOperator::Add => left + right,
        ArithmeticOperator::Subtract => left - right,
        ArithmeticOperator::Multiply => left * right,
        ArithmeticOperator::Divide => left / right,
        // The parser takes no other.
        ArithmeticOperator::Remainder | ArithmeticOperator::Power => f64::NAN,
    };
    if result.is_finite() { result } else { f64::NAN }
}
