//! What the exemplars of an exposition are for the store.

use super::overlay::merged;
use crate::{
    Labels, exemplars,
    openmetrics::{ExemplarSample, Exposition},
};
use sigyn_store::Exemplar;
use std::{collections::HashSet, hash::BuildHasher};

/// Which exemplars the last exposition had: an exemplar is exposed again and again for as long as
/// no newer one takes its place, and the store need not be asked about it each time.
#[derive(Default)]
pub(super) struct Seen {
    hashes: HashSet<u64>,
}

/// What is new in an exposition.
pub(super) struct News {
    pub(super) exemplars: Vec<Exemplar>,
    seen: Seen,
}

impl Seen {
    /// Picks the exemplars that point at a trace and were not in the exposition before.
    pub(super) fn news(
        &self,
        exposition: Exposition,
        target: &Labels,
        honor_labels: bool,
        now_unix_milli: i64,
    ) -> News {
        let mut news = News { exemplars: Vec::new(), seen: Self::default() };
        for sample in exposition.samples {
            let hash = hash(&sample);
            if news.seen.hashes.insert(hash) && !self.hashes.contains(&hash) {
                news.exemplars.extend(exemplar(sample, target, honor_labels, now_unix_milli));
            }
        }
        news
    }
}

impl News {
    /// To be called when the store has them.
    pub(super) fn into_seen(self) -> Seen {
        self.seen
    }
}

fn hash(sample: &ExemplarSample) -> u64 {
    let exemplar = &sample.exemplar;
    // Hashes meet only hashes of the same loop; the seed may be fixed.
    rapidhash::fast::SeedableState::fixed().hash_one((
        &sample.name,
        &sample.labels,
        &exemplar.labels,
        exemplar.value.to_bits(),
        exemplar.timestamp_seconds.map(f64::to_bits),
    ))
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
    exemplars::exemplar(series, point.labels, point.value, timestamp_unix_milli)
}
