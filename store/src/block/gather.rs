//! One column of one row group, gathered from the chunks of a generation.

use super::{
    carried::Part,
    known::Codes,
    merge::Merge,
    parents,
    row_codes::{RowCodes, RowCodesBuilder},
    schema::{Dedicated, attributes_of},
    values::Column,
};
use crate::{
    AttributeScope,
    head::{Chunk, Interner, Values},
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, DictionaryArray, PrimitiveArray,
    StringArray, UInt32Array, types::UInt32Type,
};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer};
use std::{ops::Range, sync::Arc};

/// Collects the text of one column under codes of its own.
struct Texts<'s> {
    dictionary: Interner,
    rows: RowCodesBuilder<'s>,
    known: &'s mut KnownCodes,
}

/// What columns are gathered with, one after the other.
#[derive(Default)]
pub(super) struct Scratch {
    room: Vec<u32>,
    known: KnownCodes,
}

/// By text code of a chunk, the code in the column + 1; valid for one chunk and column at a time, which the
/// number in the upper half tells, so that it need not be cleared.
#[derive(Default)]
struct KnownCodes {
    codes: Vec<u64>,
    epoch: u64,
}

impl<'s> Texts<'s> {
    fn new(rows: usize, scratch: &'s mut Scratch) -> Self {
        let rows = RowCodesBuilder::new(rows, &mut scratch.room);
        Self { dictionary: Interner::default(), rows, known: &mut scratch.known }
    }

    /// Says that the codes that follow are of this chunk.
    fn enter(&mut self, chunk: &Chunk) {
        self.known.epoch += 1;
        if self.known.codes.len() < chunk.texts.len() {
            self.known.codes.resize(chunk.texts.len(), 0);
        }
    }

    #[inline]
    fn set(&mut self, slot: usize, chunk: &Chunk, code: u32) {
        let known = &mut self.known.codes[code as usize];
        if *known >> 32 != self.known.epoch {
            let own = self.dictionary.intern(chunk.texts.get(code)) + 1;
            *known = self.known.epoch << 32 | u64::from(own);
        }
        self.rows.set(slot, *known as u32 - 1);
    }

    /// As [`Texts::set`], of a text that is most likely another than all before it.
    fn push(&mut self, slot: usize, text: &[u8]) {
        self.rows.set(slot, self.dictionary.push(text));
    }

    fn finish(self) -> CodedTexts {
        CodedTexts { dictionary: self.dictionary, rows: self.rows.finish() }
    }
}

/// The texts of one column, each distinct one once.
pub(super) struct CodedTexts {
    pub(super) dictionary: Interner,
    pub(super) rows: RowCodes,
}

/// A column as it is gathered.
pub(super) enum Gathered {
    Texts(CodedTexts),
    Other(ArrayRef),
}

impl CodedTexts {
    /// Numbers the texts anew in the order in which rows have them, so that codes that stand together are alike. Returns what codes
    /// they had; the dictionary stays as it is.
    pub(super) fn sort_by_appearance(&mut self) -> Vec<u32> {
        let mut numbers = vec![0u32; self.dictionary.len()];
        let mut order = Vec::with_capacity(self.dictionary.len());
        for code in &mut self.rows.codes {
            let number = &mut numbers[*code as usize];
            if *number == 0 {
                order.push(*code);
                *number = order.len() as u32;
            }
            *code = *number - 1;
        }
        order
    }

    /// Bytes of the dictionary in a Parquet file, before compression.
    pub(super) fn dictionary_bytes(&self) -> usize {
        self.dictionary.string_bytes() + self.dictionary.len() * 4
    }

    pub(super) fn into_array(self) -> ArrayRef {
        let RowCodes { is_valid, codes } = self.rows;
        let mut keys = vec![0; is_valid.len()];
        is_valid.set_indices().zip(codes).for_each(|(slot, code)| keys[slot] = code);
        let keys = UInt32Array::new(keys.into(), nulls_of(is_valid.into()));
        let texts = (0..self.dictionary.len() as u32).map(|code| {
            std::str::from_utf8(self.dictionary.get(code)).expect("texts of chunks are UTF-8")
        });
        let values = StringArray::from_iter_values(texts);
        let array = DictionaryArray::<UInt32Type>::try_new(keys, Arc::new(values))
            .expect("each key is the position of a value");
        Arc::new(array)
    }
}

impl Gathered {
    pub(super) fn into_array(self) -> ArrayRef {
        match self {
            Self::Texts(texts) => texts.into_array(),
            Self::Other(array) => array,
        }
    }
}

/// Rows of one row group, by chunk: `(row, slot)` in order of rows.
pub(super) struct Group {
    pub(super) range: Range<usize>,
    pub(super) by_chunk: Vec<Vec<(u32, u32)>>,
    /// By slot, how far from it the parent stands.
    pub(super) parent_offsets: Vec<Option<i32>>,
}

impl Group {
    pub(super) fn new(merge: &Merge<'_>, range: Range<usize>) -> Self {
        let by_chunk = merge.positions.iter().map(|positions| {
            let rows = positions.iter().enumerate();
            rows.filter(|(_, position)| range.contains(&(**position as usize)))
                .map(|(row, position)| (row as u32, *position - range.start as u32))
                .collect()
        });
        let parent_offsets = parents::offsets(merge, range.clone());
        Self { by_chunk: by_chunk.collect(), parent_offsets, range }
    }

    /// Of `Merge::of_rows`.
    pub(super) fn of_rows(rows: usize) -> Self {
        let by_chunk = vec![(0..rows as u32).map(|row| (row, row)).collect()];
        Self { range: 0..rows, by_chunk, parent_offsets: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    /// A text column, by the codes of the texts.
    pub(super) fn texts(
        &self,
        merge: &Merge<'_>,
        scratch: &mut Scratch,
        code_of: impl Fn(&Chunk, usize) -> Option<u32>,
    ) -> CodedTexts {
        let mut texts = Texts::new(self.len(), scratch);
        for (chunk, rows) in merge.chunks.iter().zip(&self.by_chunk) {
            texts.enter(chunk);
            for &(row, slot) in rows {
                if let Some(code) = code_of(chunk, row as usize) {
                    texts.set(slot as usize, chunk, code);
                }
            }
        }
        texts.finish()
    }

    /// The column of an attribute.
    pub(super) fn attribute(
        &self,
        merge: &Merge<'_>,
        scratch: &mut Scratch,
        it: &Dedicated,
    ) -> Gathered {
        Gathered::Other(match it.kind {
            0 => return Gathered::Texts(self.attribute_texts(merge, scratch, it)),
            1 => self.numbers(merge, it, ints, |column| match column {
                Column::Int(values) => Some(*values),
                _ => None,
            }),
            2 => self.numbers(merge, it, doubles, |column| match column {
                Column::Double(values) => Some(*values),
                _ => None,
            }),
            3 => {
                let mut out = vec![None; self.len()];
                self.values(merge, it, bools, |_, slot, value| out[slot] = Some(value));
                for part in parts(merge, it) {
                    if let Column::Bool(values) = &part.values {
                        self.each(merge, &part, |row, slot| out[slot] = Some(values.value(row)));
                    }
                }
                Arc::new(BooleanArray::from(out))
            }
            _ => {
                let mut out = vec![None; self.len()];
                self.values(merge, it, blobs, |at, slot, code| {
                    out[slot] = Some(merge.chunks[at].blobs.get(code));
                });
                for part in parts(merge, it) {
                    if let Column::Encoded(values) = part.values {
                        self.each(merge, &part, |row, slot| out[slot] = Some(values.value(row)));
                    }
                }
                Arc::new(BinaryArray::from_iter(out))
            }
        })
    }

    fn attribute_texts(
        &self,
        merge: &Merge<'_>,
        scratch: &mut Scratch,
        it: &Dedicated,
    ) -> CodedTexts {
        let mut texts = Texts::new(self.len(), scratch);
        let mut entered = usize::MAX;
        self.values(merge, it, texts_of, |at, slot, code| {
            let chunk = merge.chunks[at];
            if it.is_unique {
                return texts.push(slot, chunk.texts.get(code));
            }
            if entered != at {
                texts.enter(chunk);
                entered = at;
            }
            texts.set(slot, chunk, code);
        });
        let mut dictionaries: Vec<Codes> = Vec::new();
        for part in parts(merge, it) {
            let Some((keys, values)) = part.values.texts() else { continue };
            if it.is_unique {
                self.each(merge, &part, |row, slot| {
                    texts.push(slot, values.value(keys.value(row) as usize).as_bytes());
                });
                continue;
            }
            // There are as many as row groups are read at a time.
            let at = dictionaries.iter().position(|known| known.are_of(values));
            let known = match at {
                Some(at) => &mut dictionaries[at],
                None => dictionaries.push_mut(Codes::of(values)),
            };
            self.each(merge, &part, |row, slot| {
                let code = known.code(keys.value(row), values, &mut texts.dictionary);
                texts.rows.set(slot, code);
            });
        }
        texts.finish()
    }

    fn numbers<T: ArrowPrimitiveType>(
        &self,
        merge: &Merge<'_>,
        it: &Dedicated,
        pick: impl Fn(&Values) -> Option<&Vec<T::Native>>,
        carried: impl for<'a> Fn(&Column<'a>) -> Option<&'a PrimitiveArray<T>>,
    ) -> ArrayRef {
        let mut numbers = vec![T::Native::default(); self.len()];
        let mut is_valid = BooleanBufferBuilder::new(self.len());
        is_valid.append_n(self.len(), false);
        let mut put = |slot: usize, value| {
            numbers[slot] = value;
            is_valid.set_bit(slot, true);
        };
        self.values(merge, it, pick, |_, slot, value| put(slot, value));
        for part in parts(merge, it) {
            if let Some(values) = carried(&part.values) {
                self.each(merge, &part, |row, slot| put(slot, values.value(row)));
            }
        }
        let nulls = nulls_of(is_valid.finish().into());
        Arc::new(PrimitiveArray::<T>::new(numbers.into(), nulls))
    }

    /// Calls `put` with each row of a part that has a value, and its slot.
    fn each(&self, merge: &Merge<'_>, part: &Part<'_>, mut put: impl FnMut(usize, usize)) {
        let positions = &merge.positions[0][part.first..][..part.rows.len()];
        part.values.each_valid(part.rows.clone(), |row| {
            let position = positions[row - part.rows.start] as usize;
            let slot = position.wrapping_sub(self.range.start);
            if slot < self.len() {
                put(row, slot);
            }
        });
    }

    /// Calls `put` with the first value that each row has in this column: position of the chunk, slot, value.
    fn values<T: Copy>(
        &self,
        merge: &Merge<'_>,
        it: &Dedicated,
        pick: impl Fn(&Values) -> Option<&Vec<T>>,
        mut put: impl FnMut(usize, usize, T),
    ) {
        for (at, chunk) in merge.chunks.iter().enumerate() {
            let (attributes, owner_of) = attributes_of(chunk, it.scope);
            let found = attributes
                .of_key(it.name.as_bytes())
                .find_map(|column| Some((column, pick(&column.values)?)));
            let Some((column, values)) = found else { continue };
            if let Some(owner_of) = owner_of {
                let owners = column.owners.last().map_or(0, |&owner| owner as usize + 1);
                let mut value_of = vec![None; owners];
                for (&owner, &value) in column.owners.iter().zip(values) {
                    value_of[owner as usize].get_or_insert(value);
                }
                for &(row, slot) in &self.by_chunk[at] {
                    let owner = owner_of[row as usize] as usize;
                    if let Some(value) = value_of.get(owner).copied().flatten() {
                        put(at, slot as usize, value);
                    }
                }
                continue;
            }
            debug_assert_eq!(it.scope, AttributeScope::Span);
            let positions = &merge.positions[at];
            let mut before = u32::MAX;
            for (&owner, &value) in column.owners.iter().zip(values) {
                if owner != before {
                    let slot = (positions[owner as usize] as usize).wrapping_sub(self.range.start);
                    if slot < self.len() {
                        put(at, slot, value);
                    }
                }
                before = owner;
            }
        }
    }
}

/// The values of an attribute that no chunk has.
fn parts<'m>(merge: &Merge<'m>, it: &Dedicated) -> impl Iterator<Item = Part<'m>> {
    let carried = merge.carried.filter(|_| it.scope == AttributeScope::Span);
    carried.into_iter().flat_map(|carried| carried.of_column(&it.name, it.kind))
}

/// `None` when all slots have a value.
fn nulls_of(is_valid: NullBuffer) -> Option<NullBuffer> {
    (is_valid.null_count() > 0).then_some(is_valid)
}

fn texts_of(values: &Values) -> Option<&Vec<u32>> {
    match values {
        Values::String(codes) => Some(codes),
        _ => None,
    }
}

fn ints(values: &Values) -> Option<&Vec<i64>> {
    match values {
        Values::Int(values) => Some(values),
        _ => None,
    }
}

fn doubles(values: &Values) -> Option<&Vec<f64>> {
    match values {
        Values::Double(values) => Some(values),
        _ => None,
    }
}

fn bools(values: &Values) -> Option<&Vec<bool>> {
    match values {
        Values::Bool(values) => Some(values),
        _ => None,
    }
}

fn blobs(values: &Values) -> Option<&Vec<u32>> {
    match values {
        Values::Encoded(codes) => Some(codes),
        _ => None,
    }
}
