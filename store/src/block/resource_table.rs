//! The resources of a row group: each once, however many spans it has.

use super::{
    column_file::ColumnFile,
    rest::Lists,
    schema::{attribute_of, column_of, rest_column},
    values::{WRONG_TYPE, column},
};
use crate::{AttributeScope, Error};
use arrow_array::{
    Array, ArrayRef, RecordBatch, StringArray, UInt32Array, cast::AsArray, types::UInt32Type,
};
use arrow_schema::DataType;
use arrow_select::take::{TakeOptions, take};
use std::{collections::BTreeSet, sync::Arc};

/// The column that says of a span which resource it has, and of a resource which it is.
pub(super) const RESOURCE: &str = "resource";

/// The rows of `resources.parquet` that belong to one row group of spans.
pub(super) struct ResourceTable {
    /// The number of the first; the others follow.
    first: u32,
    rows: RecordBatch,
}

impl ResourceTable {
    pub(super) fn read(file: &ColumnFile, row_group: usize) -> Result<Self, Error> {
        let rows = file.row_group(row_group)?;
        let numbers = column::<UInt32Array>(&rows, RESOURCE);
        let numbers = numbers.map_err(|what| file.damaged(what))?;
        let first = numbers.values().first().copied().unwrap_or(0);
        Ok(Self { first, rows })
    }

    /// One row per resource.
    pub(super) fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// Where a resource stands among the rows; `None` when it is not here.
    pub(super) fn row_of(&self, number: u32) -> Option<usize> {
        let row = number.checked_sub(self.first)? as usize;
        (row < self.rows.num_rows()).then_some(row)
    }

    /// False when no resource has a text under this name, nor an array; `service.name` as text is not looked for.
    pub(super) fn may_have(&self, name: &str, text: &str) -> Result<bool, &'static str> {
        Ok(self.attribute(name)?.iter().any(|array| {
            match array.as_dictionary_opt::<UInt32Type>() {
                Some(texts) => {
                    let texts = texts.values().as_string_opt::<i32>();
                    texts.is_none_or(|texts| texts.iter().flatten().any(|it| it == text))
                }
                None => array.data_type() == &DataType::Binary,
            }
        }))
    }

    /// The numbers of the resources whose text under this name passes a test; `None` where one may have an array. `service.name` as text
    /// is not looked for.
    pub(super) fn numbers_where(
        &self,
        name: &str,
        test: &dyn Fn(&str) -> bool,
    ) -> Result<Option<BTreeSet<u32>>, &'static str> {
        let mut numbers = BTreeSet::new();
        for array in self.attribute(name)? {
            if array.data_type() == &DataType::Binary {
                return Ok(None);
            }
            let Some(coded) = array.as_dictionary_opt::<UInt32Type>() else { continue };
            let texts = coded.downcast_dict::<StringArray>().ok_or(WRONG_TYPE)?;
            let found = texts.into_iter().zip(self.first..);
            numbers.extend(found.filter(|(text, _)| text.is_some_and(test)).map(|it| it.1));
        }
        Ok(Some(numbers))
    }

    /// The values of an attribute, one array per value type that it has anywhere. `service.name` as text is not looked for: spans have
    /// it themselves.
    pub(super) fn attribute(&self, name: &str) -> Result<Vec<ArrayRef>, &'static str> {
        let mut arrays = Vec::new();
        let of_spans = "service_name";
        let column = column_of(AttributeScope::Resource, name);
        let found = self.rows.column_by_name(&column).filter(|_| column != of_spans);
        arrays.extend(found.filter(|it| it.null_count() < it.len()).map(Arc::clone));
        if let Some(list) = self.rows.column_by_name(rest_column(AttributeScope::Resource)) {
            let others = Lists::new(list)?.attribute(name);
            // A second value under the same key and of the same type is only seen in the whole trace.
            let is_new = |other: &ArrayRef| {
                !arrays.iter().any(|array| array.data_type() == other.data_type())
            };
            let others: Vec<_> = others.into_iter().filter(is_new).collect();
            arrays.extend(others);
        }
        Ok(arrays)
    }

    /// Such values for spans that have these resources.
    pub(super) fn spread(
        &self,
        of_resources: &[ArrayRef],
        numbers: &dyn Array,
    ) -> Result<Vec<ArrayRef>, &'static str> {
        let numbers: &UInt32Array = numbers.as_any().downcast_ref().ok_or(WRONG_TYPE)?;
        let rows = numbers.unary::<_, UInt32Type>(|number| number.wrapping_sub(self.first));
        let checked = || Some(TakeOptions { check_bounds: true });
        let of_spans = of_resources.iter().map(|array| take(array, &rows, checked()));
        let of_spans: Result<Vec<_>, _> = of_spans.collect();
        of_spans.map_err(|_| "a span has a resource that is not in the table")
    }

    /// The names of all attributes.
    pub(super) fn names(&self) -> Result<BTreeSet<String>, &'static str> {
        let mut names = BTreeSet::new();
        let schema = self.rows.schema_ref();
        for (field, array) in schema.fields().iter().zip(self.rows.columns()) {
            if let Some((_, name)) = attribute_of(field.name())
                && array.null_count() < array.len()
            {
                names.insert(name.to_owned());
            }
        }
        if let Some(list) = self.rows.column_by_name(rest_column(AttributeScope::Resource)) {
            names.extend(Lists::new(list)?.names());
        }
        Ok(names)
    }

    /// Bytes in memory.
    pub(super) fn size_bytes(&self) -> usize {
        self.rows.get_array_memory_size()
    }
}
