//! What goes out: columns of spans, from the head or from a block, behind one seam.
//!
//! The query engine works through the sources of a [`Snapshot`] one after the other, newest first.
//! A source is a chunk of the head (some thousand rows) or a row group of a block; both answer the
//! same questions with Arrow arrays, decode only what is asked for, and never change.

use crate::{Error, TraceId};
use arrow_array::{ArrayRef, UInt32Array};
use arrow_buffer::BooleanBuffer;
use std::{ops::Range, sync::Arc};

/// Where an attribute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeScope {
    /// On the span itself.
    Span,
    /// On its resource.
    Resource,
    /// On one of its events.
    Event,
    /// On one of its links.
    Link,
    /// On its instrumentation scope.
    Instrumentation,
}

/// A fixed column. The Arrow type is given with each; strings are `Dictionary(UInt32, Utf8)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `FixedSizeBinary(16)`, never null.
    TraceId,
    /// `FixedSizeBinary(8)`, never null.
    SpanId,
    /// `FixedSizeBinary(8)`, null for a root.
    ParentSpanId,
    /// `UInt64`, nanoseconds since the Unix epoch.
    StartUnixNano,
    /// `Int64`, end − start; negative for a span that ends before it starts.
    DurationNano,
    /// String.
    Name,
    /// `UInt8`, OTLP `SpanKind` 0–5.
    Kind,
    /// `UInt8`, OTLP `StatusCode` 0–2.
    StatusCode,
    /// String, null when empty.
    StatusMessage,
    /// String, `resource.service.name` when it is a string; null otherwise.
    ServiceName,
    /// String, null when empty.
    ScopeName,
    /// String, null when empty.
    ScopeVersion,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::TraceId,
        Self::SpanId,
        Self::ParentSpanId,
        Self::StartUnixNano,
        Self::DurationNano,
        Self::Name,
        Self::Kind,
        Self::StatusCode,
        Self::StatusMessage,
        Self::ServiceName,
        Self::ScopeName,
        Self::ScopeVersion,
    ];
}

/// What may have a text of each span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextColumn<'a> {
    /// [`Field::Name`].
    Name,
    /// An attribute of the span.
    Span(&'a str),
    /// An attribute of its resource.
    Resource(&'a str),
}

/// What is asked of a text.
#[derive(Clone, Copy)]
pub struct TextTest<'a> {
    /// Tells it from all other tests: of one name there is one test only, however often it is made.
    pub name: &'a str,
    /// The test itself.
    pub passes: &'a dyn Fn(&str) -> bool,
}

/// Earliest and latest span start in a source, both inclusive, nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// Earliest start.
    pub start_min_unix_nano: u64,
    /// Latest start.
    pub start_max_unix_nano: u64,
}

/// Some spans of a trace in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceSpans {
    /// Its ID.
    pub id: TraceId,
    /// How many.
    pub spans: u64,
    /// The earliest start of all that the source has of it, nanoseconds since the Unix epoch.
    pub start_unix_nano: u64,
}

/// An immutable run of spans in columns.
///
/// Methods may read and decode (from disk or object storage), so they are called on blocking
/// threads. Every array has `rows()` entries.
pub trait Source: Send + Sync {
    /// Number of spans.
    fn rows(&self) -> usize;

    /// Within which span starts lie.
    fn time_range(&self) -> TimeRange;

    /// A fixed column.
    fn field(&self, field: Field) -> Result<ArrayRef, Error>;

    /// Some entries of a fixed column, ascending: cheaper than all of them where they are few.
    fn field_at(&self, field: Field, rows: &UInt32Array) -> Result<ArrayRef, Error>;

    /// The values of a span, resource or instrumentation attribute, one array per value type that occurs, null where
    /// a row has no value of that type: `Dictionary(UInt32, Utf8)`, `Int64`, `Float64`, `Boolean`, or `Binary` with an
    /// encoded OTLP `AnyValue` for bytes, arrays and maps. Empty when no row has the attribute.
    ///
    /// Event and link attributes are asked from [`Source::children`].
    fn attribute(&self, scope: AttributeScope, name: &str) -> Result<Vec<ArrayRef>, Error>;

    /// As [`Source::attribute`], of some rows, ascending; an array of nothing but nulls may be among them.
    fn attribute_at(
        &self,
        scope: AttributeScope,
        name: &str,
        rows: &UInt32Array,
    ) -> Result<Vec<ArrayRef>, Error>;

    /// False when no span has this text under the name of a span or resource attribute, nor an array with it. Much cheaper than the
    /// values where few spans can have it; it may be wrong in saying yes.
    fn may_have(&self, scope: AttributeScope, name: &str, text: &str) -> Result<bool, Error> {
        let _ = (scope, name, text);
        Ok(true)
    }

    /// The rows whose text in a column passes a test: the same as testing each text that is read, but cheaper where texts have codes, and
    /// remembered. `None`: it is not, or there may be arrays, whose texts count as well.
    fn rows_where(
        &self,
        column: TextColumn<'_>,
        test: TextTest<'_>,
    ) -> Result<Option<BooleanBuffer>, Error> {
        let _ = (column, test);
        Ok(None)
    }

    /// The rows with a [`Field::DurationNano`] of at least this. `None`: nothing is known that would save reading the durations of most
    /// rows.
    fn rows_lasting(&self, duration_min_nano: i64) -> Result<Option<BooleanBuffer>, Error> {
        let _ = duration_min_nano;
        Ok(None)
    }

    /// The traces of marked rows, each once. `None`: it would have to be read.
    fn traces_with(&self, rows: &BooleanBuffer) -> Option<Vec<TraceSpans>> {
        let _ = rows;
        None
    }

    /// The names of all attributes of a scope that occur in this source, sorted.
    fn attribute_names(&self, scope: AttributeScope) -> Result<Vec<String>, Error>;

    /// The events (`AttributeScope::Event`) or links (`AttributeScope::Link`) of all rows, flat.
    fn children(&self, scope: AttributeScope) -> Result<Arc<dyn Children>, Error>;

    /// The rows of one trace, ascending; empty when it is not here. Cheap: a hash or a bloom filter and a binary search.
    fn rows_of(&self, trace_id: &TraceId) -> Result<UInt32Array, Error>;

    /// False when no span of a trace is here. Cheaper than [`Source::rows_of`], but it may be wrong in saying yes.
    fn may_hold(&self, trace_id: &TraceId) -> Result<bool, Error>;

    /// Bytes of each span as it came, as an OTLP `Span`; `None` where nobody knows any more.
    fn encoded_bytes(&self) -> Option<UInt32Array> {
        None
    }

    /// Bytes that a scan of everything here would read; for statistics and limits.
    fn size_bytes(&self) -> u64;

    /// True when all that is here is beyond its retention and only kept because somebody pinned it: slow and
    /// failed traces above all. Statistics over time leave it out.
    fn is_pinned_only(&self) -> bool {
        false
    }

    /// What tells this source from all others, for as long as its content is the same: by it something can be remembered
    /// about a source that is not held. `None`: nothing does.
    fn identity(&self) -> Option<(u128, u32)> {
        None
    }

    /// What this source is a part of. Sources of one run hold no span twice, neither alone nor together; `None`: nobody has looked.
    fn run(&self) -> Option<u128> {
        None
    }
}

/// Events or links of the rows of a source, in row order. Arrays have `len()` entries.
pub trait Children: Send + Sync {
    /// Number of events or links.
    fn len(&self) -> usize;

    /// True when there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of the span that each belongs to, ascending.
    fn parent_rows(&self) -> UInt32Array;

    /// Events: name, `Dictionary(UInt32, Utf8)`. Links: null array.
    fn names(&self) -> Result<ArrayRef, Error>;

    /// Events: `UInt64`, time in nanoseconds since the Unix epoch. Links: null array.
    fn times_unix_nano(&self) -> Result<ArrayRef, Error>;

    /// Links: `FixedSizeBinary(16)`. Events: null array.
    fn trace_ids(&self) -> Result<ArrayRef, Error>;

    /// Links: `FixedSizeBinary(8)`. Events: null array.
    fn span_ids(&self) -> Result<ArrayRef, Error>;

    /// As [`Source::attribute`], per event or link.
    fn attribute(&self, name: &str) -> Result<Vec<ArrayRef>, Error>;
}

/// All that can be searched at one moment, newest first (by `start_max_unix_nano`).
#[derive(Clone)]
pub struct Snapshot {
    /// Head chunks and block row groups.
    pub sources: Vec<Arc<dyn Source>>,
}

/// What came in after a moment, in the order in which it came.
#[derive(Clone)]
pub struct Tail {
    /// Sources and, of each, the rows that are new.
    pub parts: Vec<(Arc<dyn Source>, Range<usize>)>,
    /// Where to go on.
    pub next: u64,
    /// Spans that left the head before they were asked for.
    pub missed: u64,
}
