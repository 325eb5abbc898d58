//! Events and links of a row group.

use super::rest::{Lists, child, structs};
use crate::{AttributeScope, Children, Error};
use arrow_array::{
    Array, ArrayRef, NullArray, StringArray, StructArray, UInt32Array,
    builder::StringDictionaryBuilder, types::UInt32Type,
};
use arrow_schema::{DataType, Field, Fields};
use std::sync::Arc;

/// The events or the links of all rows.
pub(super) struct BlockChildren {
    scope: AttributeScope,
    parents: Vec<u32>,
    entries: StructArray,
}

impl BlockChildren {
    /// Of a scope that is neither events nor links there are none.
    pub(super) fn new(array: &dyn Array, scope: AttributeScope) -> Result<Self, &'static str> {
        let (list, entries) = structs(array)?;
        let offsets = list.value_offsets();
        let known = matches!(scope, AttributeScope::Event | AttributeScope::Link);
        let mut parents = Vec::with_capacity(entries.len());
        for row in (0..list.len()).filter(|_| known) {
            let count = (offsets[row + 1] - offsets[row]) as usize;
            parents.extend(std::iter::repeat_n(row as u32, count));
        }
        let entries = entries.slice(offsets[0] as usize, parents.len());
        Ok(Self { scope, parents, entries })
    }

    /// Of a block in which no span has any.
    pub(super) fn none(scope: AttributeScope) -> Self {
        let members: &[(&str, DataType)] = match scope {
            AttributeScope::Event => {
                &[("time_unix_nano", DataType::UInt64), ("name", DataType::Utf8)]
            }
            AttributeScope::Link => &[
                ("trace_id", DataType::FixedSizeBinary(16)),
                ("span_id", DataType::FixedSizeBinary(8)),
            ],
            _ => &[],
        };
        let fields: Fields =
            members.iter().map(|(name, it)| Field::new(*name, it.clone(), false)).collect();
        Self { scope, parents: Vec::new(), entries: StructArray::new_null(fields, 0) }
    }

    fn of(&self, scope: AttributeScope, name: &str) -> ArrayRef {
        match self.entries.column_by_name(name) {
            Some(column) if self.scope == scope => Arc::clone(column),
            _ => Arc::new(NullArray::new(self.parents.len())),
        }
    }
}

impl Children for BlockChildren {
    fn len(&self) -> usize {
        self.parents.len()
    }

    fn parent_rows(&self) -> UInt32Array {
        UInt32Array::from(self.parents.clone())
    }

    fn names(&self) -> Result<ArrayRef, Error> {
        if self.scope != AttributeScope::Event {
            return Ok(Arc::new(NullArray::new(self.parents.len())));
        }
        let names: &StringArray = child(&self.entries, "name").map_err(damaged)?;
        let mut builder = StringDictionaryBuilder::<UInt32Type>::new();
        for name in names {
            builder.append_option(name);
        }
        Ok(Arc::new(builder.finish()))
    }

    fn times_unix_nano(&self) -> Result<ArrayRef, Error> {
        Ok(self.of(AttributeScope::Event, "time_unix_nano"))
    }

    fn trace_ids(&self) -> Result<ArrayRef, Error> {
        Ok(self.of(AttributeScope::Link, "trace_id"))
    }

    fn span_ids(&self) -> Result<ArrayRef, Error> {
        Ok(self.of(AttributeScope::Link, "span_id"))
    }

    fn attribute(&self, name: &str) -> Result<Vec<ArrayRef>, Error> {
        let Some(attributes) = self.entries.column_by_name("attributes") else {
            return Ok(Vec::new());
        };
        Ok(Lists::new(attributes).map_err(damaged)?.attribute(name))
    }
}

fn damaged(what: &'static str) -> Error {
    Error::Block { block: "of events or links".to_owned(), what: what.to_owned() }
}
