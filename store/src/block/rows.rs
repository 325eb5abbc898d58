//! Rows of a block back into a chunk, from where they become OTLP like those of the head.

use super::{
    around::{Resources, Scopes},
    carried::Carried,
    known::Known,
    resource_table::ResourceTable,
    rest::{Lists, child, optional, structs},
    values::{Attributes, Numbers, Text, column},
};
use crate::{
    AttributeScope, SpanId, TraceId,
    head::Chunk,
    wire::{EventHeader, LinkHeader, SpanHeader, Value},
};
use arrow_array::{
    Array, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray, UInt8Array, UInt64Array,
};
use std::ops::Range;

/// Appends some rows of a batch, whose parents have these IDs and whose resources stand in this table, if the block has one.
/// What is known is of this row group and this chunk. Attributes that can be are `carried` instead, if anything is.
pub(super) fn append(
    batch: &RecordBatch,
    rows: Range<usize>,
    parents: &FixedSizeBinaryArray,
    table: Option<&ResourceTable>,
    known: &mut Known,
    chunk: &mut Chunk,
    carried: Option<&mut Carried>,
) -> Result<(), &'static str> {
    let trace_ids: &FixedSizeBinaryArray = column(batch, "trace_id")?;
    let span_ids: &FixedSizeBinaryArray = column(batch, "span_id")?;
    let starts: &UInt64Array = column(batch, "start_unix_nano")?;
    let durations: &Int64Array = column(batch, "duration_nano")?;
    let kinds: &UInt8Array = column(batch, "kind")?;
    let status_codes: &UInt8Array = column(batch, "status_code")?;
    let names = Text::new(batch, "name")?;
    let status_messages = Text::optional(batch, "status_message")?;
    let trace_states = Text::optional(batch, "trace_state")?;
    let mut resources = Resources::new(batch, table)?;
    let mut scopes = Scopes::new(batch)?;
    let mut spans = Attributes::new(batch, AttributeScope::Span)?;
    let number = |name| Numbers::new(batch, name);
    let flags = number("flags")?;
    let dropped_attributes = number("dropped_attributes_count")?;
    let dropped_events = number("dropped_events_count")?;
    let dropped_links = number("dropped_links_count")?;
    let events = Events::new(batch)?;
    let links = Links::new(batch)?;
    let by_column = spans.are_apart(rows.clone());
    let first = chunk.len() as u32;
    if let Some(carried) = carried.filter(|_| by_column) {
        carried.take(&mut spans.columns, rows.clone(), first as usize);
    }

    for (texts, known) in
        [(&names, &mut known.names), (&status_messages, &mut known.status_messages)]
    {
        if let Some((_, texts)) = texts.dictionary() {
            known.enter(texts);
        }
    }
    for row in rows.clone() {
        let start_unix_nano = starts.value(row);
        let resource = resources.position(row, &mut known.resources, chunk)?;
        let scope = scopes.position(row, chunk);
        let header = SpanHeader {
            trace_id: TraceId(id(trace_ids, row)),
            span_id: SpanId(id(span_ids, row)),
            parent_span_id: SpanId(id(parents, row - rows.start)),
            trace_state: trace_states.get(row),
            // These two come as codes.
            name: &[],
            status_message: &[],
            kind: kinds.value(row),
            start_unix_nano,
            end_unix_nano: start_unix_nano.wrapping_add(durations.value(row) as u64),
            status_code: status_codes.value(row),
            flags: flags.get(row),
            dropped_attributes: dropped_attributes.get(row),
            dropped_events: dropped_events.get(row),
            dropped_links: dropped_links.get(row),
            encoded_bytes: 0,
        };
        let name = names.code(row, &mut known.names, &mut chunk.texts);
        let status_message =
            status_messages.code(row, &mut known.status_messages, &mut chunk.texts);
        let owner = chunk.push_span_of(&header, name, status_message, resource, scope);
        let push = |key: &[u8], value: Value<'_>| {
            chunk.attributes.push(owner, key, value, &mut chunk.texts, &mut chunk.blobs);
        };
        if by_column {
            spans.for_rest(row, push);
        } else {
            spans.for_each(row, push);
        }
        if let Some(events) = &events {
            events.append(row, chunk);
        }
        if let Some(links) = &links {
            links.append(row, chunk);
        }
    }
    if by_column {
        for (key, _, column) in &spans.columns {
            column.append(key, rows.clone(), first, chunk);
        }
    }
    Ok(())
}

struct Events<'a> {
    offsets: &'a [i32],
    times: &'a UInt64Array,
    names: &'a StringArray,
    dropped: Numbers<'a>,
    attributes: Option<Lists<'a>>,
}

impl<'a> Events<'a> {
    fn new(batch: &'a RecordBatch) -> Result<Option<Self>, &'static str> {
        let Some(column) = batch.column_by_name("events") else { return Ok(None) };
        let (list, entries) = structs(column)?;
        let attributes = entries.column_by_name("attributes");
        Ok(Some(Self {
            offsets: list.value_offsets(),
            times: child(entries, "time_unix_nano")?,
            names: child(entries, "name")?,
            dropped: Numbers(optional(entries, "dropped_attributes_count")?),
            attributes: attributes.map(|it| Lists::new(it)).transpose()?,
        }))
    }

    fn append(&self, row: usize, chunk: &mut Chunk) {
        for event in self.offsets[row] as usize..self.offsets[row + 1] as usize {
            let owner = chunk.push_event(&EventHeader {
                time_unix_nano: self.times.value(event),
                name: self.names.value(event).as_bytes(),
                dropped_attributes: self.dropped.get(event),
            });
            for (key, value) in self.attributes.iter().flat_map(|it| it.of(event)) {
                let (texts, blobs) = (&mut chunk.texts, &mut chunk.blobs);
                chunk.events.attributes.push(owner, key.as_bytes(), value, texts, blobs);
            }
        }
    }
}

struct Links<'a> {
    offsets: &'a [i32],
    trace_ids: &'a FixedSizeBinaryArray,
    span_ids: &'a FixedSizeBinaryArray,
    trace_states: Option<&'a StringArray>,
    flags: Numbers<'a>,
    dropped: Numbers<'a>,
    attributes: Option<Lists<'a>>,
}

impl<'a> Links<'a> {
    fn new(batch: &'a RecordBatch) -> Result<Option<Self>, &'static str> {
        let Some(column) = batch.column_by_name("links") else { return Ok(None) };
        let (list, entries) = structs(column)?;
        let attributes = entries.column_by_name("attributes");
        Ok(Some(Self {
            offsets: list.value_offsets(),
            trace_ids: child(entries, "trace_id")?,
            span_ids: child(entries, "span_id")?,
            trace_states: optional(entries, "trace_state")?,
            flags: Numbers(optional(entries, "flags")?),
            dropped: Numbers(optional(entries, "dropped_attributes_count")?),
            attributes: attributes.map(|it| Lists::new(it)).transpose()?,
        }))
    }

    fn append(&self, row: usize, chunk: &mut Chunk) {
        for link in self.offsets[row] as usize..self.offsets[row + 1] as usize {
            let state = self.trace_states.filter(|it| it.is_valid(link)).map(|it| it.value(link));
            let owner = chunk.push_link(&LinkHeader {
                trace_id: TraceId(id(self.trace_ids, link)),
                span_id: SpanId(id(self.span_ids, link)),
                trace_state: state.unwrap_or_default().as_bytes(),
                dropped_attributes: self.dropped.get(link),
                flags: self.flags.get(link),
            });
            for (key, value) in self.attributes.iter().flat_map(|it| it.of(link)) {
                let (texts, blobs) = (&mut chunk.texts, &mut chunk.blobs);
                chunk.links.attributes.push(owner, key.as_bytes(), value, texts, blobs);
            }
        }
    }
}

/// Zero where null or of another length.
fn id<const N: usize>(ids: &FixedSizeBinaryArray, row: usize) -> [u8; N] {
    if ids.is_null(row) {
        return [0; N];
    }
    ids.value(row).try_into().unwrap_or([0; N])
}
