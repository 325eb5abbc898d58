//! Values of a field as small numbers, so that counting by value is counting by number.

use super::{
    EngineError, blanks,
    column::{Column, Data, Operand, Scalar, Text},
    operand::{Frame, field_columns, scalars},
    view::View,
};
use crate::traceql::FieldRef;
use arrow_array::{Array, UInt8Array};
use arrow_buffer::BooleanBuffer;
use rapidhash::RapidHashMap;

/// One code a row: 0 for rows without a value, else the position of a value + 1.
pub(super) enum Codes {
    /// No row has one.
    Absent,
    /// The keys of a dictionary.
    Text(Text),
    /// Status and kind.
    Status(UInt8Array),
    Kind(UInt8Array),
    /// Made by looking at each wanted row.
    Made {
        codes: Vec<u32>,
        values: Vec<Scalar>,
    },
}

impl Codes {
    /// The first value of the field in each row; rows that are not wanted may have any code.
    pub(super) fn of(
        field: &FieldRef,
        view: &View,
        wanted: &BooleanBuffer,
    ) -> Result<Self, EngineError> {
        let columns = field_columns(field, Frame::rows(view))?;
        let mut columns = blanks::filled(field, columns, view.len());
        // The elements of arrays stand beside the array, which is the value.
        columns.retain(|column| column.fan.as_ref().is_none_or(|fan| !fan.is_array));
        if let [Column { fan: None, .. }] = columns.as_slice() {
            return Ok(Self::of_data(columns.remove(0).data, wanted));
        }
        if columns.is_empty() {
            return Ok(Self::Absent);
        }
        let mut made = Maker::new(view.len());
        if columns.iter().all(|column| column.fan.is_none()) {
            for row in wanted.set_indices() {
                let value = columns.iter().find_map(|column| column.data.scalar(row));
                made.set(row, value);
            }
        } else {
            let values = scalars(&Operand::Columns(columns), view.len());
            for (row, value) in values.into_iter().enumerate().filter(|(row, _)| wanted.value(*row))
            {
                made.set(row, value);
            }
        }
        Ok(Self::Made { codes: made.codes, values: made.values })
    }

    /// Of the entries of one column.
    pub(super) fn of_data(data: Data, wanted: &BooleanBuffer) -> Self {
        match data {
            Data::Text(text) => Self::Text(text),
            Data::Status(codes) => Self::Status(codes),
            Data::Kind(codes) => Self::Kind(codes),
            data => {
                let mut made = Maker::new(wanted.len());
                wanted.set_indices().for_each(|entry| made.set(entry, data.scalar(entry)));
                Self::Made { codes: made.codes, values: made.values }
            }
        }
    }

    pub(super) fn code(&self, row: usize) -> u32 {
        match self {
            Self::Absent => 0,
            Self::Text(text) => {
                let keys = text.keys();
                if keys.is_valid(row) { keys.value(row) + 1 } else { 0 }
            }
            Self::Status(array) | Self::Kind(array) => u32::from(array.value(row)) + 1,
            Self::Made { codes, .. } => codes[row],
        }
    }

    /// Codes are below this.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Absent => 1,
            Self::Text(text) => text.values().len() + 1,
            Self::Status(_) | Self::Kind(_) => 257,
            Self::Made { values, .. } => values.len() + 1,
        }
    }

    /// The value of a code that occurs.
    pub(super) fn value(&self, code: u32) -> Option<Scalar> {
        let at = code.checked_sub(1)? as usize;
        match self {
            Self::Absent => None,
            Self::Text(text) => {
                let values: &arrow_array::StringArray =
                    arrow_array::cast::AsArray::as_string(text.values());
                values.is_valid(at).then(|| Scalar::Text(values.value(at).to_owned()))
            }
            Self::Status(_) => Some(Scalar::Status(at as u8)),
            Self::Kind(_) => Some(Scalar::Kind(at as u8)),
            Self::Made { values, .. } => values.get(at).cloned(),
        }
    }

    /// How many wanted rows have each code.
    pub(super) fn count(&self, wanted: &BooleanBuffer) -> Vec<u64> {
        let mut counts = vec![0u64; self.len()];
        match self {
            Self::Text(text) if text.keys().null_count() == 0 => {
                let keys = text.keys().values();
                wanted.set_indices().for_each(|row| counts[keys[row] as usize + 1] += 1);
            }
            _ => wanted.set_indices().for_each(|row| counts[self.code(row) as usize] += 1),
        }
        counts
    }
}

/// Gives each distinct value a code.
struct Maker {
    codes: Vec<u32>,
    values: Vec<Scalar>,
    ints: RapidHashMap<i64, u32>,
    others: RapidHashMap<Vec<u8>, u32>,
}

impl Maker {
    fn new(rows: usize) -> Self {
        let (ints, others) = (RapidHashMap::default(), RapidHashMap::default());
        Self { codes: vec![0; rows], values: Vec::new(), ints, others }
    }

    fn set(&mut self, row: usize, value: Option<Scalar>) {
        let Some(value) = value else { return };
        let next = self.values.len() as u32 + 1;
        let code = match &value {
            Scalar::Int(int) => *self.ints.entry(*int).or_insert(next),
            other => {
                let mut key = Vec::new();
                other.write_key(&mut key);
                *self.others.entry(key).or_insert(next)
            }
        };
        if code == next {
            self.values.push(value);
        }
        self.codes[row] = code;
    }
}
