//! The columns of a batch of rows, each value where it stands.

use super::{
    known::Known,
    rest::Lists,
    schema::{prefix, rest_column},
};
use crate::{
    AttributeScope,
    head::{Chunk, Values},
    wire::Value,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, DictionaryArray, Float64Array, Int64Array,
    RecordBatch, StringArray, UInt32Array, types::UInt32Type,
};

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

/// The attributes of one scope: columns and the list of the rest.
pub(super) struct Attributes<'a> {
    pub(super) columns: Vec<(&'a str, Column<'a>)>,
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
    pub(super) fn append(&self, key: &str, first: u32, known: &mut Known, chunk: &mut Chunk) {
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
            Self::Text(Text(None)) => Values::String(Vec::new()),
            Self::Text(Text(Some((keys, texts)))) => {
                Values::String(known.codes(key, texts, keys, &rows, &mut chunk.texts))
            }
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

impl<'a> Attributes<'a> {
    /// False when a row may have one key twice with values of one kind, in its column and in the list of the rest: only one row after
    /// the other do they keep their order.
    pub(super) fn are_apart(&self, rows: usize) -> bool {
        let Some(rest) = &self.rest else { return true };
        let mut others = (0..rows).flat_map(|row| rest.of(row));
        !others.any(|(name, value)| {
            let mut columns = self.columns.iter();
            columns.any(|(key, column)| *key == name && column.kind() == value.kind())
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
                columns.push((name, Column::new(array)?));
            }
        }
        let rest = batch.column_by_name(rest_column(scope));
        Ok(Self { columns, rest: rest.map(|rest| Lists::new(rest)).transpose()? })
    }

    pub(super) fn for_each(&self, row: usize, mut each: impl FnMut(&[u8], Value<'_>)) {
        for (name, column) in &self.columns {
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
