//! The ends of a search's range: traces that reach across one, and may have what fits on its other side alone.

use super::{
    Cancellation, EngineError,
    plan::Plan,
    search::{Candidate, on_thread, parallel},
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
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Sources that one thread looks through at a time.
const STRIDE: usize = 4;

/// What a search finds.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// What fits starts from here …
    pub(super) from: u64,
    /// … to before this, …
    pub(super) to: u64,
    /// … or anywhere, in traces with a span that lasts across one of these and started so long before it at most.
    pub(super) reach: u64,
    pub(super) spans_per_span_set: usize,
}

/// One end of a range.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    at: u64,
    reach: u64,
}

impl Window {
    pub(super) fn first(&self) -> Option<Edge> {
        let Self { from, reach, .. } = *self;
        (from > 0 && reach > 0).then_some(Edge { at: from, reach })
    }

    pub(super) fn last(&self) -> Option<Edge> {
        let Self { to, reach, .. } = *self;
        (to < u64::MAX && reach > 0).then_some(Edge { at: to, reach })
    }

    /// Whether a trace is found, by the starts of its fitting spans, and the starts and durations of all.
    pub(super) fn has(
        &self,
        fitting: impl Iterator<Item = u64>,
        mut all: impl Iterator<Item = (u64, u64)>,
    ) -> bool {
        let mut fits = false;
        for start in fitting {
            if (self.from..self.to).contains(&start) {
                return true;
            }
            fits = true;
        }
        let ends = [self.first(), self.last()];
        let crosses_one = |(start, duration)| {
            ends.iter().flatten().any(|edge| edge.is_crossed_by(start, duration))
        };
        fits && all.any(crosses_one)
    }
}

impl Edge {
    /// Whether a span starts before it, but not too long before, and ends no earlier.
    fn is_crossed_by(self, start_unix_nano: u64, duration_nano: u64) -> bool {
        start_unix_nano < self.at
            && start_unix_nano >= self.at.saturating_sub(self.reach)
            && start_unix_nano.saturating_add(duration_nano) >= self.at
    }

    /// The traces with a span that crosses it. Few do, so they are not asked first whether anything fits.
    pub(super) async fn candidates(
        self,
        all: &[Arc<dyn Source>],
        plan: &Plan,
        cancellation: &Cancellation,
        threads: &Arc<Semaphore>,
    ) -> Result<Vec<Candidate>, EngineError> {
        let is_near = |source: &&Arc<dyn Source>| {
            let range = source.time_range();
            source.rows() > 0
                && range.start_max_unix_nano >= self.at.saturating_sub(self.reach)
                && range.start_min_unix_nano < self.at
        };
        let sources: Vec<_> = all.iter().filter(is_near).cloned().collect();
        // Made beforehand: a closure in the stream would have to be one for all lifetimes.
        let mut tasks = Vec::new();
        for share in sources.chunks(STRIDE).map(<[_]>::to_vec) {
            let cancellation = cancellation.clone();
            let look = move |source| self.crossing(source, &cancellation);
            let share = move || share.into_iter().map(look).collect::<Result<Vec<_>, _>>();
            tasks.push(on_thread(threads, share));
        }
        let found: Vec<_> = stream::iter(tasks).buffer_unordered(parallel()).try_collect().await?;
        let mut crossing: RapidHashMap<TraceId, u64> = RapidHashMap::default();
        for found in found {
            for (id, start) in found?.into_iter().flatten() {
                let known = crossing.entry(id).or_insert(start);
                *known = start.min(*known);
            }
        }
        // How many of their spans fit is not known, so it must not be what sorts them out.
        let spans = plan.spans_min;
        let candidate = |(id, start_unix_nano)| Candidate { id, start_unix_nano, spans };
        Ok(crossing.into_iter().map(candidate).collect())
    }

    /// The spans of a source that cross it: their traces and starts.
    fn crossing(
        self,
        source: Arc<dyn Source>,
        cancellation: &Cancellation,
    ) -> Result<Vec<(TraceId, u64)>, EngineError> {
        cancellation.check()?;
        let start_max = source.time_range().start_max_unix_nano;
        let view = View::new(source, None, cancellation.clone());
        // What starts long before it must be long. Answers are remembered, so there are not too many questions.
        let seconds = self.at.saturating_sub(start_max) / 1_000_000_000;
        if let Some(seconds) = seconds.checked_ilog2().map(|log| 1_i64 << log)
            && let Some(long) = view.rows_lasting(seconds.saturating_mul(1_000_000_000))?
            && long.count_set_bits() == 0
        {
            return Ok(Vec::new());
        }
        let starts = view.starts()?;
        let starts = starts.values().iter().enumerate();
        let near = self.at.saturating_sub(self.reach)..self.at;
        let rows = starts.filter(|(_, start)| near.contains(*start)).map(|(row, _)| row as u32);
        let rows: UInt32Array = rows.collect::<Vec<_>>().into();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let starts = view.field_at(Field::StartUnixNano, &rows)?;
        let starts = starts.as_primitive::<UInt64Type>().values();
        let durations = view.field_at(Field::DurationNano, &rows)?;
        let durations = durations.as_primitive::<Int64Type>().values();
        let spans = rows.values().iter().zip(starts.iter().zip(durations));
        let crossing = spans.filter_map(|(&row, (&start, &duration))| {
            self.is_crossed_by(start, duration.max(0) as u64).then_some((row, start))
        });
        let (rows, starts): (Vec<u32>, Vec<u64>) = crossing.unzip();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids = view.field_at(Field::TraceId, &rows.into())?;
        let ids = ids.as_fixed_size_binary();
        let id = |at| TraceId(ids.value(at).try_into().expect("the column has 16 bytes a value"));
        Ok(starts.into_iter().enumerate().map(|(at, start)| (id(at), start)).collect())
    }
}
