//! Runs of rows of many columns, read by as many threads as are free: a look-up by ID wants a dozen rows of some fifty columns.

use super::{
    column_file::wrong_rows, direct, found::Form, list_rows, pages::RowGroupPages,
    together::together,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Fields, Schema};
use arrow_select::concat::concat_batches;
use parquet::{
    arrow::{ProjectionMask, arrow_reader::RowSelection},
    errors::Result,
};
use std::{ops::Range, sync::Arc};

/// What is read in one piece.
enum Portion {
    /// A column that is reached without the Parquet reader, and its leaf.
    Direct(usize, usize),
    /// A list, and the first of its leaves.
    List(usize, usize),
    /// Columns that are neither.
    Decoded(Vec<usize>),
}

/// Chosen columns (ascending) of runs of rows (ascending), as one batch; `None` when there are no rows.
pub(super) fn read(
    pages: &RowGroupPages,
    columns: &[usize],
    runs: &[Range<usize>],
) -> Result<Option<RecordBatch>> {
    let count: usize = runs.iter().map(Range::len).sum();
    if count == 0 {
        return Ok(None);
    }
    let portions = portions(pages, columns);
    let found = match portions.as_slice() {
        [portion] => vec![portion.read(pages, runs)],
        _ => {
            let (pages, runs) = (pages.clone(), runs.to_vec());
            together(portions.len(), move |at| portions[at].read(&pages, &runs))
        }
    };
    let mut arrays = Vec::with_capacity(columns.len());
    for portion in found {
        arrays.extend(portion?);
    }
    arrays.sort_unstable_by_key(|(column, _)| *column);
    let fields = pages.footer.whole.schema().fields();
    let fields: Fields = arrays.iter().map(|(column, _)| Arc::clone(&fields[*column])).collect();
    let arrays = arrays.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
    if batch.num_rows() != count {
        return Err(wrong_rows(pages.row_group, batch.num_rows(), count));
    }
    Ok(Some(batch))
}

impl RowGroupPages {
    /// True of a column of which rows can be read without those before them.
    pub(super) fn can_reach(&self, column: usize) -> bool {
        let footer = &self.footer;
        let data_type = footer.whole.schema().field(column).data_type();
        footer
            .first_leaf(column)
            .is_some_and(|leaf| direct::form(self, leaf, data_type).is_some_and(Form::can_reach))
    }
}

/// Columns in portions, those first that take longest.
fn portions(pages: &RowGroupPages, columns: &[usize]) -> Vec<Portion> {
    let (fields, schema) =
        (pages.footer.whole.schema().fields(), pages.footer.whole.parquet_schema());
    let (mut lists, mut flat, mut direct) = (Vec::new(), Vec::new(), Vec::new());
    let mut leaf = 0;
    for &column in columns {
        while schema.get_column_root_idx(leaf) < column {
            leaf += 1;
        }
        let data_type = fields[column].data_type();
        if direct::form(pages, leaf, data_type).is_some() {
            direct.push(Portion::Direct(column, leaf));
        } else if data_type.is_nested() {
            lists.push(Portion::List(column, leaf));
        } else {
            flat.push(column);
        }
    }
    let flat = (!flat.is_empty()).then_some(Portion::Decoded(flat));
    lists.into_iter().chain(flat).chain(direct).collect()
}

impl Portion {
    /// Each column, by its position in the schema.
    fn read(&self, pages: &RowGroupPages, runs: &[Range<usize>]) -> Result<Vec<(usize, ArrayRef)>> {
        let fields = pages.footer.whole.schema().fields();
        let (column, found) = match self {
            &Self::Direct(column, leaf) => {
                (column, direct::read(pages, leaf, fields[column].data_type(), runs)?)
            }
            &Self::List(column, leaf) => {
                (column, list_rows::read(pages, leaf, fields[column].data_type(), runs)?)
            }
            Self::Decoded(columns) => return decode(pages, columns, runs),
        };
        match found {
            Some(array) => Ok(vec![(column, array)]),
            None => decode(pages, &[column], runs),
        }
    }
}

/// The way of the Parquet reader.
fn decode(
    pages: &RowGroupPages,
    columns: &[usize],
    runs: &[Range<usize>],
) -> Result<Vec<(usize, ArrayRef)>> {
    let count: usize = runs.iter().map(Range::len).sum();
    let rows = pages.footer.rows(pages.row_group);
    let selection = RowSelection::from_consecutive_ranges(runs.iter().cloned(), rows);
    let schema = pages.footer.whole.parquet_schema();
    let mask = ProjectionMask::roots(schema, columns.iter().copied());
    let reader = pages.clone().read(mask, Some(selection), count)?;
    let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
    let batch = match batches.as_slice() {
        [] => return Err(wrong_rows(pages.row_group, 0, count)),
        [batch] => batch.clone(),
        [first, ..] => concat_batches(&first.schema(), &batches)?,
    };
    Ok(columns.iter().copied().zip(batch.columns().iter().cloned()).collect())
}
