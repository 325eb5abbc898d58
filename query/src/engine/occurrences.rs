//! Which attributes the spans of each service have, remembered for as long as the source stays.
//!
//! Services differ in their attributes, and most of a list of names is found in the first source that is looked at. What takes
//! time is to see that the other names do *not* occur: their columns must be gone through in every source. That is a fact of a
//! service and a source, whatever the question's other conditions and times are, and small: a bit a service and name.

use super::{Cancellation, EngineError, blanks::SERVICE, column::Text};
use crate::traceql::{ComparisonOperator, FieldExpression, FieldRef, Literal, Scope};
use arrow_array::{Array, ArrayRef, StringArray, UInt32Array, cast::AsArray};
use parking_lot::Mutex;
use rapidhash::RapidHashMap;
use sigyn_store::{AttributeScope, Field, Source};
use std::{collections::VecDeque, sync::Arc};

/// Bytes of what is remembered, of all sources together.
const BYTES_MAX: usize = 8 << 20;
const SCOPES: [AttributeScope; 5] = [
    AttributeScope::Span,
    AttributeScope::Resource,
    AttributeScope::Event,
    AttributeScope::Link,
    AttributeScope::Instrumentation,
];

/// What is remembered, oldest first.
#[derive(Default)]
pub(super) struct Occurrences(Mutex<Known>);

#[derive(Default)]
struct Known {
    sources: RapidHashMap<(u128, u32), Arc<OfSource>>,
    order: VecDeque<(u128, u32)>,
    bytes: usize,
}

/// What one source has.
pub(super) struct OfSource {
    services: RapidHashMap<String, usize>,
    /// A bit a service.
    names: RapidHashMap<(AttributeScope, String), Box<[u64]>>,
}

impl Occurrences {
    /// What a source has; `None` of one that may change.
    pub(super) fn of(
        &self,
        source: &dyn Source,
        cancellation: &Cancellation,
    ) -> Result<Option<Arc<OfSource>>, EngineError> {
        let Some(key) = source.identity() else { return Ok(None) };
        if let Some(known) = self.0.lock().sources.get(&key) {
            return Ok(Some(known.clone()));
        }
        // Not under the lock: others need not wait for what they know. Twice in a while two look for the same.
        let read = Arc::new(OfSource::read(source, cancellation)?);
        let mut known = self.0.lock();
        if known.sources.insert(key, read.clone()).is_none() {
            known.order.push_back(key);
            known.bytes += read.bytes();
        }
        while known.bytes > BYTES_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            let gone = known.sources.remove(&oldest);
            known.bytes -= gone.map_or(0, |of| of.bytes());
        }
        Ok(Some(read))
    }
}

impl OfSource {
    fn read(source: &dyn Source, cancellation: &Cancellation) -> Result<Self, EngineError> {
        let column = source.field(Field::ServiceName)?;
        cancellation.read(&column)?;
        let column: &Text = column.as_dictionary();
        // A dictionary may have a text twice; the last bit is that of spans without a service.
        let texts: &StringArray = column.values().as_string();
        let mut services: RapidHashMap<String, usize> = RapidHashMap::default();
        let bits: Vec<usize> = texts
            .iter()
            .map(|text| {
                let next = services.len();
                *services.entry(text.unwrap_or_default().to_owned()).or_insert(next)
            })
            .collect();
        let without = services.len();
        let of_rows: Vec<u32> = column
            .keys()
            .iter()
            .map(|key| key.map_or(without, |key| bits[key as usize]) as u32)
            .collect();
        let words = without / 64 + 1;
        let mut names = RapidHashMap::default();
        for scope in SCOPES {
            let (children, owners) = match scope {
                AttributeScope::Event | AttributeScope::Link => {
                    let children = source.children(scope)?;
                    let owners = children.parent_rows();
                    (Some(children), Some(owners))
                }
                _ => (None, None),
            };
            for name in source.attribute_names(scope)? {
                let arrays = match &children {
                    Some(children) => children.attribute(&name)?,
                    None => source.attribute(scope, &name)?,
                };
                let mut found = vec![0u64; words].into_boxed_slice();
                for array in arrays {
                    cancellation.read(&array)?;
                    mark(&array, owners.as_ref(), &of_rows, &mut found);
                }
                names.insert((scope, name), found);
            }
        }
        Ok(Self { services, names })
    }

    /// False when no span of any of the services has the attribute here.
    pub(super) fn has(&self, services: &[String], scope: AttributeScope, name: &str) -> bool {
        // What nobody has looked for may be there.
        let Some(found) = self.names.get(&(scope, name.to_owned())) else { return true };
        let mut places = services.iter().filter_map(|service| self.services.get(service));
        places.any(|&place| found[place / 64] & (1 << (place % 64)) != 0)
    }

    fn bytes(&self) -> usize {
        let names = self.names.iter().map(|((_, name), found)| name.len() + 8 * found.len() + 64);
        let services = self.services.keys().map(|name| name.len() + 48);
        names.sum::<usize>() + services.sum::<usize>()
    }
}

/// Notes the services of the rows that have a value.
fn mark(array: &ArrayRef, owners: Option<&UInt32Array>, of_rows: &[u32], found: &mut [u64]) {
    let mut note = |entry: usize| {
        let row = owners.map_or(entry, |owners| owners.value(entry) as usize);
        let place = of_rows[row] as usize;
        found[place / 64] |= 1 << (place % 64);
    };
    match array.nulls() {
        Some(nulls) => nulls.valid_indices().for_each(&mut note),
        None => (0..array.len()).for_each(note),
    }
}

/// The services of which one must be that of every span for which a condition holds; `None`: it does not say.
pub(super) fn services_of(condition: &FieldExpression) -> Option<Vec<String>> {
    match condition {
        FieldExpression::All(parts) => parts.iter().find_map(services_of),
        FieldExpression::Any(parts) => {
            let each: Option<Vec<_>> = parts.iter().map(services_of).collect();
            each.map(|each| each.into_iter().flatten().collect())
        }
        FieldExpression::Comparison {
            operator: ComparisonOperator::Equal, left, right, ..
        } => match (&**left, &**right) {
            (FieldExpression::Field(field, _), FieldExpression::Literal(literal, _))
            | (FieldExpression::Literal(literal, _), FieldExpression::Field(field, _)) => {
                service(field, literal)
            }
            _ => None,
        },
        _ => None,
    }
}

fn service(field: &FieldRef, literal: &Literal) -> Option<Vec<String>> {
    match (field, literal) {
        (FieldRef::Attribute { scope: Scope::Resource, name }, Literal::String(text))
            // Without letters it is also that of spans whose resource names none.
            if name == SERVICE && !text.is_empty() =>
        {
            Some(vec![text.clone()])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traceql::{QueryBody, SpansetExpression, Stage, parse};

    fn services(text: &str) -> Option<Vec<String>> {
        let query = parse(text).unwrap();
        let QueryBody::Search(mut pipeline) = query.body else { unreachable!() };
        match pipeline.stages.pop().unwrap() {
            Stage::Spanset(SpansetExpression::Filter(Some(filter))) => services_of(&filter),
            _ => unreachable!(),
        }
    }

    #[test]
    fn a_condition_names_services_where_each_span_must_be_of_one() {
        let owned = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        for (text, expected) in [
            (r#"{ resource.service.name = "a" }"#, owned(&["a"])),
            (r#"{ "a" = resource.service.name && duration > 1s }"#, owned(&["a"])),
            (
                r#"{ (resource.service.name = "a" || resource.service.name = "b") && .x }"#,
                owned(&["a", "b"]),
            ),
            (r#"{ resource.service.name = "a" || .x }"#, None),
            (r#"{ resource.service.name != "a" }"#, None),
            (r#"{ resource.service.name = "" }"#, None),
            (r#"{ resource.service.name =~ "a" }"#, None),
            // The span may have one of its own.
            (r#"{ .service.name = "a" }"#, None),
            (r#"{ !(resource.service.name = "a") }"#, None),
        ] {
            assert_eq!(services(text), expected, "{text}");
        }
    }
}
