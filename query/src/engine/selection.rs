//! Which spans a list or a count is about, and what is told of them.

use super::{ScanStats, Value};
use crate::traceql::{FieldRef, Query};

/// The spans that a search keeps and that start within a range.
#[derive(Clone, Debug, Default)]
pub struct SpanSelection {
    /// A search; `None`: all spans. A metrics query stands for the spans that it would count.
    pub query: Option<Query>,
    /// Inclusive.
    pub start_unix_nano: Option<u64>,
    /// Exclusive.
    pub end_unix_nano: Option<u64>,
}

/// A value of a field and how many of the selected spans have it.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueCount {
    /// As the field has it; status and kind as their words.
    pub value: Value,
    /// Spans. A span with several different values (an array, events) counts for each.
    pub count: u64,
}

/// What a field's values are among selected spans.
#[derive(Clone, Debug)]
pub struct Facet {
    /// Which.
    pub field: FieldRef,
    /// The most frequent first; equal ones by value.
    pub values: Vec<ValueCount>,
    /// Distinct values, also those that are not listed.
    pub distinct: u64,
    /// Spans that have the field.
    pub present: u64,
}

/// Facets of selected spans.
#[derive(Clone, Debug, Default)]
pub struct Facets {
    /// Selected spans.
    pub spans: u64,
    /// In the order asked.
    pub facets: Vec<Facet>,
    /// The answer is not whole; the reason.
    pub partial: Option<String>,
    /// How much work it was.
    pub stats: ScanStats,
}

/// Where a duration stands among those of selected spans.
#[derive(Clone, Debug, Default)]
pub struct DurationRank {
    /// Selected spans.
    pub spans: u64,
    /// Those that took less.
    pub shorter: u64,
    /// Nanoseconds of the asked quantiles, in the order asked; empty when there is no span. At most 1 % off.
    pub quantiles_nano: Vec<f64>,
    /// The answer is not whole; the reason.
    pub partial: Option<String>,
}

/// What sets two sets of spans apart.
#[derive(Clone, Debug, Default)]
pub struct Contrast {
    /// Spans of the selection.
    pub selection_spans: u64,
    /// Spans of the baseline.
    pub baseline_spans: u64,
    /// The most telling field first.
    pub fields: Vec<ContrastField>,
    /// The answer is not whole; the reason.
    pub partial: Option<String>,
    /// How much work it was.
    pub stats: ScanStats,
}

/// How the values of a field are spread over two sets.
#[derive(Clone, Debug)]
pub struct ContrastField {
    /// Which.
    pub field: FieldRef,
    /// 0: the same in both sets; 1: no value is common. Half the sum of the differences of shares, absence being a value too.
    pub difference: f64,
    /// The value whose shares differ most first.
    pub values: Vec<ContrastValue>,
}

/// A value in two sets.
#[derive(Clone, Debug, PartialEq)]
pub struct ContrastValue {
    /// `None`: spans without the field.
    pub value: Option<Value>,
    /// Spans of the selection with it.
    pub selection: u64,
    /// Spans of the baseline with it.
    pub baseline: u64,
}
