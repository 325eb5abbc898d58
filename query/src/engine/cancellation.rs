//! When to stop: the asker is gone, time is up, or too much was read.

use super::EngineError;
use arrow_array::{Array, ArrayRef};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// What one query may take. Reaching a limit ends a search with what was found, marked partial.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Wall time.
    pub duration: Duration,
    /// Bytes of columns read.
    pub bytes: u64,
    /// Bytes of one trace ID's candidates and rows under evaluation at a time are bounded by this many traces.
    pub traces_at_a_time: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { duration: Duration::from_secs(30), bytes: 16 << 30, traces_at_a_time: 64 }
    }
}

/// Shared by the asker and all threads that work for it. Work asks at every column that it reads.
#[derive(Clone)]
pub(super) struct Cancellation(Arc<State>);

struct State {
    dropped: AtomicBool,
    deadline: Instant,
    bytes: AtomicU64,
    bytes_max: u64,
    limits: Limits,
}

/// Cancels when the future that holds it is dropped.
pub(super) struct CancelOnDrop(pub(super) Cancellation);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.dropped.store(true, Ordering::Relaxed);
    }
}

impl Cancellation {
    pub(super) fn new(limits: Limits) -> Self {
        Self(Arc::new(State {
            dropped: AtomicBool::new(false),
            deadline: Instant::now() + limits.duration,
            bytes: AtomicU64::new(0),
            bytes_max: limits.bytes,
            limits,
        }))
    }

    /// Counts what was read, and fails when work should stop.
    pub(super) fn read(&self, array: &ArrayRef) -> Result<(), EngineError> {
        let bytes = match array.as_any_dictionary_opt() {
            // The values are shared and small; the codes are what is scanned.
            Some(dictionary) => dictionary.keys().get_buffer_memory_size(),
            None => array.get_buffer_memory_size(),
        };
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.check()
    }

    pub(super) fn check(&self) -> Result<(), EngineError> {
        if self.0.dropped.load(Ordering::Relaxed) {
            return Err(EngineError::Stopped("nobody waits for the answer any more".to_owned()));
        }
        if self.bytes() > self.0.bytes_max {
            let read = self.0.bytes_max >> 20;
            return Err(EngineError::Stopped(format!(
                "the query read its limit of {read} MiB; narrow it by time or service"
            )));
        }
        if Instant::now() >= self.0.deadline {
            let seconds = self.0.limits.duration.as_secs_f64();
            return Err(EngineError::Stopped(format!(
                "the query took its limit of {seconds} s; narrow it by time or service"
            )));
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

use arrow_array::cast::AsArray as _;
