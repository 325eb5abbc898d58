//! The IDs of all spans of a row group, as pages: bytes as they are.

use super::{
    column_pages::{ColumnPages, PageCompressor},
    write::PAGE_BYTES,
};
use arrow_array::FixedSizeBinaryArray;
use parquet::{
    basic::BoundaryOrder,
    bloom_filter::Sbbf,
    data_type::{ByteArray, FixedLenByteArray},
    errors::ParquetError,
    file::{
        metadata::ColumnIndexBuilder,
        statistics::{Statistics, ValueStatistics},
        writer::SerializedRowGroupWriter,
    },
    schema::types::ColumnDescPtr,
};
use std::io::Write;

/// Writes a column of IDs, which is the next one, to a row group. Those that are sorted come with what they are looked up by: a bloom
/// filter with this share of false positives, and the first and last ID of each page.
pub(super) fn write_ids(
    ids: &FixedSizeBinaryArray,
    bloom_fpp: Option<f64>,
    about: &ColumnDescPtr,
    compressor: &mut PageCompressor,
    row_group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
) -> Result<(), ParquetError> {
    let length = ids.value_length() as usize;
    let bytes = ids.value_data();
    let mut pages = ColumnPages::new();
    let mut index = ColumnIndexBuilder::new(about.physical_type());
    index.set_boundary_order(BoundaryOrder::ASCENDING);
    for page in bytes.chunks(PAGE_BYTES / length * length) {
        pages.write_rows(page.len() / length, page, compressor)?;
        index.append(false, page[..length].to_vec(), page[page.len() - length..].to_vec(), 0);
    }
    let ids = || bytes.chunks_exact(length);
    let (min, max) = match bloom_fpp {
        Some(_) => (ids().next(), ids().next_back()),
        None => (ids().min(), ids().max()),
    };
    let value = |id: &[u8]| FixedLenByteArray::from(ByteArray::from(id.to_vec()));
    let statistics = ValueStatistics::new(min.map(value), max.map(value), None, Some(0), false);
    let statistics = Statistics::FixedLenByteArray(statistics);
    let (bytes, mut close) = pages.close(about, statistics, compressor)?;
    if let Some(fpp) = bloom_fpp {
        close.column_index = Some(index.build()?);
        let mut distinct: Vec<&[u8]> = ids().collect();
        distinct.dedup();
        let mut bloom = Sbbf::new_with_ndv_fpp(distinct.len() as u64, fpp)?;
        distinct.iter().for_each(|id| bloom.insert(*id));
        close.bloom_filter = Some(bloom);
    }
    row_group.append_column(&bytes, close)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Array, cast::AsArray};
    use parquet::{
        arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
        file::{
            metadata::PageIndexPolicy, page_index::column_index::ColumnIndexMetaData,
            properties::WriterProperties, writer::SerializedFileWriter,
        },
        schema::parser::parse_message_type,
    };
    use std::sync::Arc;

    #[test]
    fn the_parquet_library_reads_ids_and_finds_them() {
        // Runs of one to five spans, over several pages.
        let ids = (0..2500u32).flat_map(|id| vec![id.to_be_bytes().repeat(4); 1 + id as usize % 5]);
        let ids = FixedSizeBinaryArray::try_from_iter(ids).unwrap();
        let schema = "message spans { required fixed_len_byte_array(16) trace_id; }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = Arc::new(WriterProperties::builder().build());
        let mut file = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
        let about = file.schema_descr().column(0);
        let mut row_group = file.next_row_group().unwrap();
        let mut compressor = PageCompressor::zstd(1).unwrap();
        write_ids(&ids, Some(0.01), &about, &mut compressor, &mut row_group).unwrap();
        row_group.close().unwrap();
        let file = bytes::Bytes::from(file.into_inner().unwrap());

        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap();
        let bloom = reader.get_row_group_column_bloom_filter(0, 0).unwrap().unwrap();
        assert!((0..ids.len()).all(|row| bloom.check(ids.value(row))));
        let others = (2500..12_500u32).map(|id| id.to_be_bytes().repeat(4));
        assert!(others.filter(|id| bloom.check(&id[..])).count() < 200, "one in a hundred");
        let metadata = reader.metadata();
        let pages = metadata.offset_index().unwrap()[0][0].page_locations();
        let ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(index) =
            &metadata.column_index().unwrap()[0][0]
        else {
            panic!("there is an index of such values");
        };
        assert!(pages.len() > 5);
        for (at, page) in pages.iter().enumerate() {
            let next = pages.get(at + 1).map_or(ids.len(), |page| page.first_row_index as usize);
            assert_eq!(index.min_value(at), Some(ids.value(page.first_row_index as usize)));
            assert_eq!(index.max_value(at), Some(ids.value(next - 1)));
        }
        let read = reader.with_batch_size(1 << 20).build().unwrap().next().unwrap().unwrap();
        assert_eq!(read.column(0).as_fixed_size_binary(), &ids);
    }
}
