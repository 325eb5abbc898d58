//! Pages of one row group on their way to the decoder.
//!
//! A look-up reads a page or two of each of some fifty columns. The Parquet reader makes a zstd context for each column, to
//! compress as well as to decompress, which takes longer than all the rest of the look-up; and it reads and unpacks a column's
//! dictionary anew each time. Here each thread has one context, and dictionaries are kept in the cache.

use super::{
    cache::{Cache, Entry, Key},
    codes::TextPlaces,
    column_file::FileId,
    file::BlockFile,
    footer::Footer,
    walk::ValuePage,
};
use bytes::Bytes;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ParquetRecordBatchReader, RowSelection},
        parquet_to_arrow_field_levels,
    },
    basic::{Compression, Encoding, Type as PhysicalType},
    bloom_filter::Sbbf,
    column::page::{Page, PageMetadata, PageReader},
    errors::{ParquetError, Result},
    file::{
        metadata::{ParquetMetaData, RowGroupMetaData},
        page_index::offset_index::PageLocation,
        reader::{FileReader, RowGroupReader},
        serialized_reader::SerializedPageReader,
    },
    record::reader::RowIter,
    schema::types::Type,
};
use std::{cell::RefCell, io::Cursor, sync::Arc};
use zstd::{bulk::Decompressor, zstd_safe::get_frame_content_size};

/// No page that we write comes near this size; one that says so is damaged.
const PAGE_BYTES_MAX: u64 = 256 << 20;

thread_local! {
    static DECOMPRESSOR: RefCell<Decompressor<'static>> =
        RefCell::new(Decompressor::new().expect("a context needs nothing but memory"));
}

/// A row group that can be read.
#[derive(Clone)]
pub(super) struct RowGroupPages {
    pub(super) file: BlockFile,
    pub(super) footer: Footer,
    pub(super) id: FileId,
    pub(super) row_group: usize,
    /// Where dictionaries are kept; `None` when they are read once.
    pub(super) cache: Option<Arc<Cache>>,
    /// Whether the cache keeps pages of values as well. What a search looks at it looks at again: in its next columns, and when it is
    /// asked again. A look-up by ID would only push that out.
    pub(super) keeps_pages: bool,
}

/// The pages of a column.
struct ColumnPages {
    /// Gives pages as they lie in the file.
    packed: SerializedPageReader<BlockFile>,
    is_zstd: bool,
    /// The dictionary, if it was known before and has not been asked for yet.
    known: Option<Page>,
    key: Key,
    cache: Option<Arc<Cache>>,
}

impl RowGroupPages {
    /// Chosen columns, in batches; of all rows or those selected.
    pub(super) fn read(
        self,
        columns: ProjectionMask,
        selection: Option<RowSelection>,
        batch_rows: usize,
    ) -> Result<ParquetRecordBatchReader> {
        let whole = &self.footer.whole;
        let fields = whole.schema().fields();
        let levels = parquet_to_arrow_field_levels(whole.parquet_schema(), columns, Some(fields))?;
        let file: Arc<dyn FileReader> = Arc::new(self);
        ParquetRecordBatchReader::try_new_with_row_groups(&levels, &file, batch_rows, selection)
    }

    /// The pages of a leaf, its dictionary first.
    pub(super) fn column_pages(&self, leaf: usize) -> Result<Box<dyn PageReader>> {
        Columns(self).get_column_page_reader(leaf)
    }

    /// What codes of a leaf stand for, unpacked; `None` of a leaf without codes.
    pub(super) fn dictionary(&self, leaf: usize) -> Result<Option<Page>> {
        if let Some(page) = self.kept_dictionary(leaf) {
            return Ok(Some(page));
        }
        let chunk = FileReader::metadata(self).row_group(0).column(leaf);
        if chunk.dictionary_page_offset().is_none() {
            return Ok(None);
        }
        let mut pages = Columns(self).pages_of(leaf, None)?;
        Ok(pages.get_next_page()?.filter(Page::is_dictionary_page))
    }

    /// The dictionary of a leaf, if the cache has it.
    fn kept_dictionary(&self, leaf: usize) -> Option<Page> {
        match self.cache.as_ref()?.get(&Key::Dictionary(self.id, self.row_group, leaf)) {
            Some(Entry::Dictionary(page)) => Some(page),
            _ => None,
        }
    }

    /// Has the cache keep what codes stand for, of all leaves.
    pub(super) fn keep_dictionaries(&self) -> Result<()> {
        for (leaf, chunk) in FileReader::metadata(self).row_group(0).columns().iter().enumerate() {
            if let Some(dictionary) = self.dictionary(leaf)?
                && chunk.column_type() == PhysicalType::BYTE_ARRAY
            {
                self.text_places(leaf, dictionary.buffer())?;
            }
        }
        Ok(())
    }

    /// Where texts begin in the dictionary of a leaf.
    pub(super) fn text_places(&self, leaf: usize, dictionary: &[u8]) -> Result<Arc<TextPlaces>> {
        let key = Key::TextPlaces(self.id, self.row_group, leaf);
        if let Some(Entry::TextPlaces(places)) = self.cache.as_ref().and_then(|it| it.get(&key)) {
            return Ok(places);
        }
        let places = TextPlaces::of(dictionary).map_err(|it| ParquetError::General(it.into()))?;
        let places = Arc::new(places);
        if let Some(cache) = &self.cache {
            cache.put(key, Entry::TextPlaces(Arc::clone(&places)), places.size_bytes());
        }
        Ok(places)
    }

    /// A page of values that the cache has.
    pub(super) fn kept(&self, leaf: usize, page: usize) -> Option<ValuePage> {
        match self.cache.as_ref()?.get(&Key::Page(self.id, self.row_group, leaf, page)) {
            Some(Entry::Page(page)) => Some(page),
            _ => None,
        }
    }

    /// Has the cache keep a page of values, if it should.
    pub(super) fn keep(&self, leaf: usize, page: usize, kept: &ValuePage) {
        if let Some(cache) = self.cache.as_ref().filter(|_| self.keeps_pages) {
            let key = Key::Page(self.id, self.row_group, leaf, page);
            let size = kept.bytes.len();
            let bytes = match FileReader::metadata(self).row_group(0).column(leaf).compression() {
                // A part of what was read from the file, which may be the whole row group.
                Compression::UNCOMPRESSED => Bytes::copy_from_slice(&kept.bytes),
                _ => kept.bytes.clone(),
            };
            cache.put(key, Entry::Page(ValuePage { bytes, ..*kept }), size);
        }
    }

    /// Where the pages of a leaf lie.
    pub(super) fn locations(&self, leaf: usize) -> Option<&[PageLocation]> {
        let groups = self.footer.whole.metadata().offset_index()?;
        Some(groups.get(self.row_group)?.get(leaf)?.page_locations())
    }

    /// The encoding of all data pages of a leaf with values of this type; `None` when they have several.
    pub(super) fn only_encoding(&self, leaf: usize, physical: PhysicalType) -> Option<Encoding> {
        let chunk = FileReader::metadata(self).row_group(0).column(leaf);
        let mut encodings = chunk.page_encoding_stats_mask()?.encodings();
        let only = encodings.next().filter(|_| chunk.column_descr().physical_type() == physical);
        if encodings.next().is_none() { only } else { None }
    }

    /// True of a leaf with one value a row at most.
    pub(super) fn is_flat(&self, leaf: usize) -> bool {
        let (definition_max, repetition_max) = self.levels_max(leaf);
        definition_max <= 1 && repetition_max == 0
    }

    /// True of a leaf that some rows may have no value of.
    pub(super) fn is_nullable(&self, leaf: usize) -> bool {
        self.levels_max(leaf).0 > 0
    }

    /// The highest definition level of a leaf, and its highest repetition level.
    pub(super) fn levels_max(&self, leaf: usize) -> (u8, u8) {
        let column = FileReader::metadata(self).row_group(0).column(leaf).column_descr();
        let level = |level: i16| u8::try_from(level).unwrap_or(u8::MAX);
        (level(column.max_def_level()), level(column.max_rep_level()))
    }
}

impl FileReader for RowGroupPages {
    fn metadata(&self) -> &ParquetMetaData {
        &self.footer.row_groups[self.row_group]
    }

    fn num_row_groups(&self) -> usize {
        1
    }

    fn get_row_group(&self, _only: usize) -> Result<Box<dyn RowGroupReader + '_>> {
        Ok(Box::new(Columns(self)))
    }

    fn get_row_iter(&self, _projection: Option<Type>) -> Result<RowIter<'_>> {
        Err(ParquetError::NYI("blocks are read by column".into()))
    }
}

/// The row group, seen by column.
struct Columns<'a>(&'a RowGroupPages);

impl Columns<'_> {
    /// The pages of a column, of which the dictionary may be known.
    fn pages_of(&self, column: usize, known: Option<Page>) -> Result<ColumnPages> {
        let RowGroupPages { file, id, row_group, cache, .. } = self.0;
        let metadata = self.metadata().column(column);
        let is_zstd = matches!(metadata.compression(), Compression::ZSTD(_));
        let pages = self.0.locations(column).map(<[_]>::to_vec);
        // Without an index, pages are found one after the other from the first on.
        let known = known.filter(|_| pages.is_some());
        let rows = self.metadata().num_rows() as usize;
        let mut metadata = metadata.clone().into_builder();
        if is_zstd {
            metadata = metadata.set_compression(Compression::UNCOMPRESSED);
        }
        if known.is_some() {
            metadata = metadata.set_dictionary_page_offset(None);
        }
        let metadata = metadata.build()?;
        let packed = SerializedPageReader::new(Arc::new(file.clone()), &metadata, rows, pages)?;
        let (key, cache) = (Key::Dictionary(*id, *row_group, column), cache.clone());
        Ok(ColumnPages { packed, is_zstd, known, key, cache })
    }
}

impl RowGroupReader for Columns<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        FileReader::metadata(self.0).row_group(0)
    }

    fn num_columns(&self) -> usize {
        self.metadata().num_columns()
    }

    fn get_column_page_reader(&self, column: usize) -> Result<Box<dyn PageReader>> {
        Ok(Box::new(self.pages_of(column, self.0.kept_dictionary(column))?))
    }

    fn get_column_bloom_filter(&self, _column: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, _projection: Option<Type>) -> Result<RowIter<'_>> {
        Err(ParquetError::NYI("blocks are read by column".into()))
    }
}

impl PageReader for ColumnPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        if let Some(known) = self.known.take() {
            return Ok(Some(known));
        }
        let Some(mut page) = self.packed.get_next_page()? else { return Ok(None) };
        if self.is_zstd {
            unpack(&mut page)?;
        }
        if let Some(cache) = self.cache.as_ref().filter(|_| page.is_dictionary_page()) {
            let bytes = page.buffer().len();
            cache.put(self.key.clone(), Entry::Dictionary(page.clone()), bytes);
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        if self.known.is_some() {
            return Ok(Some(PageMetadata { num_rows: None, num_levels: None, is_dict: true }));
        }
        self.packed.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if self.known.take().is_some() {
            return Ok(());
        }
        self.packed.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.packed.at_record_boundary()
    }
}

impl Iterator for ColumnPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// Decompresses what a page holds.
fn unpack(page: &mut Page) -> Result<()> {
    match page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => {
            *buf = decompress(buf, 0)?;
        }
        Page::DataPageV2 {
            buf,
            def_levels_byte_len,
            rep_levels_byte_len,
            is_compressed: true,
            ..
        } => {
            // Their levels are never compressed.
            *buf = decompress(buf, (*def_levels_byte_len + *rep_levels_byte_len) as usize)?;
        }
        Page::DataPageV2 { .. } => {}
    }
    Ok(())
}

/// The first bytes as they are, and the rest unpacked.
fn decompress(packed: &Bytes, plain: usize) -> Result<Bytes> {
    let (plain, frame) = packed.split_at_checked(plain).ok_or_else(|| damaged("is too short"))?;
    if frame.is_empty() {
        return Ok(packed.clone());
    }
    let size = get_frame_content_size(frame).ok().flatten();
    let size = size.filter(|&size| size <= PAGE_BYTES_MAX);
    let size = size.ok_or_else(|| damaged("does not say how large it is"))? as usize;
    let mut bytes = Vec::with_capacity(plain.len() + size);
    bytes.extend_from_slice(plain);
    let mut cursor = Cursor::new(bytes);
    cursor.set_position(plain.len() as u64);
    let unpacked = DECOMPRESSOR
        .with_borrow_mut(|context| context.decompress_to_buffer(frame, &mut cursor))
        .map_err(|error| damaged(&format!("cannot be decompressed: {error}")))?;
    if unpacked != size {
        return Err(damaged("is not as large as it says"));
    }
    Ok(cursor.into_inner().into())
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(format!("a page {what}"))
}
