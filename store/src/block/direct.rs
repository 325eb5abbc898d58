//! Rows of a flat column, straight from the pages in which they lie: codes of a dictionary, values of a fixed width, plain or split
//! by byte, and differences.
//!
//! The Parquet reader makes an array of the whole dictionary and walks over all values before those that are wanted. A look-up
//! wants a dozen rows of each of some fifty columns: here it steps over runs, and looks at no value but theirs, except among
//! differences, where each is what those before it make it.

use super::{
    codes::{Texts, utf8},
    deltas::{Deltas, Lengths},
    hybrid::{self, Hybrid},
    pages::RowGroupPages,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, DictionaryArray, FixedSizeBinaryArray, PrimitiveArray,
    StringArray, UInt32Array,
    types::{Float64Type, Int32Type, Int64Type, UInt8Type, UInt32Type, UInt64Type},
};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::{
    basic::{Encoding, Type as PhysicalType},
    column::page::Page,
    errors::{ParquetError, Result},
};
use std::{ops::Range, sync::Arc};

type Checked<T> = std::result::Result<T, &'static str>;

const SHORT: &str = "a page is too short for what it should hold";
const NO_VALUE: &str = "a code stands for no value";

/// True of a column that is one of these, as far as its footer tells.
pub(super) fn can_read(pages: &RowGroupPages, leaf: usize, data_type: &DataType) -> bool {
    encoding_of(pages, leaf, data_type).is_some()
}

/// True of a column of these in which a value is reached without the ones before it.
pub(super) fn can_reach(pages: &RowGroupPages, leaf: usize, data_type: &DataType) -> bool {
    use Encoding::{BYTE_STREAM_SPLIT, PLAIN, RLE_DICTIONARY};
    let encoding = encoding_of(pages, leaf, data_type).map(|(encoding, _)| encoding);
    encoding.is_some_and(|it| [PLAIN, RLE_DICTIONARY, BYTE_STREAM_SPLIT].contains(&it))
}

/// How all values of a column lie in its pages, and the width of one; `None` of what is read otherwise.
fn encoding_of(
    pages: &RowGroupPages,
    leaf: usize,
    data_type: &DataType,
) -> Option<(Encoding, usize)> {
    let (physical, width) = physical_type(data_type)?;
    let encoding = pages.only_encoding(leaf, physical)?;
    let is_read = match encoding {
        Encoding::RLE_DICTIONARY => true,
        Encoding::PLAIN | Encoding::BYTE_STREAM_SPLIT => width > 0,
        Encoding::DELTA_BINARY_PACKED => physical == PhysicalType::INT64,
        Encoding::DELTA_LENGTH_BYTE_ARRAY => physical == PhysicalType::BYTE_ARRAY,
        _ => false,
    };
    (is_read && pages.locations(leaf).is_some()).then_some((encoding, width))
}

/// A column of runs of rows, ascending; `None` when it is not one of these after all.
pub(super) fn read(
    pages: &RowGroupPages,
    leaf: usize,
    data_type: &DataType,
    rows: &[Range<usize>],
) -> Result<Option<ArrayRef>> {
    let Some((encoding, width)) = encoding_of(pages, leaf, data_type) else { return Ok(None) };
    let Some(locations) = pages.locations(leaf) else { return Ok(None) };
    let firsts: Vec<usize> = locations.iter().map(|it| it.first_row_index as usize).collect();
    let mut reader = pages.column_pages(leaf)?;
    if encoding == Encoding::RLE_DICTIONARY {
        // It comes first, but is read when there are codes: most columns have no value in most traces.
        reader.skip_next_page()?;
    }
    let mut found = Found {
        dictionary: Bytes::new(),
        encoding,
        is_nullable: pages.is_nullable(leaf),
        rows: pages.footer.rows(pages.row_group),
        width,
        is_valid: Vec::new(),
        codes: Vec::new(),
        bytes: Vec::new(),
    };
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
        let page = match pages.kept(leaf, at) {
            Some(page) => {
                reader.skip_next_page()?;
                page
            }
            None => match reader.get_next_page()? {
                Some(Page::DataPage { buf, encoding: it, .. }) if it == encoding => {
                    pages.keep(leaf, at, &buf);
                    buf
                }
                _ => return Ok(None),
            },
        };
        found.add(&page, &here).map_err(damaged)?;
    }
    if encoding == Encoding::RLE_DICTIONARY && !found.codes.is_empty() {
        let first = pages.column_pages(leaf)?.get_next_page()?.filter(Page::is_dictionary_page);
        found
            .resolve(first.map(|page| page.buffer().clone()).unwrap_or_default())
            .map_err(damaged)?;
    }
    let array = match data_type {
        DataType::Dictionary(..) => found.texts(),
        DataType::FixedSizeBinary(_) => found.ids(),
        DataType::Int32 => found.numbers::<Int32Type, 4>(i32::from_le_bytes),
        DataType::Int64 => found.numbers::<Int64Type, 8>(i64::from_le_bytes),
        DataType::UInt64 => found.numbers::<UInt64Type, 8>(u64::from_le_bytes),
        DataType::Float64 => found.numbers::<Float64Type, 8>(f64::from_le_bytes),
        DataType::UInt32 => found.numbers::<UInt32Type, 4>(u32::from_le_bytes),
        _ => found.numbers::<UInt8Type, 4>(|bytes| bytes[0]),
    };
    array.map(Some).map_err(damaged)
}

/// As what values of a type lie in a file, and their width in bytes, zero where that varies; `None` of the types that are not read
/// here.
fn physical_type(data_type: &DataType) -> Option<(PhysicalType, usize)> {
    match data_type {
        DataType::Dictionary(keys, values) => (**keys == DataType::UInt32
            && **values == DataType::Utf8)
            .then_some((PhysicalType::BYTE_ARRAY, 0)),
        DataType::FixedSizeBinary(width) => {
            let width = usize::try_from(*width).ok().filter(|width| *width > 0)?;
            Some((PhysicalType::FIXED_LEN_BYTE_ARRAY, width))
        }
        DataType::Int32 | DataType::UInt32 | DataType::UInt8 => Some((PhysicalType::INT32, 4)),
        DataType::Int64 | DataType::UInt64 => Some((PhysicalType::INT64, 8)),
        DataType::Float64 => Some((PhysicalType::DOUBLE, 8)),
        _ => None,
    }
}

/// What was found, and how to read it.
struct Found {
    dictionary: Bytes,
    encoding: Encoding,
    is_nullable: bool,
    /// Of the row group: no page has more values.
    rows: usize,
    width: usize,
    /// By row, whether it has a value.
    is_valid: Vec<bool>,
    /// Of values of varying width, the codes of those that are there.
    codes: Vec<u32>,
    /// Of others, their bytes; of texts without a dictionary, a dictionary of those that were found.
    bytes: Vec<u8>,
}

impl Found {
    /// Adds runs of rows of a page.
    fn add(&mut self, page: &[u8], runs: &[Range<usize>]) -> Checked<()> {
        let (mut levels, values) = hybrid::levels_and_values(page, self.is_nullable)?;
        let mut values = Values::new(self.encoding, values, self.rows)?;
        let mut row = 0;
        for run in runs {
            let (mut before, mut count) = (run.start - row, run.len());
            match &mut levels {
                Some(levels) => {
                    before = levels.skip(before)?;
                    count = 0;
                    levels.read(run.len(), |level| {
                        self.is_valid.push(level == 1);
                        count += level as usize;
                    })?;
                }
                None => self.is_valid.resize(self.is_valid.len() + count, true),
            }
            self.read(&mut values, before, count)?;
            row = run.end;
        }
        Ok(())
    }

    /// Steps over some values, and reads some.
    fn read(&mut self, values: &mut Values<'_>, before: usize, count: usize) -> Checked<()> {
        let width = self.width;
        match values {
            Values::Codes(codes) => {
                codes.skip(before)?;
                codes.read(count, |code| self.codes.push(code))?;
            }
            Values::Plain(bytes, next) => {
                let start = *next + before;
                let bytes = bytes.get(start * width..(start + count) * width).ok_or(SHORT)?;
                self.bytes.extend_from_slice(bytes);
                *next = start + count;
            }
            Values::Split(bytes, next) => {
                let start = *next + before;
                let all = bytes.len() / width;
                if start + count > all {
                    return Err(SHORT);
                }
                let first = self.bytes.len();
                self.bytes.resize(first + count * width, 0);
                let values = &mut self.bytes[first..];
                for (byte, bytes) in bytes.chunks_exact(all.max(1)).take(width).enumerate() {
                    let slots = values.iter_mut().skip(byte).step_by(width);
                    slots.zip(&bytes[start..start + count]).for_each(|(slot, byte)| *slot = *byte);
                }
                *next = start + count;
            }
            Values::Deltas(deltas) => {
                for _ in 0..before {
                    deltas.read()?;
                }
                for _ in 0..count {
                    self.bytes.extend_from_slice(&deltas.read()?.to_le_bytes());
                }
            }
            Values::Lengths(texts) => {
                for _ in 0..before {
                    texts.read()?;
                }
                for _ in 0..count {
                    let text = texts.read()?;
                    self.codes.push(self.codes.len() as u32);
                    self.bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    self.bytes.extend_from_slice(text);
                }
            }
        }
        Ok(())
    }

    /// Says what codes stand for; of values of a fixed width, each is put down at once.
    fn resolve(&mut self, dictionary: Bytes) -> Checked<()> {
        if self.width > 0 {
            for code in self.codes.drain(..) {
                let start = code as usize * self.width;
                let value = dictionary.get(start..start + self.width);
                self.bytes.extend_from_slice(value.ok_or(NO_VALUE)?);
            }
        }
        self.dictionary = dictionary;
        Ok(())
    }

    fn nulls(&self) -> Option<NullBuffer> {
        let nulls = NullBuffer::from(self.is_valid.as_slice());
        (nulls.null_count() > 0).then_some(nulls)
    }

    /// One value per row, something where there is none.
    fn spread<T: Default>(&self, mut values: impl Iterator<Item = T>) -> Vec<T> {
        let value_of = |is_valid: &bool| if *is_valid { values.next() } else { None };
        self.is_valid.iter().map(value_of).map(Option::unwrap_or_default).collect()
    }

    /// Texts of the dictionary, where each stands behind its length: those that are used.
    fn texts(self) -> Checked<ArrayRef> {
        let mut used = self.codes.clone();
        used.sort_unstable();
        used.dedup();
        let dictionary = match self.encoding {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => &self.bytes[..],
            _ => &self.dictionary,
        };
        let (mut texts, mut left, mut next) =
            (Vec::with_capacity(used.len()), Texts(dictionary), 0);
        for &code in &used {
            texts.push(utf8(left.nth((code - next) as usize).ok_or(NO_VALUE)??)?);
            next = code + 1;
        }
        let keys = self.codes.iter().map(|code| used.partition_point(|it| it < code) as u32);
        let keys = UInt32Array::new(self.spread(keys).into(), self.nulls());
        let texts = Arc::new(StringArray::from_iter_values(texts));
        let array = DictionaryArray::<UInt32Type>::try_new(keys, texts).map_err(|_| NO_VALUE)?;
        Ok(Arc::new(array))
    }

    fn ids(self) -> Checked<ArrayRef> {
        let width = self.width;
        let mut ids = vec![0; self.is_valid.len() * width];
        let mut values = self.bytes.chunks_exact(width);
        for (slot, _) in ids.chunks_exact_mut(width).zip(&self.is_valid).filter(|(_, it)| **it) {
            slot.copy_from_slice(values.next().ok_or(SHORT)?);
        }
        let array = FixedSizeBinaryArray::try_new(width as i32, ids.into(), self.nulls());
        Ok(Arc::new(array.map_err(|_| SHORT)?))
    }

    fn numbers<T: ArrowPrimitiveType, const WIDTH: usize>(
        self,
        number: impl Fn([u8; WIDTH]) -> T::Native,
    ) -> Checked<ArrayRef> {
        let (numbers, _) = self.bytes.as_chunks();
        let numbers = self.spread(numbers.iter().map(|bytes| number(*bytes)));
        Ok(Arc::new(PrimitiveArray::<T>::new(numbers.into(), self.nulls())))
    }
}

/// The values of a page, and which is next.
enum Values<'a> {
    Codes(Hybrid<'a>),
    /// One behind the other.
    Plain(&'a [u8], usize),
    /// First the first bytes of all, then the second ones, and so on.
    Split(&'a [u8], usize),
    Deltas(Deltas<'a>),
    Lengths(Lengths<'a>),
}

impl<'a> Values<'a> {
    fn new(encoding: Encoding, bytes: &'a [u8], count_max: usize) -> Checked<Self> {
        Ok(match encoding {
            // Of a page of nothing but nulls.
            _ if bytes.is_empty() => Self::Plain(bytes, 0),
            Encoding::DELTA_BINARY_PACKED => Self::Deltas(Deltas::new(bytes)?),
            Encoding::DELTA_LENGTH_BYTE_ARRAY => Self::Lengths(Lengths::new(bytes, count_max)?),
            Encoding::PLAIN => Self::Plain(bytes, 0),
            Encoding::BYTE_STREAM_SPLIT => Self::Split(bytes, 0),
            _ => Self::Codes(hybrid::codes(bytes)?),
        })
    }
}

fn damaged(what: &'static str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
