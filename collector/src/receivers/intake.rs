//! The one door from the receivers into the store.

use super::{body::Received, config::Config, refusal::Refusal};
use crate::budget::{Budget, Share};
use sigyn_store::{Appended, Batch, Overlay, Store, Via};
use std::sync::Arc;

/// What all receivers share.
pub(super) struct Intake {
    store: Store,
    budget: Arc<Budget>,
    overlay: Arc<Overlay>,
    pub(super) body_bytes_max: usize,
}

impl Intake {
    pub(super) fn new(config: &Config, store: Store) -> Self {
        Self {
            store,
            budget: Budget::new(config.in_flight_bytes_max),
            // Nobody discovered the sender: its spans say themselves where they come from.
            overlay: Arc::default(),
            body_bytes_max: config.body_bytes_max,
        }
    }

    pub(super) fn share(&self) -> Share {
        self.budget.share()
    }

    /// Returns when the spans are durable. The share is given back then, not before.
    pub(super) async fn take(&self, received: Received) -> Result<Appended, Refusal> {
        let Received { plain, compressed, share } = received;
        let batch = Batch {
            via: Via::Otlp,
            body: plain,
            compressed,
            overlay: Arc::clone(&self.overlay),
            reach: None,
            gap: None,
        };
        let appended = self.store.append(batch).await;
        drop(share);
        appended.map_err(|error| {
            let refusal = Refusal::from(error);
            tracing::warn!(reason = ?refusal.reason, error = refusal.message, "push refused");
            refusal
        })
    }
}

/// What a client is told when some of its spans were not taken.
pub(super) fn partial_success(appended: Appended) -> Option<(i64, String)> {
    let rejected = appended.rejected;
    (rejected > 0).then(|| {
        let why = format!(
            "{rejected} of {} spans have a trace or span ID of wrong length or all zero",
            rejected + appended.spans
        );
        (rejected as i64, why)
    })
}
