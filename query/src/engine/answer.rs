//! From kept spans to what an answer says of them.

use super::{
    EngineError, SpanMatch, SpanSet, TraceMatch, Value,
    column::{Operand, Scalar},
    condition::{asks_one_of, condition},
    operand::{Frame, field_columns, scalars, scope_of},
    pipeline::Set,
    plan::Plan,
    traces::{Trace, Traces},
    view::View,
};
use crate::traceql::{FieldExpression, FieldRef};
use arrow_buffer::BooleanBuffer;
use rapidhash::RapidHashMap;
use sigyn_store::Field;

/// Writes answers about gathered traces; fields are read once per view.
pub(super) struct Answers<'a> {
    traces: &'a Traces,
    plan: &'a Plan,
    /// By field's place in the plan and view.
    shown: RapidHashMap<(usize, u32), Vec<Option<Scalar>>>,
}

impl<'a> Answers<'a> {
    pub(super) fn new(traces: &'a Traces, plan: &'a Plan) -> Self {
        Self { traces, plan, shown: RapidHashMap::default() }
    }

    pub(super) fn trace(
        &mut self,
        trace: &Trace,
        sets: Vec<Set>,
        spans_per_span_set: usize,
    ) -> Result<TraceMatch, EngineError> {
        let mut answer = self.traces.summary(trace)?;
        for set in sets {
            let mut spans = Vec::with_capacity(set.members.len().min(spans_per_span_set));
            for &at in set.members.iter().take(spans_per_span_set) {
                spans.push(self.span(trace.spans[at as usize])?);
            }
            let matched = set.members.len();
            answer.span_sets.push(SpanSet { matched, attributes: set.attributes, spans });
        }
        Ok(answer)
    }

    fn span(&mut self, number: u32) -> Result<SpanMatch, EngineError> {
        let span = self.traces.spans[number as usize];
        let mut attributes: Vec<(String, Value)> = Vec::new();
        let plan = self.plan;
        for (place, field) in plan.shown.iter().enumerate() {
            if attributes.iter().any(|(key, _)| key == field.key()) {
                continue;
            }
            if let Some(scalar) = self.value(place, field, span.view, span.row)? {
                attributes.push((field.key().to_owned(), scalar.into_value()));
            }
        }
        Ok(SpanMatch {
            span_id: span.id,
            name: self.traces.text(number, Field::Name)?.unwrap_or_default(),
            start_unix_nano: span.start_unix_nano,
            duration_nano: span.duration_nano,
            attributes,
        })
    }

    fn value(
        &mut self,
        place: usize,
        field: &FieldRef,
        view: u32,
        row: u32,
    ) -> Result<Option<Scalar>, EngineError> {
        if !self.shown.contains_key(&(place, view)) {
            let columns = &self.traces.views[view as usize];
            let operand = Operand::Columns(field_columns(field, Frame::rows(columns))?);
            let mut values = scalars(&operand, columns.len());
            prefer_matching(field, columns, &self.plan.necessary, &mut values)?;
            self.shown.insert((place, view), values);
        }
        Ok(self.shown[&(place, view)][row as usize].clone())
    }
}

/// Of several events of a span, the one that the query asks for is shown, not the first; and so of links.
fn prefer_matching(
    field: &FieldRef,
    view: &View,
    necessary: &FieldExpression,
    values: &mut [Option<Scalar>],
) -> Result<(), EngineError> {
    let Some(scope) = scope_of(field) else { return Ok(()) };
    let parts = match necessary {
        FieldExpression::All(parts) => parts.as_slice(),
        part => std::slice::from_ref(part),
    };
    let mut asked = parts.iter().filter(|part| asks_one_of(part, scope)).peekable();
    if asked.peek().is_none() {
        return Ok(());
    }
    let entries = view.entries(scope)?;
    let frame = Frame { view, entries: Some((scope, &entries)), partners: None };
    let mut matching = BooleanBuffer::new_set(entries.len());
    for part in asked {
        matching = &matching & &condition(part, frame)?;
    }
    let columns = field_columns(field, frame)?;
    // Backwards, so that the first one that matches stays.
    for entry in matching.set_indices().collect::<Vec<_>>().into_iter().rev() {
        let columns = columns.iter().filter(|column| column.fan.is_none());
        if let Some(scalar) = columns.into_iter().find_map(|column| column.data.scalar(entry)) {
            values[entries.owners.value(entry) as usize] = Some(scalar);
        }
    }
    Ok(())
}
