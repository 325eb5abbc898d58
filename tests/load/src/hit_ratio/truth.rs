//! What was recorded, to hold against what is found.

use super::{SpanId, SpanIds, TraceId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

/// All traces that were made. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Truth {
    traces: Arc<Mutex<Traces>>,
}

#[derive(Default)]
struct Traces {
    /// Span and parent, in the order in which they ended.
    by_id: HashMap<TraceId, Vec<(SpanId, SpanId)>>,
    in_order: Vec<TraceId>,
    spans: usize,
}

impl Truth {
    fn lock(&self) -> MutexGuard<'_, Traces> {
        self.traces.lock().expect("no holder panics")
    }

    pub(super) fn note(&self, trace: TraceId, span: SpanId, parent: SpanId) {
        let mut traces = self.lock();
        traces.spans += 1;
        let spans = traces.by_id.entry(trace).or_default();
        let is_new = spans.is_empty();
        spans.push((span, parent));
        if is_new {
            traces.in_order.push(trace);
        }
    }

    /// A span and all below it that were recorded.
    pub(super) fn below(&self, trace: &TraceId, span: &SpanId) -> SpanIds {
        let traces = self.lock();
        let mut below = SpanIds::from([*span]);
        let Some(spans) = traces.by_id.get(trace) else { return below };
        // Traces are a few levels deep; children may have ended before and after their parents.
        loop {
            let before = below.len();
            for (child, parent) in spans {
                if below.contains(parent) {
                    below.insert(*child);
                }
            }
            if below.len() == before {
                return below;
            }
        }
    }

    /// Traces and spans.
    pub(super) fn counts(&self) -> (usize, usize) {
        let traces = self.lock();
        (traces.by_id.len(), traces.spans)
    }

    /// Some traces, evenly over all that were made.
    pub(super) fn some(&self, count: usize) -> Vec<TraceId> {
        let traces = self.lock();
        let step = (traces.in_order.len() / count).max(1);
        traces.in_order.iter().step_by(step).copied().collect()
    }
}
