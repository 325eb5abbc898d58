//! Metrics against a naive evaluation, and what their answers look like.

use super::{model::Span, oracle::Trace, *};
use crate::traceql::{Intrinsic, MetricsExpression, MetricsFunction, MetricsKind};

pub(super) fn window(start: u64, end: u64, step: u64) -> MetricsWindow {
    MetricsWindow { start_unix_nano: start, end_unix_nano: end, step_nano: step, has_start: false }
}

fn metrics(parts: Vec<Vec<Span>>, text: &str, window: MetricsWindow) -> MetricsResponse {
    let query = parse(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    let request = MetricsRequest { query, window, exemplars_max: 100, series_max: 1_000 };
    wait(engine(parts).metrics(request)).unwrap()
}

/// Label text → (interval → value).
pub(super) type Table = BTreeMap<String, BTreeMap<usize, f64>>;

pub(super) fn table(response: &MetricsResponse, window: MetricsWindow) -> Table {
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
pub(super) fn naive(
    spans: &[Span],
    expression: &MetricsExpression,
    window: MetricsWindow,
) -> Table {
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

const MS: u64 = 1_000_000;

/// Spans of one trace each, by name and start in milliseconds; the duration is the start, in microseconds.
fn named(spans: &[(&str, u64)]) -> Vec<Span> {
    let span = |(at, (name, start)): (usize, &(&str, u64))| {
        let mut span = simple(at as u8 + 1, 1, None, start * MS);
        span.name = (*name).to_owned();
        span.duration = *start as i64 * 1_000;
        span
    };
    spans.iter().enumerate().map(span).collect()
}

fn points(response: &MetricsResponse) -> Vec<(String, Vec<f64>)> {
    let series = response.series.iter();
    series
        .map(|it| {
            let labels = it.labels.iter().map(|(name, value)| match value {
                Value::String(text) => format!("{name}={text}"),
                other => format!("{name}={other:?}"),
            });
            (labels.collect::<Vec<_>>().join(" "), it.samples.iter().map(|s| s.value).collect())
        })
        .collect()
}

fn owned(expected: &[(&str, &[f64])]) -> Vec<(String, Vec<f64>)> {
    expected.iter().map(|(labels, points)| ((*labels).to_owned(), points.to_vec())).collect()
}

#[test]
fn intervals_are_open_on_the_left_and_closed_on_the_right() {
    let spans = named(&[("a", 1_000), ("a", 1_001), ("a", 2_000), ("a", 2_001), ("a", 4_001)]);
    let window = window(1_000 * MS, 4_000 * MS, 1_000 * MS);
    let response = metrics(vec![spans], "{ } | count_over_time()", window);
    assert_eq!(points(&response), owned(&[("__name__=count_over_time", &[2.0, 1.0, 0.0])]));
    let moments: Vec<i64> =
        response.series[0].samples.iter().map(|sample| sample.timestamp_unix_milli).collect();
    assert_eq!(moments, [2_000, 3_000, 4_000]);
}

#[test]
fn windows_are_aligned_to_steps() {
    let aligned = MetricsWindow::aligned(1_234, 5_001, 1_000).unwrap();
    assert_eq!(aligned, window(0, 6_000, 1_000));
    assert_eq!(aligned.intervals(), 6);
    assert!(MetricsWindow::aligned(0, 1_000_000, 1).is_err());
    assert!(MetricsWindow::aligned(6, 5, 1).is_err());
    // The intervals that were asked for count, and a moment is an interval.
    assert_eq!(MetricsWindow::aligned(1, 10_001, 1).unwrap().intervals(), 10_001);
    assert!(MetricsWindow::aligned(1, 10_002, 1).is_err());
    assert_eq!(MetricsWindow::aligned(10, 10, 10).unwrap().intervals(), 1);
    assert_eq!(MetricsWindow::aligned(11, 11, 10).unwrap().intervals(), 2);
    assert!(MetricsWindow::instant(5, 5).is_err());
    assert!(MetricsWindow::aligned(5, 6, 0).is_err());
    let instant = MetricsWindow::instant(1_234, 5_001).unwrap();
    assert_eq!((instant.intervals(), instant.step_nano), (1, 3_767));
}

#[test]
fn instant_queries_count_both_ends_of_their_range() {
    let at = [("a", 999), ("b", 1_000), ("c", 1_500), ("d", 3_000), ("e", 3_001)];
    let instant = MetricsWindow::instant(1_000 * MS, 3_000 * MS).unwrap();
    for (query, value) in [("count_over_time()", 3.0), ("rate()", 1.5)] {
        let response = metrics(vec![named(&at)], &format!("{{ }} | {query}"), instant);
        assert_eq!(response.series[0].samples[0].value, value, "{query}");
    }
    let range = metrics(
        vec![named(&at)],
        "{ } | count_over_time()",
        window(1_000 * MS, 3_000 * MS, 2_000 * MS),
    );
    assert_eq!(range.series[0].samples[0].value, 2.0);
}

#[test]
fn second_stages_and_arithmetic_work_on_series() {
    let spans = || {
        let mut all = vec![named(&[("a", 1_100), ("a", 1_200), ("b", 1_300), ("b", 2_100)])];
        all.push(vec![{
            let mut failed = simple(9, 1, None, 2_200 * MS);
            failed.name = "a".to_owned();
            failed.status = 2;
            failed
        }]);
        all
    };
    let ask =
        |text: &str| points(&metrics(spans(), text, window(1_000 * MS, 3_000 * MS, 1_000 * MS)));
    let both: &[(&str, &[f64])] = &[("name=a", &[2.0, 1.0]), ("name=b", &[1.0, 1.0])];
    assert_eq!(ask("{ } | rate() by (name)"), owned(both));
    assert_eq!(
        ask("{ } | rate() by (name) | topk(1)"),
        owned(&[("name=a", &[2.0, 1.0])]),
        "equal points go by label"
    );
    assert_eq!(
        ask("{ } | rate() by (name) | bottomk(1)"),
        owned(&[("name=a", &[1.0]), ("name=b", &[1.0])])
    );
    assert_eq!(ask("{ } | rate() by (name) > 1"), owned(&[("name=a", &[2.0])]));
    assert_eq!(
        ask("({ status = error } | rate() by (name)) / ({ } | rate() by (name))"),
        owned(&[("name=a", &[0.0, 1.0])])
    );
    assert_eq!(
        ask("({ } | rate() by (name)) / ({ } | rate())"),
        owned(&[("name=a", &[2.0 / 3.0, 0.5]), ("name=b", &[1.0 / 3.0, 0.5])])
    );
    assert_eq!(
        ask("({ } | rate()) / ({ status = error } | rate())"),
        owned(&[("__name__=(rate / rate)", &[2.0])])
    );
    assert_eq!(ask("60 * ({ } | rate()) - 5"), owned(&[("__name__=rate", &[175.0, 115.0])]));
    assert_eq!(
        ask("{ name = \"none\" } | rate()"),
        owned(&[("__name__=rate", &[0.0, 0.0])]),
        "nothing is a rate of zero"
    );
    assert_eq!(ask("{ name = \"none\" } | rate() by (name)"), []);
    assert_eq!(ask("{ } | max_over_time(span.none)"), []);
    assert_eq!(ask("{ nestedSetParent < 0 } | by(name) | count_over_time()").len(), 1);
}

#[test]
fn exemplars_lead_to_spans_that_the_points_are_made_of() {
    let spans = named(&[("a", 1_100), ("a", 1_200), ("b", 1_300), ("b", 2_100)]);
    let whole = window(1_000 * MS, 3_000 * MS, 1_000 * MS);
    let response = metrics(vec![spans.clone()], "{ } | rate() by (name)", whole);
    let found: Vec<(u8, u64, f64)> = response
        .series
        .iter()
        .flat_map(|series| &series.exemplars)
        .map(|it| (it.trace_id.0[0], it.timestamp_unix_nano / MS, it.value))
        .collect();
    assert_eq!(found, [(1, 1_100, 2.0), (2, 1_200, 2.0), (3, 1_300, 1.0), (4, 2_100, 1.0)]);
    let response = metrics(vec![spans.clone()], "{ } | max_over_time(duration)", whole);
    let values: Vec<f64> = response.series[0].exemplars.iter().map(|it| it.value).collect();
    assert!(close(values[0], 0.0011) && close(values[3], 0.0021), "{values:?}");
    let none = metrics(vec![spans.clone()], "{ } | rate() with (exemplars=false)", whole);
    assert!(none.series[0].exemplars.is_empty());
    let few = metrics(vec![spans], "{ } | rate() with (exemplars=2)", whole);
    assert_eq!(few.series[0].exemplars.len(), 2);
}

#[test]
fn one_trace_gives_one_exemplar() {
    let spans = (1..30u8).map(|id| simple(1, id, None, 1_000 * MS + u64::from(id) * MS)).collect();
    let response = metrics(vec![spans], "{ } | rate()", window(1_000 * MS, 2_000 * MS, 1_000 * MS));
    assert_eq!(response.series[0].exemplars.len(), 1);
}

#[test]
fn too_many_series_are_cut_and_said() {
    let spans = named(&[("a", 1_100), ("a", 1_200), ("b", 1_300), ("c", 1_400)]);
    let request = MetricsRequest {
        query: parse("{ } | rate() by (name)").unwrap(),
        window: window(1_000 * MS, 2_000 * MS, 1_000 * MS),
        exemplars_max: 0,
        series_max: 2,
    };
    let response = wait(engine(vec![spans]).metrics(request)).unwrap();
    assert_eq!(points(&response), owned(&[("name=a", &[2.0]), ("name=b", &[1.0])]));
    assert!(response.partial.unwrap().contains("3 series"));
}

#[test]
fn the_selection_of_compare_begins_with_its_start_and_ends_before_its_end() {
    let spans = named(&[("a", 1_100), ("b", 1_200), ("c", 1_300), ("d", 1_400)]);
    let (start, end) = (1_200 * MS, 1_400 * MS);
    let response = metrics(
        vec![spans],
        &format!("{{ }} | compare({{ }}, 10, {start}, {end})"),
        MetricsWindow::instant(1_000 * MS, 2_000 * MS).unwrap(),
    );
    let labels: Vec<String> = points(&response).into_iter().map(|(labels, _)| labels).collect();
    for (class, name) in
        [("baseline", "a"), ("selection", "b"), ("selection", "c"), ("baseline", "d")]
    {
        let wanted = format!("__meta_type={class} name={name}");
        assert!(labels.contains(&wanted), "{wanted} is not in {labels:?}");
    }
}

#[test]
fn compare_counts_the_values_of_selection_and_baseline() {
    let mut spans = named(&[("a", 1_100), ("a", 1_200), ("b", 1_300)]);
    spans[2].status = 2;
    let response = metrics(
        vec![spans],
        "{ } | compare({ status = error }, 1)",
        MetricsWindow::instant(1_000 * MS, 2_000 * MS).unwrap(),
    );
    let found: BTreeMap<String, Vec<f64>> = points(&response).into_iter().collect();
    let value = |labels: &str| found.get(labels).map(|points| points[0]);
    assert_eq!(value("__meta_type=baseline name=a"), Some(2.0), "{found:?}");
    assert_eq!(value("__meta_type=selection name=b"), Some(1.0));
    assert_eq!(value("__meta_type=selection status=error"), Some(1.0));
    assert_eq!(value("__meta_type=baseline_total name=nil"), Some(2.0));
    assert_eq!(value("__meta_type=selection_total resource.service.name=nil"), Some(1.0));
    assert_eq!(value("__meta_type=baseline name=b"), None);
}

#[test]
fn a_metrics_query_is_told_as_what_it_is() {
    let request = |text: &str| MetricsRequest {
        query: parse(text).unwrap(),
        window: window(1_000 * MS, 2_000 * MS, 1_000 * MS),
        exemplars_max: 0,
        series_max: 2,
    };
    let refused = wait(engine(Vec::new()).metrics(request("{ }")));
    assert!(matches!(refused, Err(EngineError::Invalid(why)) if why == "not a metrics query"));
}
