//! What a search tells while it goes on.

use super::{ScanStats, TraceMatch};

/// News of a search.
#[derive(Clone, Debug, Default)]
pub struct SearchProgress {
    /// Traces that are now certain, in the order of the answer. Each trace of the answer is sent once, complete.
    pub traces: Vec<TraceMatch>,
    /// How far it is.
    pub stats: ScanStats,
}
