//! Some or all rows of a source, with the columns read so far.

use super::{Cancellation, EngineError, column::Text};
use arrow_array::{
    ArrayRef, Int64Array, UInt32Array, UInt64Array, cast::AsArray, types::UInt64Type,
};
use arrow_select::take::take;
use sigyn_store::{AttributeScope, Children, Field, Source};
use std::{cell::RefCell, collections::HashMap, sync::Arc};

/// Rows of a source under evaluation, on one thread. Columns are read when asked for, and once.
pub(super) struct View {
    source: Arc<dyn Source>,
    /// `None`: all rows. Ascending otherwise.
    rows: Option<UInt32Array>,
    /// Fields that need a whole trace; `None` while spans are looked at one by one.
    pub(super) trace_fields: Option<TraceFields>,
    fields: RefCell<HashMap<Field, ArrayRef>>,
    attributes: RefCell<HashMap<(AttributeScope, String), Vec<ArrayRef>>>,
    entries: RefCell<HashMap<AttributeScope, Arc<Entries>>>,
    cancellation: Cancellation,
}

/// Values that depend on the other spans of the trace, one entry a row of the view.
pub(super) struct TraceFields {
    pub(super) trace_durations: Int64Array,
    pub(super) root_names: Text,
    pub(super) root_services: Text,
    pub(super) child_counts: Int64Array,
    pub(super) nested_set_lefts: Int64Array,
    pub(super) nested_set_rights: Int64Array,
    pub(super) nested_set_parents: Int64Array,
}

/// Events or links of the rows of a view.
pub(super) struct Entries {
    children: Arc<dyn Children>,
    /// Which of the children; `None`: all.
    picked: Option<UInt32Array>,
    /// The row (of the view) of each entry, ascending.
    pub(super) owners: UInt32Array,
}

impl View {
    pub(super) fn new(
        source: Arc<dyn Source>,
        rows: Option<UInt32Array>,
        cancellation: Cancellation,
    ) -> Self {
        Self {
            source,
            rows,
            trace_fields: None,
            fields: RefCell::default(),
            attributes: RefCell::default(),
            entries: RefCell::default(),
            cancellation,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.source.rows(), |rows| rows.len())
    }

    fn pick(&self, array: ArrayRef) -> Result<ArrayRef, EngineError> {
        self.cancellation.read(&array)?;
        match &self.rows {
            Some(rows) => Ok(take(&array, rows, None)?),
            None => Ok(array),
        }
    }

    pub(super) fn field(&self, field: Field) -> Result<ArrayRef, EngineError> {
        if let Some(array) = self.fields.borrow().get(&field) {
            return Ok(array.clone());
        }
        let array = self.pick(self.source.field(field)?)?;
        self.fields.borrow_mut().insert(field, array.clone());
        Ok(array)
    }

    pub(super) fn starts(&self) -> Result<UInt64Array, EngineError> {
        Ok(self.field(Field::StartUnixNano)?.as_primitive::<UInt64Type>().clone())
    }

    /// A span, resource or instrumentation attribute.
    pub(super) fn attribute(
        &self,
        scope: AttributeScope,
        name: &str,
    ) -> Result<Vec<ArrayRef>, EngineError> {
        let key = (scope, name.to_owned());
        if let Some(arrays) = self.attributes.borrow().get(&key) {
            return Ok(arrays.clone());
        }
        let arrays = self.source.attribute(scope, name)?;
        let arrays: Vec<ArrayRef> =
            arrays.into_iter().map(|array| self.pick(array)).collect::<Result<_, _>>()?;
        self.attributes.borrow_mut().insert(key, arrays.clone());
        Ok(arrays)
    }

    /// The events or links of these rows.
    pub(super) fn entries(&self, scope: AttributeScope) -> Result<Arc<Entries>, EngineError> {
        if let Some(entries) = self.entries.borrow().get(&scope) {
            return Ok(entries.clone());
        }
        let children = self.source.children(scope)?;
        let parents = children.parent_rows();
        let entries = match &self.rows {
            None => Entries { children, picked: None, owners: parents },
            Some(rows) => {
                // Both are ascending, so one walk over both finds the children of the rows.
                let (mut picked, mut owners) = (Vec::new(), Vec::new());
                let mut child = 0;
                for (position, row) in rows.values().iter().enumerate() {
                    child += parents.values()[child..].partition_point(|parent| parent < row);
                    while child < parents.len() && parents.value(child) == *row {
                        picked.push(child as u32);
                        owners.push(position as u32);
                        child += 1;
                    }
                }
                Entries { children, picked: Some(picked.into()), owners: owners.into() }
            }
        };
        let entries = Arc::new(entries);
        self.entries.borrow_mut().insert(scope, entries.clone());
        Ok(entries)
    }
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.owners.len()
    }

    fn pick(&self, array: ArrayRef) -> Result<ArrayRef, EngineError> {
        match &self.picked {
            Some(picked) => Ok(take(&array, picked, None)?),
            None => Ok(array),
        }
    }

    pub(super) fn names(&self) -> Result<ArrayRef, EngineError> {
        self.pick(self.children.names()?)
    }

    pub(super) fn times_unix_nano(&self) -> Result<ArrayRef, EngineError> {
        self.pick(self.children.times_unix_nano()?)
    }

    pub(super) fn trace_ids(&self) -> Result<ArrayRef, EngineError> {
        self.pick(self.children.trace_ids()?)
    }

    pub(super) fn span_ids(&self) -> Result<ArrayRef, EngineError> {
        self.pick(self.children.span_ids()?)
    }

    pub(super) fn attribute(&self, name: &str) -> Result<Vec<ArrayRef>, EngineError> {
        let arrays = self.children.attribute(name)?;
        arrays.into_iter().map(|array| self.pick(array)).collect()
    }
}
