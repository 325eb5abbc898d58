//! Rows of a column, chosen by value: each value of its dictionary is looked at once, and then codes are, as they lie in the pages.
//! No array is made of them.

use super::{
    found::{Form, damaged},
    hybrid,
    pages::RowGroupPages,
    walk::{ValuePage, walk},
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use parquet::{
    basic::{Encoding, Type as PhysicalType},
    column::page::Page,
    errors::Result,
};

type Checked<T> = std::result::Result<T, &'static str>;

const SHORT: &str = "a page is too short for what it should hold";

/// The codes of those values of a dictionary that are wanted.
pub(super) struct Wanted {
    /// A bit a code.
    bits: Box<[u64]>,
}

/// The dictionary of a column that has codes in all pages of a row group, unpacked; `None` of others.
pub(super) struct Coded<'a> {
    pages: &'a RowGroupPages,
    leaf: usize,
    dictionary: Page,
}

/// The texts of a dictionary, where each stands behind its length. Nothing comes after an error.
pub(super) struct Texts<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Texts<'a> {
    type Item = Checked<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.0);
        if bytes.is_empty() {
            return None;
        }
        let text = bytes
            .split_first_chunk()
            .and_then(|(length, rest)| rest.split_at_checked(u32::from_le_bytes(*length) as usize));
        Some(text.ok_or(SHORT).map(|(text, rest)| {
            self.0 = rest;
            text
        }))
    }
}

/// Where in a dictionary one in so many of its texts begins, so that none is far.
pub(super) struct TextPlaces(Box<[u32]>);

impl TextPlaces {
    const EVERY: usize = 32;

    pub(super) fn of(dictionary: &[u8]) -> Checked<Self> {
        let (mut places, mut texts) = (vec![0], Texts(dictionary));
        while texts.nth(Self::EVERY - 1).transpose()?.is_some() {
            let place = dictionary.len() - texts.0.len();
            places.push(u32::try_from(place).map_err(|_| "a dictionary is too large")?);
        }
        Ok(Self(places.into()))
    }

    /// The text of a code, if it has one.
    pub(super) fn text<'a>(&self, dictionary: &'a [u8], code: u32) -> Option<Checked<&'a [u8]>> {
        let place = *self.0.get(code as usize / Self::EVERY)?;
        Texts(dictionary.get(place as usize..)?).nth(code as usize % Self::EVERY)
    }

    pub(super) fn size_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

pub(super) fn utf8(text: &[u8]) -> Checked<&str> {
    std::str::from_utf8(text).map_err(|_| "a text is not UTF-8")
}

impl Wanted {
    /// Asks for each text of a dictionary.
    fn of_texts(dictionary: &[u8], mut is_wanted: impl FnMut(&str) -> bool) -> Checked<Self> {
        Texts(dictionary).map(|text| Ok(is_wanted(utf8(text?)?))).collect()
    }

    /// Asks for each number of a dictionary.
    fn of_numbers(numbers: &[u8], mut is_wanted: impl FnMut(u32) -> bool) -> Self {
        let (numbers, _) = numbers.as_chunks();
        numbers.iter().map(|bytes| is_wanted(u32::from_le_bytes(*bytes))).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bits.iter().all(|word| *word == 0)
    }

    /// The one code, if it is but one.
    fn only(&self) -> Option<u32> {
        let mut words = self.bits.iter().enumerate().filter(|(_, word)| **word != 0);
        let (at, word) = words.next()?;
        let is_one = word.is_power_of_two() && words.next().is_none();
        is_one.then_some(at as u32 * 64 + word.trailing_zeros())
    }

    /// A code that stands for no value is not.
    fn has(&self, code: u32) -> bool {
        let word = self.bits.get(code as usize / 64);
        word.is_some_and(|word| word >> (code % 64) & 1 == 1)
    }
}

impl FromIterator<bool> for Wanted {
    fn from_iter<I: IntoIterator<Item = bool>>(codes: I) -> Self {
        let mut bits = Vec::new();
        for (code, is_wanted) in codes.into_iter().enumerate() {
            if code % 64 == 0 {
                bits.push(0);
            }
            bits[code / 64] |= u64::from(is_wanted) << (code % 64);
        }
        Self { bits: bits.into() }
    }
}

impl<'a> Coded<'a> {
    /// Of a leaf with values of this type.
    pub(super) fn open(
        pages: &'a RowGroupPages,
        leaf: usize,
        physical: PhysicalType,
    ) -> Result<Option<Self>> {
        let encoding = pages.only_encoding(leaf, physical);
        let is_coded = encoding == Some(Encoding::RLE_DICTIONARY) && pages.is_flat(leaf);
        if !is_coded || pages.locations(leaf).is_none() {
            return Ok(None);
        }
        let first = pages.dictionary(leaf)?;
        Ok(first.map(|dictionary| Self { pages, leaf, dictionary }))
    }

    /// The codes of texts that pass a test.
    pub(super) fn texts(&self, test: impl FnMut(&str) -> bool) -> Result<Wanted> {
        Wanted::of_texts(self.dictionary.buffer(), test).map_err(damaged)
    }

    /// The codes of numbers that pass a test.
    pub(super) fn numbers(&self, test: impl FnMut(u32) -> bool) -> Wanted {
        Wanted::of_numbers(self.dictionary.buffer(), test)
    }

    /// Which rows have a value that is wanted.
    pub(super) fn rows(&self, wanted: &Wanted) -> Result<BooleanBuffer> {
        let is_nullable = self.pages.is_nullable(self.leaf);
        let mut rows = BooleanBufferBuilder::new(0);
        self.each_page(|ValuePage { bytes, values }| match wanted.only() {
            Some(only) => add(bytes, *values, is_nullable, |code| code == only, &mut rows),
            None => add(bytes, *values, is_nullable, |code| wanted.has(code), &mut rows),
        })?;
        Ok(rows.finish())
    }

    /// Shows all pages of codes.
    pub(super) fn each_page(&self, mut visit: impl FnMut(&ValuePage) -> Checked<()>) -> Result<()> {
        let all = 0..self.pages.footer.rows(self.pages.row_group);
        let rows = std::slice::from_ref(&all);
        if walk(self.pages, self.leaf, Form::CODES, rows, |page, _| visit(page))? {
            Ok(())
        } else {
            Err(damaged("a page is of another kind than it should be"))
        }
    }
}

/// Adds the rows of a page.
fn add(
    page: &[u8],
    count: usize,
    is_nullable: bool,
    is_wanted: impl Fn(u32) -> bool,
    rows: &mut BooleanBufferBuilder,
) -> Checked<()> {
    let (levels, values) = hybrid::levels_and_values(page, is_nullable)?;
    let mut codes = hybrid::codes(values)?;
    let Some(mut levels) = levels else { return codes.mark(count, is_wanted, rows) };
    let mut valid = BooleanBufferBuilder::new(count);
    levels.mark(count, |level| level == 1, &mut valid)?;
    let valid = valid.finish();
    let valid_count = valid.count_set_bits();
    if valid_count == count {
        return codes.mark(count, is_wanted, rows);
    }
    let mut marks = BooleanBufferBuilder::new(valid_count);
    codes.mark(valid_count, is_wanted, &mut marks)?;
    let marks = marks.finish();
    let first = rows.len();
    rows.append_n(count, false);
    if marks.count_set_bits() > 0 {
        for (row, _) in valid.set_indices().zip(&marks).filter(|(_, mark)| *mark) {
            rows.set_bit(first + row, true);
        }
    }
    Ok(())
}
