//! `compare` against counting by hand: every value of every attribute, in the selection and in the rest.

use super::{
    metrics::{Table, table, window},
    model::Span,
    oracle::Trace,
    *,
};
use crate::traceql::{Intrinsic, MetricsExpression, MetricsKind, Scope};

/// (class, interval) → spans.
type Points = BTreeMap<(usize, usize), u64>;

/// What is known of one field: spans that have it, and spans by value as it is shown.
#[derive(Default)]
struct Counted {
    present: Points,
    values: BTreeMap<String, Points>,
}

/// All fields that are compared, of these spans.
fn fields(spans: &[Span]) -> BTreeSet<FieldRef> {
    let mut all: BTreeSet<FieldRef> =
        [Intrinsic::Name, Intrinsic::Status, Intrinsic::Kind, Intrinsic::EventName]
            .map(FieldRef::from)
            .into();
    for span in spans {
        let mut add = |scope, attributes: &Attributes| {
            all.extend(attributes.keys().map(|name| FieldRef::attribute(scope, name)));
        };
        add(Scope::Span, &span.attributes);
        add(Scope::Resource, &span.whole_resource());
        add(Scope::Instrumentation, &span.scope);
        span.events.iter().for_each(|event| add(Scope::Event, &event.attributes));
        span.links.iter().for_each(|link| add(Scope::Link, &link.attributes));
    }
    all
}

fn naive(
    spans: &[Span],
    expression: &MetricsExpression,
    window: MetricsWindow,
) -> BTreeMap<FieldRef, Counted> {
    let MetricsExpression::Series { pipeline, function } = expression else { unreachable!() };
    let MetricsKind::Compare { selection, range, .. } = &function.kind else { unreachable!() };
    let fields = fields(spans);
    let mut counted: BTreeMap<FieldRef, Counted> = BTreeMap::new();
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
            let in_range =
                range.is_none_or(|(from, to)| start as i64 >= from && (start as i64) < to);
            let is_selected =
                in_range && selection.as_ref().is_none_or(|filter| trace.holds(filter, at));
            let place = (usize::from(is_selected), interval);
            for field in &fields {
                let shown = trace.shown(field, at);
                if shown.is_empty() {
                    continue;
                }
                let of = counted.entry(field.clone()).or_default();
                *of.present.entry(place).or_default() += 1;
                for value in shown {
                    *of.values.entry(value).or_default().entry(place).or_default() += 1;
                }
            }
        }
    }
    counted
}

/// The points of one class, as a series has them.
fn line(points: &Points, class: usize, window: MetricsWindow) -> BTreeMap<usize, f64> {
    let at = |interval| points.get(&(class, interval)).copied().unwrap_or(0) as f64;
    (0..window.intervals()).map(|interval| (interval, at(interval))).collect()
}

fn sum(points: &Points, class: usize) -> u64 {
    points.iter().filter(|((of, _), _)| *of == class).map(|(_, count)| *count).sum()
}

/// The series must be those of the counts. Which of equally frequent values are shown is not asked.
fn check(
    found: &mut Table,
    counted: &BTreeMap<FieldRef, Counted>,
    top: usize,
    window: MetricsWindow,
) -> Result<(), String> {
    for (field, of) in counted {
        for (class, kind) in ["baseline", "selection"].into_iter().enumerate() {
            let total = format!("__meta_type=String(\"{kind}_total\"),{field}=String(\"nil\")");
            let present = (sum(&of.present, class) > 0).then(|| line(&of.present, class, window));
            let shown = found.remove(&total);
            if shown != present {
                return Err(format!("{total}: {shown:?} for {present:?}"));
            }
            let with_values: Vec<(&String, &Points)> =
                of.values.iter().filter(|(_, points)| sum(points, class) > 0).collect();
            let mut expected: Vec<u64> =
                with_values.iter().map(|(_, points)| sum(points, class)).collect();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            let is_cut = expected.len() > top;
            expected.truncate(top);
            let mut shown = Vec::new();
            for (value, points) in with_values {
                let labels = format!("__meta_type=String(\"{kind}\"),{field}={value}");
                if let Some(points_found) = found.remove(&labels) {
                    let points_expected = line(points, class, window);
                    if points_found != points_expected {
                        return Err(format!("{labels}: {points_found:?} for {points_expected:?}"));
                    }
                    shown.push(sum(points, class));
                }
            }
            shown.sort_unstable_by(|a, b| b.cmp(a));
            if shown != expected {
                return Err(format!("{field} in {kind}: {shown:?} for {expected:?}"));
            }
            let error = format!(
                "__meta_type=String(\"{kind}\"),__meta_error=String(\"__too_many_values__\"),{field}=String(\"nil\")"
            );
            if found.remove(&error).is_some() != is_cut {
                return Err(format!("{error}: {is_cut} expected"));
            }
        }
    }
    // Names and services of roots are there where the query needs whole traces anyway.
    found.retain(|labels, _| {
        !labels.contains(",rootName=") && !labels.contains(",rootServiceName=")
    });
    if found.is_empty() { Ok(()) } else { Err(format!("too many series: {found:?}")) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn compare_agrees_with_counting(
        (spans, parts) in spread(),
        text in pipeline(),
        selection in filter(),
        top in 1usize..4,
        range in prop::option::of((998i64..1_010, 1i64..8)),
        start in 998u64..1_006,
        steps in 1u64..4,
        step in 1u64..5,
    ) {
        let ms = |time: u64| time * 1_000_000;
        let range = range.map_or(String::new(), |(from, length)| {
            format!(", {}, {}", from * 1_000_000, (from + length) * 1_000_000)
        });
        let text = format!("{text} | compare({selection}, {top}{range})");
        let Ok(query) = parse(&text) else { return Ok(()) };
        let window = window(ms(start), ms(start + steps * step), ms(step));
        let millis = |mut span: Span| {
            span.start *= 1_000_000;
            span
        };
        let parts: Vec<Vec<Span>> =
            parts.into_iter().map(|part| part.into_iter().map(millis).collect()).collect();
        let spans: Vec<Span> = spans.into_iter().map(millis).collect();
        let QueryBody::Metrics(expression) = &query.body else { unreachable!() };
        let counted = naive(&spans, expression, window);
        let request =
            MetricsRequest { query: query.clone(), window, exemplars_max: 0, series_max: 10_000 };
        let response = wait(engine(parts).metrics(request)).unwrap();
        prop_assert_eq!(&response.partial, &None);
        let outcome = check(&mut table(&response, window), &counted, top, window);
        prop_assert_eq!(outcome, Ok(()), "{}", text);
    }
}
