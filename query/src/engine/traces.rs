//! Whole traces, gathered from all sources for evaluation.

use super::{
    Cancellation, EngineError, ServiceStats, TraceMatch,
    column::{Text, text_at},
    structure::Tree,
    view::{ColumnCache, TraceFields, View},
};
use arrow_array::{
    Array, Int64Array, StringArray, UInt32Array, cast::AsArray, types::Int64Type, types::UInt8Type,
};
use rapidhash::RapidHashMap;
use sigyn_store::{Field, Source, SpanId, TraceId};
use std::{cell::OnceCell, collections::BTreeMap, sync::Arc};

/// Some traces, complete, each span once.
pub(super) struct Traces {
    /// One per source that has rows of them.
    pub(super) views: Vec<View>,
    pub(super) traces: Vec<Trace>,
    /// All spans of all traces; a span's place in it is its number.
    pub(super) spans: Vec<GatheredSpan>,
}

pub(super) struct Trace {
    pub(super) id: TraceId,
    /// Numbers of its spans by start, then ID.
    pub(super) spans: Vec<u32>,
    /// Made when first asked for.
    tree: OnceCell<Tree>,
}

#[derive(Clone, Copy)]
pub(super) struct GatheredSpan {
    pub(super) view: u32,
    pub(super) row: u32,
    pub(super) id: SpanId,
    parent: Option<SpanId>,
    pub(super) start_unix_nano: u64,
    /// Never negative.
    pub(super) duration_nano: u64,
}

/// Trace (its place), span ID, start and duration.
type Identity = (u32, SpanId, u64, i64);

/// The rows of some traces in a source, ascending, each with the place of its trace.
pub(super) fn rows_of(
    source: &Arc<dyn Source>,
    ids: &[TraceId],
    places: &RapidHashMap<TraceId, u32>,
    cache: &Arc<ColumnCache>,
    cancellation: &Cancellation,
) -> Result<Vec<(u32, u32)>, EngineError> {
    let mut found: Vec<(u32, u32)> = Vec::new();
    // Looking a trace up costs about as much as walking over this many rows.
    const ROWS_A_LOOK_UP: usize = 256;
    if ids.len() * ROWS_A_LOOK_UP < source.rows() {
        for (place, id) in ids.iter().enumerate() {
            let rows = source.rows_of(id)?;
            found.extend(rows.values().iter().map(|row| (*row, place as u32)));
        }
        found.sort_unstable();
        return Ok(found);
    }
    let view = View::new(source.clone(), None, cancellation.clone()).with_cache(cache.clone());
    let all = view.field(Field::TraceId)?;
    let all = all.as_fixed_size_binary();
    // Rows of a trace mostly stand together.
    let mut run: (&[u8], Option<u32>) = (&[], None);
    for row in 0..all.len() {
        let id = all.value(row);
        if id != run.0 {
            let key = TraceId(id.try_into().expect("the column has 16 bytes a value"));
            run = (id, places.get(&key).copied());
        }
        found.extend(run.1.map(|place| (row as u32, place)));
    }
    Ok(found)
}

impl Traces {
    /// Finds the rows of some traces in all sources. Of several copies of a span the one in the first source counts.
    pub(super) fn gather(
        sources: &[Arc<dyn Source>],
        ids: &[TraceId],
        cache: &Arc<ColumnCache>,
        cancellation: &Cancellation,
    ) -> Result<Self, EngineError> {
        let places: RapidHashMap<TraceId, u32> =
            ids.iter().enumerate().map(|(place, id)| (*id, place as u32)).collect();
        let mut gathered = Self { views: Vec::new(), traces: Vec::new(), spans: Vec::new() };
        let mut seen: RapidHashMap<Identity, Vec<u32>> = RapidHashMap::default();
        let mut of_trace: Vec<Vec<u32>> = vec![Vec::new(); ids.len()];
        for source in sources {
            cancellation.check()?;
            let found = rows_of(source, ids, &places, cache, cancellation)?;
            if found.is_empty() {
                continue;
            }
            let rows: UInt32Array = found.iter().map(|(row, _)| *row).collect();
            let view = View::new(source.clone(), Some(rows), cancellation.clone())
                .with_cache(cache.clone());
            let view_number = gathered.views.len() as u32;
            let span_ids = view.field(Field::SpanId)?;
            let span_ids = span_ids.as_fixed_size_binary();
            let parents = view.field(Field::ParentSpanId)?;
            let parents = parents.as_fixed_size_binary();
            let starts = view.starts()?;
            let durations = view.field(Field::DurationNano)?;
            let durations = durations.as_primitive::<Int64Type>();
            gathered.views.push(view);
            for (row, (_, trace)) in found.iter().enumerate() {
                let id = span_id(span_ids.value(row));
                let parent = parents.is_valid(row).then(|| span_id(parents.value(row)));
                let span = GatheredSpan {
                    view: view_number,
                    row: row as u32,
                    id,
                    parent: parent.filter(|parent| !parent.is_zero()),
                    start_unix_nano: starts.value(row),
                    duration_nano: durations.value(row).max(0) as u64,
                };
                let identity = (*trace, id, starts.value(row), durations.value(row));
                let alike = seen.entry(identity).or_default();
                let mut is_copy = false;
                for &other in alike.iter() {
                    is_copy = is_copy || gathered.same(&span, other)?;
                }
                if !is_copy {
                    alike.push(gathered.spans.len() as u32);
                    of_trace[*trace as usize].push(gathered.spans.len() as u32);
                    gathered.spans.push(span);
                }
            }
        }
        let spans = &gathered.spans;
        let traces = ids.iter().zip(of_trace).map(|(id, mut numbers)| {
            numbers.sort_by_key(|&number| {
                let span = &spans[number as usize];
                (span.start_unix_nano, span.id)
            });
            Trace { id: *id, spans: numbers, tree: OnceCell::new() }
        });
        gathered.traces = traces.collect();
        Ok(gathered)
    }

    /// Whether a span that agrees with another in ID and times is a copy of it. Two spans may share an ID: Zipkin's client and
    /// server do.
    fn same(&self, span: &GatheredSpan, other: u32) -> Result<bool, EngineError> {
        let other = &self.spans[other as usize];
        let kind = |it: &GatheredSpan| -> Result<u8, EngineError> {
            let kinds = self.views[it.view as usize].field(Field::Kind)?;
            Ok(kinds.as_primitive::<UInt8Type>().value(it.row as usize))
        };
        let name = |it: &GatheredSpan| -> Result<Option<String>, EngineError> {
            let names = self.views[it.view as usize].field(Field::Name)?;
            Ok(text_at(names.as_dictionary(), it.row as usize).map(str::to_owned))
        };
        Ok(kind(span)? == kind(other)? && name(span)? == name(other)?)
    }

    /// How the spans of a trace hang together.
    pub(super) fn tree<'t>(&self, trace: &'t Trace) -> &'t Tree {
        trace.tree.get_or_init(|| {
            let span = |at: usize| &self.spans[trace.spans[at] as usize];
            let links: Vec<(SpanId, Option<SpanId>)> =
                (0..trace.spans.len()).map(|at| (span(at).id, span(at).parent)).collect();
            let kind = |at: usize| {
                let span = span(at);
                let kinds = self.views[span.view as usize].field(Field::Kind);
                // A column that cannot be read fails the query where it is read for an answer.
                kinds.map_or(0, |kinds| kinds.as_primitive::<UInt8Type>().value(span.row as usize))
            };
            Tree::new(&links, &kind)
        })
    }

    /// Makes the fields that depend on whole traces readable by expressions.
    pub(super) fn add_trace_fields(&mut self) -> Result<(), EngineError> {
        let mut roots = Vec::with_capacity(self.traces.len());
        for trace in &self.traces {
            roots.push(match self.tree(trace).root {
                None => (None, None),
                Some(at) => {
                    let number = trace.spans[at as usize];
                    (self.text(number, Field::Name)?, self.text(number, Field::ServiceName)?)
                }
            });
        }
        let names: StringArray = roots.iter().map(|(name, _)| name.as_deref()).collect();
        let services: StringArray = roots.iter().map(|(_, service)| service.as_deref()).collect();
        // Copies of spans that were left out have no values.
        let empty = |view: &View| vec![None; view.len()];
        let mut durations: Vec<Vec<Option<i64>>> = self.views.iter().map(empty).collect();
        let mut counts = durations.clone();
        let mut lefts = durations.clone();
        let mut rights = durations.clone();
        let mut parents = durations.clone();
        let mut root_keys: Vec<Vec<Option<u32>>> =
            self.views.iter().map(|view| vec![None; view.len()]).collect();
        for (index, trace) in self.traces.iter().enumerate() {
            let (_, duration) = self.extent(trace);
            let tree = self.tree(trace);
            for (at, &number) in trace.spans.iter().enumerate() {
                let span = &self.spans[number as usize];
                let (view, row) = (span.view as usize, span.row as usize);
                durations[view][row] = Some(i64::try_from(duration).unwrap_or(i64::MAX));
                counts[view][row] = Some(tree.child_counts[at]);
                lefts[view][row] = Some(tree.lefts[at]);
                rights[view][row] = Some(tree.rights[at]);
                parents[view][row] = Some(tree.nested_parents[at]);
                root_keys[view][row] = Some(index as u32);
            }
        }
        let (names, services) = (Arc::new(names), Arc::new(services));
        for (index, view) in self.views.iter_mut().enumerate() {
            let keys = UInt32Array::from(std::mem::take(&mut root_keys[index]));
            // A null value below a key is a null of the array.
            let text = |values: &Arc<StringArray>| -> Text {
                let keys: UInt32Array = keys
                    .iter()
                    .map(|key| key.filter(|key| values.is_valid(*key as usize)))
                    .collect();
                Text::new(keys, values.clone())
            };
            view.trace_fields = Some(TraceFields {
                trace_durations: Int64Array::from(std::mem::take(&mut durations[index])),
                root_names: text(&names),
                root_services: text(&services),
                child_counts: Int64Array::from(std::mem::take(&mut counts[index])),
                nested_set_lefts: Int64Array::from(std::mem::take(&mut lefts[index])),
                nested_set_rights: Int64Array::from(std::mem::take(&mut rights[index])),
                nested_set_parents: Int64Array::from(std::mem::take(&mut parents[index])),
            });
        }
        Ok(())
    }

    pub(super) fn text(&self, number: u32, field: Field) -> Result<Option<String>, EngineError> {
        let span = &self.spans[number as usize];
        let array = self.views[span.view as usize].field(field)?;
        Ok(text_at(array.as_dictionary(), span.row as usize).map(str::to_owned))
    }

    /// Earliest start, and latest end less earliest start, of spans that have a start.
    pub(super) fn extent(&self, trace: &Trace) -> (u64, u64) {
        let spans = || trace.spans.iter().map(|&number| &self.spans[number as usize]);
        let start = spans().map(|span| span.start_unix_nano).min().unwrap_or(0);
        let mut extent = Extent::default();
        spans().for_each(|span| extent.add(span.start_unix_nano, span.duration_nano));
        (start, extent.duration_nano())
    }

    /// What an answer says of a trace as a whole; the spansets are still missing.
    pub(super) fn summary(&self, trace: &Trace) -> Result<TraceMatch, EngineError> {
        let (start_unix_nano, duration_nano) = self.extent(trace);
        let mut stats: BTreeMap<String, ServiceStats> = BTreeMap::new();
        for &number in &trace.spans {
            let span = &self.spans[number as usize];
            let view = &self.views[span.view as usize];
            let row = span.row as usize;
            let services = view.field(Field::ServiceName)?;
            let service = text_at(services.as_dictionary(), row).unwrap_or_default();
            let codes = view.field(Field::StatusCode)?;
            let is_error = codes.as_primitive::<UInt8Type>().value(row) == 2;
            if !stats.contains_key(service) {
                stats.insert(service.to_owned(), ServiceStats::default());
            }
            let stats = stats.get_mut(service).expect("it was put in above");
            stats.span_count += 1;
            stats.error_count += u64::from(is_error);
        }
        let (root_service_name, root_trace_name) = match self.tree(trace).root {
            None => (None, None),
            Some(at) => {
                let number = trace.spans[at as usize];
                let service = self.text(number, Field::ServiceName)?;
                (Some(service.unwrap_or_default()), self.text(number, Field::Name)?)
            }
        };
        Ok(TraceMatch {
            trace_id: trace.id,
            root_service_name,
            root_trace_name,
            start_unix_nano,
            duration_nano,
            span_sets: Vec::new(),
            service_stats: stats.into_iter().collect(),
        })
    }
}

/// From the earliest start to the latest end of some spans.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    start_unix_nano: u64,
    end_unix_nano: u64,
}

impl Default for Extent {
    fn default() -> Self {
        Self { start_unix_nano: u64::MAX, end_unix_nano: 0 }
    }
}

impl Extent {
    /// A span without a start says nothing: taken for 1970, it would make its trace the longest of all.
    pub(super) fn add(&mut self, start_unix_nano: u64, duration_nano: u64) {
        if start_unix_nano > 0 {
            let end_unix_nano = start_unix_nano.saturating_add(duration_nano);
            self.join(Self { start_unix_nano, end_unix_nano });
        }
    }

    pub(super) fn join(&mut self, other: Self) {
        self.start_unix_nano = self.start_unix_nano.min(other.start_unix_nano);
        self.end_unix_nano = self.end_unix_nano.max(other.end_unix_nano);
    }

    /// Zero of no spans.
    pub(super) fn duration_nano(self) -> u64 {
        self.end_unix_nano.saturating_sub(self.start_unix_nano)
    }
}

fn span_id(bytes: &[u8]) -> SpanId {
    SpanId(bytes.try_into().expect("the column has 8 bytes a value"))
}
