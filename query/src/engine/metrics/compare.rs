//! `compare`: every value of every attribute, counted in a selection and in the rest.

use super::{
    MetricsWindow, ScanStats,
    line::{Line, label, nil},
};
use crate::{
    engine::{
        EngineError, Value,
        census::{Census, Keep, Question},
        condition::condition,
        operand::Frame,
        plan::{Plan, needs_trace},
        scan::{News, Scan},
    },
    traceql::{FieldExpression, FieldRef},
};
use std::sync::Arc;

const META_TYPE: &str = "__meta_type";
const META_ERROR: &str = "__meta_error";
const TYPES: [&str; 2] = ["baseline", "selection"];
const TOTALS: [&str; 2] = ["baseline_total", "selection_total"];
const TOP_DEFAULT: i64 = 10;
/// Values that are told apart while counting; many more than are shown, so that the most frequent ones are found.
const VALUES_MAX: usize = 4_096;

/// The series, with how much work it was and why they are not whole.
pub(super) async fn compare(
    scan: &Scan,
    plan: Plan,
    window: MetricsWindow,
    selection: Option<&FieldExpression>,
    top: Option<i64>,
    range: Option<(i64, i64)>,
) -> Result<(Vec<Line>, ScanStats, Option<String>), EngineError> {
    let mut read: Vec<FieldRef> = Vec::new();
    if let Some(selection) = selection {
        selection.visit_fields(&mut |field| read.push(field.clone()));
    }
    let plan = plan.reading(read.iter().filter(|field| needs_trace(field)));
    let intervals = window.intervals();
    let selection = selection.cloned();
    let classify = move |view: &crate::engine::View, _: &arrow_buffer::BooleanBuffer| {
        let selected = match &selection {
            Some(selection) => Some(condition(selection, Frame::rows(view))?),
            None => None,
        };
        let starts = view.starts()?;
        let class = |(row, start): (usize, &u64)| {
            // Rows that are not wanted may start at any time.
            let interval = window.interval(*start).unwrap_or(0);
            let in_range = range.is_none_or(|(from, to)| {
                let start = i64::try_from(*start).unwrap_or(i64::MAX);
                start >= from && start < to
            });
            let is_selected = in_range && selected.as_ref().is_none_or(|mask| mask.value(row));
            (usize::from(is_selected) * intervals + interval) as u32
        };
        Ok(starts.values().iter().enumerate().map(class).collect())
    };
    let question = Arc::new(Question {
        fields: None,
        classes: 2 * intervals,
        classify: Some(Box::new(classify)),
        values_max: (VALUES_MAX / intervals.max(1)).max(1_000),
        keep: Keep::Frequent,
    });
    let make = move || Census::new(&question);
    let scanned = scan.with_plan(plan).run(make, None::<&News<Census, ()>>).await?;
    let top = usize::try_from(top.unwrap_or(TOP_DEFAULT)).unwrap_or(1);
    Ok((lines(scanned.fold, intervals, top), scanned.stats, scanned.partial))
}

fn lines(census: Census, intervals: usize, top: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for (field, counts) in census.into_values() {
        let key = field.to_string();
        let mut add = |kind: &str, error: Option<&str>, value: Value, points: &[u64]| {
            if points.iter().all(|point| *point == 0) {
                return;
            }
            let text = |text: &str| Value::String(text.to_owned());
            let mut labels = vec![(META_TYPE.to_owned(), text(kind))];
            labels.extend(error.map(|error| (META_ERROR.to_owned(), text(error))));
            labels.push((key.clone(), value));
            let points = points.iter().map(|point| *point as f64).collect();
            lines.push(Line { labels, points, exemplars: Vec::new() });
        };
        let present = counts.present.clone();
        let forgotten = counts.forgotten > 0;
        let values = counts.sorted(Keep::Frequent);
        for (class, (kind, total)) in TYPES.into_iter().zip(TOTALS).enumerate() {
            let own = class * intervals..(class + 1) * intervals;
            add(total, None, nil(), &present[own.clone()]);
            let sum = |numbers: &[u64]| numbers[own.clone()].iter().sum::<u64>();
            let mut ranked: Vec<_> = values.iter().filter(|(_, all)| sum(all) > 0).collect();
            // Stable: equal ones stay in the order of both classes together.
            ranked.sort_by_key(|(_, all)| std::cmp::Reverse(sum(all)));
            if ranked.len() > top || (forgotten && !ranked.is_empty()) {
                let ones = vec![1; intervals];
                add(kind, Some("__too_many_values__"), nil(), &ones);
            }
            for (value, all) in ranked.into_iter().take(top) {
                add(kind, None, label(Some(value)), &all[own.clone()]);
            }
        }
    }
    lines
}
