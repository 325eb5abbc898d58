//! What a query needs: its stages, what its spans must fulfil one by one, and what an answer shows.

use super::{EngineError, condition::asks_one_of, operand::scope_of};
use crate::traceql::{
    Aggregate, ComparisonOperator, FieldExpression, FieldRef, Intrinsic, Literal,
    MetricsExpression, Pipeline, Query, QueryBody, Span, SpansetExpression, SpansetOperator, Stage,
};
use sigyn_store::AttributeScope;

/// A query made ready.
pub(super) struct Plan {
    pub(super) pipeline: Pipeline,
    /// Every span of a result fulfils this, which needs no other span of its trace.
    pub(super) necessary: FieldExpression,
    /// Fields that answers show, in the order in which the query mentions them.
    pub(super) shown: Vec<FieldRef>,
    /// True when an expression reads a field that depends on the whole trace.
    pub(super) reads_trace_fields: bool,
}

impl Plan {
    pub(super) fn new(query: Query) -> Result<Self, EngineError> {
        let pipeline = match query.body {
            QueryBody::Search(pipeline) => pipeline,
            // Asked to search, a metrics query gives the spans that it would count.
            QueryBody::Metrics(metrics) => spans_of(metrics)?,
        };
        let necessary = necessary_of_pipeline(&pipeline);
        let mut expressions = Vec::new();
        let mut mentioned = Vec::new();
        visit_pipeline(&pipeline, &mut expressions, &mut mentioned);
        for expression in &expressions {
            refuse_mixture(expression)?;
        }
        let reads_trace_fields = mentioned
            .iter()
            .any(|field| matches!(field, FieldRef::Intrinsic(i) if i.is_trace_level()));
        let mut shown: Vec<FieldRef> = Vec::new();
        for field in mentioned {
            if !is_shown_anyway(&field) && !shown.contains(&field) {
                shown.push(field);
            }
        }
        Ok(Self { pipeline, necessary, shown, reads_trace_fields })
    }
}

fn spans_of(metrics: MetricsExpression) -> Result<Pipeline, EngineError> {
    match metrics {
        MetricsExpression::Series { pipeline, .. } => Ok(pipeline),
        MetricsExpression::Staged { input, .. } => spans_of(*input),
        MetricsExpression::Math { .. } | MetricsExpression::Scalar(_) => {
            Err(EngineError::Unsupported(
                "arithmetic between metrics queries names no one set of spans to search; \
                 search for one of its sides"
                    .to_owned(),
            ))
        }
    }
}

/// What a span has in its own places of an answer.
fn is_shown_anyway(field: &FieldRef) -> bool {
    matches!(
        field,
        FieldRef::Intrinsic(
            Intrinsic::Name
                | Intrinsic::Duration
                | Intrinsic::TraceDuration
                | Intrinsic::RootName
                | Intrinsic::RootService
                | Intrinsic::SpanId
                | Intrinsic::TraceId
        )
    )
}

/// All expressions of a pipeline, in the order written.
fn visit_pipeline<'a>(
    pipeline: &'a Pipeline,
    expressions: &mut Vec<&'a FieldExpression>,
    fields: &mut Vec<FieldRef>,
) {
    fn add<'a>(
        expression: &'a FieldExpression,
        expressions: &mut Vec<&'a FieldExpression>,
        fields: &mut Vec<FieldRef>,
    ) {
        expressions.push(expression);
        expression.visit_fields(&mut |field| fields.push(field.clone()));
    }
    fn visit_spanset<'a>(
        spanset: &'a SpansetExpression,
        expressions: &mut Vec<&'a FieldExpression>,
        fields: &mut Vec<FieldRef>,
    ) {
        match spanset {
            SpansetExpression::Filter(None) => {}
            SpansetExpression::Filter(Some(expression)) => add(expression, expressions, fields),
            SpansetExpression::Binary { left, right, .. } => {
                visit_spanset(left, expressions, fields);
                visit_spanset(right, expressions, fields);
            }
            SpansetExpression::Pipeline(pipeline) => visit_pipeline(pipeline, expressions, fields),
        }
    }
    for stage in &pipeline.stages {
        match stage {
            Stage::Spanset(spanset) => visit_spanset(spanset, expressions, fields),
            Stage::ScalarFilter(filter) => match &filter.aggregate {
                Aggregate::Count => {}
                Aggregate::Avg(inner)
                | Aggregate::Min(inner)
                | Aggregate::Max(inner)
                | Aggregate::Sum(inner) => add(inner, expressions, fields),
            },
            Stage::By(expression) => add(expression, expressions, fields),
            Stage::Select(selected) => fields.extend(selected.iter().cloned()),
            Stage::Coalesce => {}
        }
    }
}

/// A comparison of an event with a link has no one thing that it could hold for.
fn refuse_mixture(expression: &FieldExpression) -> Result<(), EngineError> {
    match expression {
        FieldExpression::All(parts) => parts.iter().try_for_each(refuse_mixture),
        FieldExpression::Any(parts) => parts.iter().try_for_each(refuse_mixture),
        FieldExpression::Not(inner, _) => refuse_mixture(inner),
        other => {
            let (mut events, mut links) = (false, false);
            other.visit_fields(&mut |field| match scope_of(field) {
                Some(AttributeScope::Event) => events = true,
                Some(_) => links = true,
                None => {}
            });
            if events && links {
                return Err(EngineError::Unsupported(format!(
                    "`{other}` compares events with links, which is not supported"
                )));
            }
            Ok(())
        }
    }
}

fn always() -> FieldExpression {
    FieldExpression::Literal(Literal::Bool(true), Span::default())
}

fn necessary_of_pipeline(pipeline: &Pipeline) -> FieldExpression {
    let parts = pipeline.stages.iter().filter_map(|stage| match stage {
        Stage::Spanset(spanset) => Some(necessary_of_spanset(spanset)),
        _ => None,
    });
    match parts.collect::<Vec<_>>().as_slice() {
        [] => always(),
        [one] => one.clone(),
        // Not one list: conditions on events of one stage need not hold for the same event as those of another.
        many => FieldExpression::All(many.iter().cloned().map(apart).collect()),
    }
}

/// Keeps a stage's conditions on events from being joined with those of other stages.
fn apart(expression: FieldExpression) -> FieldExpression {
    let on_entries = asks_one_of(&expression, AttributeScope::Event)
        || asks_one_of(&expression, AttributeScope::Link);
    if !on_entries {
        return expression;
    }
    let not = |inner| FieldExpression::Not(Box::new(inner), Span::default());
    not(not(expression))
}

fn necessary_of_spanset(spanset: &SpansetExpression) -> FieldExpression {
    match spanset {
        SpansetExpression::Filter(None) => always(),
        SpansetExpression::Filter(Some(expression)) => relaxed(expression),
        SpansetExpression::Binary { operator, left, right } => match operator {
            SpansetOperator::Structural(_) | SpansetOperator::NotStructural(_) => {
                necessary_of_spanset(right)
            }
            SpansetOperator::And | SpansetOperator::Or | SpansetOperator::UnionStructural(_) => {
                FieldExpression::Any(vec![necessary_of_spanset(left), necessary_of_spanset(right)])
            }
        },
        SpansetExpression::Pipeline(pipeline) => necessary_of_pipeline(pipeline),
    }
}

/// The expression with everything that needs the whole trace taken as true.
fn relaxed(expression: &FieldExpression) -> FieldExpression {
    match expression {
        FieldExpression::All(parts) => FieldExpression::All(parts.iter().map(relaxed).collect()),
        FieldExpression::Any(parts) => FieldExpression::Any(parts.iter().map(relaxed).collect()),
        other => {
            let mut needs_trace = false;
            other.visit_fields(&mut |field| {
                needs_trace |= matches!(field, FieldRef::Intrinsic(i) if i.is_trace_level());
            });
            if needs_trace { always() } else { other.clone() }
        }
    }
}

/// Whether a number fulfils a scalar filter.
pub(super) fn holds(operator: ComparisonOperator, ordering: Option<std::cmp::Ordering>) -> bool {
    match (operator, ordering) {
        (ComparisonOperator::NotEqual, None) => true,
        (_, None) => false,
        (ComparisonOperator::Equal, Some(ordering)) => ordering.is_eq(),
        (ComparisonOperator::NotEqual, Some(ordering)) => ordering.is_ne(),
        (ComparisonOperator::Less, Some(ordering)) => ordering.is_lt(),
        (ComparisonOperator::LessOrEqual, Some(ordering)) => ordering.is_le(),
        (ComparisonOperator::Greater, Some(ordering)) => ordering.is_gt(),
        (ComparisonOperator::GreaterOrEqual, Some(ordering)) => ordering.is_ge(),
        (ComparisonOperator::Matches | ComparisonOperator::NotMatches, Some(_)) => false,
    }
}
