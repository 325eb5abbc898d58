//! What the buffer holds of some traces, wherever readers stand.

use std::collections::HashSet;
use std::ops::ControlFlow;

use bytes::Bytes;

use crate::SpanBuffer;
use crate::buffer::Inner;
use crate::harvest::Batch;
use crate::keep::TraceId;

/// The spans of some traces.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// Pieces of one `ExportTraceServiceRequest`, in order; none when nothing was found.
    pub chunks: Vec<Bytes>,
    /// Spans in it.
    pub spans: usize,
    /// Whether there are more than the limit allowed.
    pub more: bool,
}

impl SpanBuffer {
    /// What `GET /debug/spans?trace_id=…` answers, without HTTP: all spans held of these traces, in a body of about
    /// `bytes_max` at most. Goes through the whole ring, once for all of them. Changes nothing.
    pub fn find(&self, traces: &[TraceId], bytes_max: usize) -> Found {
        let mut lookup = Lookup::new(&self.inner, traces, bytes_max);
        while lookup.step(&self.inner) {}
        lookup.finish()
    }
}

/// A look-up in progress, a shard a step.
pub(crate) struct Lookup {
    traces: HashSet<TraceId>,
    shard: usize,
    batch: Batch,
    more: bool,
    slice: Vec<u8>,
}

impl Lookup {
    pub(crate) fn new(inner: &Inner, traces: &[TraceId], bytes_max: usize) -> Self {
        Self {
            traces: traces.iter().copied().collect(),
            shard: 0,
            batch: Batch::new(inner.resource(), bytes_max),
            more: false,
            slice: Vec::new(),
        }
    }

    /// Looks through one shard. Returns whether there is more to do.
    pub(crate) fn step(&mut self, inner: &Inner) -> bool {
        if self.shard == inner.shards.count() || self.more {
            return false;
        }
        let (first, until) = {
            let ring = inner.shards.read(self.shard);
            (ring.first(), ring.next())
        };
        let Self { traces, batch, more, slice, shard } = self;
        let mut offer = |entry: crate::ring::Entry<'_>| {
            let wanted = entry.trace_id().is_some_and(|id| traces.contains(&id));
            *more |= wanted && batch.offer(entry, &inner.scopes, usize::MAX).is_none();
            if *more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let kept = inner.keep.between(*shard, 0, first);
        if kept.iter().try_for_each(|span| offer(span.entry())).is_continue() {
            inner.shards.walk(*shard, first..until, slice, |_, entry| offer(entry));
        }
        self.shard += 1;
        true
    }

    pub(crate) fn finish(self) -> Found {
        Found { spans: self.batch.spans(), chunks: self.batch.into_chunks(), more: self.more }
    }
}
