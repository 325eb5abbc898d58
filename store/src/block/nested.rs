//! The nested columns of a row group: attributes without a column of their own, events, links.

use super::{
    merge::Merge,
    schema::{Dedicated, attributes_of},
};
use crate::{
    AttributeScope,
    head::{Attributes, Chunk},
    wire::Value,
};
use arrow_array::{
    ArrayRef, FixedSizeBinaryArray, ListArray, StringArray, StructArray, UInt32Array, UInt64Array,
    builder::{BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder},
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use std::{collections::HashSet, ops::Range, sync::Arc};

/// Values of sparse columns, by owner.
struct ByOwner {
    /// By owner, where its part of `entries` begins; one more at the end.
    starts: Vec<u32>,
    /// Column, position in it.
    entries: Vec<(u32, u32)>,
}

impl ByOwner {
    /// All values but the first that an owner has in a column that `is_dedicated`.
    fn new(
        attributes: &Attributes,
        owners: usize,
        is_dedicated: impl Fn(&crate::head::Column) -> bool,
    ) -> Self {
        let rest = |each: &mut dyn FnMut(u32, u32, u32)| {
            for (at, column) in attributes.columns().iter().enumerate() {
                let dedicated = is_dedicated(column);
                let mut before = u32::MAX;
                for (position, &owner) in column.owners.iter().enumerate() {
                    if !dedicated || owner == before {
                        each(owner, at as u32, position as u32);
                    }
                    before = owner;
                }
            }
        };
        let mut starts = vec![0u32; owners + 1];
        rest(&mut |owner, _, _| starts[owner as usize + 1] += 1);
        for owner in 0..owners {
            starts[owner + 1] += starts[owner];
        }
        let mut next = starts.clone();
        let mut entries = vec![(0, 0); starts[owners] as usize];
        rest(&mut |owner, column, position| {
            let slot = &mut next[owner as usize];
            entries[*slot as usize] = (column, position);
            *slot += 1;
        });
        Self { starts, entries }
    }

    fn of(&self, owner: usize) -> &[(u32, u32)] {
        let range = self.starts[owner] as usize..self.starts[owner + 1] as usize;
        &self.entries[range]
    }
}

/// Events or links, each of which is of one row: by row where its own begin, and one more at the end; nothing when there are none.
struct ByRow(Vec<u32>);

impl ByRow {
    /// Of so many rows, from the row of each child.
    fn new(parents: &[u32], rows: usize) -> Self {
        if parents.is_empty() {
            return Self(Vec::new());
        }
        let mut starts = Vec::with_capacity(rows + 1);
        for (child, &parent) in parents.iter().enumerate() {
            starts.resize((parent as usize + 1).max(starts.len()), child as u32);
        }
        starts.resize(rows + 1, parents.len() as u32);
        Self(starts)
    }

    fn of(&self, row: u32) -> Range<usize> {
        let start = |row: usize| self.0.get(row).map_or(0, |&start| start as usize);
        start(row as usize)..start(row as usize + 1)
    }
}

/// What the nested columns of all row groups are made from.
pub(super) struct Nested {
    /// Whose attributes are looked at, …
    scopes: &'static [AttributeScope],
    /// … by position there, and chunk.
    rest: Vec<Vec<ByOwner>>,
    /// By chunk: events, and their attributes.
    events: Vec<(ByRow, ByOwner)>,
    /// The same of links.
    links: Vec<(ByRow, ByOwner)>,
}

impl Nested {
    pub(super) fn new(
        merge: &Merge<'_>,
        dedicated: &[Dedicated],
        scopes: &'static [AttributeScope],
    ) -> Self {
        let chosen: HashSet<(AttributeScope, &[u8], usize)> =
            dedicated.iter().map(|it| (it.scope, it.name.as_bytes(), it.kind)).collect();
        let rest = scopes.iter().map(|&scope| {
            let chunks = merge.chunks.iter().map(|chunk| {
                let owners = match scope {
                    AttributeScope::Span => chunk.len(),
                    AttributeScope::Resource => chunk.resources.len(),
                    _ => chunk.scopes.len(),
                };
                ByOwner::new(attributes_of(chunk, scope).0, owners, |column| {
                    let key = chunk.texts.get(column.key);
                    chosen.contains(&(scope, key, column.values.kind()))
                })
            });
            chunks.collect()
        });
        let children = |scope, parents_of: fn(&Chunk) -> &[u32]| {
            let chunks = merge.chunks.iter().map(|chunk| {
                let parents = parents_of(chunk);
                let attributes = attributes_of(chunk, scope).0;
                let attributes = ByOwner::new(attributes, parents.len(), |_| false);
                (ByRow::new(parents, chunk.len()), attributes)
            });
            chunks.collect()
        };
        Self {
            scopes,
            rest: rest.collect(),
            events: children(AttributeScope::Event, |chunk| &chunk.events.parents),
            links: children(AttributeScope::Link, |chunk| &chunk.links.parents),
        }
    }

    /// The attributes of a scope that have no column.
    pub(super) fn rest(
        &self,
        merge: &Merge<'_>,
        range: Range<usize>,
        scope: AttributeScope,
        list_type: &DataType,
    ) -> ArrayRef {
        let mut list = AttributeLists::default();
        let at_scope = self.scopes.iter().position(|&it| it == scope);
        let rest = &self.rest[at_scope.expect("the schema has lists of these scopes only")];
        for (chunk, at, row) in merge.rows(range) {
            let (attributes, owner_of) = attributes_of(chunk, scope);
            let owner = owner_of.map_or(row, |owner_of| owner_of[row as usize]);
            list.push(chunk, attributes, rest[at as usize].of(owner as usize));
        }
        list.finish(list_type)
    }

    pub(super) fn events(
        &self,
        merge: &Merge<'_>,
        range: Range<usize>,
        list_type: &DataType,
    ) -> ArrayRef {
        let (mut lengths, mut times, mut names) = (Vec::new(), Vec::new(), StringBuilder::new());
        let (mut dropped, mut attributes) = (Vec::new(), AttributeLists::default());
        for (chunk, at, row) in merge.rows(range) {
            let events = &chunk.events;
            let (of_row, attributes_of) = &self.events[at as usize];
            let own = of_row.of(row);
            lengths.push(own.len());
            for event in own {
                times.push(events.times_unix_nano[event]);
                names.append_value(text(chunk, events.names[event]));
                dropped.push(not_zero(events.dropped_attributes[event]));
                attributes.push(chunk, &events.attributes, attributes_of.of(event));
            }
        }
        let times: ArrayRef = Arc::new(UInt64Array::from(times));
        let names: ArrayRef = Arc::new(names.finish());
        let dropped: ArrayRef = Arc::new(UInt32Array::from(dropped));
        let mut attributes = Some(attributes);
        list_of(list_type, lengths, |member| match member.name().as_str() {
            "time_unix_nano" => Arc::clone(&times),
            "name" => Arc::clone(&names),
            "dropped_attributes_count" => Arc::clone(&dropped),
            _ => attributes.take().unwrap_or_default().finish(member.data_type()),
        })
    }

    pub(super) fn links(
        &self,
        merge: &Merge<'_>,
        range: Range<usize>,
        list_type: &DataType,
    ) -> ArrayRef {
        let (mut lengths, mut trace_ids, mut span_ids) = (Vec::new(), Vec::new(), Vec::new());
        let (mut states, mut flags, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
        let mut attributes = AttributeLists::default();
        for (chunk, at, row) in merge.rows(range) {
            let links = &chunk.links;
            let (of_row, attributes_of) = &self.links[at as usize];
            let own = of_row.of(row);
            lengths.push(own.len());
            for link in own {
                trace_ids.extend_from_slice(&links.trace_ids[link]);
                span_ids.extend_from_slice(&links.span_ids[link]);
                let state = links.trace_states[link];
                states.push((state != 0).then(|| text(chunk, state)));
                flags.push(not_zero(links.flags[link]));
                dropped.push(not_zero(links.dropped_attributes[link]));
                attributes.push(chunk, &links.attributes, attributes_of.of(link));
            }
        }
        let trace_ids: ArrayRef = Arc::new(FixedSizeBinaryArray::new(16, trace_ids.into(), None));
        let span_ids: ArrayRef = Arc::new(FixedSizeBinaryArray::new(8, span_ids.into(), None));
        let states: ArrayRef = Arc::new(StringArray::from(states));
        let flags: ArrayRef = Arc::new(UInt32Array::from(flags));
        let dropped: ArrayRef = Arc::new(UInt32Array::from(dropped));
        let mut attributes = Some(attributes);
        list_of(list_type, lengths, |member| match member.name().as_str() {
            "trace_id" => Arc::clone(&trace_ids),
            "span_id" => Arc::clone(&span_ids),
            "trace_state" => Arc::clone(&states),
            "flags" => Arc::clone(&flags),
            "dropped_attributes_count" => Arc::clone(&dropped),
            _ => attributes.take().unwrap_or_default().finish(member.data_type()),
        })
    }
}

/// A list of attributes per owner.
#[derive(Default)]
struct AttributeLists {
    lengths: Vec<usize>,
    keys: StringBuilder,
    strings: StringBuilder,
    ints: Int64Builder,
    doubles: Float64Builder,
    bools: BooleanBuilder,
    encoded: BinaryBuilder,
}

impl AttributeLists {
    fn push(&mut self, chunk: &Chunk, attributes: &Attributes, entries: &[(u32, u32)]) {
        self.lengths.push(entries.len());
        for &(column, position) in entries {
            let column = &attributes.columns()[column as usize];
            self.keys.append_value(text(chunk, column.key));
            let (mut string, mut int, mut double, mut bool, mut encoded) =
                (None, None, None, None, None);
            match column.value(position as usize, &chunk.texts, &chunk.blobs) {
                Value::String(bytes) => string = Some(utf8(bytes)),
                Value::Int(value) => int = Some(value),
                Value::Double(value) => double = Some(value),
                Value::Bool(value) => bool = Some(value),
                Value::Encoded(bytes) => encoded = Some(bytes),
            }
            self.strings.append_option(string);
            self.ints.append_option(int);
            self.doubles.append_option(double);
            self.bools.append_option(bool);
            self.encoded.append_option(encoded);
        }
    }

    fn finish(mut self, list_type: &DataType) -> ArrayRef {
        let lengths = std::mem::take(&mut self.lengths);
        list_of(list_type, lengths, |member| match member.name().as_str() {
            "key" => Arc::new(self.keys.finish()),
            "string" => Arc::new(self.strings.finish()),
            "int" => Arc::new(self.ints.finish()),
            "double" => Arc::new(self.doubles.finish()),
            "bool" => Arc::new(self.bools.finish()),
            _ => Arc::new(self.encoded.finish()),
        })
    }
}

/// A list of structs, of the members that its type names.
fn list_of(
    list_type: &DataType,
    lengths: Vec<usize>,
    mut member: impl FnMut(&Field) -> ArrayRef,
) -> ArrayRef {
    let DataType::List(element) = list_type else {
        unreachable!("the schema says that it is a list")
    };
    let DataType::Struct(fields) = element.data_type() else {
        unreachable!("the schema says that it is a list of structs")
    };
    let columns: Vec<ArrayRef> = fields.iter().map(|field| member(field)).collect();
    let values = StructArray::try_new(fields.clone(), columns, None)
        .expect("columns have the types and lengths of the fields");
    let offsets = OffsetBuffer::from_lengths(lengths);
    Arc::new(ListArray::new(Arc::clone(element), offsets, Arc::new(values), None))
}

fn text(chunk: &Chunk, code: u32) -> &str {
    utf8(chunk.texts.get(code))
}

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("texts of chunks are UTF-8")
}

fn not_zero(value: u32) -> Option<u32> {
    (value != 0).then_some(value)
}
