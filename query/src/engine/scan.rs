//! Going through all spans that a query keeps, source by source or trace by trace, on several threads.
//!
//! What is made of the spans is a [`Fold`]. The parts are merged in the order of the sources, so that the same question gives the same
//! answer to the last bit.

use super::{
    Cancellation, EngineError, Limits, ScanStats, View,
    cancellation::CancelOnDrop,
    condition::condition,
    operand::Frame,
    pipeline::Evaluation,
    plan::Plan,
    repeats::Repeats,
    search::{candidates, on_thread, parallel},
    traces::Traces,
    view::ColumnCache,
};
use crate::traceql::FieldExpression;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use sigyn_store::{Snapshot, Source, TraceId};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, VecDeque},
    ops::Range,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};

/// Rows that one task goes through; small sources are put together.
const TASK_ROWS: usize = 65_536;
/// Traces that one task evaluates.
const TASK_TRACES: usize = 2_048;
/// News is told no more often than this.
const NEWS_INTERVAL: Duration = Duration::from_millis(250);

/// Something made of spans: a count, a time series. Mergeable.
pub(super) trait Fold: Send + 'static {
    /// False for what stays the same when a span comes twice: then nobody looks for copies.
    const COUNTS: bool = true;

    /// Takes rows of a view in. Each span comes once.
    fn add(&mut self, view: &View, rows: &BooleanBuffer) -> Result<(), EngineError>;

    /// Takes in what was made of spans that come later.
    fn merge(&mut self, later: Self) -> Result<(), EngineError>;
}

/// Spans to go through.
#[derive(Clone)]
pub(super) struct Scan {
    /// All that there is.
    all: Arc<[Arc<dyn Source>]>,
    plan: Arc<Plan>,
    /// Of the spans' starts.
    from: u64,
    to: u64,
    threads: Arc<Semaphore>,
    cancellation: Cancellation,
    /// Statistics over time leave out what is only kept because somebody pinned it.
    without_pinned: bool,
}

/// What came out.
pub(super) struct Scanned<F> {
    pub(super) fold: F,
    pub(super) stats: ScanStats,
    /// Why it is not whole.
    pub(super) partial: Option<String>,
}

/// What there is so far, as it is told.
type Report<F, T> = Box<dyn Fn(&F, &ScanStats) -> T + Send + Sync>;

/// Tells what there is so far.
pub(super) struct News<F, T> {
    pub(super) sender: mpsc::Sender<T>,
    pub(super) make: Report<F, T>,
}

impl Scan {
    /// Over the spans that a plan keeps and that start in a range. Work ends when the guard is dropped.
    pub(super) fn new(
        snapshot: Snapshot,
        plan: Plan,
        range: Range<u64>,
        limits: Limits,
        threads: &Arc<Semaphore>,
    ) -> (Self, CancelOnDrop) {
        let cancellation = Cancellation::new(limits);
        let guard = CancelOnDrop(cancellation.clone());
        let scan = Self {
            all: snapshot.sources.into(),
            plan: Arc::new(plan),
            from: range.start,
            to: range.end,
            threads: threads.clone(),
            cancellation,
            without_pinned: false,
        };
        (scan, guard)
    }

    /// The same sources, bounds and range with another plan.
    pub(super) fn with_plan(&self, plan: Plan) -> Self {
        Self { plan: Arc::new(plan), ..self.clone() }
    }

    /// The same without what is beyond its retention: pinned traces are slow and failed ones above all, and would pass for what was usual.
    pub(super) fn without_pinned(self) -> Self {
        Self { without_pinned: true, ..self }
    }

    /// What each span that is folded fulfils.
    pub(super) fn necessary(&self) -> &FieldExpression {
        &self.plan.necessary
    }

    /// Folds all spans.
    pub(super) async fn run<F: Fold, T: Send>(
        &self,
        make: impl Fn() -> F + Clone + Send + Sync + 'static,
        news: Option<&News<F, T>>,
    ) -> Result<Scanned<F>, EngineError> {
        let mut sources: Vec<Arc<dyn Source>> = self.all.to_vec();
        sources.retain(|source| {
            let range = source.time_range();
            source.rows() > 0
                && !(self.without_pinned && source.is_pinned_only())
                && range.start_max_unix_nano >= self.from
                && range.start_min_unix_nano < self.to
        });
        sources.sort_by_key(|source| Reverse(source.time_range().start_max_unix_nano));
        let mut scanned = Scanned { fold: make(), stats: ScanStats::default(), partial: None };
        scanned.stats.sources = sources.len();
        let result = if self.plan.is_local {
            self.by_source(sources, make, &mut scanned, news).await
        } else {
            self.by_trace(sources, make, &mut scanned, news).await
        };
        match result {
            Ok(()) => {}
            Err(EngineError::Stopped(reason)) => scanned.partial = Some(reason),
            Err(other) => return Err(other),
        }
        scanned.stats.inspected_bytes = self.cancellation.bytes();
        Ok(scanned)
    }

    async fn by_source<F: Fold, T: Send>(
        &self,
        sources: Vec<Arc<dyn Source>>,
        make: impl Fn() -> F + Clone + Send + Sync + 'static,
        scanned: &mut Scanned<F>,
        news: Option<&News<F, T>>,
    ) -> Result<(), EngineError> {
        let repeats = Arc::new(Repeats::among(&sources));
        let mut tasks: Vec<Vec<(usize, Arc<dyn Source>)>> = Vec::new();
        let mut rows = usize::MAX;
        for (place, source) in sources.into_iter().enumerate() {
            if rows.saturating_add(source.rows()) > TASK_ROWS {
                tasks.push(Vec::new());
                rows = 0;
            }
            rows += source.rows();
            tasks.last_mut().expect("one was pushed").push((place, source));
        }
        let mut works: Vec<(usize, Work<F>)> = Vec::with_capacity(tasks.len());
        for sources in tasks {
            let (scan, make, repeats) = (self.clone(), make.clone(), repeats.clone());
            let count = sources.len();
            let work = move || {
                let mut fold = make();
                let mut rows = 0;
                for (place, source) in sources {
                    rows += source.rows() as u64;
                    scan.fold_source(source, place, &repeats, &mut fold)?;
                }
                Ok((fold, rows))
            };
            works.push((count, Box::new(work)));
        }
        self.in_order(works, scanned, news).await
    }

    fn fold_source<F: Fold>(
        &self,
        source: Arc<dyn Source>,
        place: usize,
        repeats: &Repeats,
        fold: &mut F,
    ) -> Result<(), EngineError> {
        self.cancellation.check()?;
        let range = source.time_range();
        let within = range.start_min_unix_nano >= self.from && range.start_max_unix_nano < self.to;
        let view = View::new(source, None, self.cancellation.clone());
        let mut rows = condition(&self.plan.necessary, Frame::rows(&view))?;
        if !within && rows.count_set_bits() > 0 {
            let starts = view.starts()?;
            let starts = starts.values();
            let in_time = BooleanBuffer::collect_bool(starts.len(), |row| {
                (self.from..self.to).contains(&starts[row])
            });
            rows = &rows & &in_time;
        }
        if rows.count_set_bits() == 0 {
            return Ok(());
        }
        let rows = if F::COUNTS { repeats.first_seen(place, &view, rows)? } else { rows };
        fold.add(&view, &rows)
    }

    async fn by_trace<F: Fold, T: Send>(
        &self,
        sources: Vec<Arc<dyn Source>>,
        make: impl Fn() -> F + Clone + Send + Sync + 'static,
        scanned: &mut Scanned<F>,
        news: Option<&News<F, T>>,
    ) -> Result<(), EngineError> {
        let mut ids: BTreeSet<TraceId> = BTreeSet::new();
        let count = sources.len();
        let mut finding = FuturesUnordered::new();
        let mut left = sources.into_iter();
        loop {
            while finding.len() < parallel()
                && let Some(source) = left.next()
            {
                let scan = self.clone();
                let work =
                    move || candidates(source, &scan.plan, scan.from, scan.to, &scan.cancellation);
                finding.push(started(&self.threads, work));
            }
            let Some(found) = finding.next().await else { break };
            let found = found??;
            scanned.stats.inspected_spans += found.rows;
            ids.extend(found.candidates.into_iter().map(|candidate| candidate.id));
        }
        let ids: Vec<TraceId> = ids.into_iter().collect();
        let parts: Vec<Vec<TraceId>> = ids.chunks(TASK_TRACES).map(<[_]>::to_vec).collect();
        let all = parts.len().max(1);
        let mut works: Vec<(usize, Work<F>)> = Vec::with_capacity(all);
        for (part, ids) in parts.into_iter().enumerate() {
            let (scan, make) = (self.clone(), make.clone());
            let work = move || {
                let mut fold = make();
                scan.fold_traces(&ids, &mut fold)?;
                Ok((fold, 0))
            };
            // Sources are finished all at once; progress counts the share of the traces.
            let share = count * (part + 1) / all - count * part / all;
            works.push((share, Box::new(work)));
        }
        self.in_order(works, scanned, news).await
    }

    fn fold_traces<F: Fold>(&self, ids: &[TraceId], fold: &mut F) -> Result<(), EngineError> {
        let cache = Arc::new(ColumnCache::default());
        let mut traces = Traces::gather(&self.all, ids, &cache, &self.cancellation)?;
        if self.plan.reads_trace_fields {
            traces.add_trace_fields()?;
        }
        let evaluation = Evaluation::new(&traces);
        let mut kept: Vec<BooleanBufferBuilder> = traces
            .views
            .iter()
            .map(|view| {
                let mut rows = BooleanBufferBuilder::new(view.len());
                rows.append_n(view.len(), false);
                rows
            })
            .collect();
        for trace in &traces.traces {
            for set in evaluation.run(&self.plan.pipeline, trace)? {
                for at in set.members {
                    let span = &traces.spans[trace.spans[at as usize] as usize];
                    if (self.from..self.to).contains(&span.start_unix_nano) {
                        kept[span.view as usize].set_bit(span.row as usize, true);
                    }
                }
            }
        }
        for (view, mut rows) in traces.views.iter().zip(kept) {
            let rows = rows.finish();
            if rows.count_set_bits() > 0 {
                fold.add(view, &rows)?;
            }
        }
        Ok(())
    }

    /// Runs tasks on several threads and merges what they give in their order.
    async fn in_order<F: Fold, T: Send>(
        &self,
        works: Vec<(usize, Work<F>)>,
        scanned: &mut Scanned<F>,
        news: Option<&News<F, T>>,
    ) -> Result<(), EngineError> {
        let mut running: VecDeque<(usize, Running<(F, u64)>)> = VecDeque::new();
        let mut left = works.into_iter();
        let mut told = Instant::now();
        loop {
            // One more than run, so that a thread need not wait for the merge.
            while running.len() <= parallel()
                && let Some((sources, work)) = left.next()
            {
                running.push_back((sources, started(&self.threads, work)));
            }
            let Some((sources, result)) = running.pop_front() else { break };
            let (fold, rows) = result.await??;
            scanned.fold.merge(fold)?;
            scanned.stats.inspected_spans += rows;
            scanned.stats.sources_done += sources;
            if let Some(news) = news
                && told.elapsed() >= NEWS_INTERVAL
            {
                scanned.stats.inspected_bytes = self.cancellation.bytes();
                let text = (news.make)(&scanned.fold, &scanned.stats);
                news.sender.send(text).await.map_err(|_| {
                    EngineError::Stopped("nobody waits for the answer any more".to_owned())
                })?;
                told = Instant::now();
            }
        }
        Ok(())
    }
}

/// Goes through a part of the spans; gives how many it looked at as well.
type Work<F> = Box<dyn FnOnce() -> Result<(F, u64), EngineError> + Send>;
/// Work on its way.
type Running<T> = BoxFuture<'static, Result<Result<T, EngineError>, EngineError>>;

/// Work begins when a thread is free, whether anybody waits for it or not.
fn started<T: Send + 'static>(
    threads: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Running<T> {
    let threads = threads.clone();
    let task = tokio::spawn(async move { on_thread(&threads, work).await });
    Box::pin(async move {
        task.await.unwrap_or_else(|error| Err(EngineError::Failed(error.to_string())))
    })
}
