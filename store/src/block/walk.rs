//! From one page of a leaf to the next, to those that have rows that are wanted.

use super::{
    found::{Form, damaged},
    pages::RowGroupPages,
};
use bytes::Bytes;
use parquet::{
    basic::Encoding,
    column::page::{Page, PageReader},
    errors::Result,
};
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
    let mut values = ValuePages { pages, leaf, form, reader: None };
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
            continue;
        }
        let Some(page) = values.get(at)? else { return Ok(false) };
        visit(&page, &here).map_err(damaged)?;
    }
    Ok(true)
}

/// The pages of values of a leaf, from the cache or the file.
struct ValuePages<'a> {
    pages: &'a RowGroupPages,
    leaf: usize,
    form: Form,
    /// Made when a page is not in the cache, and the page that it reads next.
    reader: Option<(Box<dyn PageReader>, usize)>,
}

impl ValuePages<'_> {
    /// A page behind those asked for before; `None` when it is not of the form that the footer says.
    fn get(&mut self, at: usize) -> Result<Option<ValuePage>> {
        if let Some(page) = self.pages.kept(self.leaf, at) {
            return Ok(Some(page));
        }
        let (reader, next) = match &mut self.reader {
            Some(reader) => reader,
            none => {
                let mut reader = self.pages.column_pages(self.leaf)?;
                if self.form.encoding == Encoding::RLE_DICTIONARY {
                    // The dictionary.
                    reader.skip_next_page()?;
                }
                none.insert((reader, 0))
            }
        };
        for _ in *next..at {
            reader.skip_next_page()?;
        }
        *next = at + 1;
        let page = match reader.get_next_page()? {
            Some(Page::DataPage { buf, num_values, encoding, .. })
                if encoding == self.form.encoding =>
            {
                ValuePage { bytes: buf, values: num_values as usize }
            }
            _ => return Ok(None),
        };
        self.pages.keep(self.leaf, at, &page);
        Ok(Some(page))
    }
}
