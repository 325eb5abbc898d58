//! The generator as one thing: spans in, families of series out.

use crate::{
    config::Config, series::Family, service_graph::CallTable, span_metrics::SpanTable,
    spans::Spans, target_info::TargetInfo,
};
use parking_lot::Mutex;
use sigyn_store::{Error, Source};
use std::{ops::Range, time::Duration};

/// Counts spans. Shared by whoever feeds it and whoever shows its metrics.
pub struct Generator {
    state: Mutex<State>,
    stale_duration: Duration,
}

struct State {
    spans: Option<SpanTable>,
    target_info: Option<TargetInfo>,
    calls: Option<CallTable>,
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
}

impl Generator {
    /// Empty tables for these settings.
    pub fn new(config: &Config) -> Self {
        let spans = config.span_metrics.as_ref();
        let state = State {
            spans: spans.map(|settings| SpanTable::new(settings, config)),
            target_info: spans
                .filter(|settings| settings.enable_target_info)
                .map(|_| TargetInfo::new(config)),
            calls: config.service_graphs.as_ref().map(|it| CallTable::new(it, config)),
        };
        Self { state: Mutex::new(state), stale_duration: config.stale_duration }
    }

    /// Counts the spans of some rows of a source; `now` is monotonic.
    ///
    /// # Errors
    /// When the source cannot be read; then nothing is counted.
    pub fn observe(
        &self,
        source: &dyn Source,
        rows: Range<usize>,
        now: Duration,
    ) -> Result<(), Error> {
        let spans = Spans::read(source)?;
        let mut state = self.state.lock();
        let State { spans: table, target_info, calls } = &mut *state;
        if let Some(table) = table {
            table.observe(source, &spans, rows.clone(), now)?;
        }
        if let Some(target_info) = target_info {
            target_info.observe(source, &spans, rows.clone(), now)?;
        }
        if let Some(calls) = calls {
            calls.observe(source, &spans, rows, now)?;
        }
        Ok(())
    }

    /// Gives up on what has waited or was untouched for too long. To be called every second or so.
    pub fn expire(&self, now: Duration) {
        let stale_before = now.saturating_sub(self.stale_duration);
        let mut state = self.state.lock();
        let State { spans, target_info, calls } = &mut *state;
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
        let state = self.state.lock();
        let mut families = Vec::new();
        families.extend(state.spans.iter().flat_map(SpanTable::families));
        families.extend(state.target_info.iter().map(TargetInfo::family));
        families.extend(state.calls.iter().flat_map(CallTable::families));
        families.retain(|family| !family.points.is_empty());
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
        stats
    }
}
