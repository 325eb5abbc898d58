//! Numbers of a column by codes, as texts have them.

use arrow_array::{Array, ArrayRef, PrimitiveArray, types::*};
use arrow_schema::DataType;
use rapidhash::RapidHashMap;

/// Codes of the numbers that came last are found without a look at the others; most come again soon.
const RECENT: usize = 256;

/// The numbers of one column, each distinct one once.
pub(super) struct NumberColumn {
    pub(super) dictionary: Vec<i64>,
    /// By row, code + 1; 0 is null.
    pub(super) codes: Vec<u32>,
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
        let (mut dictionary, mut codes) = (Vec::new(), vec![0; array.len()]);
        let mut known = RapidHashMap::<i64, u32>::default();
        let mut recent = [(0i64, 0u32); RECENT];
        let mut put = |row: usize| {
            let number: i64 = array.value(row).into();
            let slot = &mut recent[number as usize % RECENT];
            if slot.1 == 0 || slot.0 != number {
                let code = *known.entry(number).or_insert_with(|| {
                    dictionary.push(number);
                    dictionary.len() as u32
                });
                *slot = (number, code);
            }
            codes[row] = slot.1;
        };
        match array.nulls() {
            Some(nulls) => nulls.valid_indices().for_each(put),
            None => (0..array.len()).for_each(&mut put),
        }
        Self { dictionary, codes }
    }
}
