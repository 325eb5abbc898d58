//! What a thread keeps from span to span.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::scope::ScopeCache;

/// A thread that once met a huge span does not hold on to its size.
const KEPT_BYTES: usize = 16 << 10;

/// The place where a span is encoded before it is copied into the ring, and where it goes there.
pub(crate) struct Scratch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) scopes: ScopeCache,
    pub(crate) stint: Stint,
}

/// Which shard a thread writes to, and for how long.
///
/// A thread moves on after some bytes, so that all shards fill alike: an app with one busy thread has
/// the whole capacity, not one shard of it.
pub(crate) struct Stint {
    pub(crate) shard: usize,
    pub(crate) bytes_left: usize,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        /// Threads begin at different shards.
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        let shard = THREADS.fetch_add(1, Ordering::Relaxed);
        Self {
            bytes: Vec::new(),
            scopes: ScopeCache::default(),
            stint: Stint { shard, bytes_left: 0 },
        }
    }

    /// Calls `f` with this thread's scratch; with a fresh one when the thread is ending and has none
    /// any more.
    pub(crate) fn with<R>(f: impl FnOnce(&mut Self) -> R) -> R {
        thread_local! {
            static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
        }
        let mut f = Some(f);
        let mut call = |scratch: &mut Self| (f.take().expect("called once"))(scratch);
        let result = SCRATCH.try_with(|scratch| {
            // Nothing below calls code of the app, so nobody else has it.
            scratch.try_borrow_mut().ok().map(|mut scratch| {
                scratch.bytes.clear();
                let result = call(&mut scratch);
                scratch.bytes.clear();
                scratch.bytes.shrink_to(KEPT_BYTES);
                result
            })
        });
        match result {
            Ok(Some(result)) => result,
            _ => call(&mut Self::new()),
        }
    }
}
