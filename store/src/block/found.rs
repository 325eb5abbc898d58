//! Values of a leaf column that are wanted, picked out of its pages, and the array that becomes of them.

use super::{
    codes::{TextPlaces, utf8},
    deltas::{Deltas, Lengths},
    hybrid::{self, Hybrid},
    pages::RowGroupPages,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, DictionaryArray, FixedSizeBinaryArray, PrimitiveArray,
    StringArray, UInt32Array,
    builder::StringBuilder,
    types::{Float64Type, Int32Type, Int64Type, UInt8Type, UInt32Type, UInt64Type},
};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::{
    basic::{Encoding, Type as PhysicalType},
    errors::{ParquetError, Result},
};
use std::{ops::Range, sync::Arc};

type Checked<T> = std::result::Result<T, &'static str>;

const SHORT: &str = "a page is too short for what it should hold";
const NO_VALUE: &str = "a code stands for no value";

/// How all values of a leaf lie in its pages.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) encoding: Encoding,
    /// Bytes of a value; zero where that varies.
    width: usize,
}

impl Form {
    /// Codes of a dictionary.
    pub(super) const CODES: Self = Self { encoding: Encoding::RLE_DICTIONARY, width: 0 };

    /// Of a leaf with values of this type, as far as its footer tells; `None` of what is read otherwise.
    pub(super) fn of(pages: &RowGroupPages, leaf: usize, data_type: &DataType) -> Option<Self> {
        let (physical, width) = physical_type(data_type)?;
        let encoding = pages.only_encoding(leaf, physical)?;
        let is_read = match encoding {
            Encoding::RLE_DICTIONARY => true,
            Encoding::PLAIN | Encoding::BYTE_STREAM_SPLIT => width > 0,
            Encoding::DELTA_BINARY_PACKED => physical == PhysicalType::INT64,
            Encoding::DELTA_LENGTH_BYTE_ARRAY => physical == PhysicalType::BYTE_ARRAY,
            _ => false,
        };
        (is_read && pages.locations(leaf).is_some()).then_some(Self { encoding, width })
    }

    /// True where a value is reached without the ones before it.
    pub(super) fn can_reach(self) -> bool {
        use Encoding::{BYTE_STREAM_SPLIT, PLAIN, RLE_DICTIONARY};
        [PLAIN, RLE_DICTIONARY, BYTE_STREAM_SPLIT].contains(&self.encoding)
    }
}

/// As what values of a type lie in a file, and their width in bytes, zero where that varies; `None` of the types that are not read
/// here.
fn physical_type(data_type: &DataType) -> Option<(PhysicalType, usize)> {
    match data_type {
        DataType::Dictionary(keys, values) => (**keys == DataType::UInt32
            && **values == DataType::Utf8)
            .then_some((PhysicalType::BYTE_ARRAY, 0)),
        DataType::Utf8 => Some((PhysicalType::BYTE_ARRAY, 0)),
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
pub(super) struct Found {
    form: Form,
    /// By row or entry, whether it has a value.
    pub(super) is_valid: Vec<bool>,
    /// Of values of varying width, the codes of those that are there.
    codes: Vec<u32>,
    /// Of others, their bytes; of texts without a dictionary, a dictionary of those that were found.
    bytes: Vec<u8>,
    dictionary: Bytes,
    /// Of a dictionary of texts.
    places: Option<Arc<TextPlaces>>,
}

impl Found {
    pub(super) fn new(form: Form) -> Self {
        Self {
            form,
            is_valid: Vec::new(),
            codes: Vec::new(),
            bytes: Vec::new(),
            dictionary: Bytes::new(),
            places: None,
        }
    }

    /// Makes an array of what was found.
    pub(super) fn finish(
        mut self,
        pages: &RowGroupPages,
        leaf: usize,
        data_type: &DataType,
    ) -> Result<ArrayRef> {
        // It comes first, but is read when there are codes: most columns have no value in most traces.
        if self.form.encoding == Encoding::RLE_DICTIONARY && !self.codes.is_empty() {
            let first = pages.dictionary(leaf)?;
            self.dictionary = first.map(|page| page.buffer().clone()).unwrap_or_default();
            if self.form.width > 0 {
                self.resolve().map_err(damaged)?;
            } else {
                self.places = Some(pages.text_places(leaf, &self.dictionary)?);
            }
        }
        let array = match data_type {
            DataType::Dictionary(..) => self.coded_texts(),
            DataType::Utf8 => self.texts(),
            DataType::FixedSizeBinary(_) => self.ids(),
            DataType::Int32 => self.numbers::<Int32Type, 4>(i32::from_le_bytes),
            DataType::Int64 => self.numbers::<Int64Type, 8>(i64::from_le_bytes),
            DataType::UInt64 => self.numbers::<UInt64Type, 8>(u64::from_le_bytes),
            DataType::Float64 => self.numbers::<Float64Type, 8>(f64::from_le_bytes),
            DataType::UInt32 => self.numbers::<UInt32Type, 4>(u32::from_le_bytes),
            _ => self.numbers::<UInt8Type, 4>(|bytes| bytes[0]),
        };
        array.map_err(damaged)
    }

    /// Adds runs of rows of a page with one value a row at most, which levels tell of where some may have none.
    pub(super) fn add(
        &mut self,
        mut levels: Option<Hybrid<'_>>,
        values: &mut Values<'_>,
        runs: &[Range<usize>],
    ) -> Checked<()> {
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
            self.read(values, before, count)?;
            row = run.end;
        }
        Ok(())
    }

    /// Steps over some values, and reads some.
    pub(super) fn read(
        &mut self,
        values: &mut Values<'_>,
        before: usize,
        count: usize,
    ) -> Checked<()> {
        let width = self.form.width;
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

    /// Puts down what codes stand for, of values of a fixed width.
    fn resolve(&mut self) -> Checked<()> {
        for code in self.codes.drain(..) {
            let start = code as usize * self.form.width;
            let value = self.dictionary.get(start..start + self.form.width);
            self.bytes.extend_from_slice(value.ok_or(NO_VALUE)?);
        }
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

    /// The dictionary of what codes stand for, where each text stands behind its length.
    fn text_dictionary(&self) -> Checked<(&[u8], Arc<TextPlaces>)> {
        Ok(match &self.places {
            Some(places) => (&self.dictionary, Arc::clone(places)),
            None => (&self.bytes, Arc::new(TextPlaces::of(&self.bytes)?)),
        })
    }

    /// Codes, and those texts that are used.
    fn coded_texts(self) -> Checked<ArrayRef> {
        let mut used = self.codes.clone();
        used.sort_unstable();
        used.dedup();
        let (dictionary, places) = self.text_dictionary()?;
        let texts = used.iter().map(|&code| utf8(places.text(dictionary, code).ok_or(NO_VALUE)??));
        let texts = texts.collect::<Checked<Vec<_>>>()?;
        let keys = self.codes.iter().map(|code| used.partition_point(|it| it < code) as u32);
        let keys = UInt32Array::new(self.spread(keys).into(), self.nulls());
        let texts = Arc::new(StringArray::from_iter_values(texts));
        let array = DictionaryArray::<UInt32Type>::try_new(keys, texts).map_err(|_| NO_VALUE)?;
        Ok(Arc::new(array))
    }

    fn texts(self) -> Checked<ArrayRef> {
        let (dictionary, places) = self.text_dictionary()?;
        let mut codes = self.codes.iter();
        let mut texts = StringBuilder::new();
        for is_valid in &self.is_valid {
            if *is_valid {
                let text = codes.next().and_then(|code| places.text(dictionary, *code));
                texts.append_value(utf8(text.ok_or(NO_VALUE)??)?);
            } else {
                texts.append_null();
            }
        }
        Ok(Arc::new(texts.finish()))
    }

    fn ids(self) -> Checked<ArrayRef> {
        let width = self.form.width;
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
pub(super) enum Values<'a> {
    Codes(Hybrid<'a>),
    /// One behind the other.
    Plain(&'a [u8], usize),
    /// First the first bytes of all, then the second ones, and so on.
    Split(&'a [u8], usize),
    Deltas(Deltas<'a>),
    Lengths(Lengths<'a>),
}

impl<'a> Values<'a> {
    /// Of so many at most.
    pub(super) fn new(encoding: Encoding, bytes: &'a [u8], count_max: usize) -> Checked<Self> {
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

pub(super) fn damaged(what: &'static str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
