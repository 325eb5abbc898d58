//! From codes and sparse columns to Arrow arrays with one entry a row.

use super::{Column, Interner, Values};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Float64Array,
    Int64Array, StringArray, UInt32Array, builder::BinaryBuilder, builder::StringBuilder,
    types::UInt32Type,
};
use arrow_buffer::{Buffer, NullBuffer};
use std::sync::Arc;

/// Text of codes as a dictionary that holds only what occurs here, so that a predicate
/// looks at each distinct value of this column once, and at no other.
pub(crate) fn dictionary(
    codes: impl ExactSizeIterator<Item = Option<u32>>,
    texts: &Interner,
) -> ArrayRef {
    let mut local = vec![0u32; texts.len()];
    let mut distinct = Vec::new();
    let keys: UInt32Array = codes
        .map(|code| {
            let code = code?;
            let slot = &mut local[code as usize];
            if *slot == 0 {
                distinct.push(code);
                *slot = distinct.len() as u32;
            }
            Some(*slot - 1)
        })
        .collect();
    let mut values = StringBuilder::with_capacity(distinct.len(), 0);
    for code in distinct {
        values.append_value(text(texts, code));
    }
    dictionary_of(keys, values.finish())
}

/// A dictionary array from its parts.
pub(crate) fn dictionary_of(keys: UInt32Array, values: StringArray) -> ArrayRef {
    let array = DictionaryArray::<UInt32Type>::try_new(keys, Arc::new(values))
        .expect("each key is the position of a value");
    Arc::new(array)
}

/// A text of the interner, which takes only UTF-8 for texts.
pub(crate) fn text(texts: &Interner, code: u32) -> &str {
    std::str::from_utf8(texts.get(code)).expect("texts are made UTF-8 when they are interned")
}

/// IDs; zero ones are null if `zero_is_null`.
pub(crate) fn ids<const N: usize>(ids: &[[u8; N]], zero_is_null: bool) -> ArrayRef {
    let nulls = zero_is_null.then(|| NullBuffer::from_iter(ids.iter().map(|id| *id != [0; N])));
    let bytes = Buffer::from_slice_ref(ids.as_flattened());
    Arc::new(FixedSizeBinaryArray::new(N as i32, bytes, nulls))
}

/// A sparse column spread over `rows` rows. `spread` turns the value positions of owners into value
/// positions of rows.
pub(crate) fn column(
    column: &Column,
    positions: &[u32],
    texts: &Interner,
    blobs: &Interner,
) -> ArrayRef {
    let at = positions.iter().map(|&position| (position != 0).then(|| position as usize - 1));
    match &column.values {
        Values::String(codes) => dictionary(at.map(|at| at.map(|at| codes[at])), texts),
        Values::Int(values) => {
            Arc::new(at.map(|at| at.map(|at| values[at])).collect::<Int64Array>())
        }
        Values::Double(values) => {
            Arc::new(at.map(|at| at.map(|at| values[at])).collect::<Float64Array>())
        }
        Values::Bool(values) => {
            Arc::new(at.map(|at| at.map(|at| values[at])).collect::<BooleanArray>())
        }
        Values::Encoded(codes) => {
            let mut builder = BinaryBuilder::new();
            for at in at {
                builder.append_option(at.map(|at| blobs.get(codes[at])));
            }
            Arc::new(builder.finish()) as Arc<BinaryArray>
        }
    }
}

/// By owner, the position of its first value in the column + 1; 0 where it has none.
pub(crate) fn positions(column: &Column, owners: usize) -> Vec<u32> {
    let mut positions = vec![0u32; owners];
    for (position, &owner) in column.owners.iter().enumerate().rev() {
        positions[owner as usize] = position as u32 + 1;
    }
    positions
}
