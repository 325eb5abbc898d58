//! The longest of all traces that a query finds, a page at a time.
//!
//! How long a trace is shows only when every source has been asked for its spans: one of them may lie far from the others. So
//! the traces that may be results are collected first, then their earliest start and latest end are added up over all sources,
//! and from the longest on they are gathered and evaluated, until nothing that is left can be longer than what was found.
//! Where they are too many to be held, there are several passes, each over a part of the trace IDs.

use super::{
    Cancellation, EngineError, Limits, SearchRequest, SearchResponse, TraceMatch,
    cancellation::CancelOnDrop,
    edge::Window,
    plan::Plan,
    search::{Candidate, candidates, evaluate_on_threads, may_hold_more, on_thread, parallel},
    traces::{Extent, rows_of},
    view::{ColumnCache, View},
};
use arrow_array::{UInt32Array, cast::AsArray, types::Int64Type};
use futures::{StreamExt, stream};
use rapidhash::RapidHashMap;
use sigyn_store::{Field, Snapshot, Source, TraceId};
use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
};
use tokio::sync::Semaphore;

/// Where a trace stands when the longest comes first; of equally long ones that with the smaller ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationPlace {
    /// Latest end − earliest start of its spans.
    pub duration_nano: u64,
    /// Its ID.
    pub trace_id: TraceId,
}

impl Ord for DurationPlace {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |place: &Self| (Reverse(place.duration_nano), place.trace_id);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for DurationPlace {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The traces of one pass: those with an ID from here …
struct Pass {
    first: TraceId,
    /// … to before this; `None`: to the last.
    until: Option<TraceId>,
    traces_max: usize,
    /// How many spans of each were seen to fit; later its place among the IDs.
    numbers: RapidHashMap<TraceId, u32>,
}

impl Pass {
    fn from(first: TraceId, traces_max: usize) -> Self {
        Self { first, until: None, traces_max, numbers: RapidHashMap::default() }
    }

    fn add(&mut self, candidate: &Candidate) {
        let Candidate { id, spans, .. } = *candidate;
        if id < self.first || self.until.is_some_and(|until| id >= until) {
            return;
        }
        let seen = self.numbers.entry(id).or_default();
        *seen = seen.saturating_add(u32::try_from(spans).unwrap_or(u32::MAX));
        if self.numbers.len() > self.traces_max.max(1) {
            self.halve();
        }
    }

    /// Leaves the upper half to the next pass.
    fn halve(&mut self) {
        let mut ids: Vec<TraceId> = self.numbers.keys().copied().collect();
        let middle = ids.len() / 2;
        let (_, middle, _) = ids.select_nth_unstable(middle);
        let middle = *middle;
        self.numbers.retain(|id, _| *id < middle);
        self.until = Some(middle);
    }
}

/// What all passes of a search go through.
struct Ground {
    all: Arc<[Arc<dyn Source>]>,
    /// Those that have spans within the range asked for.
    in_range: Vec<Arc<dyn Source>>,
    /// Those that may have fitting spans which nobody counts.
    unasked: Arc<[Arc<dyn Source>]>,
    plan: Arc<Plan>,
    from: u64,
    to: u64,
    spans_per_span_set: usize,
    threads: Arc<Semaphore>,
    cancellation: Cancellation,
    /// What is known when the time for one step is over can still go through the others.
    collecting: Cancellation,
    measuring: Cancellation,
    inspected_spans: u64,
}

/// The traces that are answered, as far as they are known.
struct Page {
    after: Option<DurationPlace>,
    limit: usize,
    found: BTreeMap<DurationPlace, TraceMatch>,
}

/// Answers a search over a snapshot, the longest trace first, from the one after a place on.
pub(super) async fn longest(
    snapshot: Snapshot,
    request: SearchRequest,
    after: Option<DurationPlace>,
    limits: Limits,
    threads: &Arc<Semaphore>,
) -> Result<SearchResponse, EngineError> {
    let cancellation = Cancellation::new(limits);
    let _guard = CancelOnDrop(cancellation.clone());
    let mut page = Page { after, limit: request.limit, found: BTreeMap::new() };
    let mut ground = Ground::new(snapshot, request, threads, cancellation.clone())?;
    let mut response = SearchResponse::default();
    let mut first = TraceId([0; 16]);
    let result = async {
        loop {
            let mut pass = Pass::from(first, limits.ranked_traces);
            let mut places = Vec::new();
            let ranked = ground.rank(&mut pass, &mut places).await;
            page.fill(places, &ground, limits.traces_at_a_time).await?;
            ranked?;
            match pass.until {
                Some(until) => first = until,
                None => return Ok(()),
            }
        }
    }
    .await;
    match result {
        Ok(()) => {}
        Err(EngineError::Stopped(reason)) => response.partial = Some(reason),
        Err(other) => return Err(other),
    }
    response.inspected_spans = ground.inspected_spans;
    response.inspected_bytes = cancellation.bytes();
    response.traces = page.found.into_values().collect();
    Ok(response)
}

impl Page {
    /// Evaluates the traces at these places, from the longest on, until those that are left come after all that are wanted.
    async fn fill(
        &mut self,
        mut places: Vec<DurationPlace>,
        ground: &Ground,
        traces_at_a_time: usize,
    ) -> Result<(), EngineError> {
        places.retain(|place| self.after.is_none_or(|after| *place > after));
        let mut left: BinaryHeap<Reverse<DurationPlace>> =
            places.into_iter().map(Reverse).collect();
        let cache = Arc::new(ColumnCache::default());
        let most = traces_at_a_time.max(1) * parallel();
        let mut eagerness = 1;
        loop {
            let worst = match self.found.last_key_value() {
                Some((worst, _)) if self.found.len() >= self.limit => Some(*worst),
                _ => None,
            };
            // Where few candidates become results, more are looked at together.
            let missing = self.limit.saturating_sub(self.found.len()).max(4);
            let count = (missing * eagerness).min(most);
            let mut ids = Vec::with_capacity(count);
            while ids.len() < count
                && let Some(Reverse(best)) = left.peek()
                && worst.is_none_or(|worst| *best < worst)
            {
                ids.extend(left.pop().map(|Reverse(place)| place.trace_id));
            }
            let asked = ids.len();
            if asked == 0 {
                return Ok(());
            }
            let answers = ground.evaluate(ids, &cache).await?;
            eagerness = if 2 * answers.len() < asked { (2 * eagerness).min(64) } else { 1 };
            for answer in answers {
                let (duration_nano, trace_id) = (answer.duration_nano, answer.trace_id);
                let place = DurationPlace { duration_nano, trace_id };
                // Not all of its spans were known before, if the time was over.
                if self.after.is_none_or(|after| place > after) {
                    self.found.insert(place, answer);
                }
            }
            while self.found.len() > self.limit {
                self.found.pop_last();
            }
        }
    }
}

impl Ground {
    fn new(
        snapshot: Snapshot,
        request: SearchRequest,
        threads: &Arc<Semaphore>,
        cancellation: Cancellation,
    ) -> Result<Self, EngineError> {
        let from = request.start_unix_nano.unwrap_or(0);
        let to = request.end_unix_nano.unwrap_or(u64::MAX);
        let all: Arc<[Arc<dyn Source>]> =
            snapshot.sources.into_iter().filter(|source| source.rows() > 0).collect();
        let has_some = |source: &&Arc<dyn Source>| {
            let range = source.time_range();
            range.start_max_unix_nano >= from && range.start_min_unix_nano < to
        };
        let has_others = |source: &&Arc<dyn Source>| {
            let range = source.time_range();
            range.start_min_unix_nano < from || range.start_max_unix_nano >= to
        };
        let in_range = all.iter().filter(has_some).cloned().collect();
        let unasked = all.iter().filter(has_others).cloned().collect();
        Ok(Self {
            all,
            in_range,
            unasked,
            plan: Arc::new(Plan::new(request.query)?),
            from,
            to,
            spans_per_span_set: request.spans_per_span_set,
            threads: threads.clone(),
            collecting: cancellation.until_quarter(2),
            measuring: cancellation.until_quarter(3),
            cancellation,
            inspected_spans: 0,
        })
    }

    /// What an answer says of those of some traces that are results.
    async fn evaluate(
        &self,
        ids: Vec<TraceId>,
        cache: &Arc<ColumnCache>,
    ) -> Result<Vec<TraceMatch>, EngineError> {
        let (from, to, spans_per_span_set) = (self.from, self.to, self.spans_per_span_set);
        let window = Window { from, to, reach: 0, spans_per_span_set };
        let Self { all, plan, cancellation, threads, .. } = self;
        evaluate_on_threads(all, ids, plan, window, cache, cancellation, threads).await
    }

    /// The places of the traces of a pass that may be results. Stopped, it leaves those that it knows of.
    async fn rank(
        &mut self,
        pass: &mut Pass,
        places: &mut Vec<DurationPlace>,
    ) -> Result<(), EngineError> {
        let collected = self.collect(pass).await;
        let numbers = std::mem::take(&mut pass.numbers);
        let (plan, unasked) = (self.plan.clone(), self.unasked.clone());
        let measuring = self.measuring.clone();
        let numbered =
            on_thread(&self.threads, move || numbered(numbers, &plan, &unasked, &measuring));
        let numbered = Arc::new(numbered.await??);
        let mut extents = vec![None; numbered.ids.len()];
        let measured = self.measure(&numbered, &mut extents).await;
        places.extend(numbered.ids.iter().zip(extents).filter_map(|(id, extent)| {
            Some(DurationPlace { duration_nano: extent?.duration_nano(), trace_id: *id })
        }));
        collected.and(measured)
    }

    async fn collect(&mut self, pass: &mut Pass) -> Result<(), EngineError> {
        let scans = self.in_range.iter().map(|source| {
            let (source, plan, from, to) = (source.clone(), self.plan.clone(), self.from, self.to);
            let cancellation = self.collecting.clone();
            on_thread(&self.threads, move || candidates(source, &plan, from, to, &cancellation))
        });
        let mut scans = stream::iter(scans.collect::<Vec<_>>()).buffer_unordered(parallel());
        while let Some(partial) = scans.next().await {
            let partial = partial??;
            self.inspected_spans += partial.rows;
            partial.candidates.iter().for_each(|candidate| pass.add(candidate));
        }
        Ok(())
    }

    async fn measure(
        &self,
        numbered: &Arc<Numbered>,
        extents: &mut [Option<Extent>],
    ) -> Result<(), EngineError> {
        if numbered.ids.is_empty() {
            return Ok(());
        }
        let scans = self.all.iter().map(|source| {
            let (source, numbered) = (source.clone(), numbered.clone());
            let cancellation = self.measuring.clone();
            on_thread(&self.threads, move || extents_in(&source, &numbered, &cancellation))
        });
        let mut scans = stream::iter(scans.collect::<Vec<_>>()).buffer_unordered(parallel());
        while let Some(found) = scans.next().await {
            for (number, extent) in found?? {
                extents[number as usize].get_or_insert_default().join(extent);
            }
        }
        Ok(())
    }
}

/// Some traces, and the place of each among them.
struct Numbered {
    ids: Vec<TraceId>,
    places: RapidHashMap<TraceId, u32>,
}

/// Those that have enough fitting spans, or may have.
fn numbered(
    mut numbers: RapidHashMap<TraceId, u32>,
    plan: &Plan,
    unasked: &[Arc<dyn Source>],
    cancellation: &Cancellation,
) -> Result<Numbered, EngineError> {
    if plan.spans_min > 1 {
        let mut too_few = Vec::new();
        for (id, spans) in &numbers {
            // Those that nobody looked at any more are evaluated in vain, at worst.
            if cancellation.check().is_err() {
                break;
            }
            if u64::from(*spans) < plan.spans_min && !may_hold_more(id, unasked, &[])? {
                too_few.push(*id);
            }
        }
        for id in &too_few {
            numbers.remove(id);
        }
    }
    let mut ids = Vec::with_capacity(numbers.len());
    for (id, number) in &mut numbers {
        *number = ids.len() as u32;
        ids.push(*id);
    }
    Ok(Numbered { ids, places: numbers })
}

/// How far the spans of some traces reach in one source, by the trace's place.
fn extents_in(
    source: &Arc<dyn Source>,
    Numbered { ids, places }: &Numbered,
    cancellation: &Cancellation,
) -> Result<Vec<(u32, Extent)>, EngineError> {
    cancellation.check()?;
    let cache = Arc::new(ColumnCache::default());
    let found = rows_of(source, ids, places, &cache, cancellation)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let rows = || found.iter().map(|(row, _)| *row).collect::<UInt32Array>();
    let rows = (found.len() < source.rows()).then(rows);
    let view = View::new(source.clone(), rows, cancellation.clone());
    let starts = view.starts()?;
    let durations = view.field(Field::DurationNano)?;
    let durations = durations.as_primitive::<Int64Type>();
    let mut extents: Vec<(u32, Extent)> = Vec::new();
    let spans = starts.values().iter().zip(durations.values());
    for ((_, number), (&start_unix_nano, duration)) in found.iter().zip(spans) {
        if extents.last().is_none_or(|(last, _)| last != number) {
            extents.push((*number, Extent::default()));
        }
        if let Some((_, extent)) = extents.last_mut() {
            extent.add(start_unix_nano, (*duration).max(0) as u64);
        }
    }
    Ok(extents)
}
