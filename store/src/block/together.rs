//! Many small pieces of work, done by this thread and by those that happen to be free.

use parking_lot::{Condvar, Mutex};
use std::{
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{Result, available_parallelism},
};
use tokio::runtime::Handle;

/// Threads that can run beside the one that asks. Finding it out takes several calls of the system.
static OTHERS: OnceLock<usize> = OnceLock::new();

/// Threads that help others now. More than there are processors would only wait for each other.
static HELPERS: AtomicUsize = AtomicUsize::new(0);

/// One of them, also where its turn never comes because the runtime ends.
struct Helper;

impl Drop for Helper {
    fn drop(&mut self) {
        HELPERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What all who take part see.
struct Pieces<T, W> {
    work: W,
    count: usize,
    /// The next that nobody has begun.
    next: AtomicUsize,
    done: Mutex<Done<T>>,
    all_done: Condvar,
}

struct Done<T> {
    results: Vec<Option<Result<T>>>,
    left: usize,
}

/// Does pieces 0, 1, 2, … of some work and gives what came of them, in this order. Whoever comes to help takes the next piece that
/// nobody has begun; this thread never waits for one that has not been begun, so that it does all of them itself where nobody comes. A
/// panic of a piece goes on here.
pub(super) fn together<T: Send + 'static>(
    count: usize,
    work: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let done = Done { results: (0..count).map(|_| None).collect(), left: count };
    let pieces = Arc::new(Pieces {
        work,
        count,
        next: AtomicUsize::new(0),
        done: Mutex::new(done),
        all_done: Condvar::new(),
    });
    call_for_help(&pieces);
    pieces.take_part();
    let mut done = pieces.done.lock();
    while done.left > 0 {
        pieces.all_done.wait(&mut done);
    }
    let results = std::mem::take(&mut done.results);
    drop(done);
    let results = results.into_iter().map(|result| result.expect("all are done"));
    results.map(|result| result.unwrap_or_else(|panic| resume_unwind(panic))).collect()
}

fn call_for_help<T: Send + 'static, W: Fn(usize) -> T + Send + Sync + 'static>(
    pieces: &Arc<Pieces<T, W>>,
) {
    // Without a runtime there are no other threads.
    let Ok(runtime) = Handle::try_current() else { return };
    let others = *OTHERS.get_or_init(|| available_parallelism().map_or(1, NonZero::get) - 1);
    for _ in 0..others.min(pieces.count.saturating_sub(1)) {
        let before = HELPERS.fetch_add(1, Ordering::Relaxed);
        let helper = Helper;
        if before >= others {
            return;
        }
        let pieces = Arc::clone(pieces);
        runtime.spawn_blocking(move || {
            let _helper = helper;
            pieces.take_part();
        });
    }
}

impl<T, W: Fn(usize) -> T> Pieces<T, W> {
    fn take_part(&self) {
        loop {
            let piece = self.next.fetch_add(1, Ordering::Relaxed);
            if piece >= self.count {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(|| (self.work)(piece)));
            let mut done = self.done.lock();
            done.results[piece] = Some(result);
            done.left -= 1;
            if done.left == 0 {
                self.all_done.notify_all();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashSet, thread};

    #[test]
    fn each_piece_is_done_once_with_and_without_help() {
        let squares: Vec<usize> = (0..100).map(|at| at * at).collect();
        assert_eq!(together(100, |at| at * at), squares);
        assert_eq!(together(0, |at| at), Vec::<usize>::new());
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let _entered = runtime.enter();
        for _ in 0..100 {
            assert_eq!(together(100, |at| at * at), squares);
        }
        // Those who help may be busy with other tests for a while.
        let is_helped = || {
            let threads = together(64, |_| {
                thread::yield_now();
                thread::current().id()
            });
            threads.into_iter().collect::<HashSet<_>>().len() > 1
        };
        assert!(available_parallelism().unwrap().get() == 1 || (0..100_000).any(|_| is_helped()));
    }

    #[test]
    fn nobody_waits_for_help_that_does_not_come() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().max_blocking_threads(1).build().unwrap();
        let found = runtime.block_on(async {
            // The only thread that could help is this one itself.
            tokio::task::spawn_blocking(|| together(10, |at| at)).await.unwrap()
        });
        assert_eq!(found, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_comes_through() {
        let panicked = catch_unwind(|| together(10, |at| assert!(at != 7, "seven")));
        assert!(panicked.is_err());
    }
}
