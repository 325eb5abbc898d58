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
    /// Traces whose durations are added up at a time, about 100 bytes each; more of them take another pass over the spans.
    pub ranked_traces: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(30),
            bytes: 16 << 30,
            traces_at_a_time: 64,
            ranked_traces: 250_000,
        }
    }
}

/// Shared by the asker and all threads that work for it. Work asks at every column that it reads.
#[derive(Clone)]
pub(super) struct Cancellation {
    state: Arc<State>,
    deadline: Instant,
    bytes_max: u64,
}

struct State {
    dropped: AtomicBool,
    began: Instant,
    bytes: AtomicU64,
    limits: Limits,
}

/// Cancels when the future that holds it is dropped.
pub(super) struct CancelOnDrop(pub(super) Cancellation);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.state.dropped.store(true, Ordering::Relaxed);
    }
}

impl Cancellation {
    pub(super) fn new(limits: Limits) -> Self {
        let began = Instant::now();
        let state =
            State { dropped: AtomicBool::new(false), began, bytes: AtomicU64::new(0), limits };
        Self { state: Arc::new(state), deadline: began + limits.duration, bytes_max: limits.bytes }
    }

    /// The same for work that other work builds on: it ends when so many quarters of the time and of the bytes are gone.
    pub(super) fn until_quarter(&self, quarters: u32) -> Self {
        let limits = &self.state.limits;
        Self {
            state: self.state.clone(),
            deadline: self.state.began + limits.duration / 4 * quarters,
            bytes_max: limits.bytes / 4 * u64::from(quarters),
        }
    }

    /// Counts what was read, and fails when work should stop.
    pub(super) fn read(&self, array: &ArrayRef) -> Result<(), EngineError> {
        let bytes = match array.as_any_dictionary_opt() {
            // The values are shared and small; the codes are what is scanned.
            Some(dictionary) => dictionary.keys().get_buffer_memory_size(),
            None => array.get_buffer_memory_size(),
        };
        self.read_bytes(bytes)
    }

    /// The same of what is no array.
    pub(super) fn read_bytes(&self, bytes: usize) -> Result<(), EngineError> {
        self.state.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.check()
    }

    pub(super) fn check(&self) -> Result<(), EngineError> {
        if self.state.dropped.load(Ordering::Relaxed) {
            return Err(EngineError::Stopped("nobody waits for the answer any more".to_owned()));
        }
        if self.bytes() > self.bytes_max {
            let read = self.state.limits.bytes >> 20;
            return Err(EngineError::Stopped(format!(
                "the query read its limit of {read} MiB; narrow it by time or service"
            )));
        }
        if Instant::now() >= self.deadline {
            let seconds = self.state.limits.duration.as_secs_f64();
            return Err(EngineError::Stopped(format!(
                "the query took its limit of {seconds} s; narrow it by time or service"
            )));
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.state.bytes.load(Ordering::Relaxed)
    }
}

use arrow_array::cast::AsArray as _;
