//! Conditions into masks over rows.

use super::{
    EngineError, blanks,
    column::{Column, Data, Fan, Operand, any_of_owner},
    compare::{compare, mirrored, text_predicate},
    operand::{Frame, operand, scope_of},
    view::Entries,
};
use crate::traceql::{ComparisonOperator, FieldExpression, FieldRef, Intrinsic, Literal, Scope};
use arrow_array::{Array, BooleanArray, cast::AsArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use arrow_select::take::take;
use sigyn_store::{AttributeScope, TextColumn, TextTest};

const NESTED_SCOPES: [AttributeScope; 2] = [AttributeScope::Event, AttributeScope::Link];

/// Which rows of the frame the expression is true for. Absent and wrong-typed values make a
/// comparison false.
pub(super) fn condition(
    expression: &FieldExpression,
    frame: Frame<'_>,
) -> Result<BooleanBuffer, EngineError> {
    if may_hold(expression, frame)? {
        evaluated(expression, frame)
    } else {
        Ok(constant(false, frame))
    }
}

/// The same of an expression of which it is known that it may hold.
fn evaluated(expression: &FieldExpression, frame: Frame<'_>) -> Result<BooleanBuffer, EngineError> {
    let is_one = !matches!(expression, FieldExpression::All(_) | FieldExpression::Any(_));
    match frame.entries {
        None if is_one => {
            for scope in NESTED_SCOPES {
                if asks_one_of(expression, scope) {
                    return any_entry(expression, scope, frame);
                }
            }
        }
        None => {}
        // What does not ask this very event is a matter of the span.
        Some((scope, entries)) if !asks_one_of(expression, scope) => {
            let rows = condition(expression, Frame::rows(frame.view))?;
            let array = take(&BooleanArray::new(rows, None), &entries.owners, None)?;
            return Ok(array.as_boolean().values().clone());
        }
        // An event is compared with each link of its span.
        Some((AttributeScope::Event, events))
            if is_one
                && frame.partners.is_none()
                && asks_one_of(expression, AttributeScope::Link) =>
        {
            return any_pair(expression, events, frame);
        }
        Some(_) => {}
    }
    match expression {
        FieldExpression::Literal(literal, _) => {
            Ok(constant(*literal == Literal::Bool(true), frame))
        }
        FieldExpression::Field(..) => is_bool(operand(expression, frame)?, true, frame),
        FieldExpression::All(parts) => all(parts.iter(), frame),
        FieldExpression::Any(parts) => {
            let mut mask = constant(false, frame);
            for part in parts {
                mask = &mask | &condition(part, frame)?;
            }
            Ok(mask)
        }
        FieldExpression::Not(inner, _) => is_false(inner, frame),
        FieldExpression::Comparison { operator, left, right, .. } => {
            if let Some(rows) = by_text(expression, frame)? {
                return Ok(rows);
            }
            if let Some(rows) = by_duration(expression, frame)? {
                return Ok(rows);
            }
            let (left, right) = (side(left, right, frame)?, side(right, left, frame)?);
            compare(*operator, &left, &right, frame.len())
        }
        // Numbers are no conditions; validation refuses them.
        FieldExpression::Negate(..) | FieldExpression::Arithmetic { .. } => {
            Ok(constant(false, frame))
        }
    }
}

/// A side of a comparison with another one.
fn side(
    expression: &FieldExpression,
    other: &FieldExpression,
    frame: Frame<'_>,
) -> Result<Operand, EngineError> {
    let operand = operand(expression, frame)?;
    Ok(match expression {
        FieldExpression::Field(FieldRef::Intrinsic(Intrinsic::ParentId), _) if !is_nil(other) => {
            blanks::parents(operand)
        }
        _ => operand,
    })
}

fn is_nil(expression: &FieldExpression) -> bool {
    matches!(expression, FieldExpression::Literal(Literal::Nil, _))
}

fn constant(value: bool, frame: Frame<'_>) -> BooleanBuffer {
    if value { BooleanBuffer::new_set(frame.len()) } else { BooleanBuffer::new_unset(frame.len()) }
}

/// Where `!expression` holds: an absent attribute is neither true nor false.
fn is_false(expression: &FieldExpression, frame: Frame<'_>) -> Result<BooleanBuffer, EngineError> {
    match expression {
        FieldExpression::Literal(literal, _) => {
            Ok(constant(*literal == Literal::Bool(false), frame))
        }
        FieldExpression::Field(..) => is_bool(operand(expression, frame)?, false, frame),
        FieldExpression::Not(inner, _) => match &**inner {
            FieldExpression::Field(..) => is_bool(operand(inner, frame)?, true, frame),
            other => condition(other, frame),
        },
        other => Ok(!&condition(other, frame)?),
    }
}

/// Where the operand itself is `wanted`. An array is not, whatever its elements are.
fn is_bool(
    mut operand: Operand,
    wanted: bool,
    frame: Frame<'_>,
) -> Result<BooleanBuffer, EngineError> {
    if let Operand::Columns(columns) = &mut operand {
        columns.retain(|column| column.fan.as_ref().is_none_or(|fan| !fan.is_array));
    }
    compare(
        ComparisonOperator::Equal,
        &operand,
        &Operand::Constant(Literal::Bool(wanted)),
        frame.len(),
    )
}

/// Conditions that must hold together: cheap ones first, and nothing more is read once no row is left; once few are, no more
/// than these. Those on events must hold for one and the same event.
fn all<'e>(
    parts: impl Iterator<Item = &'e FieldExpression>,
    frame: Frame<'_>,
) -> Result<BooleanBuffer, EngineError> {
    let mut on_rows: Vec<&FieldExpression> = Vec::new();
    let mut on_entries: [Vec<&FieldExpression>; 2] = Default::default();
    for part in parts {
        let scope = NESTED_SCOPES.iter().position(|scope| asks_one_of(part, *scope));
        match scope {
            Some(scope) if frame.entries.is_none() => on_entries[scope].push(part),
            _ => on_rows.push(part),
        }
    }
    on_rows.sort_by_key(|part| cost(part));
    // Few spans last long: where the source can name them, the other conditions are asked of them alone.
    if let Some(at) = on_rows.iter().position(|part| duration_min(part).is_some())
        && let Some(rows) = by_duration(on_rows[at], frame)?
    {
        if rows.count_set_bits() == 0 {
            return Ok(rows);
        }
        on_rows[..=at].rotate_right(1);
    }
    for part in &on_rows {
        if !may_hold(part, frame)? {
            return Ok(constant(false, frame));
        }
    }
    let mut mask = constant(true, frame);
    let mut left = on_rows.as_slice();
    while let Some((part, others)) = left.split_first() {
        mask = &mask & &evaluated(part, frame)?;
        left = others;
        let rows = mask.count_set_bits();
        let is_last = left.is_empty() && on_entries.iter().all(Vec::is_empty);
        if rows == 0 || is_last {
            return Ok(mask);
        }
        if frame.entries.is_none()
            && let Some(view) = frame.view.narrowed(&mask, rows)
        {
            let others = left.iter().chain(on_entries.iter().flatten()).copied();
            let held = all(others, Frame::rows(&view))?;
            let mut rows = BooleanBufferBuilder::new(mask.len());
            rows.append_n(mask.len(), false);
            for (row, _) in mask.set_indices().zip(held.iter()).filter(|(_, held)| *held) {
                rows.set_bit(row, true);
            }
            return Ok(rows.finish());
        }
    }
    for (parts, scope) in on_entries.iter().zip(NESTED_SCOPES) {
        if parts.is_empty() {
            continue;
        }
        let entries = frame.view.entries(scope)?;
        let inner = Frame { entries: Some((scope, &entries)), ..frame };
        let mut of_entries = constant(true, inner);
        for part in parts {
            of_entries = &of_entries & &condition(part, inner)?;
        }
        let fan = Fan { owners: entries.owners.clone(), is_array: false };
        mask = &mask & &any_of_owner(of_entries, Some(&fan), frame.len());
    }
    Ok(mask)
}

/// False when an expression asks for an attribute that is equal to a text which no span has there: then nothing need be read.
fn may_hold(expression: &FieldExpression, frame: Frame<'_>) -> Result<bool, EngineError> {
    let Some((field, ComparisonOperator::Equal, text)) = text_question(expression) else {
        return Ok(true);
    };
    match text_column(field) {
        Some(_) if text.is_empty() && blanks::is_service(field) => Ok(true),
        Some(TextColumn::Span(name)) => frame.view.may_have(AttributeScope::Span, name, text),
        Some(TextColumn::Resource(name)) => {
            frame.view.may_have(AttributeScope::Resource, name, text)
        }
        _ => Ok(true),
    }
}

/// Where a comparison of a field with a text holds, if the source can tell without its values.
fn by_text(
    expression: &FieldExpression,
    frame: Frame<'_>,
) -> Result<Option<BooleanBuffer>, EngineError> {
    let question = text_question(expression).filter(|_| frame.entries.is_none());
    let Some((field, operator, text)) = question else { return Ok(None) };
    let Some(column) = text_column(field) else { return Ok(None) };
    let passes = text_predicate(operator, text)?;
    let name = format!("{operator:?} {text}");
    // Who has no service has one without a name; where that passes, the others are looked for.
    let is_turned = blanks::is_service(field) && passes("");
    let passes = |text: &str| passes(text) != is_turned;
    let rows = frame.view.rows_where(column, TextTest { name: &name, passes: &passes })?;
    Ok(if is_turned { rows.map(|rows| !&rows) } else { rows })
}

/// Where a comparison asks for spans that last long, if the source can name them without all durations.
fn by_duration(
    expression: &FieldExpression,
    frame: Frame<'_>,
) -> Result<Option<BooleanBuffer>, EngineError> {
    match duration_min(expression).filter(|_| frame.entries.is_none()) {
        Some(duration_min_nano) => frame.view.rows_lasting(duration_min_nano),
        None => Ok(None),
    }
}

/// The shortest duration, in nanoseconds, that an expression holds for, if it holds for exactly those that are as long or longer.
fn duration_min(expression: &FieldExpression) -> Option<i64> {
    let (field, operator, literal) = field_question(expression)?;
    let (FieldRef::Intrinsic(Intrinsic::Duration), Literal::Duration(nanos) | Literal::Int(nanos)) =
        (field, literal)
    else {
        return None;
    };
    match operator {
        ComparisonOperator::GreaterOrEqual => Some(*nanos),
        ComparisonOperator::Greater => nanos.checked_add(1),
        _ => None,
    }
}

/// The field that is compared with a text, as if it stood on the left.
fn text_question(expression: &FieldExpression) -> Option<(&FieldRef, ComparisonOperator, &str)> {
    match field_question(expression)? {
        (field, operator, Literal::String(text)) => Some((field, operator, text)),
        _ => None,
    }
}

/// The field that is compared with a constant, as if it stood on the left.
fn field_question(
    expression: &FieldExpression,
) -> Option<(&FieldRef, ComparisonOperator, &Literal)> {
    let FieldExpression::Comparison { operator, left, right, .. } = expression else { return None };
    match (&**left, &**right) {
        (FieldExpression::Field(field, _), FieldExpression::Literal(literal, _)) => {
            Some((field, *operator, literal))
        }
        (FieldExpression::Literal(literal, _), FieldExpression::Field(field, _)) => {
            Some((field, mirrored(*operator), literal))
        }
        _ => None,
    }
}

/// The column of a field that has a text of its own in each span.
fn text_column(field: &FieldRef) -> Option<TextColumn<'_>> {
    Some(match field {
        FieldRef::Intrinsic(Intrinsic::Name) => TextColumn::Name,
        FieldRef::Attribute { scope: Scope::Span, name } => TextColumn::Span(name),
        FieldRef::Attribute { scope: Scope::Resource, name } => TextColumn::Resource(name),
        _ => return None,
    })
}

fn any_entry(
    expression: &FieldExpression,
    scope: AttributeScope,
    frame: Frame<'_>,
) -> Result<BooleanBuffer, EngineError> {
    let entries = frame.view.entries(scope)?;
    let inner = Frame { entries: Some((scope, &entries)), ..frame };
    let mask = condition(expression, inner)?;
    let fan = Fan { owners: entries.owners.clone(), is_array: false };
    Ok(any_of_owner(mask, Some(&fan), frame.len()))
}

/// Events for which the expression holds with some link of the same span.
fn any_pair(
    expression: &FieldExpression,
    events: &Entries,
    frame: Frame<'_>,
) -> Result<BooleanBuffer, EngineError> {
    let links = frame.view.entries(AttributeScope::Link)?;
    let pairs = Entries::pairs(events, &links)?;
    let inner = Frame {
        view: frame.view,
        entries: Some((AttributeScope::Event, &pairs.events)),
        partners: Some((AttributeScope::Link, &pairs.links)),
    };
    let mask = condition(expression, inner)?;
    let fan = Fan { owners: pairs.event_of, is_array: false };
    Ok(any_of_owner(mask, Some(&fan), events.len()))
}

/// True when the expression asks something of one event (or link). `!` and `= nil` do not: they ask of all.
pub(super) fn asks_one_of(expression: &FieldExpression, scope: AttributeScope) -> bool {
    match expression {
        FieldExpression::Literal(..) | FieldExpression::Not(..) => false,
        FieldExpression::Field(field, _) => scope_of(field) == Some(scope),
        FieldExpression::All(parts) | FieldExpression::Any(parts) => {
            parts.iter().any(|part| asks_one_of(part, scope))
        }
        FieldExpression::Negate(inner, _) => asks_one_of(inner, scope),
        FieldExpression::Comparison { operator, left, right, .. } => {
            let for_absence =
                *operator == ComparisonOperator::Equal && (is_nil(left) || is_nil(right));
            !for_absence && (asks_one_of(left, scope) || asks_one_of(right, scope))
        }
        FieldExpression::Arithmetic { left, right, .. } => {
            asks_one_of(left, scope) || asks_one_of(right, scope)
        }
    }
}

/// A rough order of what to evaluate first: what is small, and what most likely empties a source.
fn cost(expression: &FieldExpression) -> u32 {
    match expression {
        FieldExpression::Literal(..) => 0,
        FieldExpression::Field(field, _) => match field {
            FieldRef::Intrinsic(intrinsic) => match intrinsic {
                Intrinsic::Status | Intrinsic::Kind => 2,
                Intrinsic::Duration => 3,
                Intrinsic::Name => 1,
                Intrinsic::TraceId | Intrinsic::SpanId | Intrinsic::ParentId => 8,
                _ => 4,
            },
            FieldRef::Attribute { scope, name } => match scope {
                Scope::Resource if name == "service.name" => 1,
                Scope::Any => 20,
                Scope::Event | Scope::Link => 30,
                _ => 10,
            },
        },
        FieldExpression::All(parts) | FieldExpression::Any(parts) => parts.iter().map(cost).sum(),
        FieldExpression::Not(inner, _) | FieldExpression::Negate(inner, _) => cost(inner),
        FieldExpression::Comparison { operator, left, right, .. } => {
            let pattern = match operator {
                ComparisonOperator::Matches | ComparisonOperator::NotMatches => 10,
                _ => 0,
            };
            cost(left) + cost(right) + pattern
        }
        FieldExpression::Arithmetic { left, right, .. } => 2 + cost(left) + cost(right),
    }
}

/// Rows for which any column has a value.
pub(super) fn presence(columns: &[Column], rows: usize) -> BooleanBuffer {
    columns.iter().fold(BooleanBuffer::new_unset(rows), |mask, column| {
        // Elements of arrays stand beside the array.
        match (&column.data, &column.fan) {
            (_, Some(fan)) if fan.is_array => mask,
            (Data::Text(text), None) if text.null_count() == 0 => BooleanBuffer::new_set(rows),
            _ => &mask | &column.presence(rows),
        }
    })
}
