//! `meta.json`: what is to be known of a block before any of its files is opened.

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The newest format that this binary knows.
pub(crate) const VERSION: u32 = 1;

/// The content of `meta.json`. Keys may be added; a reader ignores those that it does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// Format version of the block.
    pub(crate) version: u32,
    /// Its name, and that of its folder.
    pub(crate) block: Ulid,
    pub(crate) spans: u64,
    pub(crate) traces: u64,
    /// Earliest and latest start of a span, nanoseconds since the Unix epoch.
    pub(crate) start_min_unix_nano: u64,
    pub(crate) start_max_unix_nano: u64,
    /// Size of all files but this one.
    pub(crate) size_bytes: u64,
    /// Size of `spans.parquet`.
    pub(crate) spans_file_bytes: u64,
    /// The row groups of `spans.parquet`, in order.
    pub(crate) row_groups: Vec<RowGroup>,
    /// The journal records whose spans are here.
    pub(crate) journal: Vec<JournalRange>,
    /// Blocks that this one takes the place of.
    #[serde(default)]
    pub(crate) replaces: Vec<Ulid>,
}

/// A run of journal records of one store, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JournalRange {
    pub(crate) store: Ulid,
    pub(crate) first_sequence: u64,
    pub(crate) last_sequence: u64,
}

/// What decides whether a row group need be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowGroup {
    pub(crate) spans: u64,
    /// First and last trace ID, as 32 lower-case hex digits.
    pub(crate) trace_id_min: String,
    pub(crate) trace_id_max: String,
    /// Earliest and latest start of a span, nanoseconds since the Unix epoch.
    pub(crate) start_min_unix_nano: u64,
    pub(crate) start_max_unix_nano: u64,
}
