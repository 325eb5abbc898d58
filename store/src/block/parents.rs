//! Parents as distances: a span's parent is mostly in the same trace, a few rows away, and where it is, the
//! distance says all that the eight random bytes of its ID would.

use super::merge::Merge;
use arrow_array::{Array, FixedSizeBinaryArray, Int32Array};
use std::ops::Range;

/// A trace of more rows is looked through by a sorted list.
const SCAN_ROWS_MAX: usize = 48;

/// For each row of a row group, how many rows behind it its parent stands; `None` for a root and for a span whose parent is not
/// in the same row group.
pub(super) fn offsets(merge: &Merge<'_>, range: Range<usize>) -> Vec<Option<i32>> {
    let mut offsets = Vec::with_capacity(range.len());
    let trace_of =
        |&(chunk, row): &(u32, u32)| merge.chunks[chunk as usize].trace_ids[row as usize];
    let (mut ids, mut sorted) = (Vec::new(), Vec::new());
    for spans in merge.order[range].chunk_by(|a, b| trace_of(a) == trace_of(b)) {
        ids.clear();
        ids.extend(spans.iter().map(|&(chunk, row)| {
            u64::from_ne_bytes(merge.chunks[chunk as usize].span_ids[row as usize])
        }));
        sorted.clear();
        if ids.len() > SCAN_ROWS_MAX {
            sorted.extend(ids.iter().enumerate().map(|(at, &id)| (id, at)));
            sorted.sort_unstable();
        }
        for (at, &(chunk, row)) in spans.iter().enumerate() {
            let parent = merge.chunks[chunk as usize].parent_span_ids[row as usize];
            let wanted = u64::from_ne_bytes(parent);
            let found = if wanted == 0 {
                None
            } else if sorted.is_empty() {
                ids.iter().position(|&id| id == wanted)
            } else {
                let first = sorted.partition_point(|&(id, _)| id < wanted);
                sorted.get(first).filter(|(id, _)| *id == wanted).map(|&(_, at)| at)
            };
            offsets.push(found.map(|found| (found as i64 - at as i64) as i32));
        }
    }
    offsets
}

/// The IDs of the parents of all rows of a row group, null for roots.
pub(super) fn resolve(
    span_ids: &FixedSizeBinaryArray,
    offsets: Option<&Int32Array>,
    raw: &FixedSizeBinaryArray,
) -> Result<FixedSizeBinaryArray, &'static str> {
    const DAMAGED: &str = "a parent stands outside its row group";
    let rows = span_ids.len();
    if raw.len() != rows || offsets.is_some_and(|offsets| offsets.len() != rows) {
        return Err("the columns of parents are not as long as those of spans");
    }
    if span_ids.value_length() != 8 || raw.value_length() != 8 {
        return Err("a span ID has not eight bytes");
    }
    let mut parents = vec![0u8; rows * 8];
    let mut is_valid = vec![false; rows];
    for row in 0..rows {
        let id = match offsets.filter(|offsets| offsets.is_valid(row)) {
            Some(offsets) => {
                let at = row as i64 + i64::from(offsets.value(row));
                let at = usize::try_from(at).ok().filter(|&at| at < rows).ok_or(DAMAGED)?;
                span_ids.value(at)
            }
            None if raw.is_valid(row) => raw.value(row),
            None => continue,
        };
        is_valid[row] = true;
        parents[row * 8..][..8].copy_from_slice(id);
    }
    Ok(FixedSizeBinaryArray::new(8, parents.into(), Some(is_valid.into())))
}
