//! What the exemplars of an exposition are for the store.

use super::overlay::merged;
use crate::{Labels, openmetrics::ExemplarSample};
use sigyn_store::Exemplar;
use std::collections::HashSet;

/// Which exemplars the last exposition had: an exemplar is exposed again and again for as long as
/// no newer one takes its place, and the store need not be asked about it each time.
#[derive(Default)]
pub(super) struct Seen {
    hashes: HashSet<u64>,
}

impl Seen {
    /// Whether an exemplar is new, by its hash, to the exposition before; those of this one go into `now`.
    pub(super) fn is_new(&self, hash: u64, now: &mut Self) -> bool {
        now.hashes.insert(hash) && !self.hashes.contains(&hash)
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
