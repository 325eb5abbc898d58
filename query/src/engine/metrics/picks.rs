//! Spans that may become exemplars: for each series, some along the time.

use super::{Exemplar, MetricsWindow};
use crate::engine::{EngineError, view::View};
use arrow_array::cast::AsArray;
use rapidhash::{RapidHashMap, RapidHashSet};
use sigyn_store::{Field, SpanId, TraceId};
use std::cmp::Ordering;

/// Stretches of time from each of which one span of a series is picked.
const STRETCHES: usize = 48;
/// Picks that are held at most; with more series, stretches grow longer.
const PICKS_MAX: usize = 16_384;

/// Rows of a view among which the latest ones are sought.
const LATEST_ROWS: usize = 8_192;

/// Which span of a stretch stands for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Way {
    Latest,
    Greatest,
    Least,
}

#[derive(Clone, Debug)]
struct Pick {
    start_unix_nano: u64,
    value: f64,
    trace_id: TraceId,
    span_id: SpanId,
}

/// What was picked so far.
pub(super) struct Picks {
    ways: &'static [Way],
    picked: RapidHashMap<(u32, u32, Way), Pick>,
}

impl Way {
    fn compare(self, a: (u64, f64), b: (u64, f64)) -> Ordering {
        match self {
            Self::Latest => a.0.cmp(&b.0),
            Self::Greatest => a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)),
            Self::Least => b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)),
        }
    }
}

impl Picks {
    /// No way: nothing is picked.
    pub(super) fn new(ways: &'static [Way]) -> Self {
        Self { ways, picked: RapidHashMap::default() }
    }

    /// Looks at rows, each with its group, start and value (NaN: it has none).
    pub(super) fn add(
        &mut self,
        view: &View,
        window: &MetricsWindow,
        groups: usize,
        rows: &[u32],
        of_row: impl Fn(usize) -> (u32, u64, f64),
    ) -> Result<(), EngineError> {
        if self.ways.is_empty() || rows.is_empty() {
            return Ok(());
        }
        let stretches = STRETCHES.min(PICKS_MAX / groups.max(1)).max(1) as u64;
        let length = (window.end_unix_nano - window.start_unix_nano).div_ceil(stretches).max(1);
        let per_length = 1.0 / length as f64;
        for &way in self.ways {
            let mut best: Vec<(u32, u64, f64)> =
                vec![(u32::MAX, 0, 0.0); groups * stretches as usize];
            // Any late span will do, so of many only some are looked at.
            let stride = if way == Way::Latest { (rows.len() / LATEST_ROWS).max(1) } else { 1 };
            for (at, row) in rows.iter().enumerate().step_by(stride) {
                let (group, start, value) = of_row(at);
                if value.is_nan() {
                    continue;
                }
                let past = start.saturating_sub(window.start_unix_nano + 1);
                let stretch = ((past as f64 * per_length) as usize).min(stretches as usize - 1);
                let best = &mut best[group as usize * stretches as usize + stretch];
                if best.0 == u32::MAX || way.compare((start, value), (best.1, best.2)).is_gt() {
                    *best = (*row, start, value);
                }
            }
            let traces = view.field(Field::TraceId)?;
            let traces = traces.as_fixed_size_binary();
            let spans = view.field(Field::SpanId)?;
            let spans = spans.as_fixed_size_binary();
            for (place, (row, start_unix_nano, value)) in best.into_iter().enumerate() {
                if row == u32::MAX {
                    continue;
                }
                let id = |bytes: &[u8]| bytes.try_into().expect("the column has 16 bytes a value");
                let trace_id = TraceId(id(traces.value(row as usize)));
                let span = spans.value(row as usize);
                let span_id = SpanId(span.try_into().expect("the column has 8 bytes a value"));
                let group = (place / stretches as usize) as u32;
                // Stretches of parts with fewer groups may be shorter: the moment names them.
                let stretch = (place % stretches as usize) as u32;
                self.keep(
                    (group, stretch, way),
                    Pick { start_unix_nano, value, trace_id, span_id },
                );
            }
        }
        Ok(())
    }

    fn keep(&mut self, key: (u32, u32, Way), pick: Pick) {
        let rank = |pick: &Pick| (pick.start_unix_nano, pick.value);
        match self.picked.get_mut(&key) {
            Some(known) => {
                let order = key.2.compare(rank(&pick), rank(known));
                let order = order.then_with(|| known.trace_id.cmp(&pick.trace_id));
                if order.is_gt() {
                    *known = pick;
                }
            }
            None => {
                self.picked.insert(key, pick);
            }
        }
    }

    /// Takes in what another picked, whose groups have other numbers.
    pub(super) fn merge(&mut self, other: Self, groups: &[u32]) {
        let mut others: Vec<_> = other.picked.into_iter().collect();
        others.sort_by_key(|(key, _)| *key);
        for ((group, stretch, way), pick) in others {
            self.keep((groups[group as usize], stretch, way), pick);
        }
    }

    /// At most `count` exemplars with their groups, spread over time and series, at most one of a trace.
    pub(super) fn exemplars(&self, count: usize) -> Vec<(u32, Exemplar)> {
        let mut picks: Vec<_> = self.picked.iter().collect();
        picks.sort_by_key(|((group, _, way), pick)| (pick.start_unix_nano, *group, *way));
        let mut traces: RapidHashSet<TraceId> = RapidHashSet::default();
        picks.retain(|(_, pick)| pick.value != 0.0 && traces.insert(pick.trace_id));
        let all = picks.len();
        let chosen = picks.into_iter().enumerate().filter(|(place, _)| {
            // As many steps of a staircase from 0 to `count` as there are picks.
            all <= count || place * count / all != (place + 1) * count / all
        });
        let exemplar = |pick: &Pick| Exemplar {
            trace_id: pick.trace_id,
            span_id: pick.span_id,
            timestamp_unix_nano: pick.start_unix_nano,
            value: pick.value,
        };
        chosen.map(|(_, ((group, ..), pick))| (*group, exemplar(pick))).collect()
    }
}
