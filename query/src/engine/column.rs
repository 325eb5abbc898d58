//! Typed columns: what an expression gives for every row.

use crate::traceql::{Literal, SpanKind, StatusCode, format_duration};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray,
    Float64Array, Int64Array, StringArray, UInt8Array, UInt32Array, cast::AsArray,
    types::UInt32Type,
};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;

pub(super) type Text = DictionaryArray<UInt32Type>;

/// Values of one type, null where there is none.
#[derive(Clone)]
pub(super) enum Data {
    Text(Text),
    Int(Int64Array),
    Float(Float64Array),
    Bool(BooleanArray),
    /// Nanoseconds.
    Duration(Int64Array),
    Status(UInt8Array),
    Kind(UInt8Array),
    /// Trace or span IDs; they compare as hex digits.
    Id(FixedSizeBinaryArray),
    /// OTLP `AnyValue`s that are no scalars: present, but never comparable.
    Encoded(BinaryArray),
}

/// A column of an expression.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) data: Data,
    /// `None`: entry i belongs to row i.
    pub(super) fan: Option<Fan>,
}

/// Several entries a row: elements of an array, events, links.
#[derive(Clone)]
pub(super) struct Fan {
    /// The row of each entry, ascending.
    pub(super) owners: UInt32Array,
    /// True for arrays, where `!=` and `!~` hold if no element is equal or matches. For events and links they
    /// hold if any is different.
    pub(super) is_array: bool,
}

/// What an expression gives.
#[derive(Clone)]
pub(super) enum Operand {
    Constant(Literal),
    /// Columns of different types; none: no row has a value.
    Columns(Vec<Column>),
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Duration(i64),
    Status(u8),
    Kind(u8),
    Encoded(Vec<u8>),
}

impl Data {
    pub(super) fn array(&self) -> &dyn Array {
        match self {
            Self::Text(array) => array,
            Self::Int(array) | Self::Duration(array) => array,
            Self::Float(array) => array,
            Self::Bool(array) => array,
            Self::Status(array) | Self::Kind(array) => array,
            Self::Id(array) => array,
            Self::Encoded(array) => array,
        }
    }

    /// The same kind of values in another array of the same Arrow type.
    pub(super) fn with_array(&self, array: &ArrayRef) -> Self {
        match self {
            Self::Text(_) => Self::Text(array.as_dictionary().clone()),
            Self::Int(_) => Self::Int(array.as_primitive().clone()),
            Self::Duration(_) => Self::Duration(array.as_primitive().clone()),
            Self::Float(_) => Self::Float(array.as_primitive().clone()),
            Self::Bool(_) => Self::Bool(array.as_boolean().clone()),
            Self::Status(_) => Self::Status(array.as_primitive().clone()),
            Self::Kind(_) => Self::Kind(array.as_primitive().clone()),
            Self::Id(_) => Self::Id(array.as_fixed_size_binary().clone()),
            Self::Encoded(_) => Self::Encoded(array.as_binary().clone()),
        }
    }

    /// The values of an attribute; `None` for an Arrow type that no attribute has.
    pub(super) fn of_attribute(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Dictionary(..) => Self::Text(array.as_dictionary().clone()),
            DataType::Int64 => Self::Int(array.as_primitive().clone()),
            DataType::Float64 => Self::Float(array.as_primitive().clone()),
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            DataType::Binary => Self::Encoded(array.as_binary().clone()),
            _ => return None,
        })
    }

    /// The value at an entry.
    pub(super) fn scalar(&self, at: usize) -> Option<Scalar> {
        if self.array().is_null(at) {
            return None;
        }
        Some(match self {
            Self::Text(array) => Scalar::Text(text_at(array, at)?.to_owned()),
            Self::Int(array) => Scalar::Int(array.value(at)),
            Self::Duration(array) => Scalar::Duration(array.value(at)),
            Self::Float(array) => Scalar::Float(array.value(at)),
            Self::Bool(array) => Scalar::Bool(array.value(at)),
            Self::Status(array) => Scalar::Status(array.value(at)),
            Self::Kind(array) => Scalar::Kind(array.value(at)),
            Self::Id(array) => Scalar::Text(hex(array.value(at))),
            Self::Encoded(array) => Scalar::Encoded(array.value(at).to_owned()),
        })
    }
}

impl Column {
    pub(super) fn rows(data: Data) -> Self {
        Self { data, fan: None }
    }

    /// Which of `rows` rows have a value here.
    pub(super) fn presence(&self, rows: usize) -> BooleanBuffer {
        let array = self.data.array();
        let present = match array.logical_nulls() {
            Some(nulls) => nulls.into_inner(),
            None => BooleanBuffer::new_set(array.len()),
        };
        any_of_owner(present, self.fan.as_ref(), rows)
    }
}

impl Scalar {
    /// A number, durations in nanoseconds.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) | Self::Duration(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// Bytes that are equal exactly for equal values, also when those of several values stand one behind the other.
    pub(super) fn write_key(&self, key: &mut Vec<u8>) {
        let mut tagged = |tag: u8, bytes: &[u8]| {
            key.push(tag);
            key.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            key.extend_from_slice(bytes);
        };
        match self {
            Self::Text(text) => tagged(1, text.as_bytes()),
            Self::Int(value) => tagged(2, &value.to_le_bytes()),
            Self::Float(value) => tagged(3, &value.to_le_bytes()),
            Self::Bool(value) => tagged(4, &[u8::from(*value)]),
            Self::Duration(value) => tagged(5, &value.to_le_bytes()),
            Self::Status(value) => tagged(6, &[*value]),
            Self::Kind(value) => tagged(7, &[*value]),
            Self::Encoded(bytes) => tagged(8, bytes),
        }
    }

    /// By type, then by value.
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |scalar: &Self| match scalar {
            Self::Text(_) => 0,
            Self::Int(_) => 1,
            Self::Float(_) => 2,
            Self::Bool(_) => 3,
            Self::Duration(_) => 4,
            Self::Status(_) => 5,
            Self::Kind(_) => 6,
            Self::Encoded(_) => 7,
        };
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) | (Self::Duration(a), Self::Duration(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Status(a), Self::Status(b)) | (Self::Kind(a), Self::Kind(b)) => a.cmp(b),
            (Self::Encoded(a), Self::Encoded(b)) => a.cmp(b),
            _ => rank(self).cmp(&rank(other)),
        }
    }

    /// As it stands in an answer: durations and enums as text.
    pub(super) fn into_value(self) -> super::Value {
        use super::Value;
        let word = |text: &str| Value::String(text.to_owned());
        match self {
            Self::Text(text) => Value::String(text),
            Self::Int(value) => Value::Int(value),
            Self::Float(value) => Value::Double(value),
            Self::Bool(value) => Value::Bool(value),
            Self::Duration(value) => Value::String(format_duration(value)),
            Self::Status(code) => StatusCode::ALL
                .get(code as usize)
                .map_or(Value::Int(code.into()), |s| word(s.word())),
            Self::Kind(code) => {
                SpanKind::ALL.get(code as usize).map_or(Value::Int(code.into()), |k| word(k.word()))
            }
            Self::Encoded(bytes) => Value::Encoded(bytes),
        }
    }
}

/// Entries into rows: a row is set if any of its entries is.
pub(super) fn any_of_owner(
    entries: BooleanBuffer,
    fan: Option<&Fan>,
    rows: usize,
) -> BooleanBuffer {
    let Some(fan) = fan else { return entries };
    let mut set = arrow_buffer::BooleanBufferBuilder::new(rows);
    set.append_n(rows, false);
    for entry in entries.set_indices() {
        set.set_bit(fan.owners.value(entry) as usize, true);
    }
    set.finish()
}

/// The text at an entry, without copying it.
pub(super) fn text_at(array: &Text, at: usize) -> Option<&str> {
    if array.is_null(at) {
        return None;
    }
    let values: &StringArray = array.values().as_string_opt()?;
    let key = array.keys().value(at) as usize;
    (!values.is_null(key)).then(|| values.value(key))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}
