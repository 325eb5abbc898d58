//! What is read of a block before anybody asks.

use super::{
    cache::{Entry, Key},
    durations::Durations,
    read::Block,
};
use crate::Error;
use arrow_array::{
    Array, ArrayRef, UInt32Array,
    cast::AsArray,
    types::{Int64Type, UInt64Type},
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use std::sync::Arc;

/// Columns that most searches ask for.
const ASKED_COLUMNS: [&str; 2] = ["service_name", "name"];

const WRONG_STARTS: &str = "its starts are of another type";
const WRONG_DURATIONS: &str = "its durations are of another type";

impl Block {
    /// Reads into the cache what questions begin with: footers, filters and resources. What need not be fetched from afar also says
    /// whose spans these are, what they are called and how long they last, and, if `with_traces`, where traces lie, when their spans
    /// start and what the codes in all columns stand for.
    pub(crate) fn make_ready(&self, with_traces: bool) -> Result<(), Error> {
        for row_group in 0..self.meta.row_groups.len() {
            self.spans.bloom(row_group)?;
            self.resource_table(row_group)?;
            if !self.spans.is_local() {
                continue;
            }
            if with_traces {
                let starts = self.column_once(row_group, "start_unix_nano")?;
                let starts = starts.as_primitive_opt::<UInt64Type>();
                let starts = starts.ok_or_else(|| self.damaged(WRONG_STARTS))?;
                let traces = self.trace_runs(row_group)?.with_starts(starts.values());
                self.keep_traces(row_group, traces);
                self.spans.keep_dictionaries(row_group)?;
            }
            for column in ASKED_COLUMNS {
                self.spans.keep_codes(row_group, column)?;
            }
            self.keep_durations(row_group)?;
        }
        Ok(())
    }

    /// Has the cache forget what was read of it. Whoever asks next reads it again.
    pub(crate) fn let_go(&self) {
        self.cache.forget(self.meta.block);
    }

    fn keep_durations(&self, row_group: usize) -> Result<(), Error> {
        let nanos = self.column_once(row_group, "duration_nano")?;
        let nanos = nanos.as_primitive_opt::<Int64Type>().filter(|nanos| nanos.null_count() == 0);
        let nanos = nanos.ok_or_else(|| self.damaged(WRONG_DURATIONS))?;
        let durations = Arc::new(Durations::new(nanos.values()));
        let bytes = durations.size_bytes();
        let key = Key::Durations(self.meta.block, row_group);
        self.cache.put(key, Entry::Durations(durations), bytes);
        Ok(())
    }

    pub(super) fn known_durations(&self, row_group: usize) -> Option<Arc<Durations>> {
        match self.cache.get(&Key::Durations(self.meta.block, row_group)) {
            Some(Entry::Durations(durations)) => Some(durations),
            _ => None,
        }
    }

    /// When some rows of a row group start (ascending), where nothing need be read for that.
    pub(super) fn known_starts(&self, row_group: usize, rows: &UInt32Array) -> Option<ArrayRef> {
        Some(Arc::new(self.known_traces(row_group)?.starts(rows)?))
    }

    /// The spans of a row group that last at least so long; where what is known leaves that open, the file is asked.
    pub(super) fn rows_lasting_of(
        &self,
        row_group: usize,
        durations: &Durations,
        duration_min_nano: i64,
    ) -> Result<BooleanBuffer, Error> {
        let (certain, uncertain) = durations.lasting(duration_min_nano);
        if uncertain.is_empty() {
            return Ok(certain);
        }
        let wrong = || self.damaged(WRONG_DURATIONS);
        let nanos = self.column(row_group, "duration_nano", Some(&uncertain))?.ok_or_else(wrong)?;
        let nanos = nanos.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
        let mut found = BooleanBufferBuilder::new(certain.len());
        found.append_buffer(&certain);
        for (row, nanos) in uncertain.values().iter().zip(nanos) {
            if nanos.is_some_and(|nanos| nanos >= duration_min_nano) {
                found.set_bit(*row as usize, true);
            }
        }
        Ok(found.finish())
    }
}
