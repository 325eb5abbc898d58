//! Which exemplars of histograms are news.

use sigyn_generator::{ExemplarPoint, Family, Value};
use sigyn_store::Exemplar;
use std::{collections::HashSet, hash::BuildHasher};

/// The exemplars of the last answer, by hash.
#[derive(Default)]
pub(super) struct Shown(HashSet<u64>);

impl Shown {
    /// Whether an exemplar of a bucket was shown.
    pub(super) fn has(&self, family: &str, bucket: usize, point: &ExemplarPoint) -> bool {
        self.0.contains(&identity(family, bucket, point))
    }

    /// The exemplars that were not shown before, as the store keeps them, and all that are shown now.
    pub(super) fn news(&self, families: &[Family]) -> (Vec<Exemplar>, Self) {
        let (mut new, mut shown) = (Vec::new(), HashSet::new());
        for family in families {
            for point in &family.points {
                let Value::Histogram(histogram) = &point.value else { continue };
                for (at, exemplar) in histogram.exemplars() {
                    let hash = identity(family.name, at, exemplar);
                    if !shown.insert(hash) || self.0.contains(&hash) {
                        continue;
                    }
                    let bound = histogram.bounds.get(at).map_or("+Inf".to_owned(), f64::to_string);
                    let labels = point.labels.iter();
                    let mut series: Vec<(String, String)> =
                        labels.map(|(name, value)| (name.to_string(), value.to_string())).collect();
                    series.push(("__name__".to_owned(), format!("{}_bucket", family.name)));
                    series.push(("le".to_owned(), bound));
                    series.sort();
                    new.push(of(exemplar, series));
                }
            }
        }
        (new, Self(shown))
    }
}

fn identity(family: &str, bucket: usize, point: &ExemplarPoint) -> u64 {
    let identity = (family, point.trace_id, point.span_id, bucket);
    rapidhash::fast::SeedableState::fixed().hash_one(identity)
}

fn of(point: &ExemplarPoint, series: Vec<(String, String)>) -> Exemplar {
    Exemplar {
        series,
        labels: vec![
            ("spanID".to_owned(), point.span_id.to_string()),
            ("traceID".to_owned(), point.trace_id.to_string()),
        ],
        trace_id: point.trace_id,
        span_id: Some(point.span_id),
        value: point.value,
        timestamp_unix_milli: (point.timestamp_unix_nano / 1_000_000) as i64,
    }
}
