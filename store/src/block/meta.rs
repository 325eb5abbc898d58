//! `meta.json`: what is to be known of a block before any of its files is opened.

use super::sink::Files;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The newest format that this binary knows.
pub(crate) const VERSION: u32 = 2;

/// The content of `meta.json`. Keys may be added; a reader ignores those that it does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Size of `resources.parquet`. Absent before version 2, which had no such file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resources_file_bytes: Option<u64>,
    /// The ends of the Parquet files, so that each is read in one go, and damage is told before it is parsed. Absent in blocks of
    /// early builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ends: Option<Files<FileEnd>>,
    /// The row groups of `spans.parquet`, in order.
    pub(crate) row_groups: Vec<RowGroup>,
    /// The journal records whose spans are here.
    pub(crate) journal: Vec<JournalRange>,
    /// Blocks that this one takes the place of, those included that they took the place of.
    #[serde(default)]
    pub(crate) replaces: Vec<Ulid>,
    /// How often its spans have been merged into a larger block.
    #[serde(default)]
    pub(crate) level: u8,
    /// The store that wrote it; only that one merges it with others.
    #[serde(default)]
    pub(super) writer: Option<Ulid>,
    /// When the earliest and the latest of its spans left a head, nanoseconds since the Unix epoch.
    /// Retention counts from the latest. Absent: when the block was named.
    #[serde(default)]
    pub(super) cut_min_unix_nano: Option<u64>,
    #[serde(default)]
    pub(super) cut_max_unix_nano: Option<u64>,
    /// Only of a block of nothing but pinned traces, which retention has left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pinned: Option<Pinned>,
}

/// Why a block outlives its retention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pinned {
    /// When the last of its pins ends, nanoseconds since the Unix epoch.
    pub(crate) until_unix_nano: u64,
    /// The reasons of all its pins: `exemplar`, `lookup`, `user`.
    pub(crate) reasons: Vec<String>,
}

impl Meta {
    /// The store that wrote it.
    pub(crate) fn writer(&self) -> Option<Ulid> {
        self.writer.or_else(|| self.journal.first().map(|range| range.store))
    }

    /// When the earliest and the latest of the spans left a head.
    pub(crate) fn cut_unix_nano(&self) -> (u64, u64) {
        let named = self.block.timestamp_ms().saturating_mul(1_000_000);
        (self.cut_min_unix_nano.unwrap_or(named), self.cut_max_unix_nano.unwrap_or(named))
    }

    /// Says when the spans left a head.
    pub(crate) fn set_cut(&mut self, (min_unix_nano, max_unix_nano): (u64, u64)) {
        self.cut_min_unix_nano = Some(min_unix_nano);
        self.cut_max_unix_nano = Some(max_unix_nano);
    }
}

/// A run of journal records of one store, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JournalRange {
    pub(crate) store: Ulid,
    pub(crate) first_sequence: u64,
    pub(crate) last_sequence: u64,
}

impl JournalRange {
    /// The same records in as few ranges as possible, sorted.
    pub(crate) fn coalesce(mut ranges: Vec<Self>) -> Vec<Self> {
        ranges.sort_unstable_by_key(|range| (range.store, range.first_sequence));
        let mut coalesced: Vec<Self> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match coalesced.last_mut() {
                Some(last)
                    if last.store == range.store
                        && range.first_sequence <= last.last_sequence.saturating_add(1) =>
                {
                    last.last_sequence = last.last_sequence.max(range.last_sequence);
                }
                _ => coalesced.push(range),
            }
        }
        coalesced
    }
}

/// The last bytes of a Parquet file: page index and footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEnd {
    pub(crate) bytes: u64,
    /// CRC-32 of IEEE 802.3, the journal's.
    pub(crate) crc32: u32,
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
