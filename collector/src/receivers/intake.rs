//! The one door from the receivers into the sink.

use super::{
    body::Received,
    config::Config,
    refusal::{Reason, Refusal},
    sink::Sink,
};
use crate::budget::{Budget, Share};
use bytes::Bytes;
use sigyn_store::{Appended, Batch, Overlay, Via};
use std::sync::Arc;

/// What all receivers share.
pub(super) struct Intake {
    sink: Arc<dyn Sink>,
    budget: Arc<Budget>,
    overlay: Arc<Overlay>,
    pub(super) body_bytes_max: usize,
}

impl Intake {
    pub(super) fn new(config: &Config, sink: Arc<dyn Sink>) -> Self {
        Self {
            sink,
            budget: Budget::new(config.in_flight_bytes_max),
            // Nobody discovered the sender: its spans say themselves where they come from.
            overlay: Arc::default(),
            body_bytes_max: config.body_bytes_max,
        }
    }

    pub(super) fn share(&self) -> Share {
        self.budget.share()
    }

    /// A body that is in memory already, such as a datagram.
    pub(super) fn received(&self, plain: Bytes) -> Result<Received, Refusal> {
        let mut share = self.share();
        if !share.grow_to(plain.len()) {
            return Err(Refusal::busy());
        }
        Ok(Received { plain, compressed: None, share })
    }

    /// Returns when the spans are durable. The share is given back then, not before.
    pub(super) async fn take(&self, received: Received, via: Via) -> Result<Appended, Refusal> {
        let Received { plain, compressed, share } = received;
        let batch = Batch {
            via,
            body: plain,
            compressed,
            overlay: Arc::clone(&self.overlay),
            reach: None,
            gap: None,
        };
        let appended = self.sink.take(batch).await;
        drop(share);
        appended.map_err(|error| {
            let refusal = Refusal::from(error);
            tracing::warn!(reason = ?refusal.reason, error = refusal.message, "push refused");
            refusal
        })
    }

    /// The same for protocols that cannot say that a part was taken: then it is an error.
    pub(super) async fn take_whole(&self, received: Received, via: Via) -> Result<(), Refusal> {
        match partial_success(self.take(received, via).await?) {
            None => Ok(()),
            Some((_, why)) => Err(Refusal::new(Reason::BadInput, why)),
        }
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
