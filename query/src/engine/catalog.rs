//! What there is: services and operations. From dictionaries; text is looked at once per distinct value of a
//! source, never once per row.

use super::{Cancellation, EngineError, column::Text};
use arrow_array::{Array, StringArray, cast::AsArray, types::UInt8Type};
use rapidhash::RapidHashSet;
use sigyn_store::{Field, Source};
use std::{collections::BTreeSet, sync::Arc};

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
