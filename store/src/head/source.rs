//! A sealed chunk as a source of columns.

use super::{Attributes, Chunk, children::ChunkChildren, dense, trace_rows::TraceRows};
use crate::{AttributeScope, Children, Error, Field, Source, TimeRange, TraceId};
use arrow_array::{ArrayRef, Int64Array, UInt8Array, UInt32Array, UInt64Array};
use std::{collections::BTreeSet, sync::Arc};

/// A chunk that will not change any more.
#[derive(Clone)]
pub(crate) struct ChunkSource {
    pub(crate) chunk: Arc<Chunk>,
    trace_rows: Arc<TraceRows>,
    time_range: TimeRange,
    size_bytes: u64,
}

impl ChunkSource {
    pub(crate) fn new(chunk: Arc<Chunk>) -> Self {
        let trace_rows = Arc::new(TraceRows::new(&chunk.trace_ids));
        let size_bytes = (chunk.size_bytes() + trace_rows.size_bytes()) as u64;
        Self { time_range: chunk.time_range(), chunk, trace_rows, size_bytes }
    }

    /// The rows of a trace, ascending.
    pub(crate) fn rows_of_trace(&self, trace_id: &TraceId) -> Vec<u32> {
        self.trace_rows.find(&self.chunk.trace_ids, &trace_id.0)
    }
}

impl Source for ChunkSource {
    fn rows(&self) -> usize {
        self.chunk.len()
    }

    fn time_range(&self) -> TimeRange {
        self.time_range
    }

    fn field(&self, field: Field) -> Result<ArrayRef, Error> {
        let chunk = &*self.chunk;
        let always =
            |codes: &[u32]| dense::dictionary(codes.iter().map(|&code| Some(code)), &chunk.texts);
        let not_empty = |codes: &[u32]| {
            let codes = codes.iter().map(|&code| (code != 0).then_some(code));
            dense::dictionary(codes, &chunk.texts)
        };
        Ok(match field {
            Field::TraceId => dense::ids(&chunk.trace_ids, false),
            Field::SpanId => dense::ids(&chunk.span_ids, false),
            Field::ParentSpanId => dense::ids(&chunk.parent_span_ids, true),
            Field::StartUnixNano => Arc::new(UInt64Array::from(chunk.starts_unix_nano.clone())),
            Field::DurationNano => {
                let spans = chunk.starts_unix_nano.iter().zip(&chunk.ends_unix_nano);
                let durations = spans.map(|(start, end)| end.wrapping_sub(*start) as i64);
                Arc::new(Int64Array::from_iter_values(durations))
            }
            Field::Name => always(&chunk.names),
            Field::Kind => Arc::new(UInt8Array::from(chunk.kinds.clone())),
            Field::StatusCode => Arc::new(UInt8Array::from(chunk.status_codes.clone())),
            Field::StatusMessage => not_empty(&chunk.status_messages),
            Field::ServiceName => {
                let resources = chunk.resource_of.iter();
                let names = resources.map(|&at| chunk.resources[at as usize].service_name);
                dense::dictionary(names, &chunk.texts)
            }
            Field::ScopeName | Field::ScopeVersion => {
                let scopes = chunk.scope_of.iter().map(|&at| &chunk.scopes[at as usize]);
                let codes = scopes.map(|scope| match field {
                    Field::ScopeName => scope.name,
                    _ => scope.version,
                });
                dense::dictionary(codes.map(|code| (code != 0).then_some(code)), &chunk.texts)
            }
        })
    }

    fn attribute(&self, scope: AttributeScope, name: &str) -> Result<Vec<ArrayRef>, Error> {
        let chunk = &*self.chunk;
        let (attributes, owner_of) = match scope {
            AttributeScope::Span => (&chunk.attributes, None),
            AttributeScope::Resource => (&chunk.resource_attributes, Some(&chunk.resource_of)),
            AttributeScope::Instrumentation => (&chunk.scope_attributes, Some(&chunk.scope_of)),
            AttributeScope::Event | AttributeScope::Link => return Ok(Vec::new()),
        };
        let columns = attributes.of_key(name.as_bytes()).map(|column| {
            let positions = match owner_of {
                None => dense::positions(column, chunk.len()),
                Some(owner_of) => {
                    let owners = column.owners.last().map_or(0, |&owner| owner as usize + 1);
                    let positions = dense::positions(column, owners);
                    let rows = owner_of.iter();
                    rows.map(|&owner| positions.get(owner as usize).copied().unwrap_or(0)).collect()
                }
            };
            dense::column(column, &positions, &chunk.texts, &chunk.blobs)
        });
        Ok(columns.collect())
    }

    fn attribute_names(&self, scope: AttributeScope) -> Result<Vec<String>, Error> {
        let chunk = &*self.chunk;
        let attributes: &Attributes = match scope {
            AttributeScope::Span => &chunk.attributes,
            AttributeScope::Resource => &chunk.resource_attributes,
            AttributeScope::Instrumentation => &chunk.scope_attributes,
            AttributeScope::Event => &chunk.events.attributes,
            AttributeScope::Link => &chunk.links.attributes,
        };
        let names: BTreeSet<_> =
            attributes.keys().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
        Ok(names.into_iter().collect())
    }

    fn children(&self, scope: AttributeScope) -> Result<Arc<dyn Children>, Error> {
        Ok(Arc::new(ChunkChildren::new(Arc::clone(&self.chunk), scope)))
    }

    fn rows_of(&self, trace_id: &TraceId) -> Result<UInt32Array, Error> {
        Ok(UInt32Array::from(self.rows_of_trace(trace_id)))
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}
