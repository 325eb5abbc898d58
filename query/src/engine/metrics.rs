//! Time series out of spans: what is asked, what is answered.

mod cells;
mod compare;
mod evaluate;
mod fold;
mod groups;
mod line;
mod picks;
pub(super) mod sketch;

pub(super) use evaluate::evaluate;
#[cfg(test)]
pub(super) use fold::measured;

use super::{EngineError, Value};
use crate::traceql::Query;
use sigyn_store::{SpanId, TraceId};

/// The moments of a metrics query. The interval of the sample at `t` is `(t − step, t]`: a span counts where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsWindow {
    /// Exclusive, but for an instant query; the first sample stands one step later.
    pub start_unix_nano: u64,
    /// Inclusive.
    pub end_unix_nano: u64,
    /// Not 0.
    pub step_nano: u64,
    /// The one value of an instant query counts its start in.
    pub has_start: bool,
}

/// Time series, and what they may cost.
#[derive(Clone, Debug)]
pub struct MetricsRequest {
    /// Parsed and validated, with a metrics function.
    pub query: Query,
    /// When. [`MetricsWindow::aligned`] for a range query, [`MetricsWindow::instant`] for an instant one.
    pub window: MetricsWindow,
    /// Exemplars at most, in all series together; the hint `exemplars` goes before it. None for an instant query.
    pub exemplars_max: usize,
    /// Series at most; more make the answer partial.
    pub series_max: usize,
}

/// Time series, sorted by their labels.
#[derive(Clone, Debug, Default)]
pub struct MetricsResponse {
    /// None of them without a sample.
    pub series: Vec<Series>,
    /// The answer is not whole; the reason, a sentence for the user.
    pub partial: Option<String>,
    /// How much work it was.
    pub stats: ScanStats,
}

/// How much of the data was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanStats {
    /// Spans looked at.
    pub inspected_spans: u64,
    /// Bytes of columns read.
    pub inspected_bytes: u64,
    /// Runs of spans (a row group, a part of the head) that are finished …
    pub sources_done: usize,
    /// … of so many.
    pub sources: usize,
}

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Fields in their canonical spelling and what they were grouped by; `__name__`, `p`, `__bucket`, `__meta_type`, `__meta_error`
    /// where the function adds them. A value that is absent is the text `nil`.
    pub labels: Vec<(String, Value)>,
    /// By time.
    pub samples: Vec<Sample>,
    /// By time; at most one per trace in the whole answer.
    pub exemplars: Vec<Exemplar>,
}

/// A point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The end of its interval.
    pub timestamp_unix_milli: i64,
    /// Finite.
    pub value: f64,
}

/// A span that a point is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Where to look.
    pub trace_id: TraceId,
    /// Which span of it.
    pub span_id: SpanId,
    /// The span's start.
    pub timestamp_unix_nano: u64,
    /// Not 0. For rates and counts the sample's value, otherwise the span's own.
    pub value: f64,
}

impl MetricsWindow {
    /// More intervals are refused.
    pub const INTERVALS_MAX: u64 = 10_000;
    /// One at the end, and at the start one and the one before it.
    pub(crate) const INTERVALS_OF_ALIGNING: u64 = 3;

    /// The window of a range query: start goes down and end up to a multiple of the step, then start one step further back, so that
    /// the first sample stands at or before `start`.
    ///
    /// # Errors
    /// A sentence, for an end before the start or too many intervals. A range of one moment is its own interval.
    pub fn aligned(
        start_unix_nano: u64,
        end_unix_nano: u64,
        step_nano: u64,
    ) -> Result<Self, EngineError> {
        let refuse = |why: String| Err(EngineError::Invalid(why));
        if step_nano == 0 {
            return refuse("the step must be greater than zero".to_owned());
        }
        if end_unix_nano < start_unix_nano {
            return refuse("the end of the range must be after its start".to_owned());
        }
        // What is asked for counts, not what aligning it adds.
        let asked = (end_unix_nano - start_unix_nano) / step_nano;
        if asked > Self::INTERVALS_MAX {
            return refuse(format!(
                "the range has {asked} intervals, at most {} are possible; use a greater step or a shorter range",
                Self::INTERVALS_MAX
            ));
        }
        let start = (start_unix_nano - start_unix_nano % step_nano).saturating_sub(step_nano);
        let end = match end_unix_nano % step_nano {
            0 => end_unix_nano,
            over => end_unix_nano.saturating_add(step_nano - over),
        };
        Ok(Self { start_unix_nano: start, end_unix_nano: end, step_nano, has_start: false })
    }

    /// One value for a whole range, to which its start and its end belong.
    ///
    /// # Errors
    /// A sentence, for an empty range.
    pub fn instant(start_unix_nano: u64, end_unix_nano: u64) -> Result<Self, EngineError> {
        if end_unix_nano <= start_unix_nano {
            let why = "the end of the range must be after its start";
            return Err(EngineError::Invalid(why.to_owned()));
        }
        let step_nano = end_unix_nano - start_unix_nano;
        Ok(Self { start_unix_nano, end_unix_nano, step_nano, has_start: true })
    }

    /// How many samples a series can have.
    pub fn intervals(&self) -> usize {
        self.end_unix_nano
            .saturating_sub(self.start_unix_nano)
            .div_ceil(self.step_nano.max(1))
            .try_into()
            .unwrap_or(usize::MAX)
    }
}

/// Finds the interval of a moment without a division.
struct Finder {
    window: MetricsWindow,
    per_step: f64,
}

impl MetricsWindow {
    /// The end of an interval.
    fn moment(&self, interval: usize) -> u64 {
        self.start_unix_nano.saturating_add(self.step_nano.saturating_mul(interval as u64 + 1))
    }

    /// The moments of it.
    fn range(&self) -> std::ops::Range<u64> {
        let start = self.start_unix_nano.saturating_add(u64::from(!self.has_start));
        start..self.end_unix_nano.saturating_add(1)
    }

    /// The interval of a moment; `None` outside the window.
    fn interval(&self, unix_nano: u64) -> Option<usize> {
        self.range().contains(&unix_nano).then(|| self.finder().interval(unix_nano))
    }

    fn finder(&self) -> Finder {
        Finder { window: *self, per_step: 1.0 / self.step_nano as f64 }
    }
}

impl Finder {
    /// Of a moment within the window.
    fn interval(&self, unix_nano: u64) -> usize {
        let past = unix_nano.saturating_sub(self.window.start_unix_nano + 1);
        let guess = (past as f64 * self.per_step) as u64;
        // Rounding may be off by one at the edges.
        let start = guess * self.window.step_nano;
        let found = match past {
            past if past < start => guess - 1,
            past if past - start >= self.window.step_nano => guess + 1,
            _ => guess,
        };
        found as usize
    }
}
