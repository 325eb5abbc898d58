//! The columns of spans that metrics are made from.

use crate::dimension::Dimension;
use arrow_array::{
    Array, FixedSizeBinaryArray, Int64Array, UInt8Array, UInt32Array, UInt64Array, cast::AsArray,
};
use sigyn_store::{AttributeScope, Error, Field, Source, SpanId, TraceId};

/// The fixed columns of a source.
pub(crate) struct Spans {
    trace_ids: FixedSizeBinaryArray,
    span_ids: FixedSizeBinaryArray,
    parent_span_ids: FixedSizeBinaryArray,
    starts_unix_nano: UInt64Array,
    durations_nano: Int64Array,
    kinds: UInt8Array,
    status_codes: UInt8Array,
    encoded_bytes: Option<UInt32Array>,
    pub(crate) services: Dimension,
    pub(crate) names: Dimension,
}

impl Spans {
    pub(crate) fn read(source: &dyn Source) -> Result<Self, Error> {
        Ok(Self {
            trace_ids: source.field(Field::TraceId)?.as_fixed_size_binary().clone(),
            span_ids: source.field(Field::SpanId)?.as_fixed_size_binary().clone(),
            parent_span_ids: source.field(Field::ParentSpanId)?.as_fixed_size_binary().clone(),
            starts_unix_nano: source.field(Field::StartUnixNano)?.as_primitive().clone(),
            durations_nano: source.field(Field::DurationNano)?.as_primitive().clone(),
            kinds: source.field(Field::Kind)?.as_primitive().clone(),
            status_codes: source.field(Field::StatusCode)?.as_primitive().clone(),
            encoded_bytes: source.encoded_bytes(),
            services: Dimension::of_text(&source.field(Field::ServiceName)?),
            names: Dimension::of_text(&source.field(Field::Name)?),
        })
    }

    pub(crate) fn trace_id(&self, row: usize) -> TraceId {
        TraceId(bytes(&self.trace_ids, row))
    }

    pub(crate) fn span_id(&self, row: usize) -> SpanId {
        SpanId(bytes(&self.span_ids, row))
    }

    /// `None` for a root.
    pub(crate) fn parent_span_id(&self, row: usize) -> Option<SpanId> {
        (!self.parent_span_ids.is_null(row)).then(|| SpanId(bytes(&self.parent_span_ids, row)))
    }

    pub(crate) fn kind(&self, row: usize) -> u8 {
        self.kinds.value(row)
    }

    pub(crate) fn status_code(&self, row: usize) -> u8 {
        self.status_codes.value(row)
    }

    pub(crate) fn start_unix_nano(&self, row: usize) -> u64 {
        self.starts_unix_nano.value(row)
    }

    pub(crate) fn end_unix_nano(&self, row: usize) -> u64 {
        self.starts_unix_nano.value(row).saturating_add_signed(self.durations_nano.value(row))
    }

    /// Bytes of the span as it came; 0 where nobody knows any more.
    pub(crate) fn encoded_bytes(&self, row: usize) -> u64 {
        self.encoded_bytes.as_ref().map_or(0, |bytes| u64::from(bytes.value(row)))
    }

    /// A span that ends before it starts took no time.
    pub(crate) fn seconds(&self, row: usize) -> f64 {
        self.durations_nano.value(row).max(0) as f64 / 1e9
    }
}

/// An attribute of the resource or, where that has none, of the span.
pub(crate) fn attribute(source: &dyn Source, name: &str) -> Result<Dimension, Error> {
    let mut dimension = Dimension::absent(source.rows());
    for scope in [AttributeScope::Resource, AttributeScope::Span] {
        for array in source.attribute(scope, name)? {
            dimension.fill(&array);
        }
    }
    // The store keeps the most asked-for attribute as a column of its own.
    if name == "service.name" {
        dimension.fill(&source.field(Field::ServiceName)?);
    }
    Ok(dimension)
}

fn bytes<const N: usize>(array: &FixedSizeBinaryArray, row: usize) -> [u8; N] {
    array.value(row).try_into().expect("the column's width is that of the ID")
}
