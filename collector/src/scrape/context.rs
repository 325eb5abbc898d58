//! What all loops share.

use super::{metrics::Metrics, phase::CurrentSeed};
use crate::{budget::Budget, exemplars::Intake};
use sigyn_store::{Clock, Store};
use std::sync::Arc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Bytes that all reads together may hold in memory.
pub(super) const IN_FLIGHT_BYTES_MAX: usize = 256 << 20;

/// The world of a loop.
pub(super) struct Context {
    pub(super) store: Store,
    pub(super) exemplars: Intake,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) budget: Arc<Budget>,
    pub(super) metrics: Metrics,
    pub(super) seed: CurrentSeed,
    /// Cancelled when the collector stops.
    pub(super) stopping: CancellationToken,
    /// All loops, so that a stop can wait for them.
    pub(super) tasks: TaskTracker,
}
