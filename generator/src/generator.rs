//! The generator as one thing: spans in, families of series out.

use crate::{
    config::Config,
    seen::Seen,
    series::{Family, Selection},
    service_graph::CallTable,
    span_metrics::SpanTable,
    spans::Spans,
    state::{self, StateError},
    target_info::TargetInfo,
};
use parking_lot::Mutex;
use sigyn_store::{Error, Source};
use std::{ops::Range, time::Duration};

/// Counts spans. Shared by whoever feeds it and whoever shows its metrics.
pub struct Generator {
    state: Mutex<State>,
    config: Config,
}

pub(crate) struct State {
    pub(crate) spans: Option<SpanTable>,
    pub(crate) target_info: Option<TargetInfo>,
    pub(crate) calls: Option<CallTable>,
    pub(crate) seen: Seen,
    /// Spans that came twice, since the start.
    repeated: u64,
}

/// Where spans come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// They have just come.
    Live,
    /// They are read again after a [`Generator::restore`]. Those that ended before this moment (Unix nanoseconds) were
    /// counted in the earlier life.
    Again(u64),
}

/// What the generator holds and could not use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Series of span metrics and of the service graph.
    pub series: usize,
    /// True when some label sets found no room and are counted together.
    pub has_overflowed: bool,
    /// Sides of calls that wait for the other one.
    pub waiting_edges: usize,
    /// Sides that found no room to wait, since the start.
    pub dropped_edges: u64,
    /// Sides whose other one never came, and that do not say who it was, since the start.
    pub unpaired_edges: u64,
    /// Spans that came a second time and were not counted again, since the start.
    pub repeated_spans: u64,
    /// Resources that found no room in `traces_target_info`, since the start.
    pub dropped_targets: u64,
}

impl Generator {
    /// Empty tables for these settings.
    pub fn new(config: &Config) -> Self {
        Self { state: Mutex::new(State::new(config)), config: config.clone() }
    }

    /// The whole state as bytes, but for exemplars.
    pub fn save(&self, now: Duration, now_unix_nano: u64) -> Vec<u8> {
        state::save(&self.state.lock(), &self.config, now, now_unix_nano)
    }

    /// Goes over to a saved state. What came since is to be observed once more, as [`Arrival::Again`] with the moment
    /// that this returns.
    ///
    /// # Errors
    /// When it is no state of a generator with these settings; then nothing has changed.
    pub fn restore(
        &self,
        bytes: &[u8],
        now: Duration,
        now_unix_nano: u64,
    ) -> Result<u64, StateError> {
        let mut restored = State::new(&self.config);
        let moment = state::restore(&mut restored, &self.config, bytes, now, now_unix_nano)?;
        let mut state = self.state.lock();
        restored.take_counters(&state);
        *state = restored;
        Ok(moment)
    }

    /// Counts the spans of some rows of a source; `now` is monotonic. A span that was counted in the last minute is
    /// passed over.
    ///
    /// # Errors
    /// When the source cannot be read; then nothing is counted.
    pub fn observe(
        &self,
        source: &dyn Source,
        rows: Range<usize>,
        arrival: Arrival,
        now: Duration,
    ) -> Result<(), Error> {
        let spans = Spans::read(source)?;
        let mut state = self.state.lock();
        let State { spans: table, target_info, calls, seen, repeated } = &mut *state;
        let all = rows.len();
        let is_old =
            |row| matches!(arrival, Arrival::Again(moment) if spans.end_unix_nano(row) < moment);
        let rows: Vec<u32> = rows
            .filter(|&row| !is_old(row) && seen.insert(&spans, row, now))
            .map(|row| row as u32)
            .collect();
        if arrival == Arrival::Live {
            *repeated += (all - rows.len()) as u64;
        }
        if let Some(table) = table {
            table.observe(source, &spans, &rows, now)?;
        }
        if let Some(target_info) = target_info {
            target_info.observe(source, &spans, &rows, now)?;
        }
        if let Some(calls) = calls {
            calls.observe(source, &spans, &rows, now)?;
        }
        Ok(())
    }

    /// Gives up on what has waited or was untouched for too long. To be called every second or so.
    pub fn expire(&self, now: Duration) {
        let stale_before = now.saturating_sub(self.config.stale_duration);
        let mut state = self.state.lock();
        let State { spans, target_info, calls, .. } = &mut *state;
        if let Some(spans) = spans {
            spans.table.expire(stale_before);
        }
        if let Some(target_info) = target_info {
            target_info.expire(stale_before);
        }
        if let Some(calls) = calls {
            calls.expire(now, stale_before);
        }
    }

    /// All series as they are now. Families without a series are left out.
    pub fn collect(&self) -> Vec<Family> {
        self.state.lock().families(Selection::Live)
    }

    /// All series as they are now, and those that went stale since the last call, if `keep_ended` says so.
    pub fn collect_to_send(&self) -> (Vec<Family>, Vec<Family>) {
        let mut state = self.state.lock();
        let families = (state.families(Selection::Live), state.families(Selection::Ended));
        let State { spans, target_info, calls, .. } = &mut *state;
        spans.iter_mut().for_each(|it| it.table.forget_ended());
        target_info.iter_mut().for_each(TargetInfo::forget_ended);
        calls.iter_mut().for_each(|it| it.table.forget_ended());
        families
    }

    /// What it holds.
    pub fn stats(&self) -> Stats {
        let state = self.state.lock();
        let mut stats = Stats::default();
        if let Some(spans) = &state.spans {
            stats.series += spans.table.len();
            stats.has_overflowed |= spans.table.has_overflowed();
        }
        if let Some(calls) = &state.calls {
            stats.series += calls.len();
            stats.has_overflowed |= calls.has_overflowed();
            stats.waiting_edges = calls.edges.len();
            stats.dropped_edges = calls.edges.dropped;
            stats.unpaired_edges = calls.unpaired;
        }
        stats.repeated_spans = state.repeated;
        stats.dropped_targets = state.target_info.as_ref().map_or(0, |it| it.dropped);
        stats
    }
}

impl State {
    fn new(config: &Config) -> Self {
        let spans = config.span_metrics.as_ref();
        Self {
            spans: spans.map(|settings| SpanTable::new(settings, config)),
            target_info: spans
                .filter(|settings| settings.enable_target_info)
                .map(|_| TargetInfo::new(config)),
            calls: config.service_graphs.as_ref().map(|it| CallTable::new(it, config)),
            seen: Seen::default(),
            repeated: 0,
        }
    }

    /// What this process has counted about itself goes on.
    fn take_counters(&mut self, before: &Self) {
        self.repeated = before.repeated;
        if let (Some(calls), Some(before)) = (&mut self.calls, &before.calls) {
            calls.unpaired = before.unpaired;
            calls.edges.dropped = before.edges.dropped;
        }
        if let (Some(targets), Some(before)) = (&mut self.target_info, &before.target_info) {
            targets.dropped = before.dropped;
        }
    }

    /// Families without a series are left out.
    fn families(&self, selection: Selection) -> Vec<Family> {
        let mut families = Vec::new();
        families.extend(self.spans.iter().flat_map(|it| it.families(selection)));
        families.extend(self.target_info.iter().map(|it| it.family(selection)));
        families.extend(self.calls.iter().flat_map(|it| it.families(selection)));
        families.retain(|family| !family.points.is_empty());
        families
    }
}
