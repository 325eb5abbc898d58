//! Calls of which only one side has been seen so far.

use crate::histogram::ExemplarPoint;
use sigyn_store::{SpanId, TraceId};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

/// A call is told by the trace and the calling span.
pub(crate) type Key = (TraceId, SpanId);

/// One side of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Side {
    pub(crate) service: Arc<str>,
    pub(crate) failed: bool,
    pub(crate) point: ExemplarPoint,
    pub(crate) start_unix_nano: u64,
    /// Values of the configured dimensions.
    pub(crate) dimensions: Box<[Arc<str>]>,
    /// Whom its attributes name as the other side.
    pub(crate) peer: Option<Arc<str>>,
    /// Whether its span has no parent.
    pub(crate) is_root: bool,
    /// Whether it speaks to or from a queue.
    pub(crate) is_messaging: bool,
}

/// A call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Edge {
    pub(crate) client: Option<Side>,
    pub(crate) server: Option<Side>,
}

/// Open calls, bounded in number and time.
pub(crate) struct Edges {
    open: HashMap<Key, Edge, rapidhash::fast::RandomState>,
    /// In the order in which they began to wait, with the time until when.
    waiting: VecDeque<(Duration, Key)>,
    wait: Duration,
    items_max: usize,
    /// Sides for which there was no room.
    pub(crate) dropped: u64,
}

impl Edges {
    pub(crate) fn new(wait: Duration, items_max: usize) -> Self {
        Self { open: HashMap::default(), waiting: VecDeque::new(), wait, items_max, dropped: 0 }
    }

    /// Adds one side. Gives the call when the other side was there already. A side that is seen
    /// again (two targets may have shown the same span) changes nothing.
    pub(crate) fn add(
        &mut self,
        key: Key,
        side: Side,
        is_client: bool,
        now: Duration,
    ) -> Option<Edge> {
        let is_new = !self.open.contains_key(&key);
        if is_new {
            if self.open.len() >= self.items_max {
                self.dropped += 1;
                return None;
            }
            self.waiting.push_back((now + self.wait, key));
        }
        let edge = self.open.entry(key).or_default();
        let place = if is_client { &mut edge.client } else { &mut edge.server };
        place.get_or_insert(side);
        if edge.client.is_some() && edge.server.is_some() { self.open.remove(&key) } else { None }
    }

    /// Takes out the next call that has waited long enough.
    pub(crate) fn expired(&mut self, now: Duration) -> Option<Edge> {
        loop {
            let &(until, key) = self.waiting.front()?;
            // Calls that found their other side leave their place in the queue behind.
            let edge = if until <= now { self.open.remove(&key) } else { None };
            if until <= now || !self.open.contains_key(&key) {
                self.waiting.pop_front();
            } else {
                return None;
            }
            if edge.is_some() {
                return edge;
            }
        }
    }

    /// Calls that wait.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}
