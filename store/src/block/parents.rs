//! Parents as distances: a span's parent is mostly in the same trace, a few rows away, and where it is, the
//! distance says all that the eight random bytes of its ID would.

use super::merge::Merge;
use arrow_array::{Array, FixedSizeBinaryArray, Int32Array, UInt32Array};
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

/// For each of some rows (all, if none are named) of a row group the row at which its parent stands, if an offset says so.
pub(super) fn places(
    offsets: Option<&Int32Array>,
    rows: Option<&UInt32Array>,
    count: usize,
    spans: usize,
) -> Result<Vec<Option<u32>>, &'static str> {
    const DAMAGED: &str = "a parent stands outside its row group";
    if offsets.is_some_and(|offsets| offsets.len() != count) {
        return Err("the columns of parents are not as long as those of spans");
    }
    let Some(offsets) = offsets else { return Ok(vec![None; count]) };
    let place = |at: usize| {
        if offsets.is_null(at) {
            return Ok(None);
        }
        let row = rows.map_or(at, |rows| rows.value(at) as usize) as i64;
        let place = row + i64::from(offsets.value(at));
        let place = u32::try_from(place).ok().filter(|&place| (place as usize) < spans);
        place.map(Some).ok_or(DAMAGED)
    };
    (0..count).map(place).collect()
}

/// The IDs of parents, null for roots: by place, else as written.
pub(super) fn resolve<'a>(
    places: &[Option<u32>],
    id_at: impl Fn(u32) -> &'a [u8],
    raw: &'a FixedSizeBinaryArray,
) -> Result<FixedSizeBinaryArray, &'static str> {
    if raw.len() != places.len() {
        return Err("the columns of parents are not as long as those of spans");
    }
    if raw.value_length() != 8 {
        return Err("a span ID has not eight bytes");
    }
    let mut parents = vec![0u8; places.len() * 8];
    let mut is_valid = vec![false; places.len()];
    for (row, place) in places.iter().enumerate() {
        let id = match place {
            Some(place) => id_at(*place),
            None if raw.is_valid(row) => raw.value(row),
            None => continue,
        };
        let slot = &mut parents[row * 8..][..8];
        if id.len() != slot.len() {
            return Err("a span ID has not eight bytes");
        }
        is_valid[row] = true;
        slot.copy_from_slice(id);
    }
    Ok(FixedSizeBinaryArray::new(8, parents.into(), Some(is_valid.into())))
}
