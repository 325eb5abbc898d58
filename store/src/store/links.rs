//! Whether exemplars lead somewhere: the share of those seen lately whose trace is held.

use super::core::Core;
use crate::{Error, TraceId};

/// Younger exemplars may point at spans that no reader has had the chance to read.
const AGE_MILLIS_MIN: i64 = 30_000;
/// Older ones are history.
const AGE_MILLIS_MAX: i64 = 600_000;
/// The newest ones stand for all.
const TRACES_MAX: usize = 200;

impl Core {
    /// Sets the gauge `sigyn_exemplars_resolved_ratio`. Reads block filters, so it is for a blocking thread.
    pub(super) fn watch_exemplar_links(&self) -> Result<(), Error> {
        let now_unix_milli = (self.clock.now_unix_nano() / 1_000_000) as i64;
        let (from, to) = (now_unix_milli - AGE_MILLIS_MAX, now_unix_milli - AGE_MILLIS_MIN);
        let traces = self.index.exemplar_traces(from, to, TRACES_MAX)?;
        let resolved = traces.len() - self.missing(traces.clone())?.len();
        let ratio = (!traces.is_empty()).then(|| resolved as f64 / traces.len() as f64);
        *self.exemplars_resolved.lock() = ratio;
        // Where nothing points anywhere, nothing points nowhere.
        self.metrics.exemplars_resolved.set(ratio.unwrap_or(1.0));
        Ok(())
    }

    /// Those of which no span is held. Reads block filters, so it is for a blocking thread.
    pub(super) fn missing(&self, mut ids: Vec<TraceId>) -> Result<Vec<TraceId>, Error> {
        for source in self.head.snapshot().sources {
            let mut left = Vec::new();
            for id in ids {
                if source.rows_of(&id)?.is_empty() {
                    left.push(id);
                }
            }
            ids = left;
        }
        Ok(ids)
    }
}
