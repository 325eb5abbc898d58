//! A pipeline over whole traces: each stage keeps, splits, merges or decorates spansets.

use super::{
    EngineError, Value,
    column::Scalar,
    condition::condition,
    operand::{Frame, operand, scalars},
    plan::holds,
    traces::{Trace, Traces},
};
use crate::traceql::{
    Aggregate, FieldExpression, Literal, Pipeline, ScalarFilter, SpansetExpression, Stage,
};
use rapidhash::RapidHashMap;
use std::cell::RefCell;

/// A spanset of one trace: positions in the trace's order, ascending.
#[derive(Clone)]
pub(super) struct Set {
    pub(super) members: Vec<u32>,
    pub(super) attributes: Vec<(String, Value)>,
}

/// Evaluates expressions once for all gathered spans, then stages trace by trace.
pub(super) struct Evaluation<'a> {
    traces: &'a Traces,
    /// By the address of the expression in the plan: whether it holds, per number of a span.
    masks: RefCell<RapidHashMap<usize, Vec<bool>>>,
    values: RefCell<RapidHashMap<usize, Vec<Option<Scalar>>>>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(traces: &'a Traces) -> Self {
        Self { traces, masks: RefCell::default(), values: RefCell::default() }
    }

    /// The spansets that are left of a trace; none of them is empty.
    pub(super) fn run(&self, pipeline: &Pipeline, trace: &Trace) -> Result<Vec<Set>, EngineError> {
        let all = Set { members: (0..trace.spans.len() as u32).collect(), attributes: Vec::new() };
        self.stages(pipeline, trace, vec![all])
    }

    fn stages(
        &self,
        pipeline: &Pipeline,
        trace: &Trace,
        mut sets: Vec<Set>,
    ) -> Result<Vec<Set>, EngineError> {
        for stage in &pipeline.stages {
            sets = match stage {
                Stage::Spanset(spanset) => {
                    let mut kept = Vec::with_capacity(sets.len());
                    for set in sets {
                        let members = self.spanset(spanset, trace, &set)?;
                        kept.push(Set { members, attributes: set.attributes });
                    }
                    kept
                }
                Stage::ScalarFilter(filter) => {
                    let mut kept = Vec::with_capacity(sets.len());
                    for set in sets {
                        kept.extend(self.scalar_filter(filter, trace, set)?);
                    }
                    kept
                }
                Stage::By(expression) => {
                    let mut split = Vec::new();
                    for set in sets {
                        split.extend(self.by(expression, trace, set)?);
                    }
                    split
                }
                Stage::Coalesce => {
                    let mut members: Vec<u32> =
                        sets.into_iter().flat_map(|set| set.members).collect();
                    members.sort_unstable();
                    members.dedup();
                    vec![Set { members, attributes: Vec::new() }]
                }
                // Says what answers show, and changes no set.
                Stage::Select(_) => sets,
            };
            sets.retain(|set| !set.members.is_empty());
        }
        Ok(sets)
    }

    fn spanset(
        &self,
        spanset: &SpansetExpression,
        trace: &Trace,
        input: &Set,
    ) -> Result<Vec<u32>, EngineError> {
        match spanset {
            SpansetExpression::Filter(None) => Ok(input.members.clone()),
            SpansetExpression::Filter(Some(expression)) => self.with_mask(expression, |mask| {
                let holds = |&at: &u32| mask[trace.spans[at as usize] as usize];
                input.members.iter().copied().filter(holds).collect()
            }),
            SpansetExpression::Binary { operator, left, right } => {
                let count = trace.spans.len();
                let left = as_flags(&self.spanset(left, trace, input)?, count);
                let right = as_flags(&self.spanset(right, trace, input)?, count);
                let kept = self.traces.tree(trace).evaluate(*operator, &left, &right);
                Ok((0..count as u32).filter(|&at| kept[at as usize]).collect())
            }
            SpansetExpression::Pipeline(pipeline) => {
                // A side with several sets stands for the spans of all of them.
                let sets = self.stages(pipeline, trace, vec![input.clone()])?;
                let mut members: Vec<u32> = sets.into_iter().flat_map(|set| set.members).collect();
                members.sort_unstable();
                members.dedup();
                Ok(members)
            }
        }
    }

    fn scalar_filter(
        &self,
        filter: &ScalarFilter,
        trace: &Trace,
        mut set: Set,
    ) -> Result<Option<Set>, EngineError> {
        let scalar = match filter.aggregate.expression() {
            None => Some(Scalar::Int(set.members.len() as i64)),
            Some(expression) => self.with_values(expression, |values| {
                let numbers = set
                    .members
                    .iter()
                    .filter_map(|&at| values[trace.spans[at as usize] as usize].as_ref());
                aggregate(&filter.aggregate, numbers)
            })?,
        };
        let Some(scalar) = scalar else { return Ok(None) };
        let wanted = match &filter.value {
            Literal::Int(value) => Scalar::Int(*value),
            Literal::Duration(value) => Scalar::Duration(*value),
            Literal::Float(value) => Scalar::Float(*value),
            // Validation lets only numbers through.
            _ => return Ok(None),
        };
        let ordering = match (&scalar, &wanted) {
            (Scalar::Int(a) | Scalar::Duration(a), Scalar::Int(b) | Scalar::Duration(b)) => {
                Some(a.cmp(b))
            }
            _ => scalar.number().zip(wanted.number()).and_then(|(a, b)| a.partial_cmp(&b)),
        };
        if !holds(filter.operator, ordering) {
            return Ok(None);
        }
        // The average of durations is compared exactly and shown in whole nanoseconds.
        let shown = match (&filter.aggregate, scalar) {
            (Aggregate::Avg(expression), Scalar::Float(value)) => {
                self.averaged(expression, trace, &set, value)?
            }
            (_, scalar) => scalar,
        };
        let key = filter.aggregate.to_string();
        set.attributes.retain(|(present, _)| *present != key);
        set.attributes.push((key, shown.into_value()));
        Ok(Some(set))
    }

    /// An average in the type of the set's first number.
    fn averaged(
        &self,
        expression: &FieldExpression,
        trace: &Trace,
        set: &Set,
        average: f64,
    ) -> Result<Scalar, EngineError> {
        self.with_values(expression, |values| {
            let of_set = |&at: &u32| values[trace.spans[at as usize] as usize].as_ref();
            let first = set.members.iter().filter_map(of_set).find(|s| s.number().is_some());
            match first {
                Some(Scalar::Duration(_)) => Scalar::Duration(average as i64),
                _ => Scalar::Float(average),
            }
        })
    }

    fn by(
        &self,
        expression: &FieldExpression,
        trace: &Trace,
        set: Set,
    ) -> Result<Vec<Set>, EngineError> {
        let key = format!("by({expression})");
        self.with_values(expression, |values| {
            // In order of first appearance, which is by start.
            let mut groups: Vec<Set> = Vec::new();
            let mut places: RapidHashMap<Vec<u8>, usize> = RapidHashMap::default();
            for &at in &set.members {
                let scalar = &values[trace.spans[at as usize] as usize];
                let place = *places.entry(group_key(scalar.as_ref())).or_insert_with(|| {
                    let value = match scalar {
                        Some(scalar) => scalar.clone().into_value(),
                        None => Value::String("nil".to_owned()),
                    };
                    let mut attributes = set.attributes.clone();
                    attributes.push((key.clone(), value));
                    groups.push(Set { members: Vec::new(), attributes });
                    groups.len() - 1
                });
                groups[place].members.push(at);
            }
            groups
        })
    }

    fn with_mask<T>(
        &self,
        expression: &FieldExpression,
        then: impl FnOnce(&[bool]) -> T,
    ) -> Result<T, EngineError> {
        let key = std::ptr::from_ref(expression) as usize;
        if !self.masks.borrow().contains_key(&key) {
            let masks = self
                .traces
                .views
                .iter()
                .map(|view| condition(expression, Frame::rows(view)))
                .collect::<Result<Vec<_>, _>>()?;
            let spans = self.traces.spans.iter();
            let mask =
                spans.map(|span| masks[span.view as usize].value(span.row as usize)).collect();
            self.masks.borrow_mut().insert(key, mask);
        }
        Ok(then(&self.masks.borrow()[&key]))
    }

    fn with_values<T>(
        &self,
        expression: &FieldExpression,
        then: impl FnOnce(&[Option<Scalar>]) -> T,
    ) -> Result<T, EngineError> {
        let key = std::ptr::from_ref(expression) as usize;
        if !self.values.borrow().contains_key(&key) {
            let mut by_view = Vec::with_capacity(self.traces.views.len());
            for view in &self.traces.views {
                by_view.push(scalars(&operand(expression, Frame::rows(view))?, view.len()));
            }
            let spans = self.traces.spans.iter();
            let values =
                spans.map(|span| by_view[span.view as usize][span.row as usize].clone()).collect();
            self.values.borrow_mut().insert(key, values);
        }
        Ok(then(&self.values.borrow()[&key]))
    }
}

fn as_flags(members: &[u32], count: usize) -> Vec<bool> {
    let mut flags = vec![false; count];
    members.iter().for_each(|&at| flags[at as usize] = true);
    flags
}

/// Bytes that are equal exactly for equal values.
fn group_key(scalar: Option<&Scalar>) -> Vec<u8> {
    let mut key = Vec::new();
    if let Some(scalar) = scalar {
        scalar.write_key(&mut key);
    }
    key
}

/// Sums keep the first value's type, averages are floats; the least and the greatest compare across
/// types. `None` when there is no number.
fn aggregate<'s>(
    aggregate: &Aggregate,
    values: impl Iterator<Item = &'s Scalar>,
) -> Option<Scalar> {
    let mut values = values.filter(|value| value.number().is_some_and(|n| !n.is_nan())).peekable();
    let first = (*values.peek()?).clone();
    match aggregate {
        Aggregate::Count => Some(Scalar::Int(values.count() as i64)),
        Aggregate::Min(_) => values.min_by(|a, b| compared(a, b)).cloned(),
        Aggregate::Max(_) => values.max_by(|a, b| compared(a, b)).cloned(),
        Aggregate::Sum(_) => {
            let (whole, float, _) = sums(values);
            Some(match first {
                Scalar::Int(_) => Scalar::Int(saturated(whole)),
                Scalar::Duration(_) => Scalar::Duration(saturated(whole)),
                _ => Scalar::Float(float),
            })
        }
        Aggregate::Avg(_) => {
            let (_, float, count) = sums(values);
            Some(Scalar::Float(float / count as f64))
        }
    }
}

fn compared(left: &Scalar, right: &Scalar) -> std::cmp::Ordering {
    match (left, right) {
        (Scalar::Int(a) | Scalar::Duration(a), Scalar::Int(b) | Scalar::Duration(b)) => a.cmp(b),
        _ => left.number().unwrap_or(0.0).total_cmp(&right.number().unwrap_or(0.0)),
    }
}

/// The sum as an integer (floats truncated one by one), as a float, and how many there are.
fn sums<'s>(values: impl Iterator<Item = &'s Scalar>) -> (i128, f64, i128) {
    let (mut whole, mut float, mut count) = (0i128, 0f64, 0i128);
    for value in values {
        count += 1;
        float += value.number().unwrap_or(0.0);
        whole += match value {
            Scalar::Int(value) | Scalar::Duration(value) => i128::from(*value),
            Scalar::Float(value) => *value as i64 as i128,
            _ => 0,
        };
    }
    (whole, float, count)
}

fn saturated(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}
