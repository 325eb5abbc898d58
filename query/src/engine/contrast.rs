//! What spans have in common, and what sets two sets of them apart.

use super::{
    Contrast, ContrastField, ContrastValue, DurationRank, EngineError, Facet, Facets,
    census::{Census, Counts, Keep, Question},
    metrics::sketch::Sketch,
    plan::Plan,
    scan::{Fold, News, Scan, Scanned},
    tags::counted,
    view::View,
};
use crate::traceql::{FieldRef, Pipeline};
use arrow_array::{cast::AsArray, types::Int64Type};
use arrow_buffer::BooleanBuffer;
use rapidhash::RapidHashMap;
use sigyn_store::Field;
use std::sync::Arc;

/// Values that are told apart while counting; many more than are shown, so that the most frequent ones are found.
const VALUES_MAX: usize = 4_096;
/// A field that is different on nearly every span tells nothing about sets: this many distinct values a span are too many.
const DISTINCT_SHARE_MAX: f64 = 0.5;

async fn census(
    scan: &Scan,
    plan: Plan,
    fields: Option<Vec<FieldRef>>,
    top: usize,
) -> Result<Scanned<Census>, EngineError> {
    let question = Arc::new(Question {
        fields,
        classes: 1,
        classify: None,
        values_max: VALUES_MAX.max(top),
        keep: Keep::Frequent,
    });
    let make = move || Census::new(&question);
    scan.with_plan(plan).run(make, None::<&News<Census, ()>>).await
}

/// The most frequent values of each field.
pub(super) async fn facets(
    scan: &Scan,
    pipeline: Pipeline,
    fields: Vec<FieldRef>,
    top: usize,
) -> Result<Facets, EngineError> {
    let plan = Plan::of_pipeline(pipeline).reading(fields.iter());
    let scanned = census(scan, plan, Some(fields.clone()), top).await?;
    let spans = scanned.fold.spans[0];
    let mut all: RapidHashMap<FieldRef, Counts> = scanned.fold.into_values().into_iter().collect();
    let facet = |field: FieldRef| {
        let counts = all.remove(&field).unwrap_or_default();
        let distinct = counts.values.len() as u64 + counts.forgotten;
        let present = counts.present.first().copied().unwrap_or(0);
        let values = counts.sorted(Keep::Frequent).into_iter().take(top).map(counted).collect();
        Facet { field, values, distinct, present }
    };
    Ok(Facets {
        spans,
        facets: fields.into_iter().map(facet).collect(),
        partial: scanned.partial,
        stats: scanned.stats,
    })
}

/// Durations of spans, and how many are below one.
struct Durations {
    wanted: i64,
    shorter: u64,
    sketch: Sketch,
}

impl Fold for Durations {
    fn add(&mut self, view: &View, wanted: &BooleanBuffer) -> Result<(), EngineError> {
        let durations = view.field(Field::DurationNano)?;
        let durations = durations.as_primitive::<Int64Type>().values();
        for row in wanted.set_indices() {
            self.shorter += u64::from(durations[row] < self.wanted);
            self.sketch.add(durations[row] as f64);
        }
        Ok(())
    }

    fn merge(&mut self, later: Self) -> Result<(), EngineError> {
        self.shorter += later.shorter;
        self.sketch.merge(later.sketch);
        Ok(())
    }
}

/// Where a duration stands among others.
pub(super) async fn duration_rank(
    scan: &Scan,
    pipeline: Pipeline,
    duration_nano: i64,
    quantiles: &[f64],
) -> Result<DurationRank, EngineError> {
    let scan = scan.with_plan(Plan::of_pipeline(pipeline).reading(std::iter::empty()));
    let make = move || Durations { wanted: duration_nano, shorter: 0, sketch: Sketch::default() };
    let scanned = scan.run(make, None::<&News<Durations, ()>>).await?;
    let Durations { shorter, sketch, .. } = scanned.fold;
    let quantiles = quantiles.iter().filter_map(|quantile| sketch.quantile(*quantile));
    Ok(DurationRank {
        spans: sketch.len(),
        shorter,
        quantiles_nano: quantiles.collect(),
        partial: scanned.partial,
    })
}

/// What sets two sets apart.
pub(super) async fn contrast(
    selection: (&Scan, Pipeline),
    baseline: (&Scan, Pipeline),
    fields_max: usize,
    values_max: usize,
) -> Result<Contrast, EngineError> {
    let plan = |pipeline| Plan::of_pipeline(pipeline).reading(std::iter::empty());
    let one = census(selection.0, plan(selection.1), None, values_max).await?;
    let other = census(baseline.0, plan(baseline.1), None, values_max).await?;
    let (selection_spans, baseline_spans) = (one.fold.spans[0], other.fold.spans[0]);
    let mut stats = one.stats;
    stats.inspected_spans += other.stats.inspected_spans;
    stats.inspected_bytes += other.stats.inspected_bytes;
    stats.sources += other.stats.sources;
    stats.sources_done += other.stats.sources_done;
    let mut pairs: RapidHashMap<FieldRef, [Counts; 2]> = RapidHashMap::default();
    for (side, scanned) in [one.fold, other.fold].into_iter().enumerate() {
        for (field, counts) in scanned.into_values() {
            pairs.entry(field).or_default()[side] = counts;
        }
    }
    let spans = [selection_spans, baseline_spans];
    let mut fields: Vec<ContrastField> = pairs
        .into_iter()
        .filter_map(|(field, counts)| difference(field, counts, spans, values_max))
        .collect();
    fields
        .sort_by(|a, b| b.difference.total_cmp(&a.difference).then_with(|| a.field.cmp(&b.field)));
    fields.truncate(fields_max);
    let partial = one.partial.or(other.partial);
    Ok(Contrast { selection_spans, baseline_spans, fields, partial, stats })
}

/// `None` for a field that says nothing: equal in both sets, or different on each span.
fn difference(
    field: FieldRef,
    counts: [Counts; 2],
    spans: [u64; 2],
    values_max: usize,
) -> Option<ContrastField> {
    let present = |side: usize| counts[side].present.first().copied().unwrap_or(0);
    let (ones, others) = (present(0), present(1));
    let distinct = |side: usize| counts[side].values.len() as u64 + counts[side].forgotten;
    let identifies =
        distinct(0) + distinct(1) > 8 + (DISTINCT_SHARE_MAX * (ones + others) as f64) as u64;
    if identifies {
        return None;
    }
    let [selection, baseline] = counts;
    let mut values: RapidHashMap<Vec<u8>, ContrastValue> = RapidHashMap::default();
    let empty = |value| ContrastValue { value: Some(value), selection: 0, baseline: 0 };
    for (key, (value, numbers)) in selection.values {
        let of = values.entry(key).or_insert_with(|| empty(value.into_value()));
        of.selection = numbers[0];
    }
    for (key, (value, numbers)) in baseline.values {
        let of = values.entry(key).or_insert_with(|| empty(value.into_value()));
        of.baseline = numbers[0];
    }
    let mut values: Vec<(Vec<u8>, ContrastValue)> = values.into_iter().collect();
    let without = ContrastValue {
        value: None,
        selection: spans[0] - ones.min(spans[0]),
        baseline: spans[1] - others.min(spans[1]),
    };
    if without.selection + without.baseline > 0 {
        values.push((Vec::new(), without));
    }
    let gap = |value: &ContrastValue| {
        let share = |count: u64, of: u64| if of == 0 { 0.0 } else { count as f64 / of as f64 };
        (share(value.selection, spans[0]) - share(value.baseline, spans[1])).abs()
    };
    let difference = (values.iter().map(|(_, value)| gap(value)).sum::<f64>() / 2.0).min(1.0);
    if difference == 0.0 {
        return None;
    }
    values.sort_by(|a, b| gap(&b.1).total_cmp(&gap(&a.1)).then_with(|| a.0.cmp(&b.0)));
    values.truncate(values_max);
    let values = values.into_iter().map(|(_, value)| value).collect();
    Some(ContrastField { field, difference, values })
}
