//! The columns of a batch of rows, each value where it stands.

use super::{
    known::Codes,
    rest::Lists,
    schema::{prefix, rest_column},
};
use crate::{
    AttributeScope,
    head::{Chunk, Interner, Values},
    wire::Value,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, DictionaryArray, Float64Array, Int64Array,
    RecordBatch, StringArray, UInt32Array, types::UInt32Type,
};
use arrow_buffer::NullBuffer;
use std::ops::Range;

pub(super) const WRONG_TYPE: &str = "a column is not of the type that it should have";

/// A dictionary of text; of a column that is not there, nothing.
pub(super) struct Text<'a>(Option<(&'a UInt32Array, &'a StringArray)>);

/// Numbers that are mostly zero.
pub(super) struct Numbers<'a>(pub(super) Option<&'a UInt32Array>);

impl<'a> Numbers<'a> {
    pub(super) fn new(batch: &'a RecordBatch, name: &str) -> Result<Self, &'static str> {
        if batch.column_by_name(name).is_none() {
            return Ok(Self(None));
        }
        column(batch, name).map(|array| Self(Some(array)))
    }

    /// Zero where null.
    pub(super) fn get(&self, row: usize) -> u32 {
        self.0.filter(|it| it.is_valid(row)).map_or(0, |it| it.value(row))
    }
}

impl<'a> Text<'a> {
    pub(super) fn new(batch: &'a RecordBatch, name: &str) -> Result<Self, &'static str> {
        Self::of(column(batch, name)?)
    }

    pub(super) fn optional(batch: &'a RecordBatch, name: &str) -> Result<Self, &'static str> {
        if batch.column_by_name(name).is_none() { Ok(Self(None)) } else { Self::new(batch, name) }
    }

    pub(super) fn of(array: &'a DictionaryArray<UInt32Type>) -> Result<Self, &'static str> {
        let values = array.values().as_any().downcast_ref().ok_or(WRONG_TYPE)?;
        Ok(Self(Some((array.keys(), values))))
    }

    /// Empty where null.
    pub(super) fn get(&self, row: usize) -> &'a [u8] {
        self.maybe(row).unwrap_or_default()
    }

    /// The code of a row's text under an interner; 0, which is that of the empty text, where null.
    pub(super) fn code(&self, row: usize, known: &mut Codes, interner: &mut Interner) -> u32 {
        let texts = self.0.filter(|(keys, _)| keys.is_valid(row));
        texts.map_or(0, |(keys, texts)| known.code(keys.value(row), texts, interner))
    }

    /// Keys and texts.
    pub(super) fn dictionary(&self) -> Option<(&'a UInt32Array, &'a StringArray)> {
        self.0
    }

    /// A number that is equal in two rows when their texts are.
    pub(super) fn mark(&self, row: usize) -> u64 {
        let keys = self.0.map(|(keys, _)| keys).filter(|keys| keys.is_valid(row));
        keys.map_or(0, |keys| u64::from(keys.value(row)) + 1)
    }

    fn maybe(&self, row: usize) -> Option<&'a [u8]> {
        let (keys, values) = self.0.filter(|(keys, _)| keys.is_valid(row))?;
        Some(values.value(keys.value(row) as usize).as_bytes())
    }
}

/// The attributes of one scope: columns and the list of the rest, unless it is empty in all rows.
pub(super) struct Attributes<'a> {
    pub(super) columns: Vec<(&'a str, &'a ArrayRef, Column<'a>)>,
    pub(super) rest: Option<Lists<'a>>,
}

pub(super) enum Column<'a> {
    Text(Text<'a>),
    Int(&'a Int64Array),
    Double(&'a Float64Array),
    Bool(&'a BooleanArray),
    Encoded(&'a BinaryArray),
}

impl<'a> Column<'a> {
    pub(super) fn new(array: &'a ArrayRef) -> Result<Self, &'static str> {
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

    pub(super) fn get(&self, row: usize) -> Option<Value<'a>> {
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
    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Text(_) => 0,
            Self::Int(_) => 1,
            Self::Double(_) => 2,
            Self::Bool(_) => 3,
            Self::Encoded(_) => 4,
        }
    }

    /// Keys and texts.
    pub(super) fn texts(&self) -> Option<(&UInt32Array, &StringArray)> {
        match self {
            Self::Text(texts) => texts.dictionary(),
            _ => None,
        }
    }

    pub(super) fn nulls(&self) -> Option<&NullBuffer> {
        match self {
            Self::Text(texts) => texts.0.and_then(|(keys, _)| keys.nulls()),
            Self::Int(it) => it.nulls(),
            Self::Double(it) => it.nulls(),
            Self::Bool(it) => it.nulls(),
            Self::Encoded(it) => it.nulls(),
        }
    }

    /// Those of some rows that have a value.
    pub(super) fn each_valid(&self, rows: Range<usize>, mut each: impl FnMut(usize)) {
        match self.nulls() {
            Some(nulls) => {
                let nulls = nulls.slice(rows.start, rows.len());
                nulls.valid_indices().for_each(|at| each(rows.start + at));
            }
            None => rows.for_each(each),
        }
    }

    /// Adds the values of some rows to a chunk, of which row `first` is the first of these.
    pub(super) fn append(&self, key: &str, rows: Range<usize>, first: u32, chunk: &mut Chunk) {
        let mut valid = Vec::new();
        self.each_valid(rows.clone(), |row| valid.push(row));
        let valid = valid.iter().copied();
        let values = match self {
            Self::Text(Text(None)) => Values::String(Vec::new()),
            Self::Text(Text(Some((keys, texts)))) => {
                let mut known = Codes::of(texts);
                let code_of = |row| known.code(keys.value(row), texts, &mut chunk.texts);
                Values::String(valid.clone().map(code_of).collect())
            }
            Self::Int(it) => Values::Int(valid.clone().map(|row| it.value(row)).collect()),
            Self::Double(it) => Values::Double(valid.clone().map(|row| it.value(row)).collect()),
            Self::Bool(it) => Values::Bool(valid.clone().map(|row| it.value(row)).collect()),
            Self::Encoded(it) => {
                let code_of = |row| chunk.blobs.intern(it.value(row));
                Values::Encoded(valid.clone().map(code_of).collect())
            }
        };
        let owners = valid.map(|row| first + (row - rows.start) as u32);
        chunk.attributes.extend(key.as_bytes(), owners, values, &mut chunk.texts);
    }
}

impl<'a> Attributes<'a> {
    /// False when a row may have one key twice with values of one kind, in its column and in the list of the rest: only one row after
    /// the other do they keep their order.
    pub(super) fn are_apart(&self, rows: Range<usize>) -> bool {
        let Some(rest) = &self.rest else { return true };
        let mut others = rows.flat_map(|row| rest.of(row));
        !others.any(|(name, value)| {
            let mut columns = self.columns.iter();
            columns.any(|(key, _, column)| *key == name && column.kind() == value.kind())
        })
    }

    pub(super) fn new(batch: &'a RecordBatch, scope: AttributeScope) -> Result<Self, &'static str> {
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
                columns.push((name, array, Column::new(array)?));
            }
        }
        let rest = batch.column_by_name(rest_column(scope));
        let rest = rest.map(|rest| Lists::new(rest)).transpose()?;
        Ok(Self { columns, rest: rest.filter(|rest| !rest.are_empty()) })
    }

    pub(super) fn for_each(&self, row: usize, mut each: impl FnMut(&[u8], Value<'_>)) {
        for (name, _, column) in &self.columns {
            if let Some(value) = column.get(row) {
                each(name.as_bytes(), value);
            }
        }
        self.for_rest(row, each);
    }

    pub(super) fn for_rest(&self, row: usize, mut each: impl FnMut(&[u8], Value<'_>)) {
        for (name, value) in self.rest.iter().flat_map(|rest| rest.of(row)) {
            each(name.as_bytes(), value);
        }
    }
}

/// A column by name and type.
pub(super) fn column<'a, T: 'static>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a T, &'static str> {
    batch.column_by_name(name).and_then(|it| it.as_any().downcast_ref()).ok_or(WRONG_TYPE)
}
