//! What is handed over to be sent.

use sigyn_proto::prometheus::write_v1::Histogram;

/// The value that says that a series has ended: a particular NaN.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// One series at the moment of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Series<'a> {
    /// `__name__` included, in any order; empty values count as absent.
    pub labels: &'a [(&'a str, &'a str)],
    /// The metric that it is of, without the suffixes of its series.
    pub metric: &'a str,
    /// One line for people.
    pub help: &'a str,
    /// Kind of that metric.
    pub kind: Kind,
    /// Values with their times, milliseconds since the Unix epoch, ascending.
    pub values: &'a [(i64, Value)],
    /// What was observed.
    pub exemplars: &'a [Exemplar<'a>],
}

/// Kinds of metrics; the numbers are those of both versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Kind {
    /// Only grows.
    Counter = 1,
    /// Goes up and down.
    Gauge = 2,
    /// Counts by size.
    Histogram = 3,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A sample; [`STALE`] ends the series.
    Number(f64),
    /// A native histogram, whose `timestamp` is filled in; a sum of [`STALE`] ends the series.
    Histogram(Histogram),
}

/// An observation.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar<'a> {
    /// Such as `trace_id`.
    pub labels: &'a [(&'a str, String)],
    /// What was observed.
    pub value: f64,
    /// Milliseconds since the Unix epoch.
    pub timestamp_unix_milli: i64,
}
