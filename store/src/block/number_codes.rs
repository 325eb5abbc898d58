//! Numbers of a column by codes, as texts have them.

use super::row_codes::RowCodes;
use arrow_array::{Array, ArrayRef, PrimitiveArray, types::*};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;
use rapidhash::RapidHashMap;

/// Codes of the numbers that came last are found without a look at the others; most come again soon.
const RECENT: usize = 256;

/// The numbers of one column, each distinct one once.
pub(super) struct NumberColumn {
    pub(super) dictionary: Vec<i64>,
    pub(super) rows: RowCodes,
}

impl NumberColumn {
    /// Of a column of integers; `None` of any other.
    pub(super) fn of(array: &ArrayRef) -> Option<Self> {
        let any = array.as_any();
        match array.data_type() {
            DataType::Int64 => any.downcast_ref().map(Self::of_numbers::<Int64Type>),
            DataType::Int32 => any.downcast_ref().map(Self::of_numbers::<Int32Type>),
            DataType::UInt32 => any.downcast_ref().map(Self::of_numbers::<UInt32Type>),
            DataType::UInt8 => any.downcast_ref().map(Self::of_numbers::<UInt8Type>),
            _ => None,
        }
    }

    fn of_numbers<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &PrimitiveArray<T>) -> Self {
        let mut dictionary = Vec::new();
        let mut codes = Vec::with_capacity(array.len() - array.null_count());
        let mut known = RapidHashMap::<i64, u32>::default();
        let mut recent = [None; RECENT];
        let put = |row: usize| {
            let number: i64 = array.value(row).into();
            let slot = &mut recent[number as usize % RECENT];
            let code = match *slot {
                Some((same, code)) if same == number => code,
                _ => *known.entry(number).or_insert_with(|| {
                    dictionary.push(number);
                    dictionary.len() as u32 - 1
                }),
            };
            *slot = Some((number, code));
            codes.push(code);
        };
        let is_valid = match array.nulls() {
            Some(nulls) => {
                nulls.valid_indices().for_each(put);
                nulls.inner().clone()
            }
            None => {
                (0..array.len()).for_each(put);
                BooleanBuffer::new_set(array.len())
            }
        };
        Self { dictionary, rows: RowCodes { is_valid, codes } }
    }
}
