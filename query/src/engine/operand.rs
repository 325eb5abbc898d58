//! Field expressions into columns.

use super::{
    EngineError,
    arithmetic::{arithmetic, negate},
    blanks::{self, SERVICE},
    column::{Column, Data, Fan, Operand},
    condition::condition,
    view::{Entries, View},
};
use crate::traceql::{FieldExpression, FieldRef, Intrinsic, Literal, Scope};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, UInt32Array,
    cast::AsArray, types::UInt64Type,
};
use arrow_buffer::BooleanBuffer;
use arrow_select::{filter::filter, nullif::nullif, take::take};
use prost::Message;
use sigyn_proto::otlp::common::v1::{AnyValue, any_value};
use sigyn_store::{AttributeScope, Field};

/// What an expression is evaluated over: the rows of a view, or their events or links.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) view: &'a View,
    pub(super) entries: Option<(AttributeScope, &'a Entries)>,
    /// For pairs of an event and a link: the links, as many as there are entries.
    pub(super) partners: Option<(AttributeScope, &'a Entries)>,
}

impl<'a> Frame<'a> {
    pub(super) fn rows(view: &'a View) -> Self {
        Self { view, entries: None, partners: None }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.map_or(self.view.len(), |(_, entries)| entries.len())
    }
}

/// Evaluates an expression to a value per row of the frame.
pub(super) fn operand(
    expression: &FieldExpression,
    frame: Frame<'_>,
) -> Result<Operand, EngineError> {
    Ok(match expression {
        FieldExpression::Literal(literal, _) => Operand::Constant(literal.clone()),
        FieldExpression::Field(field, _) => {
            let columns = field_columns(field, frame)?;
            Operand::Columns(blanks::filled(field, columns, frame.len()))
        }
        FieldExpression::Negate(inner, _) => negate(operand(inner, frame)?),
        FieldExpression::Arithmetic { operator, left, right, .. } => {
            arithmetic(*operator, operand(left, frame)?, operand(right, frame)?)
        }
        FieldExpression::All(_)
        | FieldExpression::Any(_)
        | FieldExpression::Not(..)
        | FieldExpression::Comparison { .. } => {
            let truth = BooleanArray::new(condition(expression, frame)?, None);
            Operand::Columns(vec![Column::rows(Data::Bool(truth))])
        }
    })
}

/// The columns of a field, seen from a frame: what a span has is repeated for each of its events.
pub(super) fn field_columns(
    field: &FieldRef,
    frame: Frame<'_>,
) -> Result<Vec<Column>, EngineError> {
    let scope = scope_of(field);
    match (frame.entries, scope) {
        (Some((own, entries)), Some(scope)) if own == scope => {
            entry_columns(field, frame.view, entries)
        }
        (Some(_), Some(scope)) if frame.partners.is_some_and(|(own, _)| own == scope) => {
            let (_, partners) = frame.partners.expect("it was looked at");
            entry_columns(field, frame.view, partners)
        }
        (Some((_, entries)), _) => {
            let columns = span_columns(field, frame.view)?;
            // A row with several values of its own has none here: there is no telling which one is meant.
            columns
                .iter()
                .filter(|column| column.fan.is_none())
                .map(|column| {
                    let array = take(column.data.array(), &entries.owners, None)?;
                    Ok(Column::rows(column.data.with_array(&array)))
                })
                .collect()
        }
        (None, _) => span_columns(field, frame.view),
    }
}

/// `Event` or `Link` for a field of those.
pub(super) fn scope_of(field: &FieldRef) -> Option<AttributeScope> {
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

fn span_columns(field: &FieldRef, view: &View) -> Result<Vec<Column>, EngineError> {
    if let Some(scope) = scope_of(field) {
        if let FieldRef::Attribute { name, .. } = field
            && !view.has_attribute(scope, name)?
        {
            return Ok(Vec::new());
        }
        let entries = view.entries(scope)?;
        let columns = entry_columns(field, view, &entries)?;
        return Ok(fanned(columns, &entries.owners));
    }
    match field {
        FieldRef::Intrinsic(intrinsic) => intrinsic_columns(*intrinsic, view),
        FieldRef::Attribute { scope: Scope::Any, name } => unscoped(name, view),
        FieldRef::Attribute { scope, name } => attribute_columns(*scope, name, view),
    }
}

fn attribute_columns(scope: Scope, name: &str, view: &View) -> Result<Vec<Column>, EngineError> {
    let scope = match scope {
        Scope::Resource => AttributeScope::Resource,
        Scope::Instrumentation => AttributeScope::Instrumentation,
        _ => AttributeScope::Span,
    };
    if scope == AttributeScope::Resource && name == SERVICE {
        let names = view.field(Field::ServiceName)?;
        if names.null_count() == 0 {
            return Ok(vec![Column::rows(Data::Text(names.as_dictionary().clone()))]);
        }
    }
    Ok(typed_columns(&view.attribute(scope, name)?))
}

/// Arrays of an attribute as columns; elements of arrays as columns of their own.
fn typed_columns(arrays: &[ArrayRef]) -> Vec<Column> {
    let mut columns = Vec::with_capacity(arrays.len());
    for data in arrays.iter().filter_map(Data::of_attribute) {
        if let Data::Encoded(encoded) = &data {
            columns.extend(element_columns(encoded));
        }
        columns.push(Column::rows(data));
    }
    columns
}

fn fanned(columns: Vec<Column>, owners: &UInt32Array) -> Vec<Column> {
    let fan = |column: Column| match column.fan {
        None => {
            let fan = Fan { owners: owners.clone(), is_array: false };
            Column { data: column.data, fan: Some(fan) }
        }
        // Arrays on events: the elements belong to the span of the event.
        Some(inner) => {
            let owners: UInt32Array =
                inner.owners.values().iter().map(|&at| owners.value(at as usize)).collect();
            Column { data: column.data, fan: Some(Fan { owners, is_array: inner.is_array }) }
        }
    };
    columns.into_iter().map(fan).collect()
}

/// The elements of array values, one column a type.
fn element_columns(encoded: &BinaryArray) -> Vec<Column> {
    let mut texts: (Vec<u32>, Vec<String>) = Default::default();
    let mut ints: (Vec<u32>, Vec<i64>) = Default::default();
    let mut floats: (Vec<u32>, Vec<f64>) = Default::default();
    let mut bools: (Vec<u32>, Vec<bool>) = Default::default();
    for (row, bytes) in encoded.iter().enumerate() {
        let value = bytes.and_then(|bytes| AnyValue::decode(bytes).ok()).and_then(|any| any.value);
        let Some(any_value::Value::ArrayValue(array)) = value else { continue };
        let row = row as u32;
        for element in array.values {
            use any_value::Value as V;
            match element.value {
                Some(V::StringValue(text)) => {
                    texts.0.push(row);
                    texts.1.push(text);
                }
                Some(V::IntValue(value)) => {
                    ints.0.push(row);
                    ints.1.push(value);
                }
                Some(V::DoubleValue(value)) => {
                    floats.0.push(row);
                    floats.1.push(value);
                }
                Some(V::BoolValue(value)) => {
                    bools.0.push(row);
                    bools.1.push(value);
                }
                _ => {}
            }
        }
    }
    let texts_of = |texts: Vec<String>| Data::Text(texts.iter().map(String::as_str).collect());
    let columns = [
        (texts.0, texts_of(texts.1)),
        (ints.0, Data::Int(Int64Array::from(ints.1))),
        (floats.0, Data::Float(Float64Array::from(floats.1))),
        (bools.0, Data::Bool(BooleanArray::from(bools.1))),
    ];
    columns
        .into_iter()
        .filter(|(owners, _)| !owners.is_empty())
        .map(|(owners, data)| {
            let fan = Fan { owners: owners.into(), is_array: true };
            Column { data, fan: Some(fan) }
        })
        .collect()
}

/// `.x`: for each row the values of the first scope that has any.
fn unscoped(name: &str, view: &View) -> Result<Vec<Column>, EngineError> {
    let mut found = BooleanBuffer::new_unset(view.len());
    let mut columns = Vec::new();
    let scopes = [Scope::Span, Scope::Resource, Scope::Event, Scope::Link, Scope::Instrumentation];
    // Each resource has a service, if only one without a name.
    let scopes = if name == SERVICE { &scopes[..2] } else { &scopes };
    for &scope in scopes {
        if found.count_set_bits() == view.len() {
            break;
        }
        let here = span_columns(&FieldRef::attribute(scope, name), view)?;
        let mut found_here = found.clone();
        for column in here {
            let column =
                if found.count_set_bits() == 0 { column } else { without_rows(column, &found)? };
            found_here = &found_here | &column.presence(view.len());
            columns.push(column);
        }
        found = found_here;
    }
    Ok(columns)
}

/// The column with no values for the given rows.
fn without_rows(column: Column, rows: &BooleanBuffer) -> Result<Column, EngineError> {
    match &column.fan {
        None => {
            let mask = BooleanArray::new(rows.clone(), None);
            let array = nullif(column.data.array(), &mask)?;
            Ok(Column::rows(column.data.with_array(&array)))
        }
        Some(fan) => {
            let kept: BooleanArray =
                fan.owners.values().iter().map(|&row| Some(!rows.value(row as usize))).collect();
            let array = filter(column.data.array(), &kept)?;
            let owners = filter(&fan.owners, &kept)?.as_primitive().clone();
            let fan = Fan { owners, is_array: fan.is_array };
            Ok(Column { data: column.data.with_array(&array), fan: Some(fan) })
        }
    }
}

fn intrinsic_columns(intrinsic: Intrinsic, view: &View) -> Result<Vec<Column>, EngineError> {
    let text = |field| -> Result<Data, EngineError> {
        Ok(Data::Text(view.field(field)?.as_dictionary().clone()))
    };
    let id = |field| -> Result<Data, EngineError> {
        Ok(Data::Id(view.field(field)?.as_fixed_size_binary().clone()))
    };
    let data = match intrinsic {
        Intrinsic::Name => text(Field::Name)?,
        Intrinsic::StatusMessage => text(Field::StatusMessage)?,
        Intrinsic::InstrumentationName => text(Field::ScopeName)?,
        Intrinsic::InstrumentationVersion => text(Field::ScopeVersion)?,
        Intrinsic::Duration => {
            Data::Duration(view.field(Field::DurationNano)?.as_primitive().clone())
        }
        Intrinsic::Status => Data::Status(view.field(Field::StatusCode)?.as_primitive().clone()),
        Intrinsic::Kind => Data::Kind(view.field(Field::Kind)?.as_primitive().clone()),
        Intrinsic::SpanId => id(Field::SpanId)?,
        Intrinsic::ParentId => id(Field::ParentSpanId)?,
        Intrinsic::TraceId => id(Field::TraceId)?,
        _ => {
            let Some(fields) = &view.trace_fields else { return Ok(Vec::new()) };
            match intrinsic {
                Intrinsic::TraceDuration => Data::Duration(fields.trace_durations.clone()),
                Intrinsic::RootName => Data::Text(fields.root_names.clone()),
                Intrinsic::RootService => Data::Text(fields.root_services.clone()),
                Intrinsic::ChildCount => Data::Int(fields.child_counts.clone()),
                Intrinsic::NestedSetLeft => Data::Int(fields.nested_set_lefts.clone()),
                Intrinsic::NestedSetRight => Data::Int(fields.nested_set_rights.clone()),
                Intrinsic::NestedSetParent => Data::Int(fields.nested_set_parents.clone()),
                // Fields of events and links do not come here.
                _ => return Ok(Vec::new()),
            }
        }
    };
    Ok(vec![Column::rows(data)])
}

/// A field of events or links, one entry each.
fn entry_columns(
    field: &FieldRef,
    view: &View,
    entries: &Entries,
) -> Result<Vec<Column>, EngineError> {
    if entries.len() == 0 {
        return Ok(Vec::new());
    }
    let data = match field {
        FieldRef::Intrinsic(Intrinsic::EventName) => {
            Data::Text(entries.names()?.as_dictionary().clone())
        }
        FieldRef::Intrinsic(Intrinsic::EventTimeSinceStart) => {
            let (times, starts) = (entries.times_unix_nano()?, view.starts()?);
            let offsets = times.as_primitive::<UInt64Type>().iter().zip(&entries.owners).map(
                |(time, owner)| Some(time?.wrapping_sub(starts.value(owner? as usize)) as i64),
            );
            Data::Duration(offsets.collect())
        }
        FieldRef::Intrinsic(Intrinsic::LinkTraceId) => {
            Data::Id(entries.trace_ids()?.as_fixed_size_binary().clone())
        }
        FieldRef::Intrinsic(Intrinsic::LinkSpanId) => {
            Data::Id(entries.span_ids()?.as_fixed_size_binary().clone())
        }
        FieldRef::Attribute { name, .. } => return Ok(typed_columns(&entries.attribute(name)?)),
        FieldRef::Intrinsic(_) => return Ok(Vec::new()),
    };
    Ok(vec![Column::rows(data)])
}

/// One value per row: the first that any column has.
pub(super) fn scalars(operand: &Operand, rows: usize) -> Vec<Option<super::column::Scalar>> {
    use super::column::Scalar;
    let columns = match operand {
        Operand::Constant(literal) => {
            let scalar = match literal {
                Literal::String(text) => Some(Scalar::Text(text.clone())),
                Literal::Int(value) => Some(Scalar::Int(*value)),
                Literal::Float(value) => Some(Scalar::Float(*value)),
                Literal::Bool(value) => Some(Scalar::Bool(*value)),
                Literal::Duration(value) => Some(Scalar::Duration(*value)),
                Literal::Status(status) => Some(Scalar::Status(*status as u8)),
                Literal::Kind(kind) => Some(Scalar::Kind(*kind as u8)),
                Literal::Nil => None,
            };
            return vec![scalar; rows];
        }
        Operand::Columns(columns) => columns,
    };
    let mut scalars = vec![None; rows];
    let mut first_entries = vec![usize::MAX; rows];
    for column in columns {
        match &column.fan {
            None => {
                for (row, scalar) in scalars.iter_mut().enumerate().filter(|(_, s)| s.is_none()) {
                    *scalar = column.data.scalar(row);
                }
            }
            // The elements of an array stand beside the encoded array, which is the value.
            Some(fan) if fan.is_array => {}
            // Columns of the same events, one per type: the first event with any value counts.
            Some(fan) => {
                let data = &column.data;
                for (entry, &row) in fan.owners.values().iter().enumerate() {
                    let row = row as usize;
                    if entry < first_entries[row]
                        && let Some(scalar) = data.scalar(entry)
                        && (scalars[row].is_none() || first_entries[row] != usize::MAX)
                    {
                        scalars[row] = Some(scalar);
                        first_entries[row] = entry;
                    }
                }
            }
        }
    }
    scalars
}
