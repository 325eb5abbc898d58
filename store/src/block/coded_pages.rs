//! A column that has a dictionary, as the pages of a Parquet file.
//!
//! The Parquet library's writer takes each row's text, hashes it and compares it, to find the code that it has in the dictionary. Here the
//! codes of texts are known already, those of numbers found in a table of few, and a page is little more than packing them.

use super::{
    column_pages::{ColumnPages, PageCompressor},
    gather::CodedTexts,
    number_codes::NumberColumn,
    row_codes::RowCodes,
    runs::{bits_of, encode_bits, encode_runs},
    write::{PAGE_BYTES, PAGE_ROWS_MAX, STATISTICS_BYTES_MAX, WRITE_ROWS},
};
use arrow_buffer::BooleanBuffer;
use parquet::{
    basic::Type,
    data_type::ByteArray,
    errors::ParquetError,
    file::{
        statistics::{Statistics, ValueStatistics},
        writer::SerializedRowGroupWriter,
    },
    schema::types::ColumnDescPtr,
};
use std::io::Write;

/// Writes such columns, with what it needs for each of them.
pub(super) struct CodedPages {
    compressor: PageCompressor,
    /// The page under way, not compressed yet.
    page: Vec<u8>,
}

impl CodedPages {
    pub(super) fn new(zstd_level: i32) -> Result<Self, ParquetError> {
        let compressor = PageCompressor::zstd(zstd_level)?;
        Ok(Self { compressor, page: Vec::new() })
    }

    /// Adds a column of texts, which is the next one, to a row group.
    pub(super) fn write_texts(
        &mut self,
        mut column: CodedTexts,
        about: &ColumnDescPtr,
        row_group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    ) -> Result<(), ParquetError> {
        let order = column.sort_by_appearance();
        let texts = || order.iter().map(|&code| column.dictionary.get(code));
        self.page.clear();
        for text in texts() {
            self.page.extend_from_slice(&(text.len() as u32).to_le_bytes());
            self.page.extend_from_slice(text);
        }
        let bounds = texts().min().zip(texts().max());
        let statistics = |nulls| Statistics::ByteArray(bounded(bounds, nulls));
        self.write(&column.rows, order.len(), statistics, about, row_group)
    }

    /// The same of numbers.
    pub(super) fn write_numbers(
        &mut self,
        column: &NumberColumn,
        about: &ColumnDescPtr,
        row_group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    ) -> Result<(), ParquetError> {
        let numbers = &column.dictionary;
        let bounds = numbers.iter().min().zip(numbers.iter().max());
        let (min, max) = (bounds.map(|it| *it.0), bounds.map(|it| *it.1));
        let is_wide = about.physical_type() == Type::INT64;
        self.page.clear();
        for number in numbers {
            let length = if is_wide { 8 } else { 4 };
            self.page.extend_from_slice(&number.to_le_bytes()[..length]);
        }
        let statistics = |nulls| {
            if is_wide {
                return Statistics::Int64(ValueStatistics::new(min, max, None, Some(nulls), false));
            }
            // Those without a sign have been compared as such before.
            let (min, max) = (min.map(|it| it as i32), max.map(|it| it as i32));
            Statistics::Int32(ValueStatistics::new(min, max, None, Some(nulls), false))
        };
        self.write(&column.rows, numbers.len(), statistics, about, row_group)
    }

    /// Writes the dictionary of so many values, whose page is there, and the codes of all rows.
    fn write(
        &mut self,
        rows: &RowCodes,
        values: usize,
        statistics: impl FnOnce(u64) -> Statistics,
        about: &ColumnDescPtr,
        row_group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    ) -> Result<(), ParquetError> {
        let mut pages = ColumnPages::new();
        pages.write_dictionary(&self.page, values, &mut self.compressor)?;
        let bits = bits_of(values as u32);
        let (mut row, mut codes) = (0, &rows.codes[..]);
        while row < rows.rows() {
            let is_valid = next_page(&rows.is_valid.slice(row, rows.rows() - row), bits);
            let (now, later) = codes.split_at(is_valid.count_set_bits());
            self.encode(now, (about.max_def_level() > 0).then_some(&is_valid));
            pages.write_rows(is_valid.len(), &self.page, &mut self.compressor)?;
            row += is_valid.len();
            codes = later;
        }
        let nulls = rows.rows() - rows.codes.len();
        let (bytes, close) = pages.close(about, statistics(nulls as u64), &self.compressor)?;
        row_group.append_column(&bytes, close)
    }

    /// Makes the content of a data page: which rows have a value, if not all must, and then its code for each that has.
    fn encode(&mut self, codes: &[u32], is_valid: Option<&BooleanBuffer>) {
        self.page.clear();
        if let Some(is_valid) = is_valid {
            self.page.extend_from_slice(&[0; 4]);
            encode_bits(is_valid, &mut self.page);
            let length = self.page.len() as u32 - 4;
            self.page[..4].copy_from_slice(&length.to_le_bytes());
        }
        let bits = bits_of(codes.iter().copied().max().unwrap_or(0));
        self.page.push(bits as u8);
        encode_runs(codes, bits, &mut self.page);
    }
}

/// The rows of these that the next page takes, when codes have so many bits.
fn next_page(is_valid: &BooleanBuffer, bits: usize) -> BooleanBuffer {
    let (mut rows, mut values) = (0, 0);
    while rows < is_valid.len() && rows < PAGE_ROWS_MAX && values * bits < PAGE_BYTES * 8 {
        let some = WRITE_ROWS.min(is_valid.len() - rows);
        values += is_valid.slice(rows, some).count_set_bits();
        rows += some;
    }
    is_valid.slice(0, rows)
}

/// What a footer says of texts between these; long ones are cut, so that the bounds still hold.
fn bounded(bounds: Option<(&[u8], &[u8])>, nulls: u64) -> ValueStatistics<ByteArray> {
    let Some((min, max)) = bounds else {
        return ValueStatistics::new(None, None, None, Some(nulls), false);
    };
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
    use arrow_array::{Array, Int64Array, StringArray, cast::AsArray, types::Int64Type};
    use arrow_cast::cast;
    use arrow_schema::DataType;
    use parquet::{
        arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
        file::{properties::WriterProperties, writer::SerializedFileWriter},
        schema::parser::parse_message_type,
    };
    use proptest::prelude::*;
    use std::sync::Arc;

    /// A file of one column.
    fn file_of(
        field: &str,
        write: impl FnOnce(&mut CodedPages, &ColumnDescPtr, &mut SerializedRowGroupWriter<'_, Vec<u8>>),
    ) -> bytes::Bytes {
        let schema = format!("message spans {{ {field}; }}");
        let schema = Arc::new(parse_message_type(&schema).unwrap());
        let properties = Arc::new(WriterProperties::builder().build());
        let mut file = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
        let about = file.schema_descr().column(0);
        let mut row_group = file.next_row_group().unwrap();
        write(&mut CodedPages::new(3).unwrap(), &about, &mut row_group);
        row_group.close().unwrap();
        file.into_inner().unwrap().into()
    }

    fn column_of(texts: &[Option<&str>]) -> CodedTexts {
        let mut dictionary = Interner::default();
        // Codes in another order than that in which rows have them, and one that none has.
        dictionary.intern(b"nobody's");
        texts.iter().rev().flatten().for_each(|text| {
            dictionary.intern(text.as_bytes());
        });
        let code_of = |text: &&str| dictionary.find(text.as_bytes()).unwrap();
        let codes = texts.iter().flatten().map(code_of).collect();
        let is_valid = texts.iter().map(Option::is_some).collect();
        CodedTexts { dictionary, rows: RowCodes { is_valid, codes } }
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
            let repetition = if all { "required" } else { "optional" };
            let field = format!("{repetition} binary name (UTF8)");
            let file = file_of(&field, |pages, about, row_group| {
                pages.write_texts(column_of(&texts), about, row_group).unwrap();
            });
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

        #[test]
        fn it_reads_numbers_too(
            runs in proptest::collection::vec(
                (proptest::option::of(prop_oneof![-3..300i64, any::<i64>()]), 1..2000usize),
                1..60,
            ),
            kind in 0..4usize,
        ) {
            let numbers = runs.iter().flat_map(|&(it, count)| vec![it; count % 700 * (count % 3) + 1]);
            let numbers: Int64Array = numbers.collect();
            let (field, data_type) = [
                ("optional int64 number", DataType::Int64),
                ("optional int32 number", DataType::Int32),
                ("optional int32 number (INTEGER(32, false))", DataType::UInt32),
                ("optional int32 number (INTEGER(8, false))", DataType::UInt8),
            ][kind].clone();
            // What the type does not hold becomes null.
            let numbers = cast(&numbers, &data_type).unwrap();
            let column = NumberColumn::of(&numbers).unwrap();
            let file = file_of(field, |pages, about, row_group| {
                pages.write_numbers(&column, about, row_group).unwrap();
            });
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            let about = reader.metadata().row_group(0).column(0).clone();
            let read = reader.with_batch_size(1 << 20).build().unwrap().next().unwrap().unwrap();
            prop_assert_eq!(read.column(0), &numbers);
            let statistics = about.statistics().unwrap();
            prop_assert_eq!(statistics.null_count_opt(), Some(numbers.null_count() as u64));
            let max = cast(&numbers, &DataType::Int64).unwrap();
            let max = max.as_primitive::<Int64Type>().iter().flatten().max();
            let found = match statistics {
                Statistics::Int64(it) => it.max_opt().copied(),
                Statistics::Int32(it) => it.max_opt().map(|it| {
                    if kind == 1 { i64::from(*it) } else { i64::from(*it as u32) }
                }),
                _ => None,
            };
            prop_assert_eq!(found, max);
        }
    }
}
