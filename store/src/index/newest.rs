//! Exemplars from the newest back, one at a time.

use super::{Index, batch::Record};
use crate::{Error, Exemplar};
use std::{cmp::Ordering, collections::BinaryHeap, ops::RangeInclusive};

/// Reads batches as late as the order allows: they overlap, but only a little.
pub(super) struct NewestFirst<'a> {
    index: &'a Index,
    range: RangeInclusive<i64>,
    /// Batches that are not read yet, with the times of their newest, which ascend.
    unread: Vec<(i64, u32)>,
    read: BinaryHeap<ByTime>,
}

struct ByTime(Exemplar);

impl<'a> NewestFirst<'a> {
    /// Those of a time range, Unix milliseconds.
    pub(super) fn new(index: &'a Index, range: RangeInclusive<i64>) -> Self {
        let mut unread = index.catalogue.lock().batches_within(&range);
        unread.sort_unstable();
        Self { index, range, unread, read: BinaryHeap::new() }
    }

    fn read(&mut self, number: u32) -> Result<(), Error> {
        let records = self.index.batch(number)?.into_iter();
        let exemplars = records.map(|Record { exemplar, .. }| exemplar);
        let within = exemplars.filter(|it| self.range.contains(&it.timestamp_unix_milli));
        self.read.extend(within.map(ByTime));
        Ok(())
    }
}

impl Iterator for NewestFirst<'_> {
    type Item = Result<Exemplar, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // Of one moment there may be more than fit into memory; their order is free.
        while let Some(&(newest_unix_milli, number)) = self.unread.last()
            && self.read.peek().is_none_or(|it| it.0.timestamp_unix_milli < newest_unix_milli)
        {
            self.unread.pop();
            if let Err(error) = self.read(number) {
                return Some(Err(error));
            }
        }
        self.read.pop().map(|ByTime(exemplar)| Ok(exemplar))
    }
}

impl Ord for ByTime {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.timestamp_unix_milli.cmp(&other.0.timestamp_unix_milli)
    }
}

impl PartialOrd for ByTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByTime {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ByTime {}
