//! What can fail at any step, and when the machine goes dark; all of it drawn from one seed.

use parking_lot::Mutex;
use std::{io, sync::Arc};

/// A generator of numbers that are the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// The machine's power, and the faults of what it drives. Shared by disk and object store, so that one count of steps
/// goes through both.
#[derive(Clone, Debug)]
pub(crate) struct Power(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: Random,
    steps_left: Option<u64>,
    is_off: bool,
    faults: Faults,
}

/// What goes wrong beside power cuts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// The next sync fails.
    pub(crate) sync: bool,
    /// One request to the object store in so many fails; 0: none.
    pub(crate) request_once_in: u64,
}

/// How a request to the object store ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    /// Nothing happened, and an error comes back.
    Failed,
    /// It happened, and an error comes back all the same.
    AnswerLost,
}

impl Power {
    pub(crate) fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        let state = State { random, steps_left: None, is_off: false, faults: Faults::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The machine goes dark after so many steps.
    pub(crate) fn cut_after(&self, steps: u64) {
        self.0.lock().steps_left = Some(steps);
    }

    pub(crate) fn is_off(&self) -> bool {
        self.0.lock().is_off
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// Power is back.
    pub(crate) fn restore(&self) {
        let mut state = self.0.lock();
        (state.steps_left, state.is_off) = (None, false);
    }

    pub(crate) fn random(&self, end: u64) -> u64 {
        self.0.lock().random.below(end)
    }

    /// One step of the disk.
    pub(crate) fn step(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step();
        if state.is_off { Err(io::Error::other("the machine is dark")) } else { Ok(()) }
    }

    /// One sync of the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.step()?;
        let fails = std::mem::take(&mut self.0.lock().faults.sync);
        if fails { Err(io::Error::other("input/output error")) } else { Ok(()) }
    }

    /// One request to the object store.
    pub(crate) fn request(&self) -> Fate {
        let mut state = self.0.lock();
        if state.is_off {
            return Fate::Failed;
        }
        state.step();
        let once_in = state.faults.request_once_in;
        if !state.is_off && (once_in == 0 || !state.random.once_in(once_in)) {
            return Fate::Done;
        }
        // The request may have left the machine before the light went out.
        if state.random.once_in(2) { Fate::Failed } else { Fate::AnswerLost }
    }
}

impl State {
    fn step(&mut self) {
        if let Some(left) = &mut self.steps_left {
            if *left == 0 {
                self.is_off = true;
            } else {
                *left -= 1;
            }
        }
    }
}
