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
    strings: &'a StringArray,
    ints: &'a Int64Array,
    doubles: &'a Float64Array,
    bools: &'a BooleanArray,
    encoded: &'a BinaryArray,
}

const WRONG_TYPE: &str = "a nested column is not of the type that it should have";

impl<'a> Lists<'a> {
    pub(super) fn new(array: &'a dyn Array) -> Result<Self, &'static str> {
        let list: &ListArray = array.as_list_opt().ok_or(WRONG_TYPE)?;
        let entries = list.values().as_struct_opt().ok_or(WRONG_TYPE)?;
        Ok(Self {
            list,
            keys: child(entries, "key")?,
            strings: child(entries, "string")?,
            ints: child(entries, "int")?,
            doubles: child(entries, "double")?,
            bools: child(entries, "bool")?,
            encoded: child(entries, "encoded")?,
        })
    }

    /// The attributes of an owner.
    pub(super) fn of(&self, owner: usize) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.entries(owner).map(|at| (self.keys.value(at), self.value(at)))
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
                let kind = match self.value(at) {
                    Value::String(_) => 0,
                    Value::Int(_) => 1,
                    Value::Double(_) => 2,
                    Value::Bool(_) => 3,
                    Value::Encoded(_) => 4,
                };
                if found[kind].is_empty() {
                    found[kind] = vec![None; owners];
                }
                found[kind][owner].get_or_insert(at);
            }
        }
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (kind, places) in found.iter().enumerate().filter(|(_, places)| !places.is_empty()) {
            let places = places.iter().copied();
            arrays.push(match kind {
                0 => {
                    let mut builder = StringDictionaryBuilder::<UInt32Type>::new();
                    for at in places {
                        builder.append_option(at.map(|at| self.strings.value(at)));
                    }
                    Arc::new(builder.finish())
                }
                1 => Arc::new(
                    places.map(|at| at.map(|at| self.ints.value(at))).collect::<Int64Array>(),
                ),
                2 => Arc::new(
                    places.map(|at| at.map(|at| self.doubles.value(at))).collect::<Float64Array>(),
                ),
                3 => Arc::new(
                    places.map(|at| at.map(|at| self.bools.value(at))).collect::<BooleanArray>(),
                ),
                _ => Arc::new(
                    places.map(|at| at.map(|at| self.encoded.value(at))).collect::<BinaryArray>(),
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
        if self.strings.is_valid(at) {
            Value::String(self.strings.value(at).as_bytes())
        } else if self.ints.is_valid(at) {
            Value::Int(self.ints.value(at))
        } else if self.doubles.is_valid(at) {
            Value::Double(self.doubles.value(at))
        } else if self.bools.is_valid(at) {
            Value::Bool(self.bools.value(at))
        } else {
            Value::Encoded(self.encoded.value(at))
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

/// The structs of a list column, and the list.
pub(super) fn structs(array: &dyn Array) -> Result<(&ListArray, &StructArray), &'static str> {
    let list: &ListArray = array.as_list_opt().ok_or(WRONG_TYPE)?;
    Ok((list, list.values().as_struct_opt().ok_or(WRONG_TYPE)?))
}

/// Names of the attributes of events or links, sorted.
pub(super) fn child_names(array: &dyn Array) -> Result<Vec<String>, &'static str> {
    let (_, entries) = structs(array)?;
    let attributes = entries.column_by_name("attributes").ok_or(WRONG_TYPE)?;
    Ok(Lists::new(attributes)?.names().into_iter().collect())
}
