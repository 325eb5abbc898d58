//! The pinned traces of blocks that are about to go.

use crate::{
    Error, Field, Pin, TraceId,
    block::{Block, Pinned},
    index::Index,
};
use arrow_array::{Array, FixedSizeBinaryArray};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// What must be saved.
pub(super) struct Found {
    /// The blocks that hold any of it.
    pub(super) blocks: Vec<Arc<Block>>,
    pub(super) traces: HashSet<TraceId>,
    pub(super) pinned: Pinned,
}

/// The traces of some blocks that hold a pin; `None` when there is none.
pub(super) fn pinned_in(
    index: &Index,
    blocks: Vec<Arc<Block>>,
    now_unix_nano: u64,
) -> Result<Option<Found>, Error> {
    let pinned = Pinned { until_unix_nano: 0, reasons: Vec::new() };
    let mut found = Found { blocks: Vec::new(), traces: HashSet::new(), pinned };
    let mut reasons = BTreeSet::new();
    for block in blocks {
        let mut holds = false;
        for_each_trace(&block, |id| {
            for pin in index.pins_of(id, now_unix_nano)? {
                holds = true;
                found.traces.insert(id);
                reasons.insert(pin.reason.name());
                let until = &mut found.pinned.until_unix_nano;
                *until = (*until).max(pin.until_unix_nano);
            }
            Ok(())
        })?;
        if holds {
            found.blocks.push(block);
        }
    }
    found.pinned.reasons = reasons.into_iter().map(str::to_owned).collect();
    Ok((!found.traces.is_empty()).then_some(found))
}

/// Pins the traces of a block of pinned traces again, for an index that was lost.
pub(crate) fn restore(index: &Index, block: &Arc<Block>) -> Result<(), Error> {
    let Some(pinned) = block.meta().pinned.clone() else { return Ok(()) };
    let reasons = pinned.reasons.iter().filter_map(|name| crate::PinReason::from_name(name));
    let reasons: Vec<_> = reasons.collect();
    for_each_trace(block, |trace_id| {
        for &reason in &reasons {
            let until_unix_nano = pinned.until_unix_nano;
            index.add_pin(&Pin { trace_id, reason, until_unix_nano })?;
        }
        Ok(())
    })
}

fn for_each_trace(
    block: &Arc<Block>,
    mut each: impl FnMut(TraceId) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut last = None;
    for source in Arc::clone(block).sources() {
        let ids = source.field(Field::TraceId)?;
        let Some(ids) = ids.as_any().downcast_ref::<FixedSizeBinaryArray>() else { continue };
        for row in 0..ids.len() {
            let Ok(id) = <[u8; 16]>::try_from(ids.value(row)) else { continue };
            if last.replace(id) != Some(id) {
                each(TraceId(id))?;
            }
        }
    }
    Ok(())
}
