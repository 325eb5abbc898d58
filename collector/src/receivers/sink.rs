//! Where pushes go: into the store of a server, or into the ring of a sidecar.

use futures::future::BoxFuture;
use sigyn_store::{Appended, Batch, Error, Store};

/// Takes batches in. It answers when a batch will not be lost any more.
pub trait Sink: Send + Sync + 'static {
    /// All of the batch, or an error that says what the sender can do.
    fn take(&self, batch: Batch) -> BoxFuture<'_, Result<Appended, Error>>;
}

impl Sink for Store {
    fn take(&self, batch: Batch) -> BoxFuture<'_, Result<Appended, Error>> {
        Box::pin(self.append(batch))
    }
}
