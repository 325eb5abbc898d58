//! Waking readers that wait, without cost to writers when none does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// Tells waiting readers that there is something to look at.
///
/// No wake-up is lost, though the writer looks at `armed` with a plain load. The reader first enrols in
/// `notify`, then arms, then looks through the shards under their locks; the writer looks at `armed`
/// under the lock of the shard that it writes to. Whichever of the two critical sections comes
/// second sees what the other side did before.
#[derive(Default)]
pub(crate) struct Wakeup {
    notify: Notify,
    armed: AtomicBool,
    /// Counts reasons to answer at once even without spans.
    interrupts: AtomicU64,
}

impl Wakeup {
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    /// A span came. Only the first writer after a reader began to wait has work here.
    #[cold]
    pub(crate) fn news(&self) {
        if self.armed.swap(false, Ordering::AcqRel) {
            self.notify.notify_waiters();
        }
    }

    /// Makes those who wait now answer now.
    pub(crate) fn interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::AcqRel);
        self.notify.notify_waiters();
    }

    /// Returns when `look` sees something, or at the next [`interrupt`](Self::interrupt).
    pub(crate) async fn wait(&self, mut look: impl FnMut() -> bool) {
        let interrupts = self.interrupts.load(Ordering::Acquire);
        loop {
            let mut notified = std::pin::pin!(self.notify.notified());
            notified.as_mut().enable();
            self.armed.store(true, Ordering::Release);
            if look() || self.interrupts.load(Ordering::Acquire) != interrupts {
                return;
            }
            notified.await;
        }
    }
}
