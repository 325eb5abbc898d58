//! The search: sources newest first, candidates by their latest possible start, and an end as soon as
//! nothing that is left can be newer than what was found.

use super::{
    Cancellation, EngineError, ScanStats, SearchProgress, SearchResponse, SpanMatch, TraceMatch,
    answer::Answers,
    cancellation::CancelOnDrop,
    condition::condition,
    edge::Window,
    operand::Frame,
    pipeline::Evaluation,
    plan::Plan,
    traces::Traces,
    view::{ColumnCache, View},
};
use super::{Limits, SearchRequest};
use arrow_array::{UInt32Array, cast::AsArray, types::UInt64Type};
use arrow_buffer::BooleanBuffer;
use rapidhash::{RapidHashMap, RapidHashSet};
use sigyn_store::{Field, Snapshot, Source, TraceId, TraceSpans};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    num::NonZero,
    ops::Bound,
    sync::{Arc, OnceLock},
    thread::available_parallelism,
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::spawn_blocking,
};

/// Fewer traces are not worth a second thread.
const TRACES_A_THREAD_MIN: usize = 8;

/// Sources that one thread looks through before it says what it found, at most.
const STRIDE_MAX: usize = 4;

/// Of so many more sources candidates wait: where a limit ends the search before, they are not in the answer.
const EARLY_SOURCES_MAX: usize = 32;

/// Where a trace stands when the newest comes first; of those that start together that with the smaller ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartPlace {
    /// Earliest start of its spans.
    pub start_unix_nano: u64,
    /// Its ID.
    pub trace_id: TraceId,
}

impl StartPlace {
    fn key(self) -> (Reverse<u64>, TraceId) {
        (Reverse(self.start_unix_nano), self.trace_id)
    }
}

/// What one source says: its traces with a fitting span.
pub(super) struct Partial {
    pub(super) candidates: Vec<Candidate>,
    pub(super) rows: u64,
}

/// A trace that may be a result, by what one source has of it.
pub(super) struct Candidate {
    pub(super) id: TraceId,
    /// It starts no later than this: the earliest start of its spans that were looked at, or of all that the source has.
    pub(super) start_unix_nano: u64,
    /// Its fitting spans, those outside the range asked for included.
    pub(super) spans: u64,
}

/// Fitting spans of a trace that come one after the other.
struct Run {
    id: TraceId,
    spans: u64,
    /// The earliest start of those in the range asked for.
    start_unix_nano: Option<u64>,
}

impl Run {
    fn join(&mut self, spans: u64, start_unix_nano: Option<u64>) {
        self.spans += spans;
        self.start_unix_nano = self.start_unix_nano.into_iter().chain(start_unix_nano).min();
    }
}

/// Traces that may be results, by the latest start that they can have.
#[derive(Default)]
struct Candidates {
    /// The latest start that each can have, and how many of its spans were seen to fit.
    bounds: RapidHashMap<TraceId, (u64, u64)>,
    /// May hold outdated bounds; the map decides.
    queue: BinaryHeap<(u64, Reverse<TraceId>)>,
    evaluated: RapidHashSet<TraceId>,
}

impl Candidates {
    fn add_all(&mut self, candidates: &[Candidate]) {
        self.bounds.reserve(candidates.len());
        candidates.iter().for_each(|candidate| self.add(candidate));
    }

    /// A trace starts no later than any of its spans, so each source can only lower the bound.
    fn add(&mut self, candidate: &Candidate) {
        let Candidate { id, start_unix_nano, spans } = *candidate;
        if self.evaluated.contains(&id) {
            return;
        }
        let (bound, seen) = self.bounds.entry(id).or_insert((u64::MAX, 0));
        *seen += spans;
        if start_unix_nano < *bound {
            *bound = start_unix_nano;
            self.queue.push((start_unix_nano, Reverse(id)));
        }
    }

    fn peek(&mut self) -> Option<u64> {
        while let Some((bound, Reverse(id))) = self.queue.peek() {
            if self.bounds.get(id).is_some_and(|(current, _)| current == bound) {
                return Some(*bound);
            }
            self.queue.pop();
        }
        None
    }

    /// The trace with the latest possible start, and how many of its spans were seen to fit.
    fn pop(&mut self) -> Option<(TraceId, u64)> {
        self.peek()?;
        let (_, Reverse(id)) = self.queue.pop()?;
        let (_, spans) = self.bounds.remove(&id)?;
        self.evaluated.insert(id);
        Some((id, spans))
    }
}

/// Tells traces once nothing can come before them any more.
struct News {
    progress: Option<mpsc::Sender<SearchProgress>>,
    /// What was told is in the answer as well.
    keeps: bool,
    stats: ScanStats,
    /// The last trace that was told.
    sent: Option<(Reverse<u64>, TraceId)>,
}

impl News {
    /// Tells what starts later than everything that is left.
    async fn tell(
        &mut self,
        found: &mut BTreeMap<(Reverse<u64>, TraceId), TraceMatch>,
        best_left: Option<u64>,
        cancellation: &Cancellation,
    ) -> Result<(), EngineError> {
        let Some(progress) = &self.progress else { return Ok(()) };
        let from = self.sent.map_or(Bound::Unbounded, Bound::Excluded);
        let certain = found.range_mut((from, Bound::Unbounded));
        let certain = certain
            .take_while(|((Reverse(start), _), _)| best_left.is_none_or(|left| *start > left));
        let told = |(_, trace): (_, &mut TraceMatch)| {
            if self.keeps { trace.clone() } else { trace.take() }
        };
        let traces: Vec<TraceMatch> = certain.map(told).collect();
        if let Some(last) = traces.last() {
            self.sent = Some((Reverse(last.start_unix_nano), last.trace_id));
        }
        self.stats.inspected_bytes = cancellation.bytes();
        let news = SearchProgress { traces, stats: self.stats };
        progress
            .send(news)
            .await
            .map_err(|_| EngineError::Stopped("nobody waits for the answer any more".to_owned()))
    }
}

/// Answers a search over a snapshot, the newest trace first, from the one after a place on.
pub(super) async fn search(
    snapshot: Snapshot,
    request: SearchRequest,
    after: Option<StartPlace>,
    limits: Limits,
    threads: &Arc<Semaphore>,
    progress: Option<mpsc::Sender<SearchProgress>>,
    keeps_told: bool,
) -> Result<SearchResponse, EngineError> {
    let cancellation = Cancellation::new(limits);
    let _guard = CancelOnDrop(cancellation.clone());
    let plan = Arc::new(Plan::new(request.query)?);
    let (from, to) =
        (request.start_unix_nano.unwrap_or(0), request.end_unix_nano.unwrap_or(u64::MAX));
    let all: Arc<[Arc<dyn Source>]> = snapshot.sources.into();
    let (mut sources, mut unasked): (Vec<_>, Vec<_>) =
        all.iter().filter(|source| source.rows() > 0).cloned().partition(|source| {
            let range = source.time_range();
            range.start_max_unix_nano >= from && range.start_min_unix_nano < to
        });
    // Traces of which a source has fitting spans outside the range alone are not counted there.
    unasked.extend(
        sources
            .iter()
            .filter(|source| {
                let range = source.time_range();
                range.start_min_unix_nano < from || range.start_max_unix_nano >= to
            })
            .cloned(),
    );
    sources.sort_by_key(|source| Reverse(source.time_range().start_max_unix_nano));

    let mut response = SearchResponse::default();
    let mut found: BTreeMap<(Reverse<u64>, TraceId), TraceMatch> = BTreeMap::new();
    let mut queue = Candidates::default();
    let cache = Arc::new(ColumnCache::default());
    let stats = ScanStats { sources: sources.len(), ..ScanStats::default() };
    let mut news = News { progress, keeps: keeps_told, stats, sent: None };
    let mut unvisited = sources.into_iter();
    let spans_per_span_set = request.spans_per_span_set;
    let window = Window { from, to, reach: request.reach_nano, spans_per_span_set };
    let mut first_edge = window.first();
    let mut eagerness = 1;
    // Sources that were done when traces were looked at last.
    let mut looked_at = 0;
    let wave = parallel();
    let result = async {
        if let Some(edge) = window.last() {
            queue.add_all(&edge.candidates(&all, &plan, &cancellation, threads).await?);
        }
        loop {
            // The latest start that anything in unvisited sources can have.
            let ahead = unvisited
                .as_slice()
                .first()
                .map(|source| source.time_range().start_max_unix_nano.min(to.saturating_sub(1)));
            let worst = match found.last_key_value() {
                Some(((Reverse(start), _), _)) if found.len() >= request.limit => Some(*start),
                _ => None,
            };
            let before = first_edge.is_some().then(|| from.saturating_sub(1));
            let best_left = queue.peek().max(ahead).max(before);
            news.tell(&mut found, best_left, &cancellation).await?;
            match (best_left, worst) {
                (None, _) => return Ok(()),
                // Equal starts go on: the smaller trace ID wins.
                (Some(best), Some(worst)) if best < worst => return Ok(()),
                _ => {}
            }
            // What reaches into the range starts before all else.
            if queue.peek().is_none()
                && ahead.is_none()
                && let Some(edge) = first_edge.take()
            {
                queue.add_all(&edge.candidates(&all, &plan, &cancellation, threads).await?);
                continue;
            }
            // The row groups of a merged block all reach as far. Rather than look all of them through, some results come first: they
            // say how old the rows may be that are still worth a look.
            let reaching = queue.peek().map_or(0, |best| {
                let reaches = |it: &Arc<dyn Source>| it.time_range().start_max_unix_nano > best;
                unvisited.as_slice().partition_point(reaches)
            });
            let is_ahead = worst.is_none()
                && plan.spans_min <= 1
                && reaching > 2 * wave
                && queue.bounds.len() >= request.limit;
            let due = if is_ahead { None } else { ahead };
            let missing = request.limit.saturating_sub(found.len());
            // Too few to end the search are looked at together, later, unless somebody waits for each.
            let is_early = news.progress.is_none()
                && queue.bounds.len() < missing
                && news.stats.sources_done < looked_at + EARLY_SOURCES_MAX
                && ahead.is_some();
            if !is_early && queue.peek() >= due && queue.peek().is_some() {
                looked_at = news.stats.sources_done;
                let missing = missing.max(4);
                // Where few candidates become results, more are looked at together.
                let count = (2 * missing * eagerness).min(limits.traces_at_a_time.max(1) * wave);
                let mut ids = Vec::with_capacity(count);
                while ids.len() < count
                    && queue.peek().is_some_and(|bound| Some(bound) >= due.max(worst))
                    && let Some((id, spans)) = queue.pop()
                {
                    // A trace with too few fitting spans need not be gathered, if there is no more of it anywhere.
                    if spans >= plan.spans_min
                        || may_hold_more(&id, unvisited.as_slice(), &unasked)?
                    {
                        ids.push(id);
                    }
                }
                let asked = ids.len();
                if asked == 0 {
                    cancellation.check()?;
                    continue;
                }
                let answers =
                    evaluate_on_threads(&all, ids, &plan, window, &cache, &cancellation, threads);
                let mut results = 0;
                for answer in answers.await? {
                    let key = (Reverse(answer.start_unix_nano), answer.trace_id);
                    // When a trace starts is known now and not before: pages that came earlier are gone through again.
                    if after.is_none_or(|after| key > after.key()) {
                        results += 1;
                        found.insert(key, answer);
                    }
                }
                eagerness = if 2 * results < asked { (2 * eagerness).min(64) } else { 1 };
                while found.len() > request.limit {
                    found.pop_last();
                }
                continue;
            }
            // Where the first sources did not answer the question it takes many, and threads change hands less often. What is looked through
            // in vain is as much as had to be at most.
            let stride = (news.stats.sources_done / wave).clamp(1, STRIDE_MAX);
            let sources: Vec<_> = unvisited.by_ref().take(wave * stride).collect();
            news.stats.sources_done += sources.len();
            let scans = sources.chunks(sources.len().div_ceil(wave).max(1)).map(<[_]>::to_vec);
            let scans = scans.map(|sources| {
                let (plan, cancellation) = (plan.clone(), cancellation.clone());
                let from = worst.map_or(from, |worst| from.max(worst));
                let scan = move |source| candidates(source, &plan, from, to, &cancellation);
                on_thread(threads, move || sources.into_iter().map(scan).collect::<Vec<_>>())
            });
            for partials in futures::future::try_join_all(scans).await? {
                for partial in partials {
                    let partial = partial?;
                    response.inspected_spans += partial.rows;
                    news.stats.inspected_spans += partial.rows;
                    queue.add_all(&partial.candidates);
                }
            }
        }
    }
    .await;
    match result {
        Ok(()) => {}
        Err(EngineError::Stopped(reason)) => response.partial = Some(reason),
        Err(other) => return Err(other),
    }
    response.inspected_bytes = cancellation.bytes();
    // The receiver may have gone after the last of it; the answer is whole all the same.
    let _ = news.tell(&mut found, None, &cancellation).await;
    if keeps_told {
        response.traces = found.into_values().collect();
    }
    Ok(response)
}

/// Tasks of one query that run at a time. Finding out how many can takes several calls of the system.
pub(super) fn parallel() -> usize {
    static PARALLEL: OnceLock<usize> = OnceLock::new();
    *PARALLEL.get_or_init(|| available_parallelism().map_or(1, NonZero::get))
}

/// Runs work on a blocking thread once one of the engine's is free.
pub(super) async fn on_thread<T: Send + 'static>(
    threads: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    let permit = threads.clone().acquire_owned().await.expect("the semaphore is never closed");
    let task = spawn_blocking(move || {
        let result = work();
        drop(permit);
        result
    });
    task.await.map_err(|error| EngineError::Failed(error.to_string()))
}

/// Looks for fitting spans in one source.
pub(super) fn candidates(
    source: Arc<dyn Source>,
    plan: &Plan,
    from: u64,
    to: u64,
    cancellation: &Cancellation,
) -> Result<Partial, EngineError> {
    cancellation.check()?;
    let rows_in_all = source.rows() as u64;
    let none = Partial { candidates: Vec::new(), rows: rows_in_all };
    let range = source.time_range();
    let within = range.start_min_unix_nano >= from && range.start_max_unix_nano < to;
    let mut view = View::new(source, None, cancellation.clone());
    // A merged block holds hours: the range may say more than any condition. But where fitting spans are counted, all are.
    if !within && plan.spans_min <= 1 {
        let starts = view.starts()?;
        let starts = starts.values();
        let in_range =
            BooleanBuffer::collect_bool(starts.len(), |row| (from..to).contains(&starts[row]));
        let count = in_range.count_set_bits();
        if count == 0 {
            return Ok(none);
        }
        view = view.narrowed(&in_range, count).unwrap_or(view);
    }
    let mask = condition(&plan.necessary, Frame::rows(&view))?;
    if mask.count_set_bits() == 0 {
        return Ok(none);
    }
    if within && let Some(traces) = view.source().traces_with(&mask) {
        let candidates = traces.into_iter().map(|TraceSpans { id, spans, start_unix_nano }| {
            Candidate { id, start_unix_nano, spans }
        });
        return Ok(Partial { candidates: candidates.collect(), rows: rows_in_all });
    }
    let rows: UInt32Array = mask.set_indices().map(|row| row as u32).collect::<Vec<_>>().into();
    let starts = view.field_at(Field::StartUnixNano, &rows)?;
    let starts = starts.as_primitive::<UInt64Type>();
    let ids = view.field_at(Field::TraceId, &rows)?;
    let ids = ids.as_fixed_size_binary();
    // Blocks are sorted by trace, so rows of one trace mostly come one after the other.
    let mut runs: Vec<Run> = Vec::new();
    for (at, &start) in starts.values().iter().enumerate() {
        let start = (within || (from..to).contains(&start)).then_some(start);
        let id = ids.value(at);
        match runs.last_mut().filter(|run| run.id.0 == id) {
            Some(run) => run.join(1, start),
            None => {
                let id = TraceId(id.try_into().expect("the column has 16 bytes a value"));
                runs.push(Run { id, spans: 1, start_unix_nano: start });
            }
        }
    }
    if !runs.is_sorted_by_key(|run| run.id) {
        runs.sort_unstable_by_key(|run| run.id);
        runs.dedup_by(|run, before| {
            let is_same = run.id == before.id;
            if is_same {
                before.join(run.spans, run.start_unix_nano);
            }
            is_same
        });
    }
    let candidates = runs.into_iter().filter_map(|Run { id, spans, start_unix_nano }| {
        Some(Candidate { id, start_unix_nano: start_unix_nano?, spans })
    });
    Ok(Partial { candidates: candidates.collect(), rows: rows_in_all })
}

/// Whether a source that was not looked through may have spans of a trace.
pub(super) fn may_hold_more(
    id: &TraceId,
    unvisited: &[Arc<dyn Source>],
    unasked: &[Arc<dyn Source>],
) -> Result<bool, EngineError> {
    for source in unvisited.iter().chain(unasked) {
        if source.may_hold(id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The spans of one trace that a plan keeps.
pub(super) fn spans_of_trace(
    sources: &[Arc<dyn Source>],
    id: TraceId,
    plan: &Plan,
    cancellation: &Cancellation,
) -> Result<Vec<SpanMatch>, EngineError> {
    let window = Window { from: 0, to: u64::MAX, reach: 0, spans_per_span_set: usize::MAX };
    let cache = Arc::new(ColumnCache::default());
    let found = evaluate(sources, &[id], plan, window, &cache, cancellation)?;
    let sets = found.into_iter().flat_map(|trace| trace.span_sets);
    Ok(sets.flat_map(|set| set.spans).collect())
}

/// Gathers some traces whole and runs the pipeline over them, on several threads where they are many.
pub(super) async fn evaluate_on_threads(
    sources: &Arc<[Arc<dyn Source>]>,
    ids: Vec<TraceId>,
    plan: &Arc<Plan>,
    window: Window,
    cache: &Arc<ColumnCache>,
    cancellation: &Cancellation,
    threads: &Arc<Semaphore>,
) -> Result<Vec<TraceMatch>, EngineError> {
    let wave = parallel();
    let share = ids.len().div_ceil(wave).max(TRACES_A_THREAD_MIN);
    let evaluations = ids.chunks(share).map(<[_]>::to_vec).map(|ids| {
        let (sources, plan, cache) = (sources.clone(), plan.clone(), cache.clone());
        let cancellation = cancellation.clone();
        on_thread(threads, move || evaluate(&sources, &ids, &plan, window, &cache, &cancellation))
    });
    let mut found = Vec::new();
    for answers in futures::future::try_join_all(evaluations.collect::<Vec<_>>()).await? {
        found.extend(answers?);
    }
    Ok(found)
}

/// Gathers some traces whole and runs the pipeline over them.
fn evaluate(
    sources: &[Arc<dyn Source>],
    ids: &[TraceId],
    plan: &Plan,
    window: Window,
    cache: &Arc<ColumnCache>,
    cancellation: &Cancellation,
) -> Result<Vec<TraceMatch>, EngineError> {
    let mut traces = Traces::gather(sources, ids, cache, cancellation)?;
    if plan.reads_trace_fields {
        traces.add_trace_fields()?;
    }
    let evaluation = Evaluation::new(&traces);
    let mut answers = Answers::new(&traces, plan);
    let mut found = Vec::new();
    for trace in &traces.traces {
        let sets = evaluation.run(&plan.pipeline, trace)?;
        let times = |number: u32| {
            let span = &traces.spans[number as usize];
            (span.start_unix_nano, span.duration_nano)
        };
        let fitting = sets.iter().flat_map(|set| &set.members);
        let fitting = fitting.map(|&at| times(trace.spans[at as usize]).0);
        if window.has(fitting, trace.spans.iter().map(|&number| times(number))) {
            found.push(answers.trace(trace, sets, window.spans_per_span_set)?);
        }
    }
    Ok(found)
}
