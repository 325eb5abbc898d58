//! Spans that an exemplar points at, kept past their place in the ring until a reader had them.
//!
//! Recording knows nothing of this. Who shows metrics looks the spans of its exemplars up in the ring
//! and puts copies here; a read from before the oldest span held finds them. So the ring stays as it
//! is, and what is kept costs only those who show exemplars.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cursor::Cursor;
use crate::ring::Entry;
use crate::shards::Shards;

/// As it stands in a span.
pub(crate) type TraceId = [u8; 16];

/// Exemplars of one exposition that are looked up at most.
const TRACES_MAX: usize = 10_000;
/// Copies take at most this part of the capacity, beside the ring.
const CAPACITY_PER_KEPT: usize = 8;

/// The copies, and how far readers have come. Its lock is taken before a shard's, never after.
pub(crate) struct Keep {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// What the last exposition pointed at.
    traces: HashSet<TraceId>,
    /// By shard: up to where `traces` were looked for.
    looked: Vec<u64>,
    /// By shard: a reader that came back has everything before.
    had: Vec<u64>,
    spans: BTreeMap<Place, Arc<KeptSpan>>,
    /// The oldest copy first.
    order: VecDeque<Place>,
    bytes: usize,
    given_up: u64,
}

/// Shard and sequence number.
type Place = (usize, u64);

/// A copy of an entry.
#[derive(Debug)]
pub(crate) struct KeptSpan {
    pub(crate) sequence: u64,
    scope: u16,
    inline_scope_bytes: u16,
    payload: Box<[u8]>,
}

/// What is kept now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeepTotals {
    pub(crate) spans: u64,
    pub(crate) given_up: u64,
}

impl KeptSpan {
    pub(crate) fn entry(&self) -> Entry<'_> {
        let Self { scope, inline_scope_bytes, payload, .. } = self;
        Entry { scope: *scope, inline_scope_bytes: *inline_scope_bytes, payload }
    }
}

impl Keep {
    pub(crate) fn new(capacity_bytes: usize) -> Self {
        Self { bytes_max: capacity_bytes / CAPACITY_PER_KEPT, kept: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader has everything before this cursor.
    pub(crate) fn had(&self, cursor: &Cursor) {
        let mut kept = self.lock();
        kept.had.resize(cursor.positions.len(), 0);
        for (had, position) in kept.had.iter_mut().zip(&cursor.positions) {
            *had = (*had).max(*position);
        }
    }

    /// Copies what no reader had yet of the spans of these traces. Spans of the traces named last time that came since are
    /// copied too, for as long as their exemplars are shown.
    pub(crate) fn keep(&self, shards: &Shards, traces: impl IntoIterator<Item = TraceId>) {
        let mut kept = self.lock();
        let traces: HashSet<TraceId> = traces.into_iter().take(TRACES_MAX).collect();
        let before = std::mem::take(&mut kept.traces);
        let new: HashSet<TraceId> = traces.difference(&before).copied().collect();
        kept.had.resize(shards.count(), 0);
        kept.looked.resize(shards.count(), 0);
        kept.forget_had();
        let mut slice = Vec::new();
        for shard in 0..shards.count() {
            let (first, until) = {
                let ring = shards.read(shard);
                (ring.first(), ring.next())
            };
            let (looked, had) = (kept.looked[shard], kept.had[shard]);
            let from = if new.is_empty() { looked } else { first };
            shards.walk(shard, from.max(had)..until, &mut slice, |sequence, entry| {
                let wanted = if sequence < looked { &new } else { &traces };
                if entry.trace_id().is_some_and(|id| wanted.contains(&id)) {
                    kept.add((shard, sequence), entry);
                }
                ControlFlow::Continue(())
            });
            kept.looked[shard] = until;
        }
        kept.traces = traces;
        kept.shrink_to(self.bytes_max);
    }

    /// The copies of a shard's spans in a range of sequence numbers, oldest first.
    pub(crate) fn between(&self, shard: usize, from: u64, until: u64) -> VecDeque<Arc<KeptSpan>> {
        if from >= until {
            return VecDeque::new();
        }
        let kept = self.lock();
        kept.spans.range((shard, from)..(shard, until)).map(|(_, span)| Arc::clone(span)).collect()
    }

    pub(crate) fn totals(&self) -> KeepTotals {
        let kept = self.lock();
        KeepTotals { spans: kept.spans.len() as u64, given_up: kept.given_up }
    }
}

impl Kept {
    fn add(&mut self, place: Place, entry: Entry<'_>) {
        let span = KeptSpan {
            sequence: place.1,
            scope: entry.scope,
            inline_scope_bytes: entry.inline_scope_bytes,
            payload: entry.payload.into(),
        };
        self.bytes += span.bytes();
        match self.spans.insert(place, Arc::new(span)) {
            Some(same) => self.bytes -= same.bytes(),
            None => self.order.push_back(place),
        }
    }

    fn forget_had(&mut self) {
        let had = std::mem::take(&mut self.had);
        self.spans.retain(|(shard, sequence), span| {
            let stays = *sequence >= had[*shard];
            if !stays {
                self.bytes -= span.bytes();
            }
            stays
        });
        self.order.retain(|(shard, sequence)| *sequence >= had[*shard]);
        self.had = had;
    }

    fn shrink_to(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(span) = self.spans.remove(&oldest) {
                self.bytes -= span.bytes();
                self.given_up += 1;
            }
        }
    }
}

impl KeptSpan {
    /// With its places in the collections, roughly.
    fn bytes(&self) -> usize {
        self.payload.len() + 128
    }
}
