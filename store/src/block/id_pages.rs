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
