//! What stands around the spans of a batch: their resources and their scopes, of which there are few.

use super::{
    resource_table::{RESOURCE, ResourceTable},
    values::{Attributes, Column, Numbers, Text, column},
};
use crate::{
    AttributeScope,
    head::{Chunk, Scope},
    otlp,
    wire::{Value, Writer},
};
use arrow_array::{Array, RecordBatch, UInt32Array};
use rapidhash::RapidHashMap;

/// The resources of the rows of a batch.
pub(super) struct Resources<'a> {
    attributes: Attributes<'a>,
    schema_urls: Text<'a>,
    dropped: Numbers<'a>,
    /// By row, where its resource stands in the table. `None` in a block of version 1: there each row has the columns of its resource.
    numbers: Option<&'a UInt32Array>,
    table: Option<&'a ResourceTable>,
    seen: Seen,
}

/// The instrumentation scopes of the rows of a batch.
pub(super) struct Scopes<'a> {
    attributes: Attributes<'a>,
    names: Text<'a>,
    versions: Text<'a>,
    schema_urls: Text<'a>,
    dropped: Numbers<'a>,
    seen: Seen,
}

/// Positions in a chunk by what the columns say of a resource or scope, so that few are put together to be looked up.
#[derive(Default)]
struct Seen {
    /// Of what has no attributes, as nearly all scopes: two numbers are found in much less time than a list.
    bare: RapidHashMap<(u64, u64), u32>,
    positions: RapidHashMap<Vec<u64>, u32>,
    key: Vec<u64>,
    /// The row before: most are like it.
    last: Option<(Vec<u64>, u32)>,
}

impl<'a> Resources<'a> {
    /// Of a batch, whose resources stand in this table if its block has one.
    pub(super) fn new(
        batch: &'a RecordBatch,
        table: Option<&'a ResourceTable>,
    ) -> Result<Self, &'static str> {
        let numbers = table.map(|_| column(batch, RESOURCE)).transpose()?;
        let columns = table.map_or(batch, ResourceTable::rows);
        Ok(Self {
            attributes: Attributes::new(columns, AttributeScope::Resource)?,
            schema_urls: Text::optional(columns, "resource_schema_url")?,
            dropped: Numbers::new(columns, "resource_dropped_attributes_count")?,
            numbers,
            table,
            seen: Seen::default(),
        })
    }

    /// The position of a row's resource in a chunk, where it is put unless it is there. Positions by number are kept in `known`.
    pub(super) fn position(
        &mut self,
        row: usize,
        known: &mut RapidHashMap<u32, u32>,
        chunk: &mut Chunk,
    ) -> Result<u32, &'static str> {
        if let Some(numbers) = self.numbers {
            let number = numbers.value(row);
            if let Some(&position) = known.get(&number) {
                return Ok(position);
            }
            let of_table = self.table.filter(|_| numbers.is_valid(row));
            let of_table = of_table.and_then(|table| table.row_of(number));
            let of_table = of_table.ok_or("a span has a resource that is not in the table")?;
            let position = self.put(of_table, chunk);
            known.insert(number, position);
            return Ok(position);
        }
        let marks = [self.schema_urls.mark(row), u64::from(self.dropped.get(row))];
        let known = self.seen.find(row, marks, &self.attributes);
        Ok(known.unwrap_or_else(|| {
            let position = self.put(row, chunk);
            self.seen.put(position);
            position
        }))
    }

    fn put(&self, row: usize, chunk: &mut Chunk) -> u32 {
        let schema_url = self.schema_urls.get(row);
        let dropped = self.dropped.get(row);
        let mut key = Writer::default();
        key.bytes(1, schema_url);
        key.uint(2, u64::from(dropped));
        self.attributes.for_each(row, |name, value| write_pair(&mut key, name, value));
        let (position, new) = chunk.resource_position(key.as_bytes());
        if new {
            self.attributes.for_each(row, |name, value| {
                let (texts, blobs) = (&mut chunk.texts, &mut chunk.blobs);
                chunk.resource_attributes.push(position, name, value, texts, blobs);
            });
            let schema_url = chunk.text(schema_url);
            chunk.finish_resource(schema_url, dropped);
        }
        position
    }
}

impl<'a> Scopes<'a> {
    pub(super) fn new(batch: &'a RecordBatch) -> Result<Self, &'static str> {
        Ok(Self {
            attributes: Attributes::new(batch, AttributeScope::Instrumentation)?,
            names: Text::optional(batch, "scope_name")?,
            versions: Text::optional(batch, "scope_version")?,
            schema_urls: Text::optional(batch, "scope_schema_url")?,
            dropped: Numbers::new(batch, "scope_dropped_attributes_count")?,
            seen: Seen::default(),
        })
    }

    /// The position of a row's scope in a chunk, where it is put unless it is there.
    pub(super) fn position(&mut self, row: usize, chunk: &mut Chunk) -> u32 {
        let marks = [
            self.names.mark(row) << 32 | self.versions.mark(row),
            self.schema_urls.mark(row) << 32 | u64::from(self.dropped.get(row)),
        ];
        let known = self.seen.find(row, marks, &self.attributes);
        known.unwrap_or_else(|| {
            let position = self.put(row, chunk);
            self.seen.put(position);
            position
        })
    }

    fn put(&self, row: usize, chunk: &mut Chunk) -> u32 {
        let texts = [self.names.get(row), self.versions.get(row), self.schema_urls.get(row)];
        let dropped_attributes = self.dropped.get(row);
        let mut key = Writer::default();
        texts.iter().for_each(|text| key.bytes(1, text));
        key.uint(2, u64::from(dropped_attributes));
        self.attributes.for_each(row, |name, value| write_pair(&mut key, name, value));
        let (position, new) = chunk.scope_position(key.as_bytes());
        if new {
            self.attributes.for_each(row, |name, value| {
                let (texts, blobs) = (&mut chunk.texts, &mut chunk.blobs);
                chunk.scope_attributes.push(position, name, value, texts, blobs);
            });
            let [name, version, schema_url] = texts.map(|text| chunk.text(text));
            chunk.scopes.push(Scope { name, version, schema_url, dropped_attributes });
        }
        position
    }
}

impl Seen {
    /// The position of what a row says, if it has been put.
    fn find(&mut self, row: usize, marks: [u64; 2], attributes: &Attributes<'_>) -> Option<u32> {
        self.key.clear();
        self.key.extend(marks);
        if !mark(attributes, row, &mut self.key) {
            self.key.clear();
        }
        if self.key.len() == marks.len() {
            return self.bare.get(&marks.into()).copied();
        }
        if let Some((key, position)) = &self.last
            && *key == self.key
        {
            return Some(*position);
        }
        let position = *self.positions.get(&self.key)?;
        // Without a new list each time.
        let last = self.last.get_or_insert_default();
        last.0.clone_from(&self.key);
        last.1 = position;
        Some(position)
    }

    /// The position of what was not found just now; what no numbers stand for is not remembered.
    fn put(&mut self, position: u32) {
        match self.key[..] {
            [] => None,
            [one, other] => self.bare.insert((one, other), position),
            _ => self.positions.insert(self.key.clone(), position),
        };
    }
}

/// Adds numbers that are equal in two rows when their attributes are. False when a row has values that no number stands for.
fn mark(attributes: &Attributes<'_>, row: usize, key: &mut Vec<u64>) -> bool {
    let mut number = |is_valid: bool, bits: u64| {
        key.extend(if is_valid { [1, bits] } else { [0, 0] });
        true
    };
    let columns = attributes.columns.iter().all(|(.., column)| match column {
        Column::Text(texts) => number(true, texts.mark(row)),
        Column::Int(it) => number(it.is_valid(row), it.value(row) as u64),
        Column::Double(it) => number(it.is_valid(row), it.value(row).to_bits()),
        Column::Bool(it) => number(it.is_valid(row), it.value(row).into()),
        Column::Encoded(it) => it.is_null(row),
    });
    columns && attributes.rest.as_ref().is_none_or(|rest| rest.of(row).next().is_none())
}

fn write_pair(out: &mut Writer, name: &[u8], value: Value<'_>) {
    out.message(3, |out| {
        out.bytes(1, name);
        out.message(2, |out| otlp::any_value(out, value));
    });
}
