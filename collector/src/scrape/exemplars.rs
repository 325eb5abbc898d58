//! What the exemplars of an exposition are for the store.

use super::overlay::merged;
use crate::{Labels, openmetrics::ExemplarSample};
use sigyn_store::Exemplar;

/// Exemplars that are taken out of an exposition at a time: as text they take some 1 KB each.
pub(super) const STEP: usize = 2048;

/// Which exemplars the last exposition had: an exemplar is exposed again and again for as long as
/// no newer one takes its place, and the store need not be asked about it each time.
#[derive(Default)]
pub(super) struct Seen {
    /// Ascending.
    hashes: Vec<u64>,
}

/// One reading of an exposition, which may be followed by more: only so many of its exemplars are new to it as are wanted at a time.
pub(super) struct Reading<'a> {
    before: &'a Seen,
    known: Vec<u64>,
    new_count: usize,
    has_more: bool,
}

impl Seen {
    /// Begins to read an exposition.
    pub(super) fn reading(&self) -> Reading<'_> {
        let known = Vec::with_capacity(self.hashes.len());
        Reading { before: self, known, new_count: 0, has_more: false }
    }
}

impl Reading<'_> {
    /// Whether an exemplar is to be taken, by its hash.
    pub(super) fn takes(&mut self, hash: u64) -> bool {
        let is_new = self.before.hashes.binary_search(&hash).is_err();
        if is_new && self.new_count == STEP {
            self.has_more = true;
            return false;
        }
        self.known.push(hash);
        self.new_count += usize::from(is_new);
        is_new
    }

    /// What is known now, and whether the same exposition holds more.
    pub(super) fn end(mut self) -> (Seen, bool) {
        self.known.sort_unstable();
        self.known.dedup();
        self.known.shrink_to_fit();
        (Seen { hashes: self.known }, self.has_more)
    }
}

/// The exemplars of new samples that point at a trace.
pub(super) fn exemplars(
    samples: Vec<ExemplarSample>,
    target: &Labels,
    honor_labels: bool,
    now_unix_milli: i64,
) -> Vec<Exemplar> {
    let exemplar = |sample| exemplar(sample, target, honor_labels, now_unix_milli);
    samples.into_iter().filter_map(exemplar).collect()
}

fn exemplar(
    sample: ExemplarSample,
    target: &Labels,
    honor_labels: bool,
    now_unix_milli: i64,
) -> Option<Exemplar> {
    let point = sample.exemplar;
    let timestamp_unix_milli = point
        .timestamp_seconds
        .or(sample.timestamp_seconds)
        .map_or(now_unix_milli, |seconds| (seconds * 1000.0).round() as i64);
    let mut series = merged(sample.labels, target, honor_labels);
    series.push(("__name__".to_owned(), sample.name));
    crate::exemplars::exemplar(series, point.labels, point.value, timestamp_unix_milli)
}
