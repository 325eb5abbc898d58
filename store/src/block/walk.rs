//! From one page of a leaf to the next, to those that have rows that are wanted.

use super::{
    found::{Form, damaged},
    pages::RowGroupPages,
};
use bytes::Bytes;
use parquet::{basic::Encoding, column::page::Page, errors::Result};
use std::ops::Range;

/// A page of values, unpacked.
#[derive(Clone)]
pub(super) struct ValuePage {
    /// Levels, and values behind them.
    pub(super) bytes: Bytes,
    /// Those that are not there included.
    pub(super) values: usize,
}

/// Shows each page that has some of the rows (in runs, ascending), and which of its own these are. False when a page is not of the
/// form that the footer says.
pub(super) fn walk(
    pages: &RowGroupPages,
    leaf: usize,
    form: Form,
    rows: &[Range<usize>],
    mut visit: impl FnMut(&ValuePage, &[Range<usize>]) -> std::result::Result<(), &'static str>,
) -> Result<bool> {
    let Some(locations) = pages.locations(leaf) else { return Ok(false) };
    let firsts: Vec<usize> = locations.iter().map(|it| it.first_row_index as usize).collect();
    let mut reader = pages.column_pages(leaf)?;
    if form.encoding == Encoding::RLE_DICTIONARY {
        // The dictionary.
        reader.skip_next_page()?;
    }
    let mut rows = rows.iter().filter(|run| !run.is_empty()).peekable();
    let mut here: Vec<Range<usize>> = Vec::new();
    for (at, &first) in firsts.iter().enumerate() {
        let end = firsts.get(at + 1).copied().unwrap_or(usize::MAX);
        here.clear();
        while let Some(run) = rows.peek().filter(|run| run.start < end) {
            here.push(run.start.max(first) - first..run.end.min(end) - first);
            if run.end > end {
                break;
            }
            rows.next();
        }
        if here.is_empty() {
            if rows.peek().is_none() {
                break;
            }
            reader.skip_next_page()?;
            continue;
        }
        let page = match pages.kept(leaf, at) {
            Some(page) => {
                reader.skip_next_page()?;
                page
            }
            None => match reader.get_next_page()? {
                Some(Page::DataPage { buf, num_values, encoding, .. })
                    if encoding == form.encoding =>
                {
                    let page = ValuePage { bytes: buf, values: num_values as usize };
                    pages.keep(leaf, at, &page);
                    page
                }
                _ => return Ok(false),
            },
        };
        visit(&page, &here).map_err(damaged)?;
    }
    Ok(true)
}
