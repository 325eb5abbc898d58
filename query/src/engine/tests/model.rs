//! Plain spans, and a source of columns made from them.

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Float64Array,
    Int64Array, NullArray, UInt8Array, UInt32Array, UInt64Array, types::UInt32Type,
};
use arrow_buffer::BooleanBuffer;
use arrow_select::take::take;
use prost::Message;
use sigyn_proto::otlp::common::v1::{AnyValue, ArrayValue, any_value};
use sigyn_store::{
    AttributeScope, Children, Error, Field, Source, SpanId, TextColumn, TextTest, TimeRange,
    TraceId, TraceSpans,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plain {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Array(Vec<Plain>),
}

pub(super) type Attributes = BTreeMap<String, Plain>;

#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) trace: u8,
    pub(super) id: u8,
    pub(super) parent: Option<u8>,
    pub(super) start: u64,
    pub(super) duration: i64,
    pub(super) name: String,
    pub(super) kind: u8,
    pub(super) status: u8,
    pub(super) service: Option<String>,
    pub(super) attributes: Attributes,
    pub(super) resource: Attributes,
    pub(super) scope: Attributes,
    pub(super) events: Vec<Entry>,
    pub(super) links: Vec<Entry>,
}

/// An event (name, time) or a link (the ID byte of the span linked to).
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) time: u64,
    pub(super) linked: u8,
    pub(super) attributes: Attributes,
}

impl Span {
    pub(super) fn trace_id(&self) -> TraceId {
        TraceId([self.trace; 16])
    }

    pub(super) fn span_id(&self) -> SpanId {
        SpanId([self.id; 8])
    }

    /// The resource's attributes with the service's name among them.
    pub(super) fn whole_resource(&self) -> Attributes {
        let mut all = self.resource.clone();
        if let Some(service) = &self.service {
            all.insert("service.name".to_owned(), Plain::Text(service.clone()));
        }
        all
    }

    pub(super) fn entries(&self, scope: AttributeScope) -> &[Entry] {
        if scope == AttributeScope::Event { &self.events } else { &self.links }
    }
}

pub(super) struct PlainSource {
    pub(super) spans: Vec<Span>,
}

fn ids<const N: usize>(ids: impl Iterator<Item = Option<[u8; N]>>) -> ArrayRef {
    Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(ids, N as i32).unwrap())
}

fn texts<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(texts.collect::<DictionaryArray<UInt32Type>>())
}

fn encoded(value: &Plain) -> AnyValue {
    use any_value::Value as V;
    let value = match value {
        Plain::Text(text) => V::StringValue(text.clone()),
        Plain::Int(value) => V::IntValue(*value),
        Plain::Float(value) => V::DoubleValue(*value),
        Plain::Bool(value) => V::BoolValue(*value),
        Plain::Array(values) => {
            V::ArrayValue(ArrayValue { values: values.iter().map(encoded).collect() })
        }
    };
    AnyValue { value: Some(value) }
}

/// A value as the store keeps it when it is no scalar.
pub(super) fn encoded_bytes(value: &Plain) -> Vec<u8> {
    encoded(value).encode_to_vec()
}

fn typed(values: &[Option<&Plain>]) -> Vec<ArrayRef> {
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let any = |wanted: fn(&Plain) -> bool| values.iter().flatten().any(|value| wanted(value));
    if any(|value| matches!(value, Plain::Text(_))) {
        arrays.push(texts(values.iter().map(|value| match value {
            Some(Plain::Text(text)) => Some(text.as_str()),
            _ => None,
        })));
    }
    if any(|value| matches!(value, Plain::Int(_))) {
        let ints = values.iter().map(|value| match value {
            Some(Plain::Int(value)) => Some(*value),
            _ => None,
        });
        arrays.push(Arc::new(ints.collect::<Int64Array>()));
    }
    if any(|value| matches!(value, Plain::Float(_))) {
        let floats = values.iter().map(|value| match value {
            Some(Plain::Float(value)) => Some(*value),
            _ => None,
        });
        arrays.push(Arc::new(floats.collect::<Float64Array>()));
    }
    if any(|value| matches!(value, Plain::Bool(_))) {
        let bools = values.iter().map(|value| match value {
            Some(Plain::Bool(value)) => Some(*value),
            _ => None,
        });
        arrays.push(Arc::new(bools.collect::<BooleanArray>()));
    }
    if any(|value| matches!(value, Plain::Array(_))) {
        let bytes: Vec<Option<Vec<u8>>> = values
            .iter()
            .map(|value| match value {
                Some(array @ Plain::Array(_)) => Some(encoded(array).encode_to_vec()),
                _ => None,
            })
            .collect();
        arrays.push(Arc::new(bytes.iter().map(Option::as_deref).collect::<BinaryArray>()));
    }
    arrays
}

impl Source for PlainSource {
    fn rows(&self) -> usize {
        self.spans.len()
    }

    fn time_range(&self) -> TimeRange {
        let starts = || self.spans.iter().map(|span| span.start);
        TimeRange {
            start_min_unix_nano: starts().min().unwrap_or(0),
            start_max_unix_nano: starts().max().unwrap_or(0),
        }
    }

    fn field(&self, field: Field) -> Result<ArrayRef, Error> {
        let spans = self.spans.iter();
        Ok(match field {
            Field::TraceId => ids(spans.map(|span| Some(span.trace_id().0))),
            Field::SpanId => ids(spans.map(|span| Some(span.span_id().0))),
            Field::ParentSpanId => ids(spans.map(|span| span.parent.map(|parent| [parent; 8]))),
            Field::StartUnixNano => {
                Arc::new(UInt64Array::from_iter_values(spans.map(|span| span.start)))
            }
            Field::DurationNano => {
                Arc::new(Int64Array::from_iter_values(spans.map(|span| span.duration)))
            }
            Field::Name => texts(spans.map(|span| Some(span.name.as_str()))),
            Field::Kind => Arc::new(UInt8Array::from_iter_values(spans.map(|span| span.kind))),
            Field::StatusCode => {
                Arc::new(UInt8Array::from_iter_values(spans.map(|span| span.status)))
            }
            Field::ServiceName => texts(spans.map(|span| span.service.as_deref())),
            Field::StatusMessage | Field::ScopeName | Field::ScopeVersion => {
                texts(spans.map(|_| None))
            }
        })
    }

    fn attribute(&self, scope: AttributeScope, name: &str) -> Result<Vec<ArrayRef>, Error> {
        let owned: Vec<Option<Plain>> = self
            .spans
            .iter()
            .map(|span| match scope {
                AttributeScope::Span => span.attributes.get(name).cloned(),
                AttributeScope::Resource => span.whole_resource().get(name).cloned(),
                _ => span.scope.get(name).cloned(),
            })
            .collect();
        Ok(typed(&owned.iter().map(Option::as_ref).collect::<Vec<_>>()))
    }

    fn field_at(&self, field: Field, rows: &UInt32Array) -> Result<ArrayRef, Error> {
        Ok(take(&self.field(field)?, rows, None).unwrap())
    }

    fn attribute_at(
        &self,
        scope: AttributeScope,
        name: &str,
        rows: &UInt32Array,
    ) -> Result<Vec<ArrayRef>, Error> {
        let arrays = self.attribute(scope, name)?.into_iter();
        Ok(arrays.map(|array| take(&array, rows, None).unwrap()).collect())
    }

    /// Some sources can tell, and others cannot.
    fn rows_where(
        &self,
        column: TextColumn<'_>,
        test: TextTest<'_>,
    ) -> Result<Option<BooleanBuffer>, Error> {
        let value = |span: &Span| match column {
            TextColumn::Name => Some(Plain::Text(span.name.clone())),
            TextColumn::Span(name) => span.attributes.get(name).cloned(),
            TextColumn::Resource(name) => span.whole_resource().get(name).cloned(),
        };
        let values: Vec<Option<Plain>> = self.spans.iter().map(value).collect();
        let has_arrays = values.iter().flatten().any(|value| matches!(value, Plain::Array(_)));
        if has_arrays || self.spans.len().is_multiple_of(3) {
            return Ok(None);
        }
        Ok(Some(BooleanBuffer::collect_bool(values.len(), |row| match &values[row] {
            Some(Plain::Text(text)) => (test.passes)(text),
            _ => false,
        })))
    }

    fn rows_lasting(&self, duration_min_nano: i64) -> Result<Option<BooleanBuffer>, Error> {
        if self.spans.len().is_multiple_of(4) {
            return Ok(None);
        }
        let lasts = |row: usize| self.spans[row].duration >= duration_min_nano;
        Ok(Some(BooleanBuffer::collect_bool(self.spans.len(), lasts)))
    }

    fn traces_with(&self, rows: &BooleanBuffer) -> Option<Vec<TraceSpans>> {
        if self.spans.len().is_multiple_of(5) {
            return None;
        }
        let mut marked: BTreeMap<TraceId, u64> = BTreeMap::new();
        for row in rows.set_indices() {
            *marked.entry(self.spans[row].trace_id()).or_default() += 1;
        }
        let traces = marked.into_iter().map(|(id, spans)| {
            let of_trace = self.spans.iter().filter(|span| span.trace_id() == id);
            let start_unix_nano = of_trace.map(|span| span.start).min().unwrap();
            TraceSpans { id, spans, start_unix_nano }
        });
        Some(traces.collect())
    }

    fn may_hold(&self, trace_id: &TraceId) -> Result<bool, Error> {
        Ok(!self.rows_of(trace_id)?.is_empty())
    }

    fn attribute_names(&self, scope: AttributeScope) -> Result<Vec<String>, Error> {
        let names: BTreeSet<String> = self
            .spans
            .iter()
            .flat_map(|span| match scope {
                AttributeScope::Span => span.attributes.keys().cloned().collect::<Vec<_>>(),
                AttributeScope::Resource => span.whole_resource().into_keys().collect(),
                AttributeScope::Instrumentation => span.scope.keys().cloned().collect(),
                nested => {
                    let entries = span.entries(nested).iter();
                    entries.flat_map(|entry| entry.attributes.keys().cloned()).collect()
                }
            })
            .collect();
        Ok(names.into_iter().collect())
    }

    fn children(&self, scope: AttributeScope) -> Result<Arc<dyn Children>, Error> {
        let entries = self.spans.iter().enumerate().flat_map(|(row, span)| {
            span.entries(scope).iter().map(move |entry| (row as u32, entry.clone()))
        });
        Ok(Arc::new(PlainChildren { scope, entries: entries.collect() }))
    }

    fn rows_of(&self, trace_id: &TraceId) -> Result<UInt32Array, Error> {
        let rows = self.spans.iter().enumerate();
        Ok(rows
            .filter(|(_, span)| span.trace_id() == *trace_id)
            .map(|(row, _)| row as u32)
            .collect::<Vec<u32>>()
            .into())
    }

    fn size_bytes(&self) -> u64 {
        100 * self.spans.len() as u64
    }

    /// Sources of a test that are the same have the same address.
    fn identity(&self) -> Option<(u128, u32)> {
        Some((std::ptr::from_ref(self).addr() as u128, 0))
    }
}

struct PlainChildren {
    scope: AttributeScope,
    entries: Vec<(u32, Entry)>,
}

impl PlainChildren {
    fn of(&self, scope: AttributeScope, array: ArrayRef) -> Result<ArrayRef, Error> {
        let here = self.scope == scope;
        Ok(if here { array } else { Arc::new(NullArray::new(self.entries.len())) })
    }
}

impl Children for PlainChildren {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn parent_rows(&self) -> UInt32Array {
        self.entries.iter().map(|(row, _)| *row).collect::<Vec<u32>>().into()
    }

    fn names(&self) -> Result<ArrayRef, Error> {
        let names = self.entries.iter().map(|(_, entry)| Some(entry.name.as_str()));
        self.of(AttributeScope::Event, texts(names))
    }

    fn times_unix_nano(&self) -> Result<ArrayRef, Error> {
        let times = self.entries.iter().map(|(_, entry)| entry.time);
        self.of(AttributeScope::Event, Arc::new(UInt64Array::from_iter_values(times)))
    }

    fn trace_ids(&self) -> Result<ArrayRef, Error> {
        let linked = self.entries.iter().map(|(_, entry)| Some([entry.linked; 16]));
        self.of(AttributeScope::Link, ids(linked))
    }

    fn span_ids(&self) -> Result<ArrayRef, Error> {
        let linked = self.entries.iter().map(|(_, entry)| Some([entry.linked; 8]));
        self.of(AttributeScope::Link, ids(linked))
    }

    fn attribute(&self, name: &str) -> Result<Vec<ArrayRef>, Error> {
        let values: Vec<Option<&Plain>> =
            self.entries.iter().map(|(_, entry)| entry.attributes.get(name)).collect();
        Ok(typed(&values))
    }
}
