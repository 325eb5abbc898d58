//! What there is: services, operations, attribute names and values. From dictionaries; text is looked at
//! once per distinct value of a source, never once per row.

use super::{
    Cancellation, EngineError, Value,
    column::{Data, Operand, Scalar, Text},
    operand::{Frame, field_columns, scalars},
    view::View,
};
use crate::traceql::{FieldRef, Intrinsic, Scope, SpanKind, StatusCode};
use arrow_array::{Array, StringArray, cast::AsArray, types::UInt8Type};
use rapidhash::RapidHashSet;
use sigyn_store::{AttributeScope, Field, Source};
use std::{collections::BTreeSet, sync::Arc};

/// Names of a scope that are kept at most.
const TAG_NAMES_MAX: usize = 100_000;

/// Which values of a dictionary occur in the rows.
fn used(text: &Text) -> Vec<bool> {
    let mut used = vec![false; text.values().len()];
    for key in text.keys().iter().flatten() {
        used[key as usize] = true;
    }
    used
}

fn each_text(text: &Text, mut visit: impl FnMut(&str)) {
    let values: &StringArray = text.values().as_string();
    for (key, used) in used(text).into_iter().enumerate() {
        if used && values.is_valid(key) {
            visit(values.value(key));
        }
    }
}

pub(super) fn services(
    sources: &[Arc<dyn Source>],
    cancellation: &Cancellation,
) -> Result<Vec<String>, EngineError> {
    let mut services = BTreeSet::new();
    for source in sources {
        let names = source.field(Field::ServiceName)?;
        cancellation.read(&names)?;
        each_text(names.as_dictionary(), |name| {
            if !services.contains(name) {
                services.insert(name.to_owned());
            }
        });
    }
    Ok(services.into_iter().collect())
}

pub(super) fn operations(
    sources: &[Arc<dyn Source>],
    service: &str,
    cancellation: &Cancellation,
) -> Result<Vec<(String, u8)>, EngineError> {
    let mut operations = BTreeSet::new();
    for source in sources {
        let services = source.field(Field::ServiceName)?;
        cancellation.read(&services)?;
        let services: &Text = services.as_dictionary();
        let values: &StringArray = services.values().as_string();
        let wanted: Vec<bool> = values.iter().map(|value| value == Some(service)).collect();
        if !wanted.contains(&true) {
            continue;
        }
        let names = source.field(Field::Name)?;
        let names: &Text = names.as_dictionary();
        let kinds = source.field(Field::Kind)?;
        let kinds = kinds.as_primitive::<UInt8Type>();
        let mut codes: RapidHashSet<(u32, u8)> = RapidHashSet::default();
        for (row, service) in services.keys().iter().enumerate() {
            if service.is_some_and(|service| wanted[service as usize]) && names.keys().is_valid(row)
            {
                codes.insert((names.keys().value(row), kinds.value(row)));
            }
        }
        let texts: &StringArray = names.values().as_string();
        operations.extend(
            codes.into_iter().map(|(name, kind)| (texts.value(name as usize).to_owned(), kind)),
        );
    }
    Ok(operations.into_iter().collect())
}

pub(super) fn tag_names(
    sources: &[Arc<dyn Source>],
    cancellation: &Cancellation,
) -> Result<Vec<(AttributeScope, Vec<String>)>, EngineError> {
    let scopes = [
        AttributeScope::Span,
        AttributeScope::Resource,
        AttributeScope::Event,
        AttributeScope::Link,
        AttributeScope::Instrumentation,
    ];
    let mut names: Vec<(AttributeScope, BTreeSet<String>)> =
        scopes.into_iter().map(|scope| (scope, BTreeSet::new())).collect();
    for source in sources {
        cancellation.check()?;
        for (scope, names) in &mut names {
            names.extend(source.attribute_names(*scope)?);
            while names.len() > TAG_NAMES_MAX {
                names.pop_last();
            }
        }
    }
    Ok(names.into_iter().map(|(scope, names)| (scope, names.into_iter().collect())).collect())
}

/// Distinct values, sorted by type, then value; the first `limit` of them.
pub(super) fn tag_values(
    sources: &[Arc<dyn Source>],
    field: &FieldRef,
    limit: usize,
    cancellation: &Cancellation,
) -> Result<Vec<Value>, EngineError> {
    let word = |text: &str| Value::String(text.to_owned());
    let read = match field {
        FieldRef::Intrinsic(Intrinsic::Status) => {
            return Ok(StatusCode::ALL.iter().map(|status| word(status.word())).collect());
        }
        FieldRef::Intrinsic(Intrinsic::Kind) => {
            return Ok(SpanKind::ALL.iter().map(|kind| word(kind.word())).collect());
        }
        FieldRef::Intrinsic(intrinsic) if is_duration(*intrinsic) => {
            return Ok(Vec::new());
        }
        // A root's name is a name, and its service a service: those of all roots.
        FieldRef::Intrinsic(Intrinsic::RootName) => {
            return roots(sources, Field::Name, limit, cancellation);
        }
        FieldRef::Intrinsic(Intrinsic::RootService) => {
            return roots(sources, Field::ServiceName, limit, cancellation);
        }
        FieldRef::Intrinsic(intrinsic) if intrinsic.is_trace_level() => return Ok(Vec::new()),
        other => other.clone(),
    };
    let mut values = Distinct::new(limit);
    for source in sources {
        cancellation.check()?;
        let view = View::new(source.clone(), None, cancellation.clone());
        // Without a scope all scopes count, also those that another one hides.
        let fields = match &read {
            FieldRef::Attribute { scope: Scope::Any, name } => {
                [Scope::Span, Scope::Resource, Scope::Event, Scope::Link, Scope::Instrumentation]
                    .map(|scope| FieldRef::attribute(scope, name))
                    .to_vec()
            }
            other => vec![other.clone()],
        };
        for field in &fields {
            for column in field_columns(field, Frame::rows(&view))? {
                match &column.data {
                    Data::Text(text) => each_text(text, |text| values.add_text(text)),
                    // Arrays are given by their elements.
                    Data::Encoded(_) => {}
                    data => {
                        let rows = data.array().len();
                        let column = super::column::Column::rows(data.clone());
                        let scalars = scalars(&Operand::Columns(vec![column]), rows);
                        scalars.into_iter().flatten().for_each(|scalar| values.add(scalar));
                    }
                }
            }
        }
    }
    Ok(values.into_values())
}

fn roots(
    sources: &[Arc<dyn Source>],
    field: Field,
    limit: usize,
    cancellation: &Cancellation,
) -> Result<Vec<Value>, EngineError> {
    let mut values = Distinct::new(limit);
    for source in sources {
        let texts = source.field(field)?;
        cancellation.read(&texts)?;
        let texts: &Text = texts.as_dictionary();
        let parents = source.field(Field::ParentSpanId)?;
        let mut used = vec![false; texts.values().len()];
        for (row, key) in texts.keys().iter().enumerate() {
            if let Some(key) = key.filter(|_| parents.is_null(row)) {
                used[key as usize] = true;
            }
        }
        let dictionary: &StringArray = texts.values().as_string();
        for (key, _) in used.into_iter().enumerate().filter(|(_, used)| *used) {
            values.add_text(dictionary.value(key));
        }
    }
    Ok(values.into_values())
}

/// The smallest distinct values of each type, at most `limit` of each while collecting.
struct Distinct {
    texts: BTreeSet<String>,
    ints: BTreeSet<i64>,
    /// As bits that sort like the numbers.
    floats: BTreeSet<i64>,
    bools: BTreeSet<bool>,
    limit: usize,
}

impl Distinct {
    fn new(limit: usize) -> Self {
        Self {
            texts: BTreeSet::new(),
            ints: BTreeSet::new(),
            floats: BTreeSet::new(),
            bools: BTreeSet::new(),
            limit,
        }
    }

    fn add_text(&mut self, text: &str) {
        if !self.texts.contains(text) {
            self.texts.insert(text.to_owned());
            if self.texts.len() > self.limit {
                self.texts.pop_last();
            }
        }
    }

    fn add(&mut self, scalar: Scalar) {
        match scalar {
            Scalar::Text(text) => self.add_text(&text),
            Scalar::Int(value) | Scalar::Duration(value) => {
                self.ints.insert(value);
                if self.ints.len() > self.limit {
                    self.ints.pop_last();
                }
            }
            Scalar::Float(value) => {
                self.floats.insert(sortable(value.to_bits() as i64));
                if self.floats.len() > self.limit {
                    self.floats.pop_last();
                }
            }
            Scalar::Bool(value) => {
                self.bools.insert(value);
            }
            Scalar::Status(_) | Scalar::Kind(_) | Scalar::Encoded(_) => {}
        }
    }

    fn into_values(self) -> Vec<Value> {
        let floats = self.floats.into_iter().map(|bits| f64::from_bits(sortable(bits) as u64));
        self.texts
            .into_iter()
            .map(Value::String)
            .chain(self.ints.into_iter().map(Value::Int))
            .chain(floats.map(Value::Double))
            .chain(self.bools.into_iter().map(Value::Bool))
            .take(self.limit)
            .collect()
    }
}

/// Its own inverse: the bits of a float as an integer of the same order.
fn sortable(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn is_duration(intrinsic: Intrinsic) -> bool {
    matches!(
        intrinsic,
        Intrinsic::Duration | Intrinsic::TraceDuration | Intrinsic::EventTimeSinceStart
    )
}
