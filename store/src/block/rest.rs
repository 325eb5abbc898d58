//! Reading lists of attributes that have no column of their own.

use crate::wire::Value;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray,
    StructArray, cast::AsArray,
};
use arrow_array::{builder::StringDictionaryBuilder, types::UInt32Type};
use std::{collections::BTreeSet, ops::Range, sync::Arc};

/// One list of attributes per owner.
pub(super) struct Lists<'a> {
    list: &'a ListArray,
    keys: &'a StringArray,
    strings: Option<&'a StringArray>,
    ints: Option<&'a Int64Array>,
    doubles: Option<&'a Float64Array>,
    bools: Option<&'a BooleanArray>,
    encoded: Option<&'a BinaryArray>,
}

const WRONG_TYPE: &str = "a nested column is not of the type that it should have";

impl<'a> Lists<'a> {
    pub(super) fn new(array: &'a dyn Array) -> Result<Self, &'static str> {
        let list: &ListArray = array.as_list_opt().ok_or(WRONG_TYPE)?;
        let entries = list.values().as_struct_opt().ok_or(WRONG_TYPE)?;
        Ok(Self {
            list,
            keys: child(entries, "key")?,
            strings: optional(entries, "string")?,
            ints: optional(entries, "int")?,
            doubles: optional(entries, "double")?,
            bools: optional(entries, "bool")?,
            encoded: optional(entries, "encoded")?,
        })
    }

    /// The attributes of an owner.
    pub(super) fn of(&self, owner: usize) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.entries(owner).map(|at| (self.keys.value(at), self.value(at)))
    }

    /// True when no owner has any.
    pub(super) fn are_empty(&self) -> bool {
        let offsets = self.list.value_offsets();
        offsets.first() == offsets.last()
    }

    /// All keys.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let all = self.list.value_offsets();
        let all = all[0] as usize..all[all.len() - 1] as usize;
        all.map(|at| self.keys.value(at).to_owned()).collect()
    }

    /// The first value of each type that each owner has under a key.
    pub(super) fn attribute(&self, name: &str) -> Vec<ArrayRef> {
        let owners = self.list.len();
        let mut found: [Vec<Option<usize>>; 5] = Default::default();
        for owner in 0..owners {
            for at in self.entries(owner) {
                if self.keys.value(at) != name {
                    continue;
                }
                let kind = self.value(at).kind();
                if found[kind].is_empty() {
                    found[kind] = vec![None; owners];
                }
                found[kind][owner].get_or_insert(at);
            }
        }
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (kind, places) in found.iter().enumerate().filter(|(_, places)| !places.is_empty()) {
            let values = places.iter().map(|at| at.map(|at| self.value(at)));
            arrays.push(match kind {
                0 => {
                    let mut builder = StringDictionaryBuilder::<UInt32Type>::new();
                    for value in values {
                        builder.append_option(value.and_then(|value| match value {
                            Value::String(text) => std::str::from_utf8(text).ok(),
                            _ => None,
                        }));
                    }
                    Arc::new(builder.finish())
                }
                1 => Arc::new(
                    values
                        .map(|it| if let Some(Value::Int(it)) = it { Some(it) } else { None })
                        .collect::<Int64Array>(),
                ),
                2 => Arc::new(
                    values
                        .map(|it| if let Some(Value::Double(it)) = it { Some(it) } else { None })
                        .collect::<Float64Array>(),
                ),
                3 => Arc::new(
                    values
                        .map(|it| if let Some(Value::Bool(it)) = it { Some(it) } else { None })
                        .collect::<BooleanArray>(),
                ),
                _ => Arc::new(
                    values
                        .map(|it| if let Some(Value::Encoded(it)) = it { Some(it) } else { None })
                        .collect::<BinaryArray>(),
                ),
            });
        }
        arrays
    }

    fn entries(&self, owner: usize) -> Range<usize> {
        let offsets = self.list.value_offsets();
        offsets[owner] as usize..offsets[owner + 1] as usize
    }

    fn value(&self, at: usize) -> Value<'a> {
        if let Some(it) = self.strings.filter(|it| it.is_valid(at)) {
            Value::String(it.value(at).as_bytes())
        } else if let Some(it) = self.ints.filter(|it| it.is_valid(at)) {
            Value::Int(it.value(at))
        } else if let Some(it) = self.doubles.filter(|it| it.is_valid(at)) {
            Value::Double(it.value(at))
        } else if let Some(it) = self.bools.filter(|it| it.is_valid(at)) {
            Value::Bool(it.value(at))
        } else {
            Value::Encoded(self.encoded.map_or(&[], |it| it.value(at)))
        }
    }
}

/// A field of a struct, by name and type.
pub(super) fn child<'a, T: 'static>(
    entries: &'a StructArray,
    name: &str,
) -> Result<&'a T, &'static str> {
    entries.column_by_name(name).and_then(|it| it.as_any().downcast_ref()).ok_or(WRONG_TYPE)
}

/// The same of a field that may not be there.
pub(super) fn optional<'a, T: 'static>(
    entries: &'a StructArray,
    name: &str,
) -> Result<Option<&'a T>, &'static str> {
    entries.column_by_name(name).map(|it| it.as_any().downcast_ref().ok_or(WRONG_TYPE)).transpose()
}

/// The structs of a list column, and the list.
pub(super) fn structs(array: &dyn Array) -> Result<(&ListArray, &StructArray), &'static str> {
    let list: &ListArray = array.as_list_opt().ok_or(WRONG_TYPE)?;
    Ok((list, list.values().as_struct_opt().ok_or(WRONG_TYPE)?))
}

/// Names of the attributes of events or links, sorted.
pub(super) fn child_names(array: &dyn Array) -> Result<Vec<String>, &'static str> {
    let (_, entries) = structs(array)?;
    let Some(attributes) = entries.column_by_name("attributes") else { return Ok(Vec::new()) };
    Ok(Lists::new(attributes)?.names().into_iter().collect())
}
