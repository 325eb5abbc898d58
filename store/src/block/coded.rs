//! Rows of a column whose values are codes of a dictionary, straight from its pages.
//!
//! The Parquet reader makes an array of the whole dictionary and walks over all values before those that are wanted. A look-up
//! wants a dozen rows of each of some fifty columns: here it steps over runs, and looks at no text but theirs.

use super::{hybrid::Hybrid, pages::RowGroupPages};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, DictionaryArray, PrimitiveArray, StringArray, UInt32Array,
    types::{Float64Type, Int32Type, Int64Type, UInt8Type, UInt32Type},
};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use parquet::{
    basic::{Encoding, Type as PhysicalType},
    column::page::Page,
    errors::{ParquetError, Result},
};
use std::{ops::Range, sync::Arc};

const SHORT: &str = "a page is too short for what it should hold";

/// Codes of some rows, one of each row that has a value.
#[derive(Default)]
struct Codes {
    codes: Vec<u32>,
    /// By row, whether it has a value.
    is_valid: Vec<bool>,
}

/// A column of runs of rows, ascending; `None` when it is not one of these, or of a type that is read otherwise.
pub(super) fn read(
    pages: &RowGroupPages,
    leaf: usize,
    data_type: &DataType,
    rows: &[Range<usize>],
) -> Result<Option<ArrayRef>> {
    if !physical_type(data_type).is_some_and(|physical| pages.is_coded(leaf, physical)) {
        return Ok(None);
    }
    let Some(locations) = pages.locations(leaf) else { return Ok(None) };
    let firsts: Vec<usize> = locations.iter().map(|it| it.first_row_index as usize).collect();
    let is_nullable = pages.is_nullable(leaf);
    let mut reader = pages.column_pages(leaf)?;
    let Some(dictionary) = reader.get_next_page()?.filter(Page::is_dictionary_page) else {
        return Ok(None);
    };
    let mut found = Codes::default();
    let mut rows = rows.iter().filter(|run| !run.is_empty()).peekable();
    let mut here: Vec<Range<usize>> = Vec::new();
    for (at, &first) in firsts.iter().enumerate() {
        let end = firsts.get(at + 1).copied().unwrap_or(usize::MAX);
        here.clear();
        while let Some(run) = rows.peek().filter(|run| run.start < end) {
            here.push(run.start.max(first) - first..run.end.min(end) - first);
            if run.end > end {
                break;
            }
            rows.next();
        }
        if here.is_empty() {
            if rows.peek().is_none() {
                break;
            }
            reader.skip_next_page()?;
            continue;
        }
        match reader.get_next_page()? {
            Some(Page::DataPage { buf, encoding: Encoding::RLE_DICTIONARY, .. }) => {
                found.add(&buf, is_nullable, &here).map_err(damaged)?;
            }
            _ => return Ok(None),
        }
    }
    let dictionary = dictionary.buffer();
    let array = match data_type {
        DataType::Dictionary(..) => found.texts(dictionary),
        DataType::Int32 => found.numbers::<Int32Type, 4>(dictionary, i32::from_le_bytes),
        DataType::Int64 => found.numbers::<Int64Type, 8>(dictionary, i64::from_le_bytes),
        DataType::Float64 => found.numbers::<Float64Type, 8>(dictionary, f64::from_le_bytes),
        DataType::UInt32 => found.numbers::<UInt32Type, 4>(dictionary, u32::from_le_bytes),
        _ => found.numbers::<UInt8Type, 4>(dictionary, |bytes| bytes[0]),
    };
    array.map(Some).map_err(damaged)
}

/// As what values of a type lie in a file; `None` of the types that are not read here.
fn physical_type(data_type: &DataType) -> Option<PhysicalType> {
    match data_type {
        DataType::Dictionary(keys, values) => (**keys == DataType::UInt32
            && **values == DataType::Utf8)
            .then_some(PhysicalType::BYTE_ARRAY),
        DataType::Int32 | DataType::UInt32 | DataType::UInt8 => Some(PhysicalType::INT32),
        DataType::Int64 => Some(PhysicalType::INT64),
        DataType::Float64 => Some(PhysicalType::DOUBLE),
        _ => None,
    }
}

impl Codes {
    /// Adds runs of rows of a page: first come its levels, which say which rows have a value, if any may have none, then the width
    /// of a code, then the codes.
    fn add(
        &mut self,
        page: &[u8],
        is_nullable: bool,
        runs: &[Range<usize>],
    ) -> std::result::Result<(), &'static str> {
        let (mut levels, values) = if is_nullable {
            let (length, rest) = page.split_first_chunk().ok_or(SHORT)?;
            let length = u32::from_le_bytes(*length) as usize;
            let (levels, values) = rest.split_at_checked(length).ok_or(SHORT)?;
            (Some(Hybrid::new(levels, 1)?), values)
        } else {
            (None, page)
        };
        // A page of nothing but nulls need not even have a width.
        let (width, values) = values.split_first().unwrap_or((&0, &[]));
        let mut codes = Hybrid::new(values, usize::from(*width))?;
        let mut row = 0;
        for run in runs {
            let mut count = run.len();
            match &mut levels {
                Some(levels) => {
                    codes.skip(levels.skip(run.start - row)?)?;
                    count = 0;
                    levels.read(run.len(), |level| {
                        self.is_valid.push(level == 1);
                        count += level as usize;
                    })?;
                }
                None => {
                    codes.skip(run.start - row)?;
                    self.is_valid.resize(self.is_valid.len() + count, true);
                }
            }
            codes.read(count, |code| self.codes.push(code))?;
            row = run.end;
        }
        Ok(())
    }

    /// One value per row, null where there is none.
    fn spread<T: Copy + Default>(&self, values: impl Iterator<Item = T>) -> Vec<T> {
        let mut values = values;
        let value_of = |is_valid: &bool| if *is_valid { values.next() } else { None };
        self.is_valid.iter().map(value_of).map(Option::unwrap_or_default).collect()
    }

    fn nulls(&self) -> Option<NullBuffer> {
        let nulls = NullBuffer::from(self.is_valid.as_slice());
        (nulls.null_count() > 0).then_some(nulls)
    }

    /// Texts of the dictionary, where each stands behind its length: those that are used.
    fn texts(self, dictionary: &[u8]) -> std::result::Result<ArrayRef, &'static str> {
        let mut used = self.codes.clone();
        used.sort_unstable();
        used.dedup();
        let (mut texts, mut left, mut next) = (Vec::with_capacity(used.len()), dictionary, 0);
        for &code in &used {
            loop {
                let (length, rest) = left.split_first_chunk().ok_or(SHORT)?;
                let length = u32::from_le_bytes(*length) as usize;
                let (text, rest) = rest.split_at_checked(length).ok_or(SHORT)?;
                left = rest;
                next += 1;
                if next > code {
                    texts.push(std::str::from_utf8(text).map_err(|_| "a text is not UTF-8")?);
                    break;
                }
            }
        }
        let keys = self.codes.iter().map(|code| used.partition_point(|it| it < code) as u32);
        let keys = UInt32Array::new(self.spread(keys).into(), self.nulls());
        let texts = Arc::new(StringArray::from_iter_values(texts));
        let array = DictionaryArray::<UInt32Type>::try_new(keys, texts);
        Ok(Arc::new(array.map_err(|_| "a code stands for no text")?))
    }

    /// Numbers of the dictionary, where each has so many bytes.
    fn numbers<T: ArrowPrimitiveType, const BYTES: usize>(
        self,
        dictionary: &[u8],
        from: impl Fn([u8; BYTES]) -> T::Native,
    ) -> std::result::Result<ArrayRef, &'static str> {
        let number = |&code: &u32| {
            let bytes = dictionary.get(code as usize * BYTES..)?.first_chunk()?;
            Some(from(*bytes))
        };
        let numbers: Option<Vec<T::Native>> = self.codes.iter().map(number).collect();
        let numbers = numbers.ok_or("a code stands for no number")?;
        let values = self.spread(numbers.into_iter());
        Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), self.nulls())))
    }
}

fn damaged(what: &'static str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
