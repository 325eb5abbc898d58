//! The one door through which exemplars come into the store, and what is still to be found of them.

use parking_lot::Mutex;
use sigyn_store::{Clock, Error, Exemplar, Store, TraceId};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// Traces that are looked for at a time. Beyond that the newest must do without: their spans come with the next read.
const WANTED_MAX: usize = 10_000;
/// A span is usually read by the loop of its target before anybody looks for it.
const FIRST_LOOK_AFTER: Duration = Duration::from_secs(1);
/// Then it is looked for again after these, and given up.
const LOOK_AGAIN_AFTER: [Duration; 3] =
    [Duration::from_secs(2), Duration::from_secs(15), Duration::from_secs(60)];

/// Takes exemplars in. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    store: Store,
    clock: Arc<dyn Clock>,
    wanted: Arc<Mutex<Wanted>>,
}

#[derive(Default)]
struct Wanted {
    traces: HashSet<TraceId>,
    /// By when they are looked for; the number keeps those of one moment apart.
    by_time: BTreeMap<(Duration, u64), WantedTrace>,
    last: u64,
}

/// A trace that an exemplar points at and whose spans may not be held.
#[derive(Clone, Debug)]
pub(crate) struct WantedTrace {
    pub(crate) trace_id: TraceId,
    /// `job` and `instance` of the exemplar's series: whose buffer is asked first.
    pub(crate) job: String,
    pub(crate) instance: String,
    /// How often it was looked for.
    pub(crate) looks: usize,
}

impl Intake {
    /// Into this store.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, wanted: Arc::default() }
    }

    /// Keeps exemplars and pins their traces; returns how many were new. Traces that are not held are asked from the live
    /// buffers later.
    ///
    /// # Errors
    /// As [`Store::add_exemplars`].
    pub async fn add(&self, exemplars: Vec<Exemplar>) -> Result<usize, Error> {
        let wanted: Vec<WantedTrace> = exemplars.iter().map(WantedTrace::of).collect();
        let new = self.store.add_exemplars(exemplars).await?;
        if new > 0 {
            let at = self.clock.monotonic() + FIRST_LOOK_AFTER;
            let mut queue = self.wanted.lock();
            wanted.into_iter().for_each(|trace| queue.add(at, trace));
        }
        Ok(new)
    }

    /// Those whose time has come, oldest first.
    pub(crate) fn due(&self, count_max: usize) -> Vec<WantedTrace> {
        let now = self.clock.monotonic();
        let mut queue = self.wanted.lock();
        let mut due = Vec::new();
        while due.len() < count_max
            && let Some(entry) = queue.by_time.first_entry().filter(|entry| entry.key().0 <= now)
        {
            due.push(entry.remove());
        }
        for trace in &due {
            queue.traces.remove(&trace.trace_id);
        }
        due
    }

    /// Not found: it is looked for again, unless that was done often enough. Says whether it is.
    pub(crate) fn again(&self, mut trace: WantedTrace) -> bool {
        let Some(pause) = LOOK_AGAIN_AFTER.get(trace.looks) else { return false };
        trace.looks += 1;
        self.wanted.lock().add(self.clock.monotonic() + *pause, trace);
        true
    }
}

impl Wanted {
    fn add(&mut self, at: Duration, trace: WantedTrace) {
        if self.traces.len() < WANTED_MAX && self.traces.insert(trace.trace_id) {
            self.last += 1;
            self.by_time.insert((at, self.last), trace);
        }
    }
}

impl WantedTrace {
    fn of(exemplar: &Exemplar) -> Self {
        let label = |name: &str| {
            let found = exemplar.series.iter().find(|(have, _)| have == name);
            found.map_or_else(String::new, |(_, value)| value.clone())
        };
        let (job, instance) = (label("job"), label("instance"));
        Self { trace_id: exemplar.trace_id, job, instance, looks: 0 }
    }
}
