//! The pages of one column of a row group, and what a footer says of them.

use super::write::level_of;
use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding, PageType},
    column::{
        page::{CompressedPage, Page, PageWriteSpec, PageWriter},
        writer::ColumnCloseResult,
    },
    errors::ParquetError,
    file::{
        metadata::{ColumnChunkMetaData, OffsetIndexBuilder, PageEncodingStats},
        statistics::Statistics,
        writer::{SerializedPageWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};
use zstd::bulk::Compressor;

/// Compresses pages, or leaves them as they are.
pub(super) struct PageCompressor(Option<(i32, Compressor<'static>)>);

/// Pages, as far as they are there.
pub(super) struct ColumnPages {
    bytes: TrackedWrite<Vec<u8>>,
    index: OffsetIndexBuilder,
    /// Length of the page of the dictionary, which is the first.
    dictionary_bytes: Option<usize>,
    /// Of the data.
    count: i32,
    rows: usize,
    compressed_bytes: usize,
    uncompressed_bytes: usize,
}

impl PageCompressor {
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// At a level of zstd.
    pub(super) fn zstd(level: i32) -> Result<Self, ParquetError> {
        Ok(Self(Some((level, Compressor::new(level)?))))
    }

    fn compression(&self) -> Compression {
        let zstd = self.0.as_ref().map(|(level, _)| Compression::ZSTD(level_of(*level)));
        zstd.unwrap_or(Compression::UNCOMPRESSED)
    }

    fn compress(&mut self, content: &[u8]) -> Result<Bytes, ParquetError> {
        Ok(match &mut self.0 {
            Some((_, zstd)) => zstd.compress(content)?.into(),
            None => Bytes::copy_from_slice(content),
        })
    }
}

impl ColumnPages {
    pub(super) fn new() -> Self {
        Self {
            bytes: TrackedWrite::new(Vec::new()),
            index: OffsetIndexBuilder::new(),
            dictionary_bytes: None,
            count: 0,
            rows: 0,
            compressed_bytes: 0,
            uncompressed_bytes: 0,
        }
    }

    /// The dictionary, before any data.
    pub(super) fn write_dictionary(
        &mut self,
        content: &[u8],
        values: usize,
        compressor: &mut PageCompressor,
    ) -> Result<(), ParquetError> {
        let page = Page::DictionaryPage {
            buf: compressor.compress(content)?,
            num_values: values as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let spec = self.write(page, content.len())?;
        self.dictionary_bytes = Some(spec.compressed_size);
        Ok(())
    }

    /// The values of the next rows.
    pub(super) fn write_rows(
        &mut self,
        rows: usize,
        content: &[u8],
        compressor: &mut PageCompressor,
    ) -> Result<(), ParquetError> {
        let page = Page::DataPage {
            buf: compressor.compress(content)?,
            num_values: rows as u32,
            encoding: self.encoding(),
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let spec = self.write(page, content.len())?;
        self.index.append_row_count(rows as i64);
        self.index.append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
        self.count += 1;
        self.rows += rows;
        Ok(())
    }

    fn encoding(&self) -> Encoding {
        match self.dictionary_bytes {
            Some(_) => Encoding::RLE_DICTIONARY,
            None => Encoding::PLAIN,
        }
    }

    fn write(&mut self, page: Page, content_bytes: usize) -> Result<PageWriteSpec, ParquetError> {
        let page = CompressedPage::new(page, content_bytes);
        let spec = SerializedPageWriter::new(&mut self.bytes).write_page(page)?;
        self.compressed_bytes += spec.compressed_size;
        self.uncompressed_bytes += spec.uncompressed_size;
        Ok(spec)
    }

    /// The bytes of all, and what is to be said of them: without bloom filter and column index, which most columns have not.
    pub(super) fn close(
        self,
        about: &ColumnDescPtr,
        statistics: Statistics,
        compressor: &PageCompressor,
    ) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
        let encoding = self.encoding();
        let dictionary = self.dictionary_bytes;
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let of_dictionary =
            dictionary.map(|_| stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
        let of_data = stats(PageType::DATA_PAGE, encoding, self.count);
        let mut encodings = vec![Encoding::RLE, Encoding::PLAIN];
        encodings.extend(dictionary.map(|_| encoding));
        let metadata = ColumnChunkMetaData::builder(about.clone())
            .set_compression(compressor.compression())
            .set_encodings(encodings)
            .set_page_encoding_stats(of_dictionary.into_iter().chain([of_data]).collect())
            .set_total_compressed_size(self.compressed_bytes as i64)
            .set_total_uncompressed_size(self.uncompressed_bytes as i64)
            .set_num_values(self.rows as i64)
            .set_dictionary_page_offset(dictionary.map(|_| 0))
            .set_data_page_offset(dictionary.unwrap_or(0) as i64)
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: self.compressed_bytes as u64,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(self.index.build()),
        };
        Ok((self.bytes.into_inner()?.into(), close))
    }
}
