//! A Parquet file of a block, read by row group and column through the cache.

use super::{
    cache::{Cache, Entry, Key},
    codes::Coded,
    file::BlockFile,
    footer::Footer,
    meta::FileEnd,
    pages::RowGroupPages,
    portions,
};
use crate::Error;
use arrow_array::{
    Array, ArrayRef, RecordBatch, UInt32Array, cast::AsArray, new_empty_array, types::Int64Type,
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use arrow_select::{concat::concat, take::take};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
            ParquetRecordBatchReaderBuilder,
        },
    },
    basic::Type as PhysicalType,
    bloom_filter::Sbbf,
    errors::ParquetError,
    file::metadata::PageIndexPolicy,
};
use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use ulid::Ulid;

/// Which file of which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    pub(super) block: Ulid,
    pub(super) part: Part,
}

/// The files of a block that are read by column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Spans,
    Resources,
}

/// What is asked of each value of a column.
pub(super) enum Test<'a> {
    Text(&'a dyn Fn(&str) -> bool),
    Number(&'a dyn Fn(u32) -> bool),
}

/// Nothing of it is read before it is asked for.
pub(super) struct ColumnFile {
    id: FileId,
    file: BlockFile,
    /// `None` if nothing was said of it.
    end: Option<FileEnd>,
    cache: Arc<Cache>,
}

impl ColumnFile {
    pub(super) fn new(
        id: FileId,
        file: BlockFile,
        end: Option<FileEnd>,
        cache: Arc<Cache>,
    ) -> Self {
        Self { id, file, end, cache }
    }

    /// The same file with another cache.
    pub(super) fn beside(&self, cache: &Arc<Cache>) -> Self {
        Self { file: self.file.clone(), cache: Arc::clone(cache), ..*self }
    }

    /// True when it lies on this machine.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.file, BlockFile::Local { .. })
    }

    /// What its end says of it.
    pub(super) fn footer(&self) -> Result<Footer, Error> {
        let key = Key::Footer(self.id);
        if let Some(Entry::Footer(footer)) = self.cache.get(&key) {
            return Ok(footer);
        }
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let footer = self.guarded(|| match self.end {
            Some(end) => ArrowReaderMetadata::load(&self.file.load_end(end)?, options),
            None => ArrowReaderMetadata::load(&self.file, options),
        })?;
        let footer = Footer::new(footer);
        let bytes = footer.size_bytes();
        self.cache.put(key, Entry::Footer(footer.clone()), bytes);
        Ok(footer)
    }

    /// The filter of a row group's first column, if it has one.
    pub(super) fn bloom(&self, row_group: usize) -> Result<Option<Arc<Sbbf>>, Error> {
        let key = Key::Bloom(self.id, row_group);
        if let Some(Entry::Bloom(bloom)) = self.cache.get(&key) {
            return Ok(Some(bloom));
        }
        let footer = self.footer()?.whole;
        let bloom = self.guarded(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.clone(), footer)
                .get_row_group_column_bloom_filter(row_group, 0)
        })?;
        let bloom = bloom.map(Arc::new);
        if let Some(bloom) = &bloom {
            let bytes = bloom.num_blocks() * 32;
            self.cache.put(key, Entry::Bloom(Arc::clone(bloom)), bytes);
        }
        Ok(bloom)
    }

    /// A column of a row group, of some rows (ascending) or all; `None` when the file has none of this name.
    pub(super) fn column(
        &self,
        row_group: usize,
        name: &str,
        rows: Option<&UInt32Array>,
    ) -> Result<Option<ArrayRef>, Error> {
        let footer = self.footer()?;
        let Ok(at) = footer.whole.schema().index_of(name) else { return Ok(None) };
        let key = Key::Column(self.id, row_group, at);
        let whole = match (self.cache.get(&key), rows) {
            (Some(Entry::Column(array)), _) => array,
            (_, Some(rows)) => {
                let some = self.guarded(|| {
                    let pages = self.pages(&footer, row_group, true)?;
                    let is_cheap = (pages.can_reach(at) && is_few(rows, footer.rows(row_group)))
                        || is_sparse(&footer, row_group, at, rows);
                    is_cheap.then(|| some_of_column(&pages, at, rows)).transpose()
                });
                if let Some(some) = some? {
                    return Ok(Some(some));
                }
                self.keep_column(&footer, row_group, at)?
            }
            _ => self.keep_column(&footer, row_group, at)?,
        };
        match rows {
            Some(rows) => self.guarded(|| Ok(take(&whole, rows, None)?)).map(Some),
            None => Ok(Some(whole)),
        }
    }

    /// False when a column has no such text in a row group, which its dictionary tells. Where it has none, nothing is said.
    pub(super) fn may_have(&self, row_group: usize, name: &str, text: &str) -> Result<bool, Error> {
        let footer = self.footer()?;
        let Ok(at) = footer.whole.schema().index_of(name) else { return Ok(false) };
        let Some(leaf) = footer.text_leaf(at) else { return Ok(true) };
        self.guarded(|| {
            let pages = self.pages(&footer, row_group, false)?;
            let coded = Coded::open(&pages, leaf, PhysicalType::BYTE_ARRAY)?;
            let Some(coded) = coded else { return Ok(true) };
            Ok(!coded.texts(|it| it == text)?.is_empty())
        })
    }

    /// The rows of a row group whose value in a column passes a test; `None` where that is not cheaper to know than the values are to
    /// read.
    pub(super) fn rows_where(
        &self,
        row_group: usize,
        name: &str,
        test: Test<'_>,
    ) -> Result<Option<BooleanBuffer>, Error> {
        let footer = self.footer()?;
        let at = footer.whole.schema().index_of(name).ok();
        let (leaf, physical) = match test {
            Test::Text(_) => (at.and_then(|at| footer.text_leaf(at)), PhysicalType::BYTE_ARRAY),
            Test::Number(_) => (at.and_then(|at| footer.first_leaf(at)), PhysicalType::INT32),
        };
        let Some(leaf) = leaf else { return Ok(None) };
        self.guarded(|| {
            let pages = self.pages(&footer, row_group, false)?;
            let Some(coded) = Coded::open(&pages, leaf, physical)? else { return Ok(None) };
            let rows = footer.rows(row_group);
            let wanted = match test {
                Test::Text(test) => coded.texts(test)?,
                Test::Number(test) => coded.numbers(test),
            };
            if wanted.is_empty() {
                return Ok(Some(BooleanBuffer::new_unset(rows)));
            }
            let found = coded.rows(&wanted)?;
            if found.len() != rows {
                return Err(wrong_rows(row_group, found.len(), rows));
            }
            Ok(Some(found))
        })
    }

    /// The rows of a row group with at least this integer in a column; `None` when what is known of its pages does not save most of them
    /// from being read.
    pub(super) fn rows_from(
        &self,
        row_group: usize,
        name: &str,
        min: i64,
    ) -> Result<Option<BooleanBuffer>, Error> {
        let footer = self.footer()?;
        let Ok(at) = footer.whole.schema().index_of(name) else { return Ok(None) };
        let rows = footer.rows(row_group);
        let Some(pages) = footer.pages_reaching(row_group, at, min) else { return Ok(None) };
        if pages.iter().map(Range::len).sum::<usize>() > rows / 2 {
            return Ok(None);
        }
        let mut found = BooleanBufferBuilder::new(rows);
        found.append_n(rows, false);
        let batch = self
            .guarded(|| portions::read(&self.pages(&footer, row_group, false)?, &[at], &pages))?;
        let Some(batch) = batch else { return Ok(Some(found.finish())) };
        let Some(values) = batch.column(0).as_primitive_opt::<Int64Type>() else { return Ok(None) };
        for (row, value) in pages.into_iter().flatten().zip(values) {
            if value.is_some_and(|value| value >= min) {
                found.set_bit(row, true);
            }
        }
        Ok(Some(found.finish()))
    }

    /// True when a column may have no value in some row of a row group, as far as the footer tells.
    pub(super) fn has_nulls(&self, row_group: usize, name: &str) -> Result<bool, Error> {
        let footer = self.footer()?;
        let at = footer.whole.schema().index_of(name).ok();
        let leaf = at.and_then(|at| footer.first_leaf(at));
        let group = footer.whole.metadata().row_groups().get(row_group);
        let nulls = leaf.and_then(|leaf| group?.column(leaf).statistics()?.null_count_opt());
        Ok(nulls != Some(0))
    }

    /// The entries of a sorted column that lie in those pages that may hold a value, and the row at which they begin; all of them if
    /// nothing is known of the pages. `None` when no page can hold it.
    pub(super) fn column_near(
        &self,
        row_group: usize,
        name: &str,
        value: &[u8],
    ) -> Result<Option<(usize, ArrayRef)>, Error> {
        let footer = self.footer()?;
        let Ok(at) = footer.whole.schema().index_of(name) else { return Ok(None) };
        self.guarded(|| {
            let Some(rows) = footer.pages_of(row_group, at, value) else { return Ok(None) };
            let batch = portions::read(
                &self.pages(&footer, row_group, false)?,
                &[at],
                std::slice::from_ref(&rows),
            )?;
            Ok(batch.map(|batch| (rows.start, Arc::clone(batch.column(0)))))
        })
    }

    /// Rows of a row group with all columns that have a value in it; `None` when there are none.
    pub(super) fn rows(
        &self,
        row_group: usize,
        rows: Range<usize>,
    ) -> Result<Option<RecordBatch>, Error> {
        let footer = self.footer()?;
        self.guarded(|| {
            let columns = footer.whole.metadata().row_group(row_group).columns();
            let filled = columns.iter().enumerate().filter(|(_, column)| {
                let nulls = column.statistics().and_then(|it| it.null_count_opt());
                nulls.is_none_or(|nulls| nulls < column.num_values() as u64)
            });
            let schema = footer.whole.parquet_schema();
            let mut roots: Vec<usize> =
                filled.map(|(leaf, _)| schema.get_column_root_idx(leaf)).collect();
            roots.dedup();
            portions::read(&self.pages(&footer, row_group, false)?, &roots, &[rows])
        })
    }

    /// All of a row group that is small enough to be read in one go, beside the cache.
    pub(super) fn row_group(&self, row_group: usize) -> Result<RecordBatch, Error> {
        let footer = self.footer()?;
        self.guarded(|| {
            let pages = self.pages(&footer, row_group, false)?;
            let file = pages.file.load(footer.bytes_of(row_group))?;
            let pages = RowGroupPages { file, cache: None, ..pages };
            let schema = footer.whole.schema();
            let columns: Vec<usize> = (0..schema.fields().len()).collect();
            let rows = 0..footer.rows(row_group);
            let all = portions::read(&pages, &columns, std::slice::from_ref(&rows))?;
            Ok(all.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(schema))))
        })
    }

    /// A row group to be read once, from its first row to its last, and beside the cache.
    pub(super) fn scan(&self, row_group: usize) -> Result<Scan<'_>, Error> {
        let footer = self.footer()?;
        self.guarded(|| {
            let file = self.file.prepare(footer.bytes_of(row_group))?;
            Ok(Scan { whole: self, row_group, footer, file })
        })
    }

    /// Has the cache keep the codes of a column, unpacked, and what they stand for. Of a column without codes it keeps nothing.
    pub(super) fn keep_codes(&self, row_group: usize, name: &str) -> Result<(), Error> {
        let footer = self.footer()?;
        let Ok(at) = footer.whole.schema().index_of(name) else { return Ok(()) };
        let Some(leaf) = footer.text_leaf(at) else { return Ok(()) };
        self.guarded(|| {
            let pages = self.pages(&footer, row_group, true)?;
            match Coded::open(&pages, leaf, PhysicalType::BYTE_ARRAY)? {
                Some(coded) => coded.each_page(|_| Ok(())),
                None => Ok(()),
            }
        })
    }

    /// Has the cache keep what codes stand for, of all columns.
    pub(super) fn keep_dictionaries(&self, row_group: usize) -> Result<(), Error> {
        let footer = self.footer()?;
        self.guarded(|| self.pages(&footer, row_group, false)?.keep_dictionaries())
    }

    /// A whole column, which the cache has from now on.
    fn keep_column(&self, footer: &Footer, row_group: usize, at: usize) -> Result<ArrayRef, Error> {
        let array = self.guarded(|| self.whole_column(footer, row_group, at))?;
        let key = Key::Column(self.id, row_group, at);
        self.cache.put(key, Entry::Column(Arc::clone(&array)), array.get_array_memory_size());
        Ok(array)
    }

    fn whole_column(
        &self,
        footer: &Footer,
        row_group: usize,
        at: usize,
    ) -> Result<ArrayRef, ParquetError> {
        let rows = footer.rows(row_group);
        let mask = ProjectionMask::roots(footer.whole.parquet_schema(), [at]);
        let reader = self.pages(footer, row_group, false)?.read(mask, None, rows.max(1))?;
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>()?;
        let arrays: Vec<&dyn Array> = batches.iter().map(|batch| &**batch.column(0)).collect();
        let array = match batches.as_slice() {
            [batch] => Arc::clone(batch.column(0)),
            _ => concat(&arrays)?,
        };
        if array.len() != rows {
            return Err(wrong_rows(row_group, array.len(), rows));
        }
        Ok(array)
    }

    /// A row group, ready for many reads.
    fn pages(
        &self,
        footer: &Footer,
        row_group: usize,
        keeps_pages: bool,
    ) -> Result<RowGroupPages, ParquetError> {
        let file = self.file.prepare(footer.bytes_of(row_group))?;
        let (footer, cache) = (footer.clone(), Some(Arc::clone(&self.cache)));
        Ok(RowGroupPages { file, footer, id: self.id, row_group, cache, keeps_pages })
    }

    /// Reads, and takes a panic for what it is here: a decoder's way to say that the bytes make no sense.
    fn guarded<T>(&self, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Error> {
        let what = match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its bytes cannot be decoded".to_owned(),
        };
        Err(self.damaged(&what))
    }

    pub(super) fn damaged(&self, what: &str) -> Error {
        Error::Block { block: self.id.block.to_string(), what: what.to_owned() }
    }
}

/// A row group that is read from its first row to its last.
pub(super) struct Scan<'a> {
    whole: &'a ColumnFile,
    row_group: usize,
    footer: Footer,
    file: BlockFile,
}

impl Scan<'_> {
    /// Its rows; only some columns, if they are named.
    pub(super) fn read(
        &mut self,
        columns: Option<&[&str]>,
        batch_rows: usize,
    ) -> Result<ParquetRecordBatchReader, Error> {
        let (footer, file) = (self.footer.clone(), self.file.clone());
        let mask = match columns {
            Some(names) => {
                ProjectionMask::columns(footer.whole.parquet_schema(), names.iter().copied())
            }
            None => ProjectionMask::all(),
        };
        let (id, row_group) = (self.whole.id, self.row_group);
        let pages = RowGroupPages { file, footer, id, row_group, cache: None, keeps_pages: false };
        self.whole.guarded(|| pages.read(mask, None, batch_rows))
    }
}

pub(super) fn wrong_rows(row_group: usize, found: usize, wanted: usize) -> ParquetError {
    ParquetError::General(format!(
        "a column of row group {row_group} has {found} rows instead of {wanted}"
    ))
}

/// Reads the pages in which the rows lie.
fn some_of_column(
    pages: &RowGroupPages,
    at: usize,
    rows: &UInt32Array,
) -> Result<ArrayRef, ParquetError> {
    if rows.is_empty() {
        return Ok(new_empty_array(pages.footer.whole.schema().field(at).data_type()));
    }
    match portions::read(pages, &[at], &runs(rows))? {
        Some(batch) if batch.num_rows() == rows.len() => Ok(Arc::clone(batch.column(0))),
        batch => {
            let found = batch.map_or(0, |batch| batch.num_rows());
            Err(wrong_rows(pages.row_group, found, rows.len()))
        }
    }
}

/// Ascending rows as runs.
fn runs(rows: &UInt32Array) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for row in rows.values().iter().map(|&row| row as usize) {
        match runs.last_mut() {
            Some(run) if run.end == row => run.end += 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

/// Of more rows, making an array of all of them costs less than stepping from one to the next, and it can be kept.
const FEW_SHARE: usize = 64;

fn is_few(rows: &UInt32Array, all: usize) -> bool {
    rows.len() * FEW_SHARE <= all
}

/// True when the rows lie in so few of a column's pages that the others are better left alone.
fn is_sparse(footer: &Footer, row_group: usize, column: usize, rows: &UInt32Array) -> bool {
    let leaf = footer.first_leaf(column);
    let pages = footer.whole.metadata().offset_index();
    let pages = leaf.and_then(|leaf| pages?.get(row_group)?.get(leaf));
    let Some(pages) = pages.map(|index| index.page_locations()) else { return false };
    let firsts = pages.iter().map(|page| page.first_row_index);
    let mut touched = 0;
    let mut left = rows.values().as_ref();
    for end in firsts.skip(1).chain([i64::MAX]) {
        let here = left.partition_point(|&row| i64::from(row) < end);
        touched += usize::from(here > 0);
        left = &left[here..];
    }
    2 * touched <= pages.len()
}
