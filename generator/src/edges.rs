//! Calls of which only one side has been seen so far.

use crate::histogram::ExemplarPoint;
use sigyn_store::{SpanId, TraceId};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

/// Consumers of one message that wait for its producer.
const CONSUMERS_MAX: usize = 100;

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
    /// Further consumers of a message whose producer is still to come.
    pub(crate) more: Vec<Side>,
    /// A message has been received once, and may be by others.
    pub(crate) is_answered: bool,
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

/// A call that waits, and for how long it still may.
pub(crate) struct Waiting<'a> {
    pub(crate) key: Key,
    pub(crate) edge: &'a Edge,
    pub(crate) left: Duration,
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
        if is_client {
            edge.client.get_or_insert(side);
        } else if edge.server.is_none() {
            edge.server = Some(side);
        } else if side.is_messaging && edge.more.len() < CONSUMERS_MAX {
            edge.more.push(side);
        } else {
            self.dropped += 1;
        }
        if edge.client.is_none() || edge.server.is_none() {
            return None;
        }
        // A call has one server, a message as many consumers as subscribed.
        if edge.client.as_ref().is_some_and(|client| client.is_messaging) {
            let client = edge.client.clone();
            let (server, more) = (edge.server.take(), std::mem::take(&mut edge.more));
            edge.is_answered = true;
            return Some(Edge { client, server, more, is_answered: true });
        }
        self.open.remove(&key)
    }

    /// Takes out the next call that has waited long enough in vain.
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
            if edge.as_ref().is_some_and(|edge| !edge.is_answered) {
                return edge;
            }
        }
    }

    /// All calls that wait, in the order in which they began to.
    pub(crate) fn waiting(&self, now: Duration) -> impl Iterator<Item = Waiting<'_>> {
        self.waiting.iter().filter_map(move |&(until, key)| {
            let edge = self.open.get(&key)?;
            Some(Waiting { key, edge, left: until.saturating_sub(now) })
        })
    }

    /// Takes over a call of an earlier life; to be done in the order of [`Self::waiting`].
    pub(crate) fn restore(&mut self, key: Key, edge: Edge, until: Duration) {
        self.waiting.push_back((until, key));
        self.open.insert(key, edge);
    }

    /// Calls that wait.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}
