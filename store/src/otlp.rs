//! From columns back to OTLP.
//!
//! The encoding is canonical: two spans with the same content have the same bytes, wherever they lie.
//! That is how a span that was taken in twice is told from two spans that share an ID.

use crate::{
    head::{Attributes, Chunk},
    wire::{Value, Writer},
};
use std::{collections::HashMap, ops::Range};

/// Spans of one or more chunks as a `TracesData` message, each distinct one once. Resources, scopes and spans stand in
/// the order in which they are first met.
pub(crate) fn traces_data<'a>(parts: impl IntoIterator<Item = (&'a Chunk, Vec<u32>)>) -> Vec<u8> {
    let mut resources = Groups::<Scopes>::default();
    for (chunk, rows) in parts {
        let encoder = RowEncoder::new(chunk, rows);
        for index in 0..encoder.rows.len() {
            let row = encoder.rows[index] as usize;
            let resource = chunk.resource_of[row];
            let scope = chunk.scope_of[row];
            let scopes = resources.of(encode_resource(chunk, resource));
            let spans = scopes.of(encode_scope(chunk, scope));
            let mut span = Writer::default();
            encoder.span(index, &[], &mut span);
            spans.of(span.into_bytes());
        }
    }

    let mut out = Writer::default();
    for (resource, scopes) in resources.list {
        out.message(1, |out| {
            out.raw(&resource);
            for (scope, spans) in scopes.list {
                out.message(2, |out| {
                    out.raw(&scope);
                    for (span, ()) in spans.list {
                        out.bytes(2, &span);
                    }
                });
            }
        });
    }
    out.into_bytes()
}

/// The whole content of a span, its resource and scope included, for comparison. `others` are attributes of it that the chunk does not
/// have, sorted by key: none of a key and type that is there too.
pub(crate) fn canonical(chunk: &Chunk, row: u32, others: &[(&[u8], Value<'_>)]) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes(1, &encode_resource(chunk, chunk.resource_of[row as usize]));
    out.bytes(2, &encode_scope(chunk, chunk.scope_of[row as usize]));
    let encoder = RowEncoder::new(chunk, vec![row]);
    out.message(3, |out| encoder.span(0, others, out));
    out.into_bytes()
}

/// Distinct encodings in order of first appearance, each with what lies below it.
type Spans = Groups<()>;
type Scopes = Groups<Spans>;

struct Groups<T> {
    list: Vec<(Vec<u8>, T)>,
    position: HashMap<Vec<u8>, usize>,
}

impl<T> Default for Groups<T> {
    fn default() -> Self {
        Self { list: Vec::new(), position: HashMap::new() }
    }
}

impl<T: Default> Groups<T> {
    fn of(&mut self, encoded: Vec<u8>) -> &mut T {
        let position = *self.position.entry(encoded).or_insert_with_key(|encoded| {
            self.list.push((encoded.clone(), T::default()));
            self.list.len() - 1
        });
        &mut self.list[position].1
    }
}

/// The fields of a `ResourceSpans` other than its scopes: canonical, so that it tells resources apart.
pub(crate) fn encode_resource(chunk: &Chunk, position: u32) -> Vec<u8> {
    let about = &chunk.resources[position as usize];
    let mut out = Writer::default();
    out.message(1, |out| {
        attributes(chunk, &chunk.resource_attributes, position, 1, out);
        uint(out, 2, about.dropped_attributes);
    });
    text(&mut out, 3, chunk, about.schema_url);
    out.into_bytes()
}

/// The fields of a `ScopeSpans` other than its spans.
fn encode_scope(chunk: &Chunk, position: u32) -> Vec<u8> {
    let scope = &chunk.scopes[position as usize];
    let mut out = Writer::default();
    out.message(1, |out| {
        text(out, 1, chunk, scope.name);
        text(out, 2, chunk, scope.version);
        attributes(chunk, &chunk.scope_attributes, position, 3, out);
        uint(out, 4, scope.dropped_attributes);
    });
    text(&mut out, 3, chunk, scope.schema_url);
    out.into_bytes()
}

/// Encodes chosen rows of a chunk. The sparse columns are gone through once for all of them.
struct RowEncoder<'a> {
    chunk: &'a Chunk,
    /// Ascending.
    rows: Vec<u32>,
    attributes: Gathered,
}

/// Positions of values, grouped by row: `(row index, column, position)`.
struct Gathered {
    found: Vec<(u32, u32, u32)>,
    /// By row index, its part of `found`.
    ranges: Vec<Range<usize>>,
}

impl<'a> RowEncoder<'a> {
    fn new(chunk: &'a Chunk, rows: Vec<u32>) -> Self {
        let attributes = gather(chunk, &chunk.attributes, &rows);
        Self { chunk, rows, attributes }
    }

    fn span(&self, index: usize, others: &[(&[u8], Value<'_>)], out: &mut Writer) {
        let chunk = self.chunk;
        let row = self.rows[index] as usize;
        out.bytes(1, &chunk.trace_ids[row]);
        out.bytes(2, &chunk.span_ids[row]);
        text(out, 3, chunk, chunk.trace_states[row]);
        if chunk.parent_span_ids[row] != [0; 8] {
            out.bytes(4, &chunk.parent_span_ids[row]);
        }
        text(out, 5, chunk, chunk.names[row]);
        uint(out, 6, u32::from(chunk.kinds[row]));
        fixed64(out, 7, chunk.starts_unix_nano[row]);
        fixed64(out, 8, chunk.ends_unix_nano[row]);
        let columns = chunk.attributes.columns();
        let mut others = others.iter().peekable();
        for &(_, column, position) in &self.attributes.found[self.attributes.ranges[index].clone()]
        {
            let column = &columns[column as usize];
            let value = column.value(position as usize, &chunk.texts, &chunk.blobs);
            let key = chunk.texts.get(column.key);
            let is_before = |it: &&(&[u8], Value<'_>)| (it.0, it.1.kind()) < (key, value.kind());
            while let Some(&(key, value)) = others.next_if(is_before) {
                attribute(out, 9, key, value);
            }
            attribute(out, 9, key, value);
        }
        others.for_each(|&(key, value)| attribute(out, 9, key, value));
        let [attributes_dropped, events_dropped, links_dropped] =
            match chunk.dropped.binary_search_by_key(&(row as u32), |(row, _)| *row) {
                Ok(at) => chunk.dropped[at].1,
                Err(_) => [0; 3],
            };
        uint(out, 10, attributes_dropped);
        for event in children(&chunk.events.parents, row as u32) {
            out.message(11, |out| self.event(event, out));
        }
        uint(out, 12, events_dropped);
        for link in children(&chunk.links.parents, row as u32) {
            out.message(13, |out| self.link(link, out));
        }
        uint(out, 14, links_dropped);
        if chunk.status_codes[row] != 0 || chunk.status_messages[row] != 0 {
            out.message(15, |out| {
                text(out, 2, chunk, chunk.status_messages[row]);
                uint(out, 3, u32::from(chunk.status_codes[row]));
            });
        }
        if chunk.flags[row] != 0 {
            out.fixed32(16, chunk.flags[row]);
        }
    }

    fn event(&self, event: usize, out: &mut Writer) {
        let events = &self.chunk.events;
        fixed64(out, 1, events.times_unix_nano[event]);
        text(out, 2, self.chunk, events.names[event]);
        attributes(self.chunk, &events.attributes, event as u32, 3, out);
        uint(out, 4, events.dropped_attributes[event]);
    }

    fn link(&self, link: usize, out: &mut Writer) {
        let links = &self.chunk.links;
        out.bytes(1, &links.trace_ids[link]);
        out.bytes(2, &links.span_ids[link]);
        text(out, 3, self.chunk, links.trace_states[link]);
        attributes(self.chunk, &links.attributes, link as u32, 4, out);
        uint(out, 5, links.dropped_attributes[link]);
        if links.flags[link] != 0 {
            out.fixed32(6, links.flags[link]);
        }
    }
}

/// Finds the values of rows (ascending), sorted within a row by key, type and order of arrival.
fn gather(chunk: &Chunk, attributes: &Attributes, rows: &[u32]) -> Gathered {
    let columns = attributes.columns();
    let mut order: Vec<u32> = (0..columns.len() as u32).collect();
    order.sort_unstable_by_key(|&at| {
        let column = &columns[at as usize];
        (chunk.texts.get(column.key), column.values.kind())
    });
    let mut found = Vec::new();
    for at in order {
        let mut owners = &columns[at as usize].owners[..];
        let mut skipped = 0;
        for (index, &row) in rows.iter().enumerate() {
            let before = owners.partition_point(|&owner| owner < row);
            owners = &owners[before..];
            skipped += before;
            let own = owners.iter().take_while(|&&owner| owner == row).count();
            found.extend((0..own).map(|n| (index as u32, at, (skipped + n) as u32)));
            if owners.is_empty() {
                break;
            }
        }
    }
    // Stable: within a row the order of columns stays.
    found.sort_by_key(|&(index, ..)| index);
    let mut start = 0;
    let ranges = (0..rows.len() as u32).map(|index| {
        let end = start + found[start..].partition_point(|&(at, ..)| at == index);
        let range = start..end;
        start = end;
        range
    });
    Gathered { ranges: ranges.collect(), found }
}

/// The positions of a row's children.
fn children(parents: &[u32], row: u32) -> Range<usize> {
    let start = parents.partition_point(|&parent| parent < row);
    start..start + parents[start..].partition_point(|&parent| parent == row)
}

fn attributes(chunk: &Chunk, table: &Attributes, owner: u32, number: u32, out: &mut Writer) {
    if table.len() == 0 {
        return;
    }
    for (_, column, position) in gather(chunk, table, &[owner]).found {
        let column = &table.columns()[column as usize];
        let value = column.value(position as usize, &chunk.texts, &chunk.blobs);
        attribute(out, number, chunk.texts.get(column.key), value);
    }
}

fn attribute(out: &mut Writer, number: u32, key: &[u8], value: Value<'_>) {
    out.message(number, |out| {
        out.bytes(1, key);
        out.message(2, |out| any_value(out, value));
    });
}

/// The fields of an `AnyValue`.
pub(crate) fn any_value(out: &mut Writer, value: Value<'_>) {
    match value {
        Value::String(text) => out.bytes(1, text),
        Value::Bool(value) => out.uint(2, u64::from(value)),
        Value::Int(value) => out.uint(3, value as u64),
        Value::Double(value) => out.fixed64(4, value.to_bits()),
        Value::Encoded(fields) => out.raw(fields),
    }
}

fn text(out: &mut Writer, number: u32, chunk: &Chunk, code: u32) {
    if code != 0 {
        out.bytes(number, chunk.texts.get(code));
    }
}

fn uint(out: &mut Writer, number: u32, value: u32) {
    if value != 0 {
        out.uint(number, u64::from(value));
    }
}

fn fixed64(out: &mut Writer, number: u32, value: u64) {
    if value != 0 {
        out.fixed64(number, value);
    }
}
