//! Power cuts for tests: what was not flushed is gone.

use super::{Index, open::failed};
use crate::{Error, simulation::Power};
use parking_lot::Mutex;
use sled::{IVec, Tree};

/// What a power cut leaves of an index.
#[derive(Default)]
pub(crate) struct Loss {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    power: Option<Power>,
    flushes: u64,
    /// Tree, key and value.
    flushed: Vec<(usize, IVec, IVec)>,
}

impl Index {
    /// Begins empty, on the machine with this power.
    pub(crate) fn begin(&self, power: Power) {
        self.lose_all();
        let mut state = self.loss.state.lock();
        *state = State { power: Some(power), ..State::default() };
    }

    /// How often it was flushed.
    pub(crate) fn flushes(&self) -> u64 {
        self.loss.state.lock().flushes
    }

    /// Everything is gone: it would not open.
    pub(crate) fn lose_all(&self) {
        self.trees().into_iter().for_each(|tree| tree.clear().unwrap());
        self.loss.state.lock().flushed.clear();
        self.read_catalogue().unwrap();
    }

    /// Everything is as it was when it was flushed last.
    pub(crate) fn lose_unflushed(&self) {
        let trees = self.trees();
        trees.iter().for_each(|tree| tree.clear().unwrap());
        for (tree, key, value) in &self.loss.state.lock().flushed {
            trees[*tree].insert(key, value).unwrap();
        }
        self.read_catalogue().unwrap();
    }

    pub(super) fn note_flush(&self) -> Result<(), Error> {
        let mut state = self.loss.state.lock();
        if let Some(power) = &state.power {
            power.step().map_err(|error| failed(error.into()))?;
        }
        state.flushes += 1;
        let entries = self.trees().into_iter().enumerate().flat_map(|(at, tree)| {
            tree.iter().map(move |entry| {
                let (key, value) = entry.unwrap();
                (at, key, value)
            })
        });
        state.flushed = entries.collect();
        Ok(())
    }

    fn trees(&self) -> [&Tree; 4] {
        [&self.exemplars, &self.pins, &self.pins_by_end, &self.gaps]
    }
}
