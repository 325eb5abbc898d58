//! One sample line: name, labels, value, timestamp, exemplar.

use super::{
    error::Fault,
    scan::{Braces, Scan, collect_labels},
};
use std::hash::BuildHasher;

/// Names and values of an exemplar's labels together may have this many characters.
pub const EXEMPLAR_CHARACTERS_MAX: usize = 128;

/// A sample that carries an exemplar.
#[derive(Clone, Debug, PartialEq)]
pub struct ExemplarSample {
    /// The metric's name, suffix included (`requests_total`, `seconds_bucket`).
    pub name: String,
    /// Its labels, sorted by name.
    pub labels: Vec<(String, String)>,
    /// The sample's own value.
    pub value: f64,
    /// The sample's own time, seconds since the Unix epoch.
    pub timestamp_seconds: Option<f64>,
    /// What it points at.
    pub exemplar: ExemplarPoint,
}

/// The part after ` # `.
#[derive(Clone, Debug, PartialEq)]
pub struct ExemplarPoint {
    /// Labels, sorted by name; `trace_id` is among them where a trace is meant.
    pub labels: Vec<(String, String)>,
    /// The observed value.
    pub value: f64,
    /// When it was observed, seconds since the Unix epoch.
    pub timestamp_seconds: Option<f64>,
}

/// What a sample line holds.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// No exemplar.
    Plain,
    /// An exemplar that was there before.
    Known,
    /// An exemplar within the budget.
    Exemplar(Box<ExemplarSample>),
    /// An exemplar whose labels exceed [`EXEMPLAR_CHARACTERS_MAX`].
    OverBudget,
}

/// Reads a sample line (without its line feed). `names` is room for the names of its labels, used
/// again for each line. What `is_new` says of the hash of series and exemplar decides whether they are kept.
pub(super) fn sample<'a>(
    line: &'a str,
    names: &mut Vec<&'a str>,
    is_new: &mut dyn FnMut(u64) -> bool,
) -> Result<Found, Fault> {
    let mut scan = Scan::new(line);
    let series = scan.series(names)?;
    let series_text = &line[..scan.at];
    let value = scan.value()?;
    let mut timestamp_seconds = None;
    if scan.rest().starts_with(' ') && !scan.rest().starts_with(" #") {
        timestamp_seconds = Some(scan.timestamp()?);
    }
    if scan.rest().is_empty() {
        return Ok(Found::Plain);
    }
    if !scan.rest().starts_with(" # ") {
        return Err(
            scan.fault("expected the end of the line, a timestamp or ` # ` and an exemplar")
        );
    }
    scan.at += 3;
    if !scan.rest().starts_with('{') {
        return Err(scan.fault("expected `{` and the labels of the exemplar"));
    }
    let labels_at = scan.at;
    let mut characters = 0;
    scan.labels(Braces::Labels, &mut |name, value| {
        characters += name.chars().count() + value.chars().count();
    })?;
    let exemplar_value = scan.value()?;
    let exemplar_timestamp = if scan.rest().is_empty() { None } else { Some(scan.timestamp()?) };
    if !scan.rest().is_empty() {
        return Err(scan.fault("expected the end of the line after the exemplar"));
    }
    if characters > EXEMPLAR_CHARACTERS_MAX {
        return Ok(Found::OverBudget);
    }
    // The sample's own value and time change with every scrape, its exemplar does not.
    if !is_new(hash((series_text, &line[labels_at..]))) {
        return Ok(Found::Known);
    }
    let (name, labels) = series.collect(line)?;
    let exemplar = ExemplarPoint {
        labels: collect_labels(line, labels_at, Braces::Labels)?,
        value: exemplar_value,
        timestamp_seconds: exemplar_timestamp,
    };
    Ok(Found::Exemplar(Box::new(ExemplarSample {
        name,
        labels,
        value,
        timestamp_seconds,
        exemplar,
    })))
}

/// Hashes meet only hashes of the same target; the seed may be fixed.
pub(super) fn hash(what: impl std::hash::Hash) -> u64 {
    rapidhash::fast::SeedableState::fixed().hash_one(what)
}
