//! What follows a metrics function against a naive evaluation.

use super::{
    metrics::{Table, naive, table, window},
    model::Span,
    *,
};
use crate::{
    engine::plan::holds,
    traceql::{ArithmeticOperator, Literal, MetricsExpression, SecondStage},
};

/// A side of arithmetic.
enum Side {
    Constant(f64),
    Series(Table),
}

fn number(literal: &Literal) -> f64 {
    match literal {
        Literal::Int(value) => *value as f64,
        Literal::Float(value) => *value,
        Literal::Duration(nanos) => *nanos as f64 / 1e9,
        _ => unreachable!(),
    }
}

fn evaluated(spans: &[Span], expression: &MetricsExpression, window: MetricsWindow) -> Side {
    match expression {
        MetricsExpression::Scalar(literal) => Side::Constant(number(literal)),
        MetricsExpression::Series { .. } => Side::Series(naive(spans, expression, window)),
        MetricsExpression::Staged { input, stages } => {
            let Side::Series(mut table) = evaluated(spans, input, window) else { unreachable!() };
            stages.iter().for_each(|stage| apply(&mut table, stage));
            Side::Series(table)
        }
        MetricsExpression::Math { operator, left, right } => {
            let left = evaluated(spans, left, window);
            joined(*operator, left, evaluated(spans, right, window))
        }
    }
}

fn apply(table: &mut Table, stage: &SecondStage) {
    match stage {
        SecondStage::Filter(operator, literal, _) => {
            let wanted = number(literal);
            let fits = |value: f64| holds(*operator, value.partial_cmp(&wanted));
            table.values_mut().for_each(|line| line.retain(|_, value| fits(*value)));
        }
        SecondStage::TopK(count, _) | SecondStage::BottomK(count, _) => {
            let is_top = matches!(stage, SecondStage::TopK(..));
            let moments: BTreeSet<usize> =
                table.values().flat_map(|line| line.keys().copied()).collect();
            for at in moments {
                let mut ranked: Vec<(f64, String)> = table
                    .iter()
                    .filter_map(|(labels, line)| Some((*line.get(&at)?, labels.clone())))
                    .collect();
                // The sort is stable, and the table is in the order of labels.
                ranked.sort_by(|a, b| {
                    if is_top {
                        (b.0 + 0.0).total_cmp(&(a.0 + 0.0))
                    } else {
                        (a.0 + 0.0).total_cmp(&(b.0 + 0.0))
                    }
                });
                for (_, labels) in ranked.into_iter().skip(*count as usize) {
                    table.get_mut(&labels).unwrap().remove(&at);
                }
            }
        }
    }
    table.retain(|_, line| !line.is_empty());
}

fn joined(operator: ArithmeticOperator, left: Side, right: Side) -> Side {
    type Line = BTreeMap<usize, f64>;
    let value = |a: f64, b: f64| {
        let result = match operator {
            ArithmeticOperator::Add => a + b,
            ArithmeticOperator::Subtract => a - b,
            ArithmeticOperator::Multiply => a * b,
            _ => a / b,
        };
        result.is_finite().then_some(result)
    };
    let each = |line: &Line, of: &dyn Fn(f64) -> Option<f64>| -> Line {
        line.iter().filter_map(|(at, value)| Some((*at, of(*value)?))).collect()
    };
    let both = |left: &Line, right: &Line| -> Line {
        left.iter().filter_map(|(at, a)| Some((*at, value(*a, *right.get(at)?)?))).collect()
    };
    // The name of the only series of a side without labels.
    let name = |table: &Table| {
        let (labels, _) = table.first_key_value().filter(|_| table.len() == 1)?;
        Some(labels.strip_prefix("__name__=String(\"")?.strip_suffix("\")")?.to_owned())
    };
    let mut table: Table = match (&left, &right) {
        (Side::Constant(a), Side::Constant(b)) => {
            return Side::Constant(value(*a, *b).unwrap_or(f64::NAN));
        }
        (Side::Series(left), Side::Constant(b)) => left
            .iter()
            .map(|(labels, line)| (labels.clone(), each(line, &|a| value(a, *b))))
            .collect(),
        (Side::Constant(a), Side::Series(right)) => right
            .iter()
            .map(|(labels, line)| (labels.clone(), each(line, &|b| value(*a, b))))
            .collect(),
        (Side::Series(left), Side::Series(right)) => match (name(left), name(right)) {
            (Some(a), Some(b)) => {
                let labels = format!("__name__=String(\"({a} {operator} {b})\")");
                let line = both(left.values().next().unwrap(), right.values().next().unwrap());
                Table::from([(labels, line)])
            }
            (Some(_), None) => {
                let of_all = left.values().next().unwrap();
                right.iter().map(|(labels, line)| (labels.clone(), both(of_all, line))).collect()
            }
            (None, Some(_)) => {
                let of_all = right.values().next().unwrap();
                left.iter().map(|(labels, line)| (labels.clone(), both(line, of_all))).collect()
            }
            (None, None) => left
                .iter()
                .filter_map(|(labels, line)| Some((labels.clone(), both(line, right.get(labels)?))))
                .collect(),
        },
    };
    table.retain(|_, line| !line.is_empty());
    Side::Series(table)
}

/// A function whose numbers are exact, and what follows it.
fn leaf() -> impl Strategy<Value = String> {
    let filter = prop::sample::select(vec![
        "{ }",
        "{ status = error }",
        "{ kind = server || .x }",
        "{ name = \"a\" }",
    ]);
    let function = prop::sample::select(vec![
        "count_over_time()",
        "max_over_time(span:childCount)",
        "min_over_time(span.x)",
        "sum_over_time(nestedSetLeft)",
    ]);
    let by = prop::sample::select(vec![
        "",
        " by (name)",
        " by (resource.service.name)",
        " by (name, kind)",
    ]);
    (filter, function, by, stages())
        .prop_map(|(filter, function, by, stages)| format!("{filter} | {function}{by}{stages}"))
}

fn stages() -> impl Strategy<Value = String> {
    let stage = prop::sample::select(vec![
        " | topk(1)",
        " | topk(2)",
        " | bottomk(1)",
        " | bottomk(3)",
        " > 1",
        " >= 1",
        " < 3",
        " = 2",
        " != 0",
        " > -1.5",
        " > 2s",
    ]);
    prop::collection::vec(stage, 0..3).prop_map(|stages| stages.concat())
}

fn expression() -> impl Strategy<Value = String> {
    let operator = || prop::sample::select(vec!["+", "-", "*", "/"]);
    let constant = prop::sample::select(vec!["2", "0", "-1.5", "7 / 2"]);
    let wrapped = || leaf().prop_map(|leaf| format!("({leaf})"));
    prop_oneof![
        3 => leaf(),
        3 => (wrapped(), operator(), wrapped(), stages())
            .prop_map(|(a, o, b, stages)| format!("{a} {o} {b}{stages}")),
        1 => (wrapped(), operator(), constant.clone(), stages())
            .prop_map(|(a, o, b, stages)| format!("{a} {o} {b}{stages}")),
        1 => (constant, operator(), wrapped()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        1 => (wrapped(), operator(), wrapped(), operator(), wrapped())
            .prop_map(|(a, o, b, p, c)| format!("({a} {o} {b}) {p} {c}")),
    ]
}

/// Times in milliseconds, as samples are told.
const MS: u64 = 1_000_000;

fn in_milliseconds(mut span: Span) -> Span {
    span.start *= MS;
    span
}

fn found(parts: Vec<Vec<Span>>, query: Query, window: MetricsWindow) -> Table {
    let parts = parts.into_iter().map(|part| part.into_iter().map(in_milliseconds).collect());
    let request = MetricsRequest { query, window, exemplars_max: 0, series_max: 100_000 };
    let response = wait(engine(parts.collect()).metrics(request)).unwrap();
    assert_eq!(response.partial, None);
    table(&response, window)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn stages_and_arithmetic_agree_with_the_naive_evaluator(
        (spans, parts) in spread(),
        text in expression(),
        steps in 1u64..6,
        step in 1u64..5,
    ) {
        let query = parse(&text).unwrap_or_else(|error| panic!("{}", error.render(&text)));
        let window = window(999 * MS, (999 + steps * step) * MS, step * MS);
        let spans: Vec<Span> = spans.into_iter().map(in_milliseconds).collect();
        let QueryBody::Metrics(expression) = &query.body else { unreachable!() };
        let Side::Series(expected) = evaluated(&spans, expression, window) else { unreachable!() };
        prop_assert_eq!(found(parts, query, window), expected, "{}", text);
    }
}
