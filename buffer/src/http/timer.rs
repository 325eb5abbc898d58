//! Sleeping, with a runtime and without.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use tokio::time::Instant;

pub(crate) trait Timer {
    /// Ready after `duration`.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;
}

/// Needs a tokio runtime with time enabled.
pub(crate) struct TokioTimer;

impl Timer for TokioTimer {
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        tokio::time::sleep(duration)
    }
}

/// For one thread that runs one future with [`block_on`].
#[derive(Default)]
pub(crate) struct ThreadTimer {
    /// When the thread must look again though nobody woke it.
    next: Cell<Option<Instant>>,
}

impl Timer for ThreadTimer {
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        let at = Instant::now() + duration;
        std::future::poll_fn(move |_| {
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            self.next.set(Some(self.next.get().map_or(at, |next| next.min(at))));
            Poll::Pending
        })
    }
}

/// Runs `future` on this thread. Returns `None` when `stop` is set and the thread unparked.
pub(crate) fn block_on<F: Future>(
    timer: &ThreadTimer,
    stop: &AtomicBool,
    future: F,
) -> Option<F::Output> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    while !stop.load(Ordering::Acquire) {
        timer.next.set(None);
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        match timer.next.get() {
            Some(at) => std::thread::park_timeout(at.saturating_duration_since(Instant::now())),
            None => std::thread::park(),
        }
    }
    None
}

/// Lets other tasks of this thread run.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits for either; says whether the first was ready.
pub(crate) async fn first_of(
    one: impl Future<Output = ()>,
    other: impl Future<Output = ()>,
) -> bool {
    let (mut one, mut other) = (pin!(one), pin!(other));
    std::future::poll_fn(|context| {
        if one.as_mut().poll(context).is_ready() {
            Poll::Ready(true)
        } else if other.as_mut().poll(context).is_ready() {
            Poll::Ready(false)
        } else {
            Poll::Pending
        }
    })
    .await
}
