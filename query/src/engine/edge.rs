//! The ends of a search's range: traces that reach across one, but have nothing that fits within the range.
//!
//! A few rows before and after the range are looked at for fitting spans; of the traces that have some, those are candidates that
//! have another span on the other side of the end, or one that lasts until there.

use super::{
    Cancellation, EngineError,
    plan::Plan,
    search::{Candidate, candidates, on_thread, parallel},
    view::View,
};
use arrow_array::{
    UInt32Array,
    cast::AsArray,
    types::{Int64Type, UInt64Type},
};
use futures::{StreamExt, TryStreamExt, stream};
use rapidhash::RapidHashMap;
use sigyn_store::{Field, Source, TraceId};
use std::{ops::Range, sync::Arc};
use tokio::sync::Semaphore;

/// Sources that one thread looks through at a time.
const STRIDE: usize = 4;

/// What a search finds.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) reach: u64,
    pub(super) spans_per_span_set: usize,
}

/// One end of a range.
#[derive(Clone)]
pub(super) struct Edge {
    /// Fitting spans that start here count if …
    fitting: Range<u64>,
    /// … a span of their trace starts here …
    across: Range<u64>,
    /// … and ends no earlier than this.
    end_min: u64,
}

impl Window {
    /// The end of the range before which fitting spans count.
    pub(super) fn first(&self) -> Option<Edge> {
        let Self { from, reach, .. } = *self;
        (from > 0 && reach > 0).then(|| Edge {
            fitting: from.saturating_sub(reach)..from,
            across: from.saturating_sub(reach)..from.saturating_add(reach),
            end_min: from,
        })
    }

    /// The end of the range after which fitting spans count.
    pub(super) fn last(&self) -> Option<Edge> {
        let Self { to, reach, .. } = *self;
        (to < u64::MAX && reach > 0).then(|| Edge {
            fitting: to..to.saturating_add(reach),
            across: to.saturating_sub(reach)..to,
            end_min: 0,
        })
    }

    /// Whether a trace is found, by the starts of its fitting spans, and the starts and durations of all.
    pub(super) fn has<A: Iterator<Item = u64>, B: Iterator<Item = (u64, u64)>>(
        &self,
        fitting: impl Fn() -> A,
        all: impl Fn() -> B,
    ) -> bool {
        fitting().any(|start| (self.from..self.to).contains(&start))
            || [self.first(), self.last()].into_iter().flatten().any(|edge| {
                fitting().any(|start| edge.fitting.contains(&start))
                    && all().any(|(start, duration)| edge.is_crossed_by(start, duration))
            })
    }
}

impl Edge {
    fn is_crossed_by(&self, start_unix_nano: u64, duration_nano: u64) -> bool {
        self.across.contains(&start_unix_nano)
            && start_unix_nano.saturating_add(duration_nano) >= self.end_min
    }

    /// The traces that reach across.
    pub(super) async fn candidates(
        self,
        all: &[Arc<dyn Source>],
        plan: &Arc<Plan>,
        cancellation: &Cancellation,
        threads: &Arc<Semaphore>,
    ) -> Result<Vec<Candidate>, EngineError> {
        let look = {
            let (plan, cancellation, range) =
                (plan.clone(), cancellation.clone(), self.fitting.clone());
            move |source| {
                let found = candidates(source, &plan, range.start, range.end, &cancellation)?;
                Ok(found.candidates)
            }
        };
        let mut fitting: RapidHashMap<TraceId, Candidate> = RapidHashMap::default();
        for candidate in in_sources(all, &self.fitting, threads, look).await? {
            match fitting.get_mut(&candidate.id) {
                Some(known) => {
                    known.spans += candidate.spans;
                    known.start_unix_nano = known.start_unix_nano.min(candidate.start_unix_nano);
                }
                None => {
                    fitting.insert(candidate.id, candidate);
                }
            }
        }
        if fitting.is_empty() {
            return Ok(Vec::new());
        }
        let fitting = Arc::new(fitting);
        let look = {
            let (fitting, cancellation, edge) =
                (fitting.clone(), cancellation.clone(), self.clone());
            move |source| edge.crossing(source, &fitting, &cancellation)
        };
        let mut across: RapidHashMap<TraceId, u64> = RapidHashMap::default();
        for (id, start) in in_sources(all, &self.across, threads, look).await? {
            let known = across.entry(id).or_insert(start);
            *known = start.min(*known);
        }
        let candidate = |(id, start): (TraceId, u64)| {
            let Candidate { start_unix_nano, spans, .. } = *fitting.get(&id)?;
            Some(Candidate { id, start_unix_nano: start_unix_nano.min(start), spans })
        };
        Ok(across.into_iter().filter_map(candidate).collect())
    }

    /// Which of some traces have spans across it in a source, and the starts of those spans.
    fn crossing(
        &self,
        source: Arc<dyn Source>,
        traces: &RapidHashMap<TraceId, Candidate>,
        cancellation: &Cancellation,
    ) -> Result<Vec<(TraceId, u64)>, EngineError> {
        cancellation.check()?;
        let view = View::new(source, None, cancellation.clone());
        let starts = view.starts()?;
        let starts = starts.values().iter().enumerate();
        let rows: UInt32Array = starts
            .filter(|(_, start)| self.across.contains(*start))
            .map(|(row, _)| row as u32)
            .collect::<Vec<_>>()
            .into();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let starts = view.field_at(Field::StartUnixNano, &rows)?;
        let starts = starts.as_primitive::<UInt64Type>();
        let durations = view.field_at(Field::DurationNano, &rows)?;
        let durations = durations.as_primitive::<Int64Type>();
        let ids = view.field_at(Field::TraceId, &rows)?;
        let ids = ids.as_fixed_size_binary();
        let mut found = Vec::new();
        for (at, &start) in starts.values().iter().enumerate() {
            if self.is_crossed_by(start, durations.value(at).max(0) as u64) {
                let id = ids.value(at).try_into().expect("the column has 16 bytes a value");
                found.extend(traces.contains_key(&TraceId(id)).then_some((TraceId(id), start)));
            }
        }
        Ok(found)
    }
}

/// Looks at all sources that have spans of some time.
async fn in_sources<T: Send + 'static>(
    all: &[Arc<dyn Source>],
    starts: &Range<u64>,
    threads: &Arc<Semaphore>,
    look: impl Fn(Arc<dyn Source>) -> Result<Vec<T>, EngineError> + Clone + Send + 'static,
) -> Result<Vec<T>, EngineError> {
    let is_near = |source: &&Arc<dyn Source>| {
        let range = source.time_range();
        source.rows() > 0
            && range.start_max_unix_nano >= starts.start
            && range.start_min_unix_nano < starts.end
    };
    let sources: Vec<_> = all.iter().filter(is_near).cloned().collect();
    // Made beforehand: a closure in the stream would have to be one for all lifetimes.
    let mut tasks = Vec::new();
    for share in sources.chunks(STRIDE).map(<[_]>::to_vec) {
        let look = look.clone();
        let share = move || share.into_iter().map(look).collect::<Result<Vec<_>, _>>();
        tasks.push(on_thread(threads, share));
    }
    let found: Vec<_> = stream::iter(tasks).buffer_unordered(parallel()).try_collect().await?;
    let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().flatten().flatten().collect())
}
