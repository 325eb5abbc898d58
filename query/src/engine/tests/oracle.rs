//! The meaning of a query, span by span, with no column and no thought for speed.

mod values;

use self::values::{Atom, Value, arithmetic, blank, compare, is_everywhere, ordered, pad, value};
use super::model::{Attributes, Entry, Span, encoded_bytes as encoded};
use crate::traceql::{
    Aggregate, ComparisonOperator, FieldExpression, FieldRef, Intrinsic, Literal, Pipeline, Scope,
    SpansetExpression, SpansetOperator, Stage, Structure, format_duration,
};
use sigyn_store::AttributeScope;
use std::collections::BTreeSet;

/// A trace, each span once, by start and ID.
pub(super) struct Trace<'a> {
    pub(super) spans: Vec<&'a Span>,
}

type At<'a> = Option<(AttributeScope, &'a Entry)>;

fn scope_of(field: &FieldRef) -> Option<AttributeScope> {
    match field {
        FieldRef::Attribute { scope: Scope::Event, .. }
        | FieldRef::Intrinsic(Intrinsic::EventName | Intrinsic::EventTimeSinceStart) => {
            Some(AttributeScope::Event)
        }
        FieldRef::Attribute { scope: Scope::Link, .. }
        | FieldRef::Intrinsic(Intrinsic::LinkTraceId | Intrinsic::LinkSpanId) => {
            Some(AttributeScope::Link)
        }
        _ => None,
    }
}

fn asks(expression: &FieldExpression, scope: AttributeScope) -> bool {
    if let FieldExpression::Comparison { operator, left, right, .. } = expression {
        let nil =
            |side: &FieldExpression| matches!(side, FieldExpression::Literal(Literal::Nil, _));
        if *operator == ComparisonOperator::Equal && (nil(left) || nil(right)) {
            return false;
        }
    }
    match expression {
        FieldExpression::Not(..) => false,
        FieldExpression::All(parts) | FieldExpression::Any(parts) => {
            parts.iter().any(|part| asks(part, scope))
        }
        FieldExpression::Comparison { left, right, .. }
        | FieldExpression::Arithmetic { left, right, .. } => {
            asks(left, scope) || asks(right, scope)
        }
        FieldExpression::Negate(inner, _) => asks(inner, scope),
        FieldExpression::Field(field, _) => scope_of(field) == Some(scope),
        FieldExpression::Literal(..) => false,
    }
}

impl Trace<'_> {
    fn truth(&self, expression: &FieldExpression, span: usize, at: At<'_>) -> bool {
        const NESTED: [AttributeScope; 2] = [AttributeScope::Event, AttributeScope::Link];
        match at {
            Some((scope, _)) if !asks(expression, scope) => self.truth(expression, span, None),
            None if matches!(expression, FieldExpression::All(_)) => {
                let FieldExpression::All(parts) = expression else { unreachable!() };
                let (mut plain, mut nested) = (Vec::new(), [Vec::new(), Vec::new()]);
                for part in parts {
                    match NESTED.iter().position(|scope| asks(part, *scope)) {
                        Some(scope) => nested[scope].push(part),
                        None => plain.push(part),
                    }
                }
                plain.iter().all(|part| self.truth(part, span, None))
                    && NESTED.iter().zip(nested).all(|(scope, parts)| {
                        parts.is_empty()
                            || self.spans[span].entries(*scope).iter().any(|entry| {
                                parts
                                    .iter()
                                    .all(|part| self.truth(part, span, Some((*scope, entry))))
                            })
                    })
            }
            None if !matches!(expression, FieldExpression::Any(_))
                && NESTED.iter().any(|scope| asks(expression, *scope)) =>
            {
                NESTED.iter().filter(|scope| asks(expression, **scope)).any(|scope| {
                    let mut entries = self.spans[span].entries(*scope).iter();
                    entries.any(|entry| self.truth(expression, span, Some((*scope, entry))))
                })
            }
            _ => match expression {
                FieldExpression::Literal(literal, _) => *literal == Literal::Bool(true),
                FieldExpression::All(parts) => parts.iter().all(|part| self.truth(part, span, at)),
                FieldExpression::Any(parts) => parts.iter().any(|part| self.truth(part, span, at)),
                FieldExpression::Field(..) => self.is_bool(expression, span, at, true),
                FieldExpression::Not(inner, _) => match &**inner {
                    FieldExpression::Field(..) => self.is_bool(inner, span, at, false),
                    FieldExpression::Not(twice, _) => self.truth(twice, span, at),
                    other => !self.truth(other, span, at),
                },
                FieldExpression::Comparison { operator, left, right, .. } => {
                    self.comparison(*operator, left, right, span, at)
                }
                FieldExpression::Negate(..) | FieldExpression::Arithmetic { .. } => false,
            },
        }
    }

    fn is_bool(&self, field: &FieldExpression, span: usize, at: At<'_>, wanted: bool) -> bool {
        let is_wanted =
            |value: &Value| matches!(value, Value::Atom(Atom::Bool(value)) if *value == wanted);
        self.values(field, span, at).iter().any(is_wanted)
    }

    fn comparison(
        &self,
        operator: ComparisonOperator,
        left: &FieldExpression,
        right: &FieldExpression,
        span: usize,
        at: At<'_>,
    ) -> bool {
        let nil =
            |side: &FieldExpression| matches!(side, FieldExpression::Literal(Literal::Nil, _));
        if nil(left) || nil(right) {
            let other = if nil(left) { right } else { left };
            if matches!(other, FieldExpression::Literal(..)) {
                return false;
            }
            let absent = self.values(other, span, at).is_empty();
            return absent == (operator == ComparisonOperator::Equal);
        }
        if at.is_none() && self.fanned(left, span, at) && self.fanned(right, span, at) {
            return false;
        }
        // Several values on one side are not compared with an array on the other.
        let of_side = |side: &FieldExpression, other| {
            let mut values = self.values(side, span, at);
            if let (true, FieldExpression::Field(FieldRef::Intrinsic(Intrinsic::ParentId), _)) =
                (values.is_empty(), side)
            {
                values.push(Value::Atom(Atom::Text("0".repeat(16))));
            }
            pad(operator, &mut values, other);
            if at.is_none() && self.fanned(other, span, at) {
                values.retain(|value| matches!(value, Value::Atom(_)));
            }
            values
        };
        let (left, right) = (of_side(left, right), of_side(right, left));
        left.iter().any(|left| right.iter().any(|right| compare(operator, left, right)))
    }

    fn values(&self, expression: &FieldExpression, span: usize, at: At<'_>) -> Vec<Value> {
        let whole = self.spans[span];
        match expression {
            FieldExpression::Literal(literal, _) => vec![Value::Atom(match literal {
                Literal::String(text) => Atom::Text(text.clone()),
                Literal::Int(value) => Atom::Int(*value),
                Literal::Float(value) => Atom::Float(*value),
                Literal::Bool(value) => Atom::Bool(*value),
                Literal::Duration(value) => Atom::Duration(*value),
                Literal::Status(status) => Atom::Status(*status as u8),
                Literal::Kind(kind) => Atom::Kind(*kind as u8),
                Literal::Nil => return Vec::new(),
            })],
            FieldExpression::Field(field, _) => match (at, scope_of(field)) {
                (Some((own, entry)), Some(scope)) if own == scope => {
                    of_entry(field, whole, entry).into_iter().collect()
                }
                // Of several there is no telling which; an array is no one value either.
                (Some(_), _) if self.fanned(expression, span, at) => Vec::new(),
                (Some(_), _) => {
                    let values = self.of_span(field, span);
                    values.into_iter().filter(|value| matches!(value, Value::Atom(_))).collect()
                }
                (None, _) => self.of_span(field, span),
            },
            FieldExpression::Negate(inner, _) => self
                .values(inner, span, at)
                .into_iter()
                .filter_map(|value| match value {
                    Value::Atom(Atom::Int(value)) => {
                        Some(Value::Atom(Atom::Int(value.checked_neg()?)))
                    }
                    Value::Atom(Atom::Float(value)) => Some(Value::Atom(Atom::Float(-value))),
                    Value::Atom(Atom::Duration(value)) => {
                        Some(Value::Atom(Atom::Duration(value.checked_neg()?)))
                    }
                    _ => None,
                })
                .collect(),
            FieldExpression::Arithmetic { operator, left, right, .. } => {
                let literal = |side: &FieldExpression| matches!(side, FieldExpression::Literal(..));
                if (self.fanned(left, span, at) && !literal(right))
                    || (self.fanned(right, span, at) && !literal(left))
                {
                    return Vec::new();
                }
                let (left, right) = (self.values(left, span, at), self.values(right, span, at));
                left.iter()
                    .flat_map(|left| {
                        right.iter().filter_map(|right| arithmetic(*operator, left, right))
                    })
                    .collect()
            }
            condition => vec![Value::Atom(Atom::Bool(self.truth(condition, span, at)))],
        }
    }

    /// True when the value comes from events or links by way of a field without scope: it may be several.
    fn fanned(&self, expression: &FieldExpression, span: usize, at: At<'_>) -> bool {
        match expression {
            FieldExpression::Field(FieldRef::Attribute { scope: Scope::Any, name }, _) => {
                let has = |scope| !self.of_span(&FieldRef::attribute(scope, name), span).is_empty();
                !has(Scope::Span)
                    && !has(Scope::Resource)
                    && (has(Scope::Event) || has(Scope::Link))
            }
            // In an event, its own fields have one value.
            FieldExpression::Field(field, _) => {
                scope_of(field).is_some() && scope_of(field) != at.map(|(scope, _)| scope)
            }
            FieldExpression::Negate(inner, _) => self.fanned(inner, span, at),
            FieldExpression::Arithmetic { left, right, .. } => {
                self.fanned(left, span, at) || self.fanned(right, span, at)
            }
            _ => false,
        }
    }

    fn of_span(&self, field: &FieldRef, span: usize) -> Vec<Value> {
        let mut values = self.said(field, span);
        if values.is_empty() && is_everywhere(field) {
            values.push(blank());
        }
        values
    }

    fn said(&self, field: &FieldRef, span: usize) -> Vec<Value> {
        let whole = self.spans[span];
        let get = |attributes: &Attributes, name: &str| -> Vec<Value> {
            attributes.get(name).map(value).into_iter().collect()
        };
        let nested = |scope| -> Vec<Value> {
            whole.entries(scope).iter().filter_map(|entry| of_entry(field, whole, entry)).collect()
        };
        match field {
            FieldRef::Attribute { scope: Scope::Any, name } => {
                [Scope::Span, Scope::Resource, Scope::Event, Scope::Link, Scope::Instrumentation]
                    .into_iter()
                    .take(if name == "service.name" { 2 } else { 5 })
                    .map(|scope| self.said(&FieldRef::attribute(scope, name), span))
                    .find(|values| !values.is_empty())
                    .unwrap_or_default()
            }
            FieldRef::Attribute { scope, name } => match scope {
                Scope::Span | Scope::Any => get(&whole.attributes, name),
                Scope::Resource => get(&whole.whole_resource(), name),
                Scope::Instrumentation => get(&whole.scope, name),
                Scope::Event => nested(AttributeScope::Event),
                Scope::Link => nested(AttributeScope::Link),
            },
            FieldRef::Intrinsic(intrinsic) => {
                let atom = match intrinsic {
                    Intrinsic::Name => Atom::Text(whole.name.clone()),
                    Intrinsic::Duration => Atom::Duration(whole.duration),
                    Intrinsic::Status => Atom::Status(whole.status),
                    Intrinsic::Kind => Atom::Kind(whole.kind),
                    Intrinsic::SpanId => Atom::Text(whole.span_id().to_string()),
                    Intrinsic::TraceId => Atom::Text(whole.trace_id().to_string()),
                    Intrinsic::ParentId => match whole.parent {
                        Some(parent) => Atom::Text(format!("{parent:02x}").repeat(8)),
                        None => return Vec::new(),
                    },
                    Intrinsic::TraceDuration => Atom::Duration(self.duration() as i64),
                    Intrinsic::RootName | Intrinsic::RootService => {
                        let root = self.spans.iter().find(|span| span.parent.is_none());
                        let text = root.and_then(|root| match intrinsic {
                            Intrinsic::RootName => Some(root.name.clone()),
                            _ => root.service.clone(),
                        });
                        match text {
                            Some(text) => Atom::Text(text),
                            None => return Vec::new(),
                        }
                    }
                    Intrinsic::ChildCount => {
                        let id = Some(whole.id);
                        Atom::Int(self.spans.iter().filter(|span| span.parent == id).count() as i64)
                    }
                    Intrinsic::NestedSetLeft => Atom::Int(self.nested_set(span)[0]),
                    Intrinsic::NestedSetRight => Atom::Int(self.nested_set(span)[1]),
                    Intrinsic::NestedSetParent => Atom::Int(self.nested_set(span)[2]),
                    Intrinsic::EventName | Intrinsic::EventTimeSinceStart => {
                        return nested(AttributeScope::Event);
                    }
                    Intrinsic::LinkTraceId | Intrinsic::LinkSpanId => {
                        return nested(AttributeScope::Link);
                    }
                    _ => return Vec::new(),
                };
                vec![Value::Atom(atom)]
            }
        }
    }

    /// The first number that a field has.
    pub(super) fn number(&self, field: &FieldRef, span: usize) -> Option<f64> {
        self.of_span(field, span).iter().find_map(|value| match value {
            Value::Atom(Atom::Int(value) | Atom::Duration(value)) => Some(*value as f64),
            Value::Atom(Atom::Float(value)) => Some(*value),
            _ => None,
        })
    }

    /// The labels of a span's series, as the tests write them.
    pub(super) fn labels(&self, by: &[FieldRef], span: usize) -> String {
        use super::super::Value as Shown;
        let mut labels = Vec::new();
        for field in by {
            if let Some(value) = self.of_span(field, span).first() {
                let mut shown = shown(value);
                if let Shown::Encoded(bytes) = &mut shown {
                    *bytes = self.encoded_array(field, span);
                }
                labels.push(format!("{field}={shown:?}"));
            }
        }
        if let (true, Some(field)) = (labels.is_empty(), by.first()) {
            labels.push(format!("{field}=String(\"nil\")"));
        }
        labels.join(",")
    }

    /// Arrays stand on spans, resources and scopes only.
    fn encoded_array(&self, field: &FieldRef, span: usize) -> Vec<u8> {
        let whole = self.spans[span];
        let FieldRef::Attribute { scope, name } = field else { return Vec::new() };
        let resource = whole.whole_resource();
        let found = match scope {
            Scope::Any => whole
                .attributes
                .get(name)
                .or_else(|| resource.get(name))
                .or_else(|| whole.scope.get(name)),
            Scope::Span => whole.attributes.get(name),
            Scope::Resource => resource.get(name),
            _ => whole.scope.get(name),
        };
        found.map(encoded).unwrap_or_default()
    }

    /// Whether a span fulfils a filter.
    pub(super) fn holds(&self, filter: &FieldExpression, span: usize) -> bool {
        self.truth(filter, span, None)
    }

    /// The distinct values of a field as answers show them; of an array its elements.
    pub(super) fn shown(&self, field: &FieldRef, span: usize) -> BTreeSet<String> {
        let values = self.said(field, span).into_iter().flat_map(|value| match value {
            Value::Array(elements) => elements.into_iter().map(Value::Atom).collect(),
            atom @ Value::Atom(_) => vec![atom],
        });
        values.map(|value| format!("{:?}", shown(&value))).collect()
    }

    pub(super) fn start(&self) -> u64 {
        self.spans.iter().map(|span| span.start).min().unwrap()
    }

    pub(super) fn duration(&self) -> u64 {
        let known = || self.spans.iter().filter(|span| span.start > 0);
        let ends = known().map(|span| span.start + span.duration.max(0) as u64);
        let start = known().map(|span| span.start).min();
        ends.max().map_or(0, |end| end - start.unwrap())
    }

    fn parent(&self, span: usize) -> Option<usize> {
        let parent = self.spans[span].parent?;
        self.spans.iter().position(|other| other.id == parent)
    }

    /// Left, right and parent: a walk from each root counts on its way down and on its way up.
    fn nested_set(&self, span: usize) -> [i64; 3] {
        let mut sets = vec![[0; 3]; self.spans.len()];
        let mut counted = 0;
        for root in (0..self.spans.len()).filter(|at| self.spans[*at].parent.is_none()) {
            self.count(root, -1, &mut counted, &mut sets);
        }
        sets[span]
    }

    fn count(&self, span: usize, parent: i64, counted: &mut i64, sets: &mut [[i64; 3]]) {
        *counted += 1;
        let left = *counted;
        let id = Some(self.spans[span].id);
        for child in (0..self.spans.len()).filter(|at| self.spans[*at].parent == id) {
            self.count(child, left, counted, sets);
        }
        *counted += 1;
        sets[span] = [left, *counted, parent];
    }

    fn connected(&self, span: usize) -> bool {
        let (mut at, mut steps) = (span, 0);
        while self.spans[at].parent.is_some() {
            let Some(parent) = self.parent(at) else { return false };
            at = parent;
            steps += 1;
            if steps > self.spans.len() {
                return false;
            }
        }
        true
    }

    fn above(&self, upper: usize, lower: usize) -> bool {
        let mut at = lower;
        while let Some(parent) = self.parent(at) {
            if parent == upper {
                return true;
            }
            at = parent;
        }
        false
    }

    /// `left structure right`
    fn stand(&self, structure: Structure, left: usize, right: usize) -> bool {
        if !self.connected(left) || !self.connected(right) {
            return false;
        }
        match structure {
            Structure::Child => self.parent(right) == Some(left),
            Structure::Parent => self.parent(left) == Some(right),
            Structure::Descendant => self.above(left, right),
            Structure::Ancestor => self.above(right, left),
            Structure::Sibling => left != right && self.parent(left) == self.parent(right),
        }
    }

    fn spanset(&self, spanset: &SpansetExpression, input: &BTreeSet<usize>) -> BTreeSet<usize> {
        match spanset {
            SpansetExpression::Filter(None) => input.clone(),
            SpansetExpression::Filter(Some(filter)) => {
                input.iter().copied().filter(|&span| self.truth(filter, span, None)).collect()
            }
            SpansetExpression::Binary { operator, left, right } => {
                let (left, right) = (self.spanset(left, input), self.spanset(right, input));
                let either = || left.union(&right).copied().collect();
                let right_of = |structure: Structure| -> BTreeSet<usize> {
                    let related = |&right: &usize| {
                        left.iter().any(|&left| self.stand(structure, left, right))
                    };
                    right.iter().copied().filter(related).collect()
                };
                match operator {
                    SpansetOperator::And if left.is_empty() || right.is_empty() => BTreeSet::new(),
                    SpansetOperator::And | SpansetOperator::Or => either(),
                    SpansetOperator::Structural(structure) => right_of(*structure),
                    SpansetOperator::NotStructural(structure) => {
                        let related = right_of(*structure);
                        right.difference(&related).copied().collect()
                    }
                    SpansetOperator::UnionStructural(structure) => {
                        let left_of = left.iter().copied().filter(|&left| {
                            right.iter().any(|&right| self.stand(*structure, left, right))
                        });
                        left_of.chain(right_of(*structure)).collect()
                    }
                }
            }
            SpansetExpression::Pipeline(pipeline) => {
                self.stages(pipeline, input.clone()).into_iter().flatten().collect()
            }
        }
    }

    pub(super) fn run(&self, pipeline: &Pipeline) -> Vec<BTreeSet<usize>> {
        self.stages(pipeline, (0..self.spans.len()).collect())
    }

    fn stages(&self, pipeline: &Pipeline, input: BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        let mut sets = vec![input];
        for stage in &pipeline.stages {
            sets = match stage {
                Stage::Spanset(spanset) => {
                    sets.iter().map(|set| self.spanset(spanset, set)).collect()
                }
                Stage::ScalarFilter(filter) => {
                    let fits = |set: &BTreeSet<usize>| {
                        let number = match &filter.aggregate {
                            Aggregate::Count => Some(set.len() as f64),
                            aggregate => self.aggregate(aggregate, set),
                        };
                        let wanted = match filter.value {
                            Literal::Int(value) | Literal::Duration(value) => value as f64,
                            Literal::Float(value) => value,
                            _ => unreachable!(),
                        };
                        number.is_some_and(|number| {
                            number.partial_cmp(&wanted).is_some_and(|o| ordered(filter.operator, o))
                        })
                    };
                    sets.into_iter().filter(fits).collect()
                }
                Stage::By(expression) => {
                    let mut groups: Vec<(String, BTreeSet<usize>)> = Vec::new();
                    for set in sets {
                        let first = groups.len();
                        for span in set {
                            let key = format!("{:?}", self.values(expression, span, None).first());
                            match groups[first..].iter_mut().find(|(present, _)| *present == key) {
                                Some((_, group)) => {
                                    group.insert(span);
                                }
                                None => groups.push((key, BTreeSet::from([span]))),
                            }
                        }
                    }
                    groups.into_iter().map(|(_, group)| group).collect()
                }
                Stage::Coalesce => vec![sets.into_iter().flatten().collect()],
                Stage::Select(_) => sets,
            };
            sets.retain(|set| !set.is_empty());
        }
        sets
    }

    fn aggregate(&self, aggregate: &Aggregate, set: &BTreeSet<usize>) -> Option<f64> {
        let expression = aggregate.expression()?;
        let numbers: Vec<f64> = set
            .iter()
            .filter_map(|&span| match self.values(expression, span, None).first()? {
                Value::Atom(Atom::Int(value) | Atom::Duration(value)) => Some(*value as f64),
                Value::Atom(Atom::Float(value)) => Some(*value),
                _ => None,
            })
            .collect();
        if numbers.is_empty() {
            return None;
        }
        let sum: f64 = numbers.iter().sum();
        Some(match aggregate {
            Aggregate::Min(_) => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            Aggregate::Max(_) => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Aggregate::Sum(_) => sum,
            _ => sum / numbers.len() as f64,
        })
    }
}

/// A value as answers show it; the bytes of an array are left to the caller.
fn shown(value: &Value) -> super::super::Value {
    use super::super::Value as Shown;
    match value {
        Value::Atom(Atom::Text(text)) => Shown::String(text.clone()),
        Value::Atom(Atom::Int(value)) => Shown::Int(*value),
        Value::Atom(Atom::Float(value)) => Shown::Double(*value),
        Value::Atom(Atom::Bool(value)) => Shown::Bool(*value),
        Value::Atom(Atom::Duration(value)) => Shown::String(format_duration(*value)),
        Value::Atom(Atom::Status(code)) => {
            Shown::String(["unset", "ok", "error"][*code as usize].to_owned())
        }
        Value::Atom(Atom::Kind(code)) => {
            let words = ["unspecified", "internal", "server", "client", "producer", "consumer"];
            Shown::String(words[*code as usize].to_owned())
        }
        Value::Array(_) => Shown::Encoded(Vec::new()),
    }
}

fn of_entry(field: &FieldRef, span: &Span, entry: &Entry) -> Option<Value> {
    Some(Value::Atom(match field {
        FieldRef::Intrinsic(Intrinsic::EventName) => Atom::Text(entry.name.clone()),
        FieldRef::Intrinsic(Intrinsic::EventTimeSinceStart) => {
            Atom::Duration(entry.time as i64 - span.start as i64)
        }
        FieldRef::Intrinsic(Intrinsic::LinkTraceId) => {
            Atom::Text(format!("{:02x}", entry.linked).repeat(16))
        }
        FieldRef::Intrinsic(_) => Atom::Text(format!("{:02x}", entry.linked).repeat(8)),
        FieldRef::Attribute { name, .. } => return entry.attributes.get(name).map(value),
    }))
}
