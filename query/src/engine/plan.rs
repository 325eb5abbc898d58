//! What a query needs: its stages, what its spans must fulfil one by one, and what an answer shows.

use super::{EngineError, condition::asks_one_of};
use crate::traceql::{
    Aggregate, ComparisonOperator, FieldExpression, FieldRef, Intrinsic, Literal,
    MetricsExpression, Pipeline, Query, QueryBody, ScalarFilter, Span, SpansetExpression,
    SpansetOperator, Stage,
};
use sigyn_store::AttributeScope;

/// A query made ready.
pub(super) struct Plan {
    pub(super) pipeline: Pipeline,
    /// Every span of a result fulfils this, which needs no other span of its trace.
    pub(super) necessary: FieldExpression,
    /// Fields that answers show, in the order in which the query mentions them.
    pub(super) shown: Vec<FieldRef>,
    /// True when an expression, or an answer, reads a field that depends on the whole trace.
    pub(super) reads_trace_fields: bool,
    /// True when what is necessary also suffices: spans can be looked at one by one.
    pub(super) is_local: bool,
    /// A trace with fewer spans that fulfil what is necessary is no result.
    pub(super) spans_min: u64,
}

impl Plan {
    /// Asked to search, a metrics query gives the spans that it would count.
    pub(super) fn new(query: Query) -> Result<Self, EngineError> {
        spans_of_query(query).map(Self::of_pipeline)
    }

    pub(super) fn of_pipeline(mut pipeline: Pipeline) -> Self {
        let mut mentioned = Vec::new();
        visit_pipeline(&pipeline, &mut mentioned);
        let reads_trace_fields = mentioned.iter().any(needs_trace);
        let mut shown: Vec<FieldRef> = Vec::new();
        for field in mentioned {
            if !is_shown_anyway(&field) && !shown.contains(&field) {
                shown.push(field);
            }
        }
        rewrite_pipeline(&mut pipeline);
        let necessary = necessary_of_pipeline(&pipeline);
        let is_local = pipeline.stages.iter().all(is_local_stage);
        let spans_min = spans_min_of_pipeline(&pipeline);
        Self { pipeline, necessary, shown, reads_trace_fields, is_local, spans_min }
    }

    /// The same for whoever reads these fields of the spans that are kept, and shows nothing of them.
    pub(super) fn reading<'f>(mut self, mut fields: impl Iterator<Item = &'f FieldRef>) -> Self {
        let mut mentioned = Vec::new();
        visit_pipeline(&self.pipeline, &mut mentioned);
        let read_outside = fields.any(needs_trace);
        self.is_local &= !read_outside;
        self.reads_trace_fields = read_outside || mentioned.iter().any(needs_trace);
        self
    }
}

/// True when a field depends on other spans of the trace.
pub(super) fn needs_trace(field: &FieldRef) -> bool {
    matches!(field, FieldRef::Intrinsic(intrinsic) if intrinsic.is_trace_level())
}

/// The pipeline of a search, or that whose spans a metrics query counts.
pub(super) fn spans_of_query(query: Query) -> Result<Pipeline, EngineError> {
    match query.body {
        QueryBody::Search(pipeline) => Ok(pipeline),
        QueryBody::Metrics(metrics) => spans_of(metrics),
    }
}

fn spans_of(metrics: MetricsExpression) -> Result<Pipeline, EngineError> {
    match metrics {
        MetricsExpression::Series { pipeline, .. } => Ok(pipeline),
        MetricsExpression::Staged { input, .. } => spans_of(*input),
        // The spans of both sides; a constant has none.
        MetricsExpression::Math { left, right, .. } => match (*left, *right) {
            (MetricsExpression::Scalar(_), series) | (series, MetricsExpression::Scalar(_)) => {
                spans_of(series)
            }
            (left, right) => {
                let side = |metrics| Ok::<_, EngineError>(Box::new(side(spans_of(metrics)?)));
                let (left, right) = (side(left)?, side(right)?);
                let both = SpansetExpression::Binary { operator: SpansetOperator::Or, left, right };
                Ok(Pipeline { stages: vec![Stage::Spanset(both)] })
            }
        },
        MetricsExpression::Scalar(_) => {
            Err(EngineError::Invalid("a constant names no spans to search".to_owned()))
        }
    }
}

/// A pipeline as a side of an operator.
fn side(mut pipeline: Pipeline) -> SpansetExpression {
    match pipeline.stages.as_slice() {
        [Stage::Spanset(_)] => match pipeline.stages.remove(0) {
            Stage::Spanset(spanset) => spanset,
            _ => unreachable!("it was looked at"),
        },
        _ => {
            // Sides are single sets.
            pipeline.stages.push(Stage::Coalesce);
            SpansetExpression::Pipeline(pipeline)
        }
    }
}

/// Replaces what asks for roots by what a span knows of itself: it has no parent.
fn rewrite_pipeline(pipeline: &mut Pipeline) {
    for stage in &mut pipeline.stages {
        if let Stage::Spanset(spanset) = stage {
            rewrite_spanset(spanset);
        }
    }
}

fn rewrite_spanset(spanset: &mut SpansetExpression) {
    match spanset {
        SpansetExpression::Filter(None) => {}
        SpansetExpression::Filter(Some(expression)) => rewrite(expression),
        SpansetExpression::Binary { left, right, .. } => {
            rewrite_spanset(left);
            rewrite_spanset(right);
        }
        SpansetExpression::Pipeline(pipeline) => rewrite_pipeline(pipeline),
    }
}

fn rewrite(expression: &mut FieldExpression) {
    use ComparisonOperator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    match expression {
        FieldExpression::All(parts) | FieldExpression::Any(parts) => {
            parts.iter_mut().for_each(rewrite);
        }
        FieldExpression::Not(inner, _) => rewrite(inner),
        FieldExpression::Comparison { operator, left, right, .. } => {
            let is_parent = matches!(
                &**left,
                FieldExpression::Field(FieldRef::Intrinsic(Intrinsic::NestedSetParent), _)
            );
            let FieldExpression::Literal(Literal::Int(number), place) = &**right else { return };
            let asks = match (*operator, *number) {
                _ if !is_parent => return,
                (Less, 0) | (Equal | LessOrEqual, -1) => Equal,
                (GreaterOrEqual, 0) | (NotEqual | Greater, -1) => NotEqual,
                _ => return,
            };
            let place = *place;
            *operator = asks;
            **left = FieldExpression::Field(FieldRef::Intrinsic(Intrinsic::ParentId), place);
            **right = FieldExpression::Literal(Literal::Nil, place);
        }
        _ => {}
    }
}

/// True when a stage neither asks for other spans of the trace nor drops spans because of them.
fn is_local_stage(stage: &Stage) -> bool {
    fn is_local_spanset(spanset: &SpansetExpression) -> bool {
        match spanset {
            SpansetExpression::Filter(None) => true,
            SpansetExpression::Filter(Some(expression)) => {
                let mut is_local = true;
                expression.visit_fields(&mut |field| is_local &= !needs_trace(field));
                is_local
            }
            SpansetExpression::Binary { operator: SpansetOperator::Or, left, right } => {
                is_local_spanset(left) && is_local_spanset(right)
            }
            SpansetExpression::Binary { .. } => false,
            SpansetExpression::Pipeline(pipeline) => pipeline.stages.iter().all(is_local_stage),
        }
    }
    match stage {
        Stage::Spanset(spanset) => is_local_spanset(spanset),
        Stage::ScalarFilter(_) => false,
        // They change which sets there are, not which spans.
        Stage::By(_) | Stage::Coalesce | Stage::Select(_) => true,
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

/// All fields of a pipeline, in the order written.
fn visit_pipeline(pipeline: &Pipeline, fields: &mut Vec<FieldRef>) {
    fn add(expression: &FieldExpression, fields: &mut Vec<FieldRef>) {
        expression.visit_fields(&mut |field| fields.push(field.clone()));
    }
    fn visit_spanset(spanset: &SpansetExpression, fields: &mut Vec<FieldRef>) {
        match spanset {
            SpansetExpression::Filter(None) => {}
            SpansetExpression::Filter(Some(expression)) => add(expression, fields),
            SpansetExpression::Binary { left, right, .. } => {
                visit_spanset(left, fields);
                visit_spanset(right, fields);
            }
            SpansetExpression::Pipeline(pipeline) => visit_pipeline(pipeline, fields),
        }
    }
    for stage in &pipeline.stages {
        match stage {
            Stage::Spanset(spanset) => visit_spanset(spanset, fields),
            Stage::ScalarFilter(filter) => {
                if let Some(inner) = filter.aggregate.expression() {
                    add(inner, fields);
                }
            }
            Stage::By(expression) => add(expression, fields),
            Stage::Select(selected) => fields.extend(selected.iter().cloned()),
            Stage::Coalesce => {}
        }
    }
}

/// How many spans `count()` asks for. Stages that come after it and keep spans of their own say more of what is necessary than
/// it counted, so that nothing follows from them.
fn spans_min_of_pipeline(pipeline: &Pipeline) -> u64 {
    let filters = pipeline.stages.iter().rposition(|stage| matches!(stage, Stage::Spanset(_)));
    let after = &pipeline.stages[filters.map_or(0, |at| at + 1)..];
    let counts = after.iter().filter_map(|stage| match stage {
        Stage::ScalarFilter(ScalarFilter {
            aggregate: Aggregate::Count,
            operator,
            value: Literal::Int(number),
            ..
        }) => match operator {
            ComparisonOperator::Greater => Some(number.saturating_add(1)),
            ComparisonOperator::GreaterOrEqual | ComparisonOperator::Equal => Some(*number),
            _ => None,
        },
        _ => None,
    });
    counts.max().map_or(0, |number| number.max(0) as u64)
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
            let mut asks_trace = false;
            other.visit_fields(&mut |field| asks_trace |= needs_trace(field));
            if asks_trace { always() } else { other.clone() }
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
