//! Bytes that all bodies in hand may hold together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A number of bytes to hand out. Nobody waits for it: what is not there is refused, so that
/// clients, not this process, hold what is too much.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: usize,
    bytes_used: AtomicUsize,
}

/// A share of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, bytes_used: AtomicUsize::new(0) })
    }

    /// An empty share, to be grown.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), bytes: 0 }
    }
}

impl Share {
    /// Makes the share this large; never smaller. False, and unchanged, when the budget is spent.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let bytes_max = self.budget.bytes_max;
        let grown =
            self.budget.bytes_used.try_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(more).filter(|&total| total <= bytes_max)
            });
        if grown.is_ok() {
            self.bytes += more;
        }
        grown.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.bytes_used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_given_back() {
        let budget = Budget::new(100);
        let mut first = budget.share();
        let mut second = budget.share();
        assert!(first.grow_to(60) && second.grow_to(40));
        assert!(!second.grow_to(41), "the budget is spent");
        assert!(first.grow_to(10), "a share never shrinks and never fails to stay");
        drop(first);
        assert!(second.grow_to(100));
        drop(second);
        assert_eq!(budget.bytes_used.load(Ordering::Relaxed), 0);
    }
}
