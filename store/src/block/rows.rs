//! Rows of a block back into a chunk, from where they become OTLP like those of the head.

use super::{
    rest::{Lists, child, optional, structs},
    schema::{ROW_SCOPES, prefix, rest_column},
};
use crate::{
    AttributeScope, SpanId, TraceId,
    head::{Chunk, Interner, Scope, Values},
    otlp,
    wire::{EventHeader, LinkHeader, SpanHeader, Value, Writer},
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray,
    Float64Array, Int64Array, RecordBatch, StringArray, UInt8Array, UInt32Array, UInt64Array,
    types::UInt32Type,
};
use rapidhash::RapidHashMap;

const WRONG_TYPE: &str = "a column is not of the type that it should have";

/// Appends all rows of a batch, whose parents have these IDs.
pub(super) fn append(
    batch: &RecordBatch,
    parents: &FixedSizeBinaryArray,
    chunk: &mut Chunk,
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
    let around = Around::new(batch)?;
    let spans = Attributes::new(batch, AttributeScope::Span)?;
    let number = |name| Numbers::new(batch, name);
    let flags = number("flags")?;
    let dropped_attributes = number("dropped_attributes_count")?;
    let dropped_events = number("dropped_events_count")?;
    let dropped_links = number("dropped_links_count")?;
    let events = Events::new(batch)?;
    let links = Links::new(batch)?;
    let (mut resources, mut scopes) = (Seen::default(), Seen::default());
    let by_column = spans.are_apart(batch.num_rows());
    let first = chunk.len() as u32;

    for row in 0..batch.num_rows() {
        let start_unix_nano = starts.value(row);
        let marks =
            [around.resource_schema_urls.mark(row), u64::from(around.resource_dropped.get(row))];
        let resource =
            resources.position(row, marks, &around.resources, || around.resource(row, chunk));
        let marks = [
            around.scope_names.mark(row) << 32 | around.scope_versions.mark(row),
            around.scope_schema_urls.mark(row) << 32 | u64::from(around.scope_dropped.get(row)),
        ];
        let scope = scopes.position(row, marks, &around.scopes, || around.scope(row, chunk));
        let header = SpanHeader {
            trace_id: TraceId(id(trace_ids, row)),
            span_id: SpanId(id(span_ids, row)),
            parent_span_id: SpanId(id(parents, row)),
            trace_state: trace_states.get(row),
            name: names.get(row),
            kind: kinds.value(row),
            start_unix_nano,
            end_unix_nano: start_unix_nano.wrapping_add(durations.value(row) as u64),
            status_code: status_codes.value(row),
            status_message: status_messages.get(row),
            flags: flags.get(row),
            dropped_attributes: dropped_attributes.get(row),
            dropped_events: dropped_events.get(row),
            dropped_links: dropped_links.get(row),
            encoded_bytes: 0,
        };
        let owner = chunk.push_span(&header, resource, scope);
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
        spans.columns.iter().for_each(|(key, column)| column.append(key, first, chunk));
    }
    Ok(())
}

/// A dictionary of text; of a column that is not there, nothing.
struct Text<'a>(Option<(&'a UInt32Array, &'a StringArray)>);

/// Numbers that are mostly zero.
struct Numbers<'a>(Option<&'a UInt32Array>);

impl<'a> Numbers<'a> {
    fn new(batch: &'a RecordBatch, name: &str) -> Result<Self, &'static str> {
        if batch.column_by_name(name).is_none() {
            return Ok(Self(None));
        }
        column(batch, name).map(|array| Self(Some(array)))
    }

    /// Zero where null.
    fn get(&self, row: usize) -> u32 {
        self.0.filter(|it| it.is_valid(row)).map_or(0, |it| it.value(row))
    }
}

impl<'a> Text<'a> {
    fn new(batch: &'a RecordBatch, name: &str) -> Result<Self, &'static str> {
        Self::of(column(batch, name)?)
    }

    fn optional(batch: &'a RecordBatch, name: &str) -> Result<Self, &'static str> {
        if batch.column_by_name(name).is_none() { Ok(Self(None)) } else { Self::new(batch, name) }
    }

    fn of(array: &'a DictionaryArray<UInt32Type>) -> Result<Self, &'static str> {
        let values = array.values().as_any().downcast_ref().ok_or(WRONG_TYPE)?;
        Ok(Self(Some((array.keys(), values))))
    }

    /// Empty where null.
    fn get(&self, row: usize) -> &'a [u8] {
        self.maybe(row).unwrap_or_default()
    }

    /// A number that is equal in two rows when their texts are.
    fn mark(&self, row: usize) -> u64 {
        let keys = self.0.map(|(keys, _)| keys).filter(|keys| keys.is_valid(row));
        keys.map_or(0, |keys| u64::from(keys.value(row)) + 1)
    }

    fn maybe(&self, row: usize) -> Option<&'a [u8]> {
        let (keys, values) = self.0.filter(|(keys, _)| keys.is_valid(row))?;
        Some(values.value(keys.value(row) as usize).as_bytes())
    }
}

/// The attributes of one scope: columns and the list of the rest.
struct Attributes<'a> {
    columns: Vec<(&'a str, Column<'a>)>,
    rest: Option<Lists<'a>>,
}

enum Column<'a> {
    Text(Text<'a>),
    Int(&'a Int64Array),
    Double(&'a Float64Array),
    Bool(&'a BooleanArray),
    Encoded(&'a BinaryArray),
}

impl<'a> Column<'a> {
    fn new(array: &'a ArrayRef) -> Result<Self, &'static str> {
        let any = array.as_any();
        if let Some(texts) = any.downcast_ref() {
            Ok(Self::Text(Text::of(texts)?))
        } else if let Some(ints) = any.downcast_ref() {
            Ok(Self::Int(ints))
        } else if let Some(doubles) = any.downcast_ref() {
            Ok(Self::Double(doubles))
        } else if let Some(bools) = any.downcast_ref() {
            Ok(Self::Bool(bools))
        } else {
            any.downcast_ref().map(Self::Encoded).ok_or(WRONG_TYPE)
        }
    }

    fn get(&self, row: usize) -> Option<Value<'a>> {
        match self {
            Self::Text(texts) => texts.maybe(row).map(Value::String),
            Self::Int(it) => it.is_valid(row).then(|| Value::Int(it.value(row))),
            Self::Double(it) => it.is_valid(row).then(|| Value::Double(it.value(row))),
            Self::Bool(it) => it.is_valid(row).then(|| Value::Bool(it.value(row))),
            Self::Encoded(it) => it.is_valid(row).then(|| Value::Encoded(it.value(row))),
        }
    }
}

impl Column<'_> {
    fn kind(&self) -> usize {
        match self {
            Self::Text(_) => 0,
            Self::Int(_) => 1,
            Self::Double(_) => 2,
            Self::Bool(_) => 3,
            Self::Encoded(_) => 4,
        }
    }

    /// Adds its values to a chunk of which row `first` is this one's row 0. A text of a dictionary is looked up once.
    fn append(&self, key: &str, first: u32, chunk: &mut Chunk) {
        let nulls = match self {
            Self::Text(texts) => texts.0.and_then(|(keys, _)| keys.nulls()),
            Self::Int(it) => it.nulls(),
            Self::Double(it) => it.nulls(),
            Self::Bool(it) => it.nulls(),
            Self::Encoded(it) => it.nulls(),
        };
        let len = match self {
            Self::Text(texts) => texts.0.map_or(0, |(keys, _)| keys.len()),
            Self::Int(it) => it.len(),
            Self::Double(it) => it.len(),
            Self::Bool(it) => it.len(),
            Self::Encoded(it) => it.len(),
        };
        let rows: Vec<usize> = match nulls {
            Some(nulls) => nulls.valid_indices().collect(),
            None => (0..len).collect(),
        };
        let values = match self {
            Self::Text(texts) => Values::String(texts.codes(&rows, &mut chunk.texts)),
            Self::Int(it) => Values::Int(rows.iter().map(|&row| it.value(row)).collect()),
            Self::Double(it) => Values::Double(rows.iter().map(|&row| it.value(row)).collect()),
            Self::Bool(it) => Values::Bool(rows.iter().map(|&row| it.value(row)).collect()),
            Self::Encoded(it) => {
                let codes = rows.iter().map(|&row| chunk.blobs.intern(it.value(row)));
                Values::Encoded(codes.collect())
            }
        };
        let owners = rows.iter().map(|&row| first + row as u32);
        chunk.attributes.extend(key.as_bytes(), owners, values, &mut chunk.texts);
    }
}

impl Text<'_> {
    /// The texts of rows that have one, as codes of an interner.
    fn codes(&self, rows: &[usize], texts: &mut Interner) -> Vec<u32> {
        let Some((keys, values)) = self.0 else { return Vec::new() };
        if values.len() > rows.len() {
            let texts_of = rows.iter().map(|&row| values.value(keys.value(row) as usize));
            return texts_of.map(|text| texts.intern(text.as_bytes())).collect();
        }
        // Code + 1; 0 where it has not been looked up.
        let mut known = vec![0u32; values.len()];
        let code_of = |&row: &usize| {
            let key = keys.value(row) as usize;
            if known[key] == 0 {
                known[key] = texts.intern(values.value(key).as_bytes()) + 1;
            }
            known[key] - 1
        };
        rows.iter().map(code_of).collect()
    }
}

/// Positions in a chunk of resources (or scopes) by what the columns say of them, so that few are put together to be looked up.
#[derive(Default)]
struct Seen {
    positions: RapidHashMap<Vec<u64>, u32>,
    key: Vec<u64>,
}

impl Seen {
    fn position(
        &mut self,
        row: usize,
        marks: [u64; 2],
        attributes: &Attributes<'_>,
        find: impl FnOnce() -> u32,
    ) -> u32 {
        self.key.clear();
        self.key.extend(marks);
        if !attributes.mark(row, &mut self.key) {
            return find();
        }
        if let Some(&position) = self.positions.get(&self.key) {
            return position;
        }
        let position = find();
        self.positions.insert(self.key.clone(), position);
        position
    }
}

impl<'a> Attributes<'a> {
    /// Adds numbers that are equal in two rows when their attributes are. False when a row has values that no number stands for.
    fn mark(&self, row: usize, key: &mut Vec<u64>) -> bool {
        let mut number = |is_valid: bool, bits: u64| {
            key.extend(if is_valid { [1, bits] } else { [0, 0] });
            true
        };
        let columns = self.columns.iter().all(|(_, column)| match column {
            Column::Text(texts) => number(true, texts.mark(row)),
            Column::Int(it) => number(it.is_valid(row), it.value(row) as u64),
            Column::Double(it) => number(it.is_valid(row), it.value(row).to_bits()),
            Column::Bool(it) => number(it.is_valid(row), it.value(row).into()),
            Column::Encoded(it) => it.is_null(row),
        });
        columns && self.rest.as_ref().is_none_or(|rest| rest.of(row).next().is_none())
    }

    /// False when a row may have one key twice with values of one kind, in its column and in the list of the rest: only one row after
    /// the other do they keep their order.
    fn are_apart(&self, rows: usize) -> bool {
        let Some(rest) = &self.rest else { return true };
        let mut others = (0..rows).flat_map(|row| rest.of(row));
        !others.any(|(name, value)| {
            let mut columns = self.columns.iter();
            columns.any(|(key, column)| *key == name && column.kind() == value.kind())
        })
    }

    fn new(batch: &'a RecordBatch, scope: AttributeScope) -> Result<Self, &'static str> {
        let mut columns = Vec::new();
        let schema = batch.schema_ref();
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            let name = match field.name().strip_prefix(prefix(scope)) {
                Some(name) => name,
                None if scope == AttributeScope::Resource && field.name() == "service_name" => {
                    "service.name"
                }
                None => continue,
            };
            // All-null columns are those of attributes of other traces: most of them.
            if array.null_count() < array.len() {
                columns.push((name, Column::new(array)?));
            }
        }
        let rest = batch.column_by_name(rest_column(scope));
        Ok(Self { columns, rest: rest.map(|rest| Lists::new(rest)).transpose()? })
    }

    fn for_each(&self, row: usize, mut each: impl FnMut(&[u8], Value<'_>)) {
        for (name, column) in &self.columns {
            if let Some(value) = column.get(row) {
                each(name.as_bytes(), value);
            }
        }
        self.for_rest(row, each);
    }

    fn for_rest(&self, row: usize, mut each: impl FnMut(&[u8], Value<'_>)) {
        for (name, value) in self.rest.iter().flat_map(|rest| rest.of(row)) {
            each(name.as_bytes(), value);
        }
    }
}

/// Resources and scopes of the rows.
struct Around<'a> {
    resources: Attributes<'a>,
    resource_schema_urls: Text<'a>,
    resource_dropped: Numbers<'a>,
    scopes: Attributes<'a>,
    scope_names: Text<'a>,
    scope_versions: Text<'a>,
    scope_schema_urls: Text<'a>,
    scope_dropped: Numbers<'a>,
}

impl<'a> Around<'a> {
    fn new(batch: &'a RecordBatch) -> Result<Self, &'static str> {
        Ok(Self {
            resources: Attributes::new(batch, ROW_SCOPES[1])?,
            resource_schema_urls: Text::optional(batch, "resource_schema_url")?,
            resource_dropped: Numbers::new(batch, "resource_dropped_attributes_count")?,
            scopes: Attributes::new(batch, ROW_SCOPES[2])?,
            scope_names: Text::optional(batch, "scope_name")?,
            scope_versions: Text::optional(batch, "scope_version")?,
            scope_schema_urls: Text::optional(batch, "scope_schema_url")?,
            scope_dropped: Numbers::new(batch, "scope_dropped_attributes_count")?,
        })
    }

    /// The position of the row's resource in the chunk, where it is put unless it is there.
    fn resource(&self, row: usize, chunk: &mut Chunk) -> u32 {
        let schema_url = self.resource_schema_urls.get(row);
        let dropped = self.resource_dropped.get(row);
        let mut key = Writer::default();
        key.bytes(1, schema_url);
        key.uint(2, u64::from(dropped));
        self.resources.for_each(row, |name, value| write_pair(&mut key, name, value));
        let (position, new) = chunk.resource_position(key.as_bytes());
        if new {
            self.resources.for_each(row, |name, value| {
                let (texts, blobs) = (&mut chunk.texts, &mut chunk.blobs);
                chunk.resource_attributes.push(position, name, value, texts, blobs);
            });
            let schema_url = chunk.text(schema_url);
            chunk.finish_resource(schema_url, dropped);
        }
        position
    }

    fn scope(&self, row: usize, chunk: &mut Chunk) -> u32 {
        let texts = [
            self.scope_names.get(row),
            self.scope_versions.get(row),
            self.scope_schema_urls.get(row),
        ];
        let dropped_attributes = self.scope_dropped.get(row);
        let mut key = Writer::default();
        texts.iter().for_each(|text| key.bytes(1, text));
        key.uint(2, u64::from(dropped_attributes));
        self.scopes.for_each(row, |name, value| write_pair(&mut key, name, value));
        let (position, new) = chunk.scope_position(key.as_bytes());
        if new {
            self.scopes.for_each(row, |name, value| {
                let (texts, blobs) = (&mut chunk.texts, &mut chunk.blobs);
                chunk.scope_attributes.push(position, name, value, texts, blobs);
            });
            let [name, version, schema_url] = texts.map(|text| chunk.text(text));
            chunk.scopes.push(Scope { name, version, schema_url, dropped_attributes });
        }
        position
    }
}

fn write_pair(out: &mut Writer, name: &[u8], value: Value<'_>) {
    out.message(3, |out| {
        out.bytes(1, name);
        out.message(2, |out| otlp::any_value(out, value));
    });
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

fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a T, &'static str> {
    batch.column_by_name(name).and_then(|it| it.as_any().downcast_ref()).ok_or(WRONG_TYPE)
}

/// Zero where null or of another length.
fn id<const N: usize>(ids: &FixedSizeBinaryArray, row: usize) -> [u8; N] {
    if ids.is_null(row) {
        return [0; N];
    }
    ids.value(row).try_into().unwrap_or([0; N])
}
