//! An answer whose body comes in parts, as fast as it is read.

use super::{Fault, guard::panic_text};
use axum::body::Bytes;
use futures::{FutureExt, Stream, future::BoxFuture};
use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::mpsc;

/// Parts that wait for a client that reads slowly; the work waits with them.
const PARTS_WAITING_MAX: usize = 4;

/// The parts that some work sends. The work runs as the stream is read, and is dropped with it; a fault is the last item.
pub(crate) struct Parts {
    /// `None` when it is done.
    work: Option<BoxFuture<'static, Result<(), Fault>>>,
    receiver: mpsc::Receiver<Bytes>,
    fault: Option<Fault>,
}

impl Parts {
    pub(crate) fn new<F>(work: impl FnOnce(mpsc::Sender<Bytes>) -> F) -> Self
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(PARTS_WAITING_MAX);
        let work = AssertUnwindSafe(work(sender)).catch_unwind().map(|result| {
            result.unwrap_or_else(|panic| Err(Fault::internal(&panic_text(&*panic))))
        });
        Self { work: Some(work.boxed()), receiver, fault: None }
    }
}

impl Stream for Parts {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let waiting = match self.receiver.poll_recv(context) {
                Poll::Ready(Some(part)) => return Poll::Ready(Some(Ok(part))),
                Poll::Ready(None) => false,
                Poll::Pending => true,
            };
            match &mut self.work {
                Some(work) => match work.poll_unpin(context) {
                    // Its sender goes with it, and what it sent last is received first.
                    Poll::Ready(outcome) => {
                        self.fault = outcome.err();
                        self.work = None;
                    }
                    Poll::Pending => return Poll::Pending,
                },
                None if waiting => return Poll::Pending,
                None => return Poll::Ready(self.fault.take().map(Err)),
            }
        }
    }
}
