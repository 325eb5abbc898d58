//! The door for spans of other processes, which come encoded: for a sidecar.
//!
//! Where an app's thread takes any shard that is free, a relay knows beforehand where each span will
//! be, so that it can write that down first. And it begins again where an earlier life stood.

use std::ops::Range;
use std::sync::atomic::Ordering;

use crate::SpanBuffer;
use crate::origin::Origin;
use crate::otlp::cut_span;
use crate::ring::{Entry, INLINE_ORIGIN};

/// A place in the buffer that one span takes, never to be taken again in this epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The shard.
    pub shard: usize,
    /// The number of the span in it.
    pub sequence: u64,
}

/// The one writer of a buffer; made by [`SpanBufferBuilder::build_relay`](crate::SpanBufferBuilder::build_relay).
#[derive(Debug)]
pub struct Relay {
    buffer: SpanBuffer,
    /// By shard: the place that is planned next.
    next: Vec<u64>,
    shard: usize,
    shard_bytes_left: usize,
    payload: Vec<u8>,
}

impl Relay {
    pub(crate) fn new(buffer: SpanBuffer) -> Self {
        let next = vec![0; buffer.inner.shards.count()];
        Self { buffer, next, shard: 0, shard_bytes_left: 0, payload: Vec::new() }
    }

    /// Goes on in a shard where an earlier life of this epoch stood: the places in `held` are to be recorded, or left
    /// as holes, in order. Before anything is planned there.
    pub fn begin(&mut self, shard: usize, held: Range<u64>) {
        self.buffer.inner.shards.read(shard).begin_at(held.start);
        self.next[shard] = held.end;
    }

    /// By shard, the place that is planned next.
    pub fn planned(&self) -> &[u64] {
        &self.next
    }

    /// What each shard holds.
    pub fn held(&self) -> Vec<Range<u64>> {
        let shards = &self.buffer.inner.shards;
        let held = |shard| {
            let ring = shards.read(shard);
            ring.first()..ring.next()
        };
        (0..shards.count()).map(held).collect()
    }

    /// The span (an OTLP `Span` with its trace ID first) within the limit of this buffer; none if it is that already.
    pub fn cut(&self, span: &[u8]) -> Option<Vec<u8>> {
        let limit_bytes = self.buffer.inner.span_bytes_max;
        (span.len() > limit_bytes).then(|| {
            let mut out = Vec::with_capacity(limit_bytes);
            cut_span(span, limit_bytes, &mut out);
            out
        })
    }

    /// Where the next span will be. What is planned in a shard must then be recorded there, in order.
    pub fn plan(&mut self, span_bytes: usize) -> Place {
        if self.shard_bytes_left < span_bytes {
            let shards = &self.buffer.inner.shards;
            self.shard = (self.shard + 1) % shards.count();
            self.shard_bytes_left = shards.stint_bytes().max(span_bytes);
        }
        self.shard_bytes_left -= span_bytes;
        let sequence = self.next[self.shard];
        self.next[self.shard] += 1;
        Place { shard: self.shard, sequence }
    }

    /// Records a span in its place; readers see it now.
    pub fn record(&mut self, place: Place, origin: &Origin, span: &[u8]) {
        let scope = self.buffer.inner.scopes.number_relayed(origin);
        self.payload.clear();
        if scope == INLINE_ORIGIN {
            let resource = origin.resource_fields();
            self.payload.extend_from_slice(&(resource.len() as u16).to_le_bytes());
            self.payload.extend_from_slice(resource);
            self.payload.extend_from_slice(origin.scope_fields());
        }
        let inline_scope_bytes = self.payload.len() as u16;
        self.payload.extend_from_slice(span);
        self.push(place, Entry { scope, inline_scope_bytes, payload: &self.payload });
    }

    /// Leaves a place empty whose span is damaged: readers that come by count it as lost.
    pub fn leave_hole(&mut self, place: Place) {
        self.buffer.inner.damaged.fetch_add(1, Ordering::Relaxed);
        self.push(place, Entry::HOLE);
    }

    fn push(&self, place: Place, entry: Entry<'_>) {
        let inner = &self.buffer.inner;
        let mut ring = inner.shards.read(place.shard);
        assert_eq!(ring.next(), place.sequence, "what was planned is recorded, in order");
        ring.push(entry);
        // Read under the lock, as an app's thread does: see `Wakeup`.
        let awaited = inner.wakeup.is_armed();
        drop(ring);
        if awaited {
            inner.wakeup.news();
        }
    }
}
