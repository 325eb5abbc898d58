//! Many blocks into one.

use super::{
    carried::Pending,
    inputs::Input,
    merge::Merge,
    read::Block,
    schema::Layouts,
    sink::{FileSink, Files},
    write::{BlockWriter, ROW_GROUP_ROWS_MAX, Written},
};
use crate::{Error, TraceId};
use parquet::errors::ParquetError;
use std::sync::Arc;

/// Rows of all inputs together that are decoded and not yet taken, about.
const ROWS_IN_HAND: usize = 16_384;
/// Compressed bytes of spans that one batch of an input may stand for, so that large spans are read in small batches.
const BATCH_BYTES_MAX: u64 = 1 << 20;
/// Spans that wait for their row group may take so much memory; then it is written, however few they are.
const PENDING_BYTES_MAX: usize = 32 << 20;

/// Merges blocks: sorted by (trace ID, start), each span with the same content once, only the traces that are to be kept.
/// `None` when nothing is left; an error of `keep` ends it. `open` makes the files when the first row group is ready.
///
/// Memory does not depend on the size of the blocks: the footer and some thousand decoded rows of each, the spans of one row group,
/// and the footer under way. But a trace is held whole.
///
/// Reads, computes and writes for long: it belongs on a blocking thread.
pub(super) fn merge_blocks(
    blocks: &[Arc<Block>],
    keep: &dyn Fn(&TraceId) -> Result<bool, Error>,
    open: impl FnOnce() -> Result<Files<FileSink>, Error>,
) -> Result<Option<Written>, Error> {
    let cache = Arc::default();
    let blocks: Vec<_> = blocks.iter().map(|block| Arc::new(block.beside(&cache))).collect();
    let layouts = Layouts::of_blocks(&blocks)?;
    let mut inputs: Vec<Input> = blocks
        .iter()
        .map(|block| {
            let meta = block.meta();
            let span_bytes = meta.spans_file_bytes / meta.spans.max(1) + 1;
            let rows = (BATCH_BYTES_MAX / span_bytes) as usize;
            Input::new(Arc::clone(block), rows.min(ROWS_IN_HAND / blocks.len()).max(16))
        })
        .collect();
    let mut pending = Pending::new(&layouts.spans.dedicated);
    let mut output = Output { open: Some((open, layouts)), writer: None };
    loop {
        for input in &mut inputs {
            input.fill()?;
        }
        let Some(first) = inputs.iter().filter_map(Input::first).min() else { break };
        let open_end = inputs.iter().filter_map(Input::open_end).min();
        if open_end == Some(first) {
            // The first trace may go on behind what is in hand.
            for input in inputs.iter_mut().filter(|input| input.open_end() == Some(first)) {
                input.load()?;
            }
            continue;
        }
        let count = |last| inputs.iter().map(|input| input.count(last)).sum::<usize>();
        let room = ROW_GROUP_ROWS_MAX.saturating_sub(pending.len());
        if count(first) > room && pending.len() > 0 {
            output.write(&mut pending)?;
            inputs.iter_mut().for_each(Input::forget);
            continue;
        }
        let whole = open_end.map_or(u128::MAX, |end| end - 1);
        let last =
            if count(whole) <= room { whole } else { last_within(first, whole, room, count) };
        for input in &mut inputs {
            input.take(last, keep, &mut pending)?;
        }
        if pending.len() >= ROW_GROUP_ROWS_MAX || pending.size_bytes() >= PENDING_BYTES_MAX {
            output.write(&mut pending)?;
            inputs.iter_mut().for_each(Input::forget);
        }
    }
    if pending.len() > 0 {
        output.write(&mut pending)?;
    }
    output.writer.map(BlockWriter::finish).transpose().map_err(failed)
}

/// The highest trace ID from `first` to `whole` up to which there are no more rows than `room`; `first` if it alone has more.
fn last_within(first: u128, whole: u128, room: usize, count: impl Fn(u128) -> usize) -> u128 {
    let (mut low, mut high) = (first, whole);
    while low < high {
        let middle = high - (high - low) / 2;
        if count(middle) <= room { low = middle } else { high = middle - 1 }
    }
    low
}

struct Output<F> {
    open: Option<(F, Layouts)>,
    writer: Option<BlockWriter>,
}

impl<F: FnOnce() -> Result<Files<FileSink>, Error>> Output<F> {
    /// Writes what is pending, and empties it.
    fn write(&mut self, pending: &mut Pending) -> Result<(), Error> {
        if let Some((open, layouts)) = self.open.take() {
            let writer = BlockWriter::new(open()?, layouts);
            self.writer = Some(writer.map_err(failed)?);
        }
        let writer = self.writer.as_mut().expect("it has been opened");
        writer.write(&Merge::of_pending(pending)).map_err(failed)?;
        pending.clear();
        Ok(())
    }
}

fn failed(error: ParquetError) -> Error {
    Error::Block { block: "that is being merged".to_owned(), what: error.to_string() }
}
