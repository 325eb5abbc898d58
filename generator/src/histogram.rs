//! Histograms that keep an exemplar a bucket.

use crate::{config::Histograms, native::NativeHistogram};
use sigyn_store::{SpanId, TraceId};
use std::sync::Arc;

/// Upper bounds, ascending, without the last one, which is infinite.
pub type Buckets = Arc<[f64]>;

/// A span that was counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExemplarPoint {
    /// Its trace.
    pub trace_id: TraceId,
    /// Itself.
    pub span_id: SpanId,
    /// What was observed, seconds.
    pub value: f64,
    /// When it ended, nanoseconds since the Unix epoch.
    pub timestamp_unix_nano: u64,
}

/// Count, sum and buckets of what was observed.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramValue {
    /// All observations.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Bounds of the classic buckets.
    pub bounds: Buckets,
    /// Observations by classic bucket, not cumulative; one more than `bounds`. Empty when only the native
    /// kind is kept.
    pub counts: Vec<u64>,
    /// The native kind, where it is kept.
    pub native: Option<Box<NativeHistogram>>,
    /// The newest observation of each classic bucket that has one, whether or not the buckets are kept; by bucket,
    /// ascending. Most series fill few of their buckets.
    pub(crate) exemplars: Vec<(u16, ExemplarPoint)>,
}

impl HistogramValue {
    pub(crate) fn new(bounds: &Buckets, kind: Histograms) -> Self {
        let buckets = bounds.len() + 1;
        Self {
            count: 0,
            sum: 0.0,
            bounds: Arc::clone(bounds),
            counts: if kind.has_classic() { vec![0; buckets] } else { Vec::new() },
            native: kind.has_native().then(Box::default),
            exemplars: Vec::new(),
        }
    }

    /// The newest observation of a classic bucket.
    pub fn exemplar(&self, bucket: usize) -> Option<&ExemplarPoint> {
        let place = self.exemplars.binary_search_by_key(&bucket, |it| it.0.into()).ok()?;
        Some(&self.exemplars[place].1)
    }

    /// All of them, with their buckets.
    pub fn exemplars(&self) -> impl Iterator<Item = (usize, &ExemplarPoint)> {
        self.exemplars.iter().map(|(bucket, point)| (usize::from(*bucket), point))
    }

    pub(crate) fn observe(&mut self, point: ExemplarPoint) {
        let value = point.value;
        self.count += 1;
        self.sum += value;
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        if let Some(native) = &mut self.native {
            native.observe(value);
        }
        // More bounds than this are refused.
        let bucket = bucket as u16;
        match self.exemplars.binary_search_by_key(&bucket, |it| it.0) {
            Ok(place) => {
                let newest = &mut self.exemplars[place].1;
                if newest.timestamp_unix_nano <= point.timestamp_unix_nano {
                    *newest = point;
                }
            }
            Err(place) => {
                self.exemplars.reserve_exact(1);
                self.exemplars.insert(place, (bucket, point));
            }
        }
    }
}
