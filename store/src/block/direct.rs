//! Rows of a flat column, straight from the pages in which they lie: codes of a dictionary, values of a fixed width, plain or split
//! by byte, and differences.
//!
//! The Parquet reader makes an array of the whole dictionary and walks over all values before those that are wanted. A look-up
//! wants a dozen rows of each of some fifty columns: here it steps over runs, and looks at no value but theirs, except among
//! differences, where each is what those before it make it.

use super::{
    found::{Form, Found, Values},
    hybrid,
    pages::RowGroupPages,
    walk::walk,
};
use arrow_array::ArrayRef;
use arrow_schema::DataType;
use parquet::errors::Result;
use std::ops::Range;

/// How the values of a flat column lie in its pages; `None` of what is read otherwise.
pub(super) fn form(pages: &RowGroupPages, leaf: usize, data_type: &DataType) -> Option<Form> {
    Form::of(pages, leaf, data_type).filter(|_| pages.is_flat(leaf))
}

/// A column of runs of rows, ascending; `None` when it is not one of these after all.
pub(super) fn read(
    pages: &RowGroupPages,
    leaf: usize,
    data_type: &DataType,
    rows: &[Range<usize>],
) -> Result<Option<ArrayRef>> {
    let Some(form) = form(pages, leaf, data_type) else { return Ok(None) };
    let is_nullable = pages.is_nullable(leaf);
    // No page has more values.
    let values_max = pages.footer.rows(pages.row_group);
    let mut found = Found::new(form);
    let is_read = walk(pages, leaf, form, rows, |page, runs| {
        let (levels, values) = hybrid::levels_and_values(&page.bytes, is_nullable)?;
        let mut values = Values::new(form.encoding, values, values_max)?;
        found.add(levels, &mut values, runs)
    })?;
    if is_read { found.finish(pages, leaf, data_type).map(Some) } else { Ok(None) }
}
