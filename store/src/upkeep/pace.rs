//! Work in the background that steps aside when spans come in, and stops when the store is closed.

use crate::{Clock, Error};
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Handle, sync::Semaphore};

/// Steps between two looks at the clock.
const STEPS_OF_A_LOOK: u32 = 256;
/// So long it works at a stretch …
const STRETCH: Duration = Duration::from_millis(20);
/// … and while batches are on their way into the head, it rests for so many times as long.
const RESTS: u32 = 3;

/// The pace of one worker.
pub(crate) struct Pace {
    clock: Arc<dyn Clock>,
    runtime: Handle,
    /// Free permits of the bodies that are on their way.
    bodies: Arc<Semaphore>,
    bodies_max: usize,
    stopped: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    steps: u32,
    since: Duration,
}

impl Pace {
    /// `bodies` has fewer than `bodies_max` permits while batches are on their way. Called within a runtime.
    pub(crate) fn new(clock: Arc<dyn Clock>, bodies: Arc<Semaphore>, bodies_max: usize) -> Self {
        Self {
            clock,
            runtime: Handle::current(),
            bodies,
            bodies_max,
            stopped: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// All work ends at its next step.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Called for each trace, on a blocking thread. Fails when the work is to end.
    pub(crate) fn step(&self) -> Result<(), Error> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::Poisoned { why: "the store is closed".to_owned() });
        }
        let mut state = self.state.lock();
        state.steps += 1;
        if !state.steps.is_multiple_of(STEPS_OF_A_LOOK) {
            return Ok(());
        }
        let now = self.clock.monotonic();
        let worked = now.saturating_sub(state.since);
        if worked < STRETCH {
            return Ok(());
        }
        // What lies between two pieces of work is no work.
        let worked = worked.min(STRETCH * 5);
        let is_busy = self.bodies.available_permits() < self.bodies_max;
        drop(state);
        if is_busy {
            self.runtime.block_on(tokio::time::sleep(worked * RESTS));
        }
        self.state.lock().since = self.clock.monotonic();
        Ok(())
    }
}
