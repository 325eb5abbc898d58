//! Spans into series, for every metrics function but `compare`.

use super::{
    MetricsWindow,
    cells::Cells,
    groups::Groups,
    line::{Line, NAME, label},
    picks::{Picks, Way},
};
use crate::{
    engine::{
        EngineError, Value,
        codes::Codes,
        column::{Column, Data, Operand, Scalar},
        operand::{Frame, field_columns, scalars},
        scan::Fold,
        view::View,
    },
    traceql::{FieldRef, Intrinsic, MetricsFunction, MetricsKind},
};
use arrow_array::{Array, Float64Array, Int64Array};
use arrow_buffer::BooleanBuffer;
use std::sync::Arc;

const BUCKET: &str = "__bucket";
const QUANTILE: &str = "p";

/// Series under construction.
pub(super) struct SeriesFold {
    function: Arc<MetricsFunction>,
    window: MetricsWindow,
    groups: Groups,
    cells: Cells,
    picks: Picks,
}

/// Numbers of a field; NaN where a row has none.
enum Numbers {
    Ints(Int64Array),
    Floats(Float64Array),
    Made(Vec<f64>),
    /// The function needs none.
    Ones,
}

impl Numbers {
    fn of(field: &FieldRef, view: &View, wanted: &BooleanBuffer) -> Result<Self, EngineError> {
        let mut columns = field_columns(field, Frame::rows(view))?;
        columns.retain(|column| {
            let is_array = column.fan.as_ref().is_some_and(|fan| fan.is_array);
            !is_array && matches!(column.data, Data::Int(_) | Data::Duration(_) | Data::Float(_))
        });
        match columns.as_slice() {
            [Column { fan: None, data: Data::Int(array) | Data::Duration(array) }] => {
                return Ok(Self::Ints(array.clone()));
            }
            [Column { fan: None, data: Data::Float(array) }] => {
                return Ok(Self::Floats(array.clone()));
            }
            _ => {}
        }
        let mut numbers = vec![f64::NAN; view.len()];
        let number = |scalar: Option<Scalar>| scalar.and_then(|it| it.number()).unwrap_or(f64::NAN);
        if columns.iter().all(|column| column.fan.is_none()) {
            for row in wanted.set_indices() {
                numbers[row] = number(columns.iter().find_map(|column| column.data.scalar(row)));
            }
        } else {
            let all = scalars(&Operand::Columns(columns), view.len());
            all.into_iter().zip(&mut numbers).for_each(|(scalar, to)| *to = number(scalar));
        }
        Ok(Self::Made(numbers))
    }

    fn at(&self, row: usize) -> f64 {
        match self {
            Self::Ints(array) if array.is_valid(row) => array.value(row) as f64,
            Self::Floats(array) if array.is_valid(row) => array.value(row),
            Self::Ints(_) | Self::Floats(_) => f64::NAN,
            Self::Made(numbers) => numbers[row],
            Self::Ones => 1.0,
        }
    }
}

/// The field that a function reads the numbers of.
pub(in super::super) fn measured(kind: &MetricsKind) -> Option<&FieldRef> {
    match kind {
        MetricsKind::Rate | MetricsKind::CountOverTime | MetricsKind::Compare { .. } => None,
        MetricsKind::MinOverTime(field)
        | MetricsKind::MaxOverTime(field)
        | MetricsKind::AvgOverTime(field)
        | MetricsKind::SumOverTime(field)
        | MetricsKind::HistogramOverTime(field)
        | MetricsKind::QuantileOverTime(field, _) => Some(field),
    }
}

/// Durations are measured in nanoseconds and told in seconds.
fn unit(kind: &MetricsKind) -> f64 {
    match measured(kind) {
        Some(FieldRef::Intrinsic(
            Intrinsic::Duration | Intrinsic::TraceDuration | Intrinsic::EventTimeSinceStart,
        )) => 1e-9,
        _ => 1.0,
    }
}

/// The upper bound of a number's bucket: the next power of two. What is below 2 (nanoseconds, say) has none.
fn bucket(value: f64) -> Option<f64> {
    if value.is_nan() || value < 2.0 {
        return None;
    }
    let bound = value.log2().ceil().exp2();
    Some(bound).filter(|bound| bound.is_finite())
}

impl SeriesFold {
    pub(super) fn new(
        function: &Arc<MetricsFunction>,
        window: MetricsWindow,
        with_exemplars: bool,
    ) -> Self {
        let (cells, ways): (Cells, &'static [Way]) = match &function.kind {
            MetricsKind::Rate
            | MetricsKind::CountOverTime
            | MetricsKind::HistogramOverTime(_)
            | MetricsKind::Compare { .. } => (Cells::Counts(Vec::new()), &[Way::Latest]),
            MetricsKind::MinOverTime(_) => (Cells::Least(Vec::new()), &[Way::Least]),
            MetricsKind::MaxOverTime(_) => (Cells::Greatest(Vec::new()), &[Way::Greatest]),
            MetricsKind::AvgOverTime(_) | MetricsKind::SumOverTime(_) => {
                (Cells::Sums(Vec::new()), &[Way::Latest])
            }
            MetricsKind::QuantileOverTime(..) => {
                (Cells::Sketches(Vec::new()), &[Way::Latest, Way::Greatest])
            }
        };
        let picks = Picks::new(if with_exemplars { ways } else { &[] });
        Self { function: function.clone(), window, groups: Groups::default(), cells, picks }
    }

    fn intervals(&self) -> usize {
        self.window.intervals()
    }

    /// The series so far.
    pub(super) fn lines(&self, exemplars_max: usize) -> Vec<Line> {
        let intervals = self.intervals();
        let unit = unit(&self.function.kind);
        let by = &self.function.by;
        let seconds = self.window.step_nano as f64 / 1e9;
        let mut lines: Vec<Line> = Vec::with_capacity(self.groups.len());
        // By group, the lines that it makes.
        let mut of_group: Vec<std::ops::Range<usize>> = Vec::with_capacity(self.groups.len());
        for (group, values) in self.groups.values.iter().enumerate() {
            let mut labels = labels(by, values);
            let cells = group * intervals..(group + 1) * intervals;
            let first = lines.len();
            let mut add = |labels: Vec<(String, Value)>, points: Vec<f64>| {
                if points.iter().any(|point| !point.is_nan()) {
                    lines.push(Line { labels, points, exemplars: Vec::new() });
                }
            };
            match (&self.cells, &self.function.kind) {
                (Cells::Counts(counts), kind) => {
                    let scale = if *kind == MetricsKind::Rate { 1.0 / seconds } else { 1.0 };
                    match kind {
                        MetricsKind::HistogramOverTime(_) => {
                            let bound = values.last().and_then(Option::as_ref);
                            let bound = bound.and_then(Scalar::number).unwrap_or(0.0) * unit;
                            labels.push((BUCKET.to_owned(), Value::Double(bound)));
                        }
                        _ if by.is_empty() => labels.push(named(kind)),
                        _ => {}
                    }
                    add(labels, counts[cells].iter().map(|count| *count as f64 * scale).collect());
                }
                (Cells::Least(values) | Cells::Greatest(values), kind) => {
                    if by.is_empty() {
                        labels.push(named(kind));
                    }
                    add(labels, values[cells].iter().map(|value| value * unit).collect());
                }
                (Cells::Sums(sums), kind) => {
                    if by.is_empty() {
                        labels.push(named(kind));
                    }
                    let is_average = matches!(kind, MetricsKind::AvgOverTime(_));
                    let point = |(sum, count): &(f64, u64)| match count {
                        0 => f64::NAN,
                        count if is_average => sum / *count as f64 * unit,
                        _ => sum * unit,
                    };
                    add(labels, sums[cells].iter().map(point).collect());
                }
                (Cells::Sketches(sketches), MetricsKind::QuantileOverTime(_, quantiles)) => {
                    if sketches[cells.clone()].iter().all(|sketch| sketch.is_empty()) {
                        of_group.push(first..first);
                        continue;
                    }
                    for quantile in quantiles {
                        let mut labels = labels.clone();
                        labels.push((QUANTILE.to_owned(), Value::Double(*quantile)));
                        let points = sketches[cells.clone()].iter();
                        let point = points.map(|it| it.quantile(*quantile).unwrap_or(0.0) * unit);
                        add(labels, point.collect());
                    }
                }
                (Cells::Sketches(_), _) => unreachable!("only quantiles are made of sketches"),
            }
            of_group.push(first..lines.len());
        }
        for (group, mut exemplar) in self.picks.exemplars(exemplars_max) {
            let Some(at) = self.window.interval(exemplar.timestamp_unix_nano) else { continue };
            let own = measured(&self.function.kind).is_some();
            exemplar.value *= unit;
            let distance = |line: &usize| (lines[*line].points[at] - exemplar.value).abs();
            let nearest =
                of_group[group as usize].clone().min_by(|a, b| distance(a).total_cmp(&distance(b)));
            let Some(line) = nearest.map(|line| &mut lines[line]) else { continue };
            if !own {
                exemplar.value = line.points[at];
            }
            line.exemplars.push(exemplar);
        }
        lines
    }
}

impl Fold for SeriesFold {
    fn add(&mut self, view: &View, wanted: &BooleanBuffer) -> Result<(), EngineError> {
        let function = self.function.clone();
        let numbers = match measured(&function.kind) {
            Some(field) => Numbers::of(field, view, wanted)?,
            None => Numbers::Ones,
        };
        let mut rows: Vec<u32> = wanted.set_indices().map(|row| row as u32).collect();
        // A span without a number makes no series.
        if !matches!(numbers, Numbers::Ones) {
            rows.retain(|row| !numbers.at(*row as usize).is_nan());
        }
        let mut buckets = None;
        if matches!(function.kind, MetricsKind::HistogramOverTime(_)) {
            rows.retain(|row| bucket(numbers.at(*row as usize)).is_some());
            buckets = Some(bucket_codes(&numbers, &rows, view.len()));
        }
        if rows.is_empty() {
            return Ok(());
        }
        let starts = view.starts()?;
        let starts = starts.values();
        let groups = self.groups.of_rows(view, &function.by, buckets, wanted, &rows)?;
        let intervals = self.intervals();
        self.cells.resized(self.groups.len() * intervals)?;
        let finder = self.window.finder();
        let cells = rows.iter().zip(&groups).map(|(row, group)| {
            let interval = finder.interval(starts[*row as usize]);
            (*group * intervals as u32 + interval as u32, *row)
        });
        self.cells.add(cells.map(|(cell, row)| (cell, numbers.at(row as usize))));
        self.picks.add(view, &self.window, self.groups.len(), &rows, |at| {
            let row = rows[at] as usize;
            (groups[at], starts[row], numbers.at(row))
        })
    }

    fn merge(&mut self, later: Self) -> Result<(), EngineError> {
        let places: Vec<u32> =
            later.groups.values.into_iter().map(|values| self.groups.place(values)).collect();
        let intervals = self.intervals();
        self.cells.resized(self.groups.len() * intervals)?;
        let place = |cell: usize| places[cell / intervals] as usize * intervals + cell % intervals;
        self.cells.merge(later.cells, place)?;
        self.picks.merge(later.picks, &places);
        Ok(())
    }
}

fn bucket_codes(numbers: &Numbers, rows: &[u32], all: usize) -> Codes {
    let mut codes = vec![0; all];
    let mut values: Vec<Scalar> = Vec::new();
    for row in rows {
        let Some(bound) = bucket(numbers.at(*row as usize)) else { continue };
        let known = values.iter().position(|value| *value == Scalar::Float(bound));
        let place = known.unwrap_or_else(|| {
            values.push(Scalar::Float(bound));
            values.len() - 1
        });
        codes[*row as usize] = place as u32 + 1;
    }
    Codes::Made { codes, values }
}

fn named(kind: &MetricsKind) -> (String, Value) {
    let name = match kind {
        MetricsKind::Rate => "rate",
        MetricsKind::CountOverTime => "count_over_time",
        MetricsKind::MinOverTime(_) => "min_over_time",
        MetricsKind::MaxOverTime(_) => "max_over_time",
        MetricsKind::AvgOverTime(_) => "avg_over_time",
        MetricsKind::SumOverTime(_) => "sum_over_time",
        MetricsKind::HistogramOverTime(_) => "histogram_over_time",
        MetricsKind::QuantileOverTime(..) => "quantile_over_time",
        MetricsKind::Compare { .. } => "compare",
    };
    (NAME.to_owned(), Value::String(name.to_owned()))
}

/// What a group is grouped by. A value that is missing drops its label; if all are, the first is `nil`.
fn labels(by: &[FieldRef], values: &[Option<Scalar>]) -> Vec<(String, Value)> {
    let pairs = || by.iter().zip(values);
    let mut labels: Vec<(String, Value)> = pairs()
        .filter(|(_, value)| value.is_some())
        .map(|(field, value)| (field.to_string(), label(value.as_ref())))
        .collect();
    if let (true, Some((field, _))) = (labels.is_empty(), pairs().next()) {
        labels.push((field.to_string(), label(None)));
    }
    labels
}

/// The series of a count of nothing: zero at every moment.
pub(super) fn nothing(function: &MetricsFunction, window: &MetricsWindow) -> Option<Line> {
    let counts = matches!(function.kind, MetricsKind::Rate | MetricsKind::CountOverTime);
    (counts && function.by.is_empty()).then(|| Line {
        labels: vec![named(&function.kind)],
        points: vec![0.0; window.intervals()],
        exemplars: Vec::new(),
    })
}
