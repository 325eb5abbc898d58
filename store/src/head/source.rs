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

    fn read(&self, field: Field, rows: &[u32]) -> ArrayRef {
        let chunk = &*self.chunk;
        let always = |codes: &[u32]| {
            let codes = rows.iter().map(|&row| Some(codes[row as usize]));
            dense::dictionary(codes, &chunk.texts)
        };
        let not_empty = |code_of: &dyn Fn(usize) -> u32| {
            let codes = rows.iter().map(|&row| code_of(row as usize));
            dense::dictionary(codes.map(|code| (code != 0).then_some(code)), &chunk.texts)
        };
        let scope_of = |row: usize| &chunk.scopes[chunk.scope_of[row] as usize];
        match field {
            Field::TraceId => dense::ids(&picked(&chunk.trace_ids, rows), false),
            Field::SpanId => dense::ids(&picked(&chunk.span_ids, rows), false),
            Field::ParentSpanId => dense::ids(&picked(&chunk.parent_span_ids, rows), true),
            Field::StartUnixNano => {
                Arc::new(UInt64Array::from(picked(&chunk.starts_unix_nano, rows)))
            }
            Field::DurationNano => {
                let durations = rows.iter().map(|&row| {
                    let row = row as usize;
                    let end = chunk.ends_unix_nano[row];
                    end.wrapping_sub(chunk.starts_unix_nano[row]) as i64
                });
                Arc::new(Int64Array::from_iter_values(durations))
            }
            Field::Name => always(&chunk.names),
            Field::Kind => Arc::new(UInt8Array::from(picked(&chunk.kinds, rows))),
            Field::StatusCode => Arc::new(UInt8Array::from(picked(&chunk.status_codes, rows))),
            Field::StatusMessage => not_empty(&|row| chunk.status_messages[row]),
            Field::ServiceName => {
                let resources = rows.iter().map(|&row| chunk.resource_of[row as usize]);
                let names = resources.map(|at| chunk.resources[at as usize].service_name);
                dense::dictionary(names, &chunk.texts)
            }
            Field::ScopeName => not_empty(&|row| scope_of(row).name),
            Field::ScopeVersion => not_empty(&|row| scope_of(row).version),
        }
    }

    fn read_attribute(
        &self,
        scope: AttributeScope,
        name: &str,
        rows: Option<&[u32]>,
    ) -> Vec<ArrayRef> {
        let chunk = &*self.chunk;
        let (attributes, owner_of) = match scope {
            AttributeScope::Span => (&chunk.attributes, None),
            AttributeScope::Resource => (&chunk.resource_attributes, Some(&chunk.resource_of)),
            AttributeScope::Instrumentation => (&chunk.scope_attributes, Some(&chunk.scope_of)),
            AttributeScope::Event | AttributeScope::Link => return Vec::new(),
        };
        let columns = attributes.of_key(name.as_bytes()).map(|column| {
            let mut positions = match owner_of {
                None => dense::positions(column, chunk.len()),
                Some(owner_of) => {
                    let owners = column.owners.last().map_or(0, |&owner| owner as usize + 1);
                    let positions = dense::positions(column, owners);
                    let rows = owner_of.iter();
                    rows.map(|&owner| positions.get(owner as usize).copied().unwrap_or(0)).collect()
                }
            };
            if let Some(rows) = rows {
                positions = picked(&positions, rows);
            }
            dense::column(column, &positions, &chunk.texts, &chunk.blobs)
        });
        columns.collect()
    }
}

impl Source for ChunkSource {
    fn rows(&self) -> usize {
        self.chunk.len()
    }

    fn time_range(&self) -> TimeRange {
        self.time_range
    }

    fn encoded_bytes(&self) -> Option<UInt32Array> {
        Some(self.chunk.encoded_bytes.clone().into())
    }

    fn field(&self, field: Field) -> Result<ArrayRef, Error> {
        let rows: Vec<u32> = (0..self.chunk.len() as u32).collect();
        Ok(self.read(field, &rows))
    }

    fn field_at(&self, field: Field, rows: &UInt32Array) -> Result<ArrayRef, Error> {
        Ok(self.read(field, rows.values()))
    }

    fn attribute(&self, scope: AttributeScope, name: &str) -> Result<Vec<ArrayRef>, Error> {
        Ok(self.read_attribute(scope, name, None))
    }

    fn attribute_at(
        &self,
        scope: AttributeScope,
        name: &str,
        rows: &UInt32Array,
    ) -> Result<Vec<ArrayRef>, Error> {
        Ok(self.read_attribute(scope, name, Some(rows.values())))
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

    fn may_hold(&self, trace_id: &TraceId) -> Result<bool, Error> {
        Ok(!self.rows_of_trace(trace_id).is_empty())
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

fn picked<T: Copy>(all: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&row| all[row as usize]).collect()
}
