//! Exemplars and pins: what ties a trace to the metrics that point at it.

use crate::{SpanId, TraceId};

/// Label names and values, sorted by name.
pub type Labels = Vec<(String, String)>;

/// Says of the labels of a series whether it is wanted.
pub type SeriesFilter = Box<dyn Fn(&[(String, String)]) -> bool + Send>;

/// One exemplar: a point of a metric series that names a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// The labels of the series, `__name__` included, sorted by name.
    pub series: Vec<(String, String)>,
    /// The exemplar's own labels as exposed, `trace_id` included.
    pub labels: Vec<(String, String)>,
    /// The trace that it points at.
    pub trace_id: TraceId,
    /// The span, where it says one.
    pub span_id: Option<SpanId>,
    /// The observed value.
    pub value: f64,
    /// When it was observed, milliseconds since the Unix epoch.
    pub timestamp_unix_milli: i64,
}

/// All exemplars of one series in a time range, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesExemplars {
    /// The labels of the series, `__name__` included, sorted by name.
    pub series: Vec<(String, String)>,
    /// Its exemplars (their `series` is the same as above).
    pub exemplars: Vec<Exemplar>,
}

/// Why a trace must be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PinReason {
    /// A metric exemplar points at it.
    Exemplar,
    /// It was not in the store when somebody asked for it, and was fetched from a buffer.
    Lookup,
    /// A person asked for it to be kept.
    User,
}

impl PinReason {
    /// As it stands in `meta.json` and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exemplar => "exemplar",
            Self::Lookup => "lookup",
            Self::User => "user",
        }
    }

    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Exemplar, Self::Lookup, Self::User].into_iter().find(|it| it.name() == name)
    }
}

/// A trace that survives sampling and retention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Which trace.
    pub trace_id: TraceId,
    /// Why.
    pub reason: PinReason,
    /// Until when, nanoseconds since the Unix epoch.
    pub until_unix_nano: u64,
}
