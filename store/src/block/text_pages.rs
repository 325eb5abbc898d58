//! A column of texts as the pages of a Parquet file.
//!
//! The Parquet library's writer takes each row's text, hashes it and compares it, to find the code that it has in the dictionary. Here the
//! codes are known already, and a page is little more than packing them.

use super::{
    gather::TextColumn,
    runs::{bits_of, encode_runs},
    write::{PAGE_BYTES, PAGE_ROWS_MAX, STATISTICS_BYTES_MAX, WRITE_ROWS},
};
use parquet::{
    basic::{Compression, Encoding, PageType, ZstdLevel},
    column::{
        page::{CompressedPage, Page, PageWriteSpec, PageWriter},
        writer::ColumnCloseResult,
    },
    data_type::ByteArray,
    errors::ParquetError,
    file::{
        metadata::{ColumnChunkMetaData, OffsetIndexBuilder, PageEncodingStats},
        statistics::{Statistics, ValueStatistics},
        writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};
use std::io::Write;
use zstd::bulk::Compressor;

/// Writes such columns, with what it needs for each of them.
pub(super) struct TextPages {
    level: ZstdLevel,
    compressor: Compressor<'static>,
    /// The page under way, not compressed yet.
    page: Vec<u8>,
    numbers: Vec<u32>,
}

/// The pages of a column, as far as they are written.
struct Pages<'a> {
    writer: SerializedPageWriter<'a, Vec<u8>>,
    index: OffsetIndexBuilder,
    count: i32,
    compressed_bytes: usize,
    uncompressed_bytes: usize,
}

impl TextPages {
    pub(super) fn new(level: ZstdLevel) -> Result<Self, ParquetError> {
        let compressor = Compressor::new(level.compression_level())?;
        Ok(Self { level, compressor, page: Vec::new(), numbers: Vec::new() })
    }

    /// Adds a column, which is the next one, to a row group.
    pub(super) fn write(
        &mut self,
        mut column: TextColumn,
        about: &ColumnDescPtr,
        row_group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    ) -> Result<(), ParquetError> {
        let texts = column.sort_by_appearance();
        let text = |&code: &u32| column.dictionary.get(code);
        let mut bytes = TrackedWrite::new(Vec::new());
        let mut pages = Pages::new(&mut bytes);
        self.page.clear();
        for text in texts.iter().map(text) {
            self.page.extend_from_slice(&(text.len() as u32).to_le_bytes());
            self.page.extend_from_slice(text);
        }
        let page = |buf| Page::DictionaryPage {
            buf,
            num_values: texts.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        pages.write(&self.page, &mut self.compressor, page)?;
        let dictionary_bytes = pages.compressed_bytes;
        let mut left = &column.codes[..];
        while !left.is_empty() {
            let (now, later) = left.split_at(page_rows(left, bits_of(texts.len() as u32)));
            self.encode(now, about.max_def_level() > 0);
            pages.write_rows(now.len(), &self.page, &mut self.compressor)?;
            left = later;
        }

        let nulls = column.codes.iter().filter(|code| **code == 0).count();
        let statistics = ValueStatistics::new(None, None, None, Some(nulls as u64), false);
        let (min, max) = (texts.iter().map(text).min(), texts.iter().map(text).max());
        let statistics = match min.zip(max) {
            Some((min, max)) => bounded(min, max, nulls as u64),
            None => statistics,
        };
        let encodings = vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY];
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let metadata = ColumnChunkMetaData::builder(about.clone())
            .set_compression(Compression::ZSTD(self.level))
            .set_encodings(encodings)
            .set_page_encoding_stats(vec![
                stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
                stats(PageType::DATA_PAGE, Encoding::RLE_DICTIONARY, pages.count),
            ])
            .set_total_compressed_size(pages.compressed_bytes as i64)
            .set_total_uncompressed_size(pages.uncompressed_bytes as i64)
            .set_num_values(column.codes.len() as i64)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(dictionary_bytes as i64)
            .set_statistics(Statistics::ByteArray(statistics))
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: pages.compressed_bytes as u64,
            rows_written: column.codes.len() as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(pages.index.build()),
        };
        row_group.append_column(&bytes::Bytes::from(bytes.into_inner()?), close)
    }

    /// The content of a data page: which rows have a text, if not all must, and then its code for each that has.
    fn encode(&mut self, codes: &[u32], is_optional: bool) {
        self.page.clear();
        if is_optional {
            self.numbers.clear();
            self.numbers.extend(codes.iter().map(|&code| u32::from(code != 0)));
            self.page.extend_from_slice(&[0; 4]);
            encode_runs(&self.numbers, 1, &mut self.page);
            let length = self.page.len() as u32 - 4;
            self.page[..4].copy_from_slice(&length.to_le_bytes());
        }
        self.numbers.clear();
        self.numbers.extend(codes.iter().filter_map(|code| code.checked_sub(1)));
        let width = bits_of(self.numbers.iter().copied().max().unwrap_or(0));
        self.page.push(width as u8);
        encode_runs(&self.numbers, width, &mut self.page);
    }
}

impl<'a> Pages<'a> {
    fn new(bytes: &'a mut TrackedWrite<Vec<u8>>) -> Self {
        Self {
            writer: SerializedPageWriter::new(bytes),
            index: OffsetIndexBuilder::new(),
            count: 0,
            compressed_bytes: 0,
            uncompressed_bytes: 0,
        }
    }

    fn write(
        &mut self,
        content: &[u8],
        compressor: &mut Compressor<'static>,
        page: impl FnOnce(bytes::Bytes) -> Page,
    ) -> Result<PageWriteSpec, ParquetError> {
        let compressed = compressor.compress(content)?;
        let page = CompressedPage::new(page(compressed.into()), content.len());
        let spec = self.writer.write_page(page)?;
        self.compressed_bytes += spec.compressed_size;
        self.uncompressed_bytes += spec.uncompressed_size;
        Ok(spec)
    }

    fn write_rows(
        &mut self,
        rows: usize,
        content: &[u8],
        compressor: &mut Compressor<'static>,
    ) -> Result<(), ParquetError> {
        let page = |buf| Page::DataPage {
            buf,
            num_values: rows as u32,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let spec = self.write(content, compressor, page)?;
        self.index.append_row_count(rows as i64);
        self.index.append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
        self.count += 1;
        Ok(())
    }
}

/// How many of these rows the next page takes, when codes have so many bits.
fn page_rows(codes: &[u32], bits: usize) -> usize {
    let (mut rows, mut values) = (0, 0);
    for some in codes.chunks(WRITE_ROWS) {
        if rows >= PAGE_ROWS_MAX || values * bits >= PAGE_BYTES * 8 {
            break;
        }
        rows += some.len();
        values += some.iter().filter(|code| **code != 0).count();
    }
    rows
}

/// What a footer says of texts between these; long ones are cut, so that the bounds still hold.
fn bounded(min: &[u8], max: &[u8], nulls: u64) -> ValueStatistics<ByteArray> {
    let text = |bytes| std::str::from_utf8(bytes).expect("texts of chunks are UTF-8");
    let (low, high) = (text(min), text(max));
    let low = &low[..low.floor_char_boundary(STATISTICS_BYTES_MAX)];
    let high = if high.len() > STATISTICS_BYTES_MAX { above(high) } else { high.to_owned() };
    let (is_min, is_max) = (low.len() == min.len(), high.as_bytes() == max);
    let (low, high) = (ByteArray::from(low), ByteArray::from(high.into_bytes()));
    ValueStatistics::new(Some(low), Some(high), None, Some(nulls), false)
        .with_min_is_exact(is_min)
        .with_max_is_exact(is_max)
}

/// A short text above a long one, or the long one itself if there is none.
fn above(long: &str) -> String {
    let start = &long[..long.floor_char_boundary(STATISTICS_BYTES_MAX)];
    for (at, last) in start.char_indices().rev() {
        let next = char::from_u32(last as u32 + 1);
        if let Some(next) = next.filter(|next| next.len_utf8() == last.len_utf8()) {
            return format!("{}{next}", &start[..at]);
        }
    }
    long.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Interner;
    use arrow_array::{Array, StringArray, cast::AsArray};
    use arrow_cast::cast;
    use arrow_schema::DataType;
    use parquet::{
        arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
        file::{properties::WriterProperties, writer::SerializedFileWriter},
        schema::parser::parse_message_type,
    };
    use proptest::prelude::*;
    use std::sync::Arc;

    fn file_of(column: TextColumn, repetition: &str) -> bytes::Bytes {
        let schema = format!("message spans {{ {repetition} binary name (UTF8); }}");
        let schema = Arc::new(parse_message_type(&schema).unwrap());
        let properties = Arc::new(WriterProperties::builder().build());
        let mut file = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
        let about = file.schema_descr().column(0);
        let mut row_group = file.next_row_group().unwrap();
        let mut texts = TextPages::new(ZstdLevel::try_new(3).unwrap()).unwrap();
        texts.write(column, &about, &mut row_group).unwrap();
        row_group.close().unwrap();
        file.into_inner().unwrap().into()
    }

    fn column_of(texts: &[Option<&str>]) -> TextColumn {
        let mut dictionary = Interner::default();
        // Codes in another order than that in which rows have them, and one that none has.
        dictionary.intern(b"nobody's");
        texts.iter().rev().flatten().for_each(|text| {
            dictionary.intern(text.as_bytes());
        });
        let code_of = |text: &str| dictionary.find(text.as_bytes()).unwrap() + 1;
        let codes = texts.iter().map(|text| text.map_or(0, code_of)).collect();
        TextColumn { dictionary, codes }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..Default::default() })]

        #[test]
        fn the_parquet_library_reads_what_was_written(
            runs in proptest::collection::vec(
                (proptest::option::of("[a-c\u{10ffff}é]{0,24}|[0-9]{1,3}"), 1..2000usize),
                1..60,
            ),
            all in any::<bool>(),
        ) {
            let texts: Vec<Option<&str>> = runs
                .iter()
                .flat_map(|(text, count)| vec![text.as_deref(); count % 700 * (count % 3) + 1])
                .filter(|text| !all || text.is_some())
                .collect();
            prop_assume!(!texts.is_empty());
            let file = file_of(column_of(&texts), if all { "required" } else { "optional" });
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            let about = reader.metadata().row_group(0).column(0).clone();
            let read = reader.with_batch_size(1 << 20).build().unwrap().next().unwrap().unwrap();
            let read = cast(read.column(0), &DataType::Utf8).unwrap();
            prop_assert_eq!(read.as_string::<i32>(), &StringArray::from(texts.clone()));
            let statistics = about.statistics().unwrap();
            prop_assert_eq!(statistics.null_count_opt(), Some(read.null_count() as u64));
            let (min, max) = (statistics.min_bytes_opt(), statistics.max_bytes_opt());
            for text in texts.iter().flatten() {
                prop_assert!(min.unwrap() <= text.as_bytes() && max.unwrap() >= text.as_bytes());
            }
            prop_assert_eq!(min.is_some(), texts.iter().any(Option::is_some));
        }
    }
}
