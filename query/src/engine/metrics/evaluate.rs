//! A metrics query from its leaves up.

use super::{
    MetricsRequest, MetricsResponse, MetricsWindow, ScanStats,
    compare::compare,
    fold::{SeriesFold, measured, nothing},
    line::{self, Line, Lines},
};
use crate::{
    engine::{
        EngineError, Limits,
        plan::Plan,
        scan::{News, Scan},
    },
    traceql::{
        Literal, MetricsExpression, MetricsFunction, MetricsKind, Pipeline, Query, QueryBody,
        SecondStage,
    },
};
use futures::future::BoxFuture;
use sigyn_store::Snapshot;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// More exemplars are of no use to anyone.
const EXEMPLARS_MAX: usize = 1_000;

/// What all leaves share.
struct Context {
    scan: Scan,
    window: MetricsWindow,
    exemplars_max: usize,
    series_max: usize,
}

/// What was found on the way.
#[derive(Default)]
struct Notes {
    stats: ScanStats,
    partial: Option<String>,
}

type Sender = mpsc::Sender<MetricsResponse>;

/// Answers a metrics query over a snapshot.
pub(in super::super) async fn evaluate(
    snapshot: Snapshot,
    request: MetricsRequest,
    limits: Limits,
    threads: &Arc<Semaphore>,
    progress: Option<Sender>,
) -> Result<MetricsResponse, EngineError> {
    let QueryBody::Metrics(expression) = &request.query.body else {
        return Err(EngineError::Invalid("not a metrics query".to_owned()));
    };
    let window = request.window;
    if window.step_nano == 0 || window.end_unix_nano <= window.start_unix_nano {
        return Err(EngineError::Invalid("the range of the query is empty".to_owned()));
    }
    if window.intervals() as u64
        > MetricsWindow::INTERVALS_MAX + MetricsWindow::INTERVALS_OF_ALIGNING
    {
        return Err(EngineError::Invalid(format!(
            "the range has {} intervals, at most {} are possible; use a greater step",
            window.intervals(),
            MetricsWindow::INTERVALS_MAX
        )));
    }
    let exemplars_max = exemplars_max(&request.query, request.exemplars_max);
    let empty = Plan::of_pipeline(Pipeline { stages: Vec::new() });
    let (scan, _guard) = Scan::new(snapshot, empty, window.range(), limits, threads);
    let scan = scan.without_pinned();
    let context = Context { scan, window, exemplars_max, series_max: request.series_max };
    let mut notes = Notes::default();
    let lines = context.lines(expression, &mut notes, progress.as_ref(), &[]).await?;
    let Lines::Series(lines) = lines else {
        return Err(EngineError::Invalid("a constant is no metrics query".to_owned()));
    };
    Ok(context.response(lines, notes.stats, notes.partial))
}

/// What the hint says; it cannot ask for more than the request allows, and for none where there can be none.
fn exemplars_max(query: &Query, requested: usize) -> usize {
    let wanted = match query.hint("exemplars") {
        Some(Literal::Bool(false)) => 0,
        Some(Literal::Int(count)) => usize::try_from(*count).unwrap_or(0).min(requested),
        _ => requested,
    };
    wanted.min(EXEMPLARS_MAX)
}

impl Context {
    fn response(
        &self,
        mut lines: Vec<Line>,
        stats: ScanStats,
        partial: Option<String>,
    ) -> MetricsResponse {
        line::sort(&mut lines);
        let cut = line::limit(&mut lines, self.series_max);
        let series = lines.into_iter().map(|line| line.into_series(&self.window)).collect();
        MetricsResponse { series, partial: partial.or(cut), stats }
    }

    /// `after`: stages to come, which news must show as well.
    fn lines<'c>(
        &'c self,
        expression: &'c MetricsExpression,
        notes: &'c mut Notes,
        progress: Option<&'c Sender>,
        after: &'c [SecondStage],
    ) -> BoxFuture<'c, Result<Lines, EngineError>> {
        Box::pin(async move {
            match expression {
                MetricsExpression::Scalar(literal) => Ok(Lines::Constant(match literal {
                    Literal::Int(value) => *value as f64,
                    Literal::Float(value) => *value,
                    // The parser takes no other.
                    _ => f64::NAN,
                })),
                MetricsExpression::Series { pipeline, function } => {
                    let lines = self.leaf(pipeline, function, notes, progress, after).await?;
                    Ok(Lines::Series(lines))
                }
                MetricsExpression::Staged { input, stages } => {
                    Ok(match self.lines(input, notes, progress, stages).await? {
                        Lines::Series(lines) => Lines::Series(line::staged(lines, stages)),
                        constant => constant,
                    })
                }
                // A side alone would be told as if it were the answer.
                MetricsExpression::Math { operator, left, right } => {
                    let left = self.lines(left, notes, None, &[]).await?;
                    let right = self.lines(right, notes, None, &[]).await?;
                    Ok(line::combine(*operator, left, right))
                }
            }
        })
    }

    async fn leaf(
        &self,
        pipeline: &Pipeline,
        function: &MetricsFunction,
        notes: &mut Notes,
        progress: Option<&Sender>,
        after: &[SecondStage],
    ) -> Result<Vec<Line>, EngineError> {
        let plan = Plan::of_pipeline(pipeline.clone());
        if let MetricsKind::Compare { selection, top, range } = &function.kind {
            let found =
                compare(&self.scan, plan, self.window, selection.as_ref(), *top, *range).await?;
            notes.take(found.1, found.2);
            return Ok(found.0);
        }
        let scan =
            self.scan.with_plan(plan.reading(function.by.iter().chain(measured(&function.kind))));
        let function = Arc::new(function.clone());
        let (window, exemplars_max) = (self.window, self.exemplars_max);
        let news = progress.map(|sender| {
            let (stages, series_max) = (after.to_vec(), self.series_max);
            let make = move |fold: &SeriesFold, stats: &ScanStats| {
                let mut lines = line::staged(sorted(fold.lines(exemplars_max)), &stages);
                let partial = line::limit(&mut lines, series_max);
                let series = lines.into_iter().map(|line| line.into_series(&window)).collect();
                MetricsResponse { series, partial, stats: *stats }
            };
            News { sender: sender.clone(), make: Box::new(make) }
        });
        let make = {
            let function = function.clone();
            move || SeriesFold::new(&function, window, exemplars_max > 0)
        };
        let scanned = scan.run(make, news.as_ref()).await?;
        let mut lines = sorted(scanned.fold.lines(exemplars_max));
        if lines.is_empty() {
            lines.extend(nothing(&function, &window));
        }
        notes.take(scanned.stats, scanned.partial);
        Ok(lines)
    }
}

fn sorted(mut lines: Vec<Line>) -> Vec<Line> {
    line::sort(&mut lines);
    lines
}

impl Notes {
    fn take(&mut self, stats: ScanStats, partial: Option<String>) {
        self.stats.inspected_spans += stats.inspected_spans;
        // Leaves count their bytes together.
        self.stats.inspected_bytes = stats.inspected_bytes;
        self.stats.sources += stats.sources;
        self.stats.sources_done += stats.sources_done;
        self.partial = self.partial.take().or(partial);
    }
}
