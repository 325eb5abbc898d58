//! Somebody wants a target read now, for the sake of some traces.

use sigyn_store::TraceId;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What a target's loop does besides its schedule: it reads what is new, and then asks the buffer by trace for what that did
/// not bring, because it was read long ago and has left the store since, or was never read.
pub(super) struct TraceRequest {
    /// At most [`TRACES_PER_REQUEST_MAX`].
    pub(super) traces: Arc<[TraceId]>,
    /// Ask by trace even for those of which spans are held.
    pub(super) whole: bool,
    /// Gets the traces that the buffer gave by trace.
    pub(super) done: oneshot::Sender<Vec<TraceId>>,
}

/// What the pull protocol allows.
pub(super) const TRACES_PER_REQUEST_MAX: usize = 64;
