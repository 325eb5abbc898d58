//! What is known of the batches of exemplars without reading them.

use super::batch::{Batch, Head, Record};
use crate::TraceId;
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::BuildHasher,
    ops::RangeInclusive,
};

/// Which batches there are, and which of them to read for a trace or a time.
pub(super) struct Catalogue {
    extents: BTreeMap<u32, Extent>,
    /// Hash of the trace, batch.
    places: BTreeSet<(u64, u32)>,
    /// The last batch, which takes what comes.
    pub(super) open: Batch,
    pub(super) open_number: u32,
}

/// From when to when the exemplars of a batch were observed, and when the first of them goes.
#[derive(Clone, Copy)]
struct Extent {
    from_unix_milli: i64,
    to_unix_milli: i64,
    until_unix_nano: u64,
}

impl Catalogue {
    pub(super) fn new() -> Self {
        Self {
            extents: BTreeMap::new(),
            places: BTreeSet::new(),
            open: Batch::new(),
            open_number: 0,
        }
    }

    /// Notes an exemplar of a batch.
    pub(super) fn note(&mut self, number: u32, head: Head) {
        let Head { timestamp_unix_milli, until_unix_nano, trace_id, .. } = head;
        let own = Extent {
            from_unix_milli: timestamp_unix_milli,
            to_unix_milli: timestamp_unix_milli,
            until_unix_nano,
        };
        let extent = self.extents.entry(number).or_insert(own);
        extent.from_unix_milli = extent.from_unix_milli.min(timestamp_unix_milli);
        extent.to_unix_milli = extent.to_unix_milli.max(timestamp_unix_milli);
        extent.until_unix_nano = extent.until_unix_nano.min(until_unix_nano);
        self.places.insert((hash(trace_id), number));
    }

    /// Forgets a batch that held these.
    pub(super) fn forget(&mut self, number: u32, records: &[Record]) {
        self.extents.remove(&number);
        for record in records {
            self.places.remove(&(hash(record.exemplar.trace_id), number));
        }
    }

    /// Whether there are exemplars of a trace. Two traces in 2^64 are taken for one.
    pub(super) fn knows(&self, trace_id: TraceId) -> bool {
        self.batches_of(trace_id).next().is_some()
    }

    /// The batches that hold exemplars of a trace.
    pub(super) fn batches_of(&self, trace_id: TraceId) -> impl Iterator<Item = u32> {
        let hash = hash(trace_id);
        self.places.range((hash, 0)..=(hash, u32::MAX)).map(|&(_, number)| number)
    }

    /// How many traces there are exemplars of.
    pub(super) fn traces(&self) -> usize {
        let mut last = None;
        self.places.iter().filter(|(hash, _)| last.replace(*hash) != Some(*hash)).count()
    }

    /// The batches that may hold exemplars of a time range, each with the time of its newest, oldest batch first.
    pub(super) fn batches_within(&self, range: &RangeInclusive<i64>) -> Vec<(i64, u32)> {
        let within = self.extents.iter().filter(|(_, extent)| {
            extent.from_unix_milli <= *range.end() && extent.to_unix_milli >= *range.start()
        });
        within.map(|(number, extent)| (extent.to_unix_milli, *number)).collect()
    }

    /// The batches with exemplars that are not to be kept any longer.
    pub(super) fn ended(&self, now_unix_nano: u64) -> Vec<u32> {
        let ended = self.extents.iter().filter(|(_, it)| it.until_unix_nano <= now_unix_nano);
        ended.map(|(number, _)| *number).collect()
    }
}

/// Hashes are never written, and nothing but speed hangs on them.
fn hash(trace_id: TraceId) -> u64 {
    rapidhash::fast::SeedableState::fixed().hash_one(trace_id.0)
}
