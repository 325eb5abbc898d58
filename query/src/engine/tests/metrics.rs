//! Metrics against a naive evaluation, and what their answers look like.

use super::{
    model::{Plain, Span},
    oracle::Trace,
    *,
};
use crate::traceql::{Intrinsic, MetricsExpression, MetricsFunction, MetricsKind};

fn window(start: u64, end: u64, step: u64) -> MetricsWindow {
    MetricsWindow { start_unix_nano: start, end_unix_nano: end, step_nano: step }
}

fn metrics(parts: Vec<Vec<Span>>, text: &str, window: MetricsWindow) -> MetricsResponse {
    let query = parse(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    let request = MetricsRequest { query, window, exemplars_max: 100, series_max: 1_000 };
    wait(engine(parts).metrics(request)).unwrap()
}

/// Label text → (interval → value).
type Table = BTreeMap<String, BTreeMap<usize, f64>>;

fn table(response: &MetricsResponse, window: MetricsWindow) -> Table {
    let line = |series: &Series| {
        let labels: Vec<String> =
            series.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let place = |sample: &Sample| {
            let past = sample.timestamp_unix_milli as u64 * 1_000_000 - window.start_unix_nano;
            ((past / window.step_nano) as usize - 1, sample.value)
        };
        (labels.join(","), series.samples.iter().map(place).collect())
    };
    response.series.iter().map(line).collect()
}

/// The same by looking at every span of every trace.
fn naive(spans: &[Span], expression: &MetricsExpression, window: MetricsWindow) -> Table {
    let MetricsExpression::Series { pipeline, function } = expression else { unreachable!() };
    let mut groups: BTreeMap<String, Vec<(usize, Option<f64>)>> = BTreeMap::new();
    let mut traces: BTreeMap<u8, Vec<&Span>> = BTreeMap::new();
    spans.iter().for_each(|span| traces.entry(span.trace).or_default().push(span));
    for mut spans in traces.into_values() {
        spans.sort_by_key(|span| (span.start, span.id));
        let trace = Trace { spans };
        let kept: BTreeSet<usize> = trace.run(pipeline).into_iter().flatten().collect();
        for at in kept {
            let start = trace.spans[at].start;
            if start <= window.start_unix_nano || start > window.end_unix_nano {
                continue;
            }
            let interval = ((start - window.start_unix_nano - 1) / window.step_nano) as usize;
            let number = |field: &FieldRef| trace.number(field, at);
            let value = match &function.kind {
                MetricsKind::Rate | MetricsKind::CountOverTime => Some(1.0),
                MetricsKind::MinOverTime(field)
                | MetricsKind::MaxOverTime(field)
                | MetricsKind::AvgOverTime(field)
                | MetricsKind::SumOverTime(field)
                | MetricsKind::QuantileOverTime(field, _)
                | MetricsKind::HistogramOverTime(field) => number(field),
                MetricsKind::Compare { .. } => unreachable!(),
            };
            if value.is_none() {
                continue;
            }
            let labels = trace.labels(&function.by, at);
            groups.entry(labels).or_default().push((interval, value));
        }
    }
    let mut table = Table::new();
    for (labels, values) in groups {
        let mut by_interval: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for (interval, value) in values {
            by_interval.entry(interval).or_default().extend(value);
        }
        for (name, line) in aggregated(function, &labels, &by_interval, window) {
            table.insert(name, line);
        }
    }
    if table.is_empty() && function.by.is_empty() {
        let name = match function.kind {
            MetricsKind::Rate => "rate",
            MetricsKind::CountOverTime => "count_over_time",
            _ => return table,
        };
        let zeros = (0..window.intervals()).map(|at| (at, 0.0)).collect();
        table.insert(format!("__name__=String({name:?})"), zeros);
    }
    table
}

fn aggregated(
    function: &MetricsFunction,
    labels: &str,
    values: &BTreeMap<usize, Vec<f64>>,
    window: MetricsWindow,
) -> Vec<(String, BTreeMap<usize, f64>)> {
    let dense = |of: &dyn Fn(&[f64]) -> f64| -> BTreeMap<usize, f64> {
        let at = |at| values.get(&at).map_or(&[][..], Vec::as_slice);
        (0..window.intervals()).map(|interval| (interval, of(at(interval)))).collect()
    };
    let sparse = |of: &dyn Fn(&[f64]) -> f64| -> BTreeMap<usize, f64> {
        values.iter().map(|(interval, values)| (*interval, of(values))).collect()
    };
    let field_is_duration = matches!(
        super::super::metrics::measured(&function.kind),
        Some(FieldRef::Intrinsic(Intrinsic::Duration | Intrinsic::TraceDuration))
    );
    let unit = if field_is_duration { 1e-9 } else { 1.0 };
    let with = |label: String| match labels {
        "" => label,
        labels => format!("{labels},{label}"),
    };
    let named = |name: &str| match labels {
        "" => format!("__name__=String({name:?})"),
        labels => labels.to_owned(),
    };
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    match &function.kind {
        MetricsKind::Rate => {
            let seconds = window.step_nano as f64 / 1e9;
            vec![(named("rate"), dense(&|values| values.len() as f64 / seconds))]
        }
        MetricsKind::CountOverTime => {
            vec![(named("count_over_time"), dense(&|values| values.len() as f64))]
        }
        MetricsKind::SumOverTime(_) => {
            vec![(named("sum_over_time"), sparse(&|values| sum(values) * unit))]
        }
        MetricsKind::AvgOverTime(_) => {
            let average = |values: &[f64]| sum(values) / values.len() as f64 * unit;
            vec![(named("avg_over_time"), sparse(&average))]
        }
        MetricsKind::MinOverTime(_) => {
            let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
            vec![(named("min_over_time"), sparse(&|values| least(values) * unit))]
        }
        MetricsKind::MaxOverTime(_) => {
            let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            vec![(named("max_over_time"), sparse(&|values| most(values) * unit))]
        }
        MetricsKind::QuantileOverTime(_, quantiles) => {
            let exact = |quantile: f64, values: &[f64]| {
                let mut sorted = values.to_vec();
                sorted.sort_by(f64::total_cmp);
                let rank = (quantile * sorted.len() as f64).ceil() as usize;
                sorted.get(rank.max(1) - 1).copied().unwrap_or(0.0) * unit
            };
            let line = |quantile: &f64| {
                let label = with(format!("p=Double({quantile:?})"));
                (label, dense(&|values| exact(*quantile, values)))
            };
            quantiles.iter().map(line).collect()
        }
        MetricsKind::HistogramOverTime(_) => {
            let mut bounds: BTreeSet<u64> = BTreeSet::new();
            let bound =
                |value: f64| (value >= 2.0).then(|| (value.ceil() as u64).next_power_of_two());
            bounds.extend(values.values().flatten().filter_map(|value| bound(*value)));
            let line = |wanted: u64| {
                let label = with(format!("__bucket=Double({:?})", wanted as f64 * unit));
                let count = move |values: &[f64]| {
                    values.iter().filter(|value| bound(**value) == Some(wanted)).count() as f64
                };
                (label, dense(&count))
            };
            bounds.into_iter().map(line).collect()
        }
        MetricsKind::Compare { .. } => unreachable!(),
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 0.01 * b.abs() + 1e-12
}

fn function() -> impl Strategy<Value = String> {
    let number = || {
        prop::sample::select(vec![
            "duration",
            "span.x",
            ".y",
            "traceDuration",
            "span:childCount",
            "event.x",
            "resource.x",
        ])
    };
    let function = prop_oneof![
        2 => Just("rate()".to_owned()),
        2 => Just("count_over_time()".to_owned()),
        4 => (
            prop::sample::select(vec!["min", "max", "avg", "sum", "histogram"]),
            number(),
        )
            .prop_map(|(name, field)| format!("{name}_over_time({field})")),
        2 => number().prop_map(|field| format!("quantile_over_time({field}, 0, .5, .9, 1)")),
    ];
    let by = prop::sample::select(vec![
        "",
        " by (name)",
        " by (resource.service.name)",
        " by (.x, kind)",
        " by (status, span.y, event:name)",
        " by (rootName)",
        " by (event.x)",
    ]);
    (function, by).prop_map(|(function, by)| format!("{function}{by}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn metrics_agree_with_the_naive_evaluator(
        (spans, parts) in spread(),
        text in pipeline(),
        function in function(),
        start in 998u64..1_006,
        steps in 1u64..6,
        step in 1u64..5,
    ) {
        let text = format!("{text} | {function}");
        let Ok(query) = parse(&text) else { return Ok(()) };
        // Samples are told in milliseconds.
        let ms = |time: u64| time * 1_000_000;
        let window = window(ms(start), ms(start + steps * step), ms(step));
        let millis = |mut span: Span| {
            span.start *= 1_000_000;
            span
        };
        let parts: Vec<Vec<Span>> =
            parts.into_iter().map(|part| part.into_iter().map(millis).collect()).collect();
        let QueryBody::Metrics(expression) = &query.body else { unreachable!() };
        let spans: Vec<Span> = spans.into_iter().map(millis).collect();
        let mut expected = naive(&spans, expression, window);
        let request =
            MetricsRequest { query: query.clone(), window, exemplars_max: 0, series_max: 1_000 };
        let response = wait(engine(parts).metrics(request)).unwrap();
        prop_assert_eq!(&response.partial, &None);
        let found = table(&response, window);
        let keys = |table: &Table| table.keys().cloned().collect::<Vec<_>>();
        prop_assert_eq!(keys(&found), keys(&expected), "{}", text);
        for (labels, line) in found {
            let other = expected.remove(&labels).unwrap();
            let same = line.len() == other.len()
                && line.iter().all(|(at, value)| other.get(at).is_some_and(|it| close(*value, *it)));
            prop_assert!(same, "{}: {}: {:?} for {:?}", text, labels, line, other);
        }
    }
}
