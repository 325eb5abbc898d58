//! Rows of a list column, straight from the pages of its leaves.
//!
//! What lies where is told by two numbers an entry (Dremel's levels): the repetition level says which list goes on with it, zero where a row
//! begins, and the definition level says how much of it is there. The Parquet reader walks through them one by one, for each leaf, up
//! to the rows that are wanted. Here they are unpacked eight at a time, and leaves of which these rows have nothing are not read.

use super::{
    found::{Form, Found, Values, damaged},
    hybrid::{self, Hybrid},
    pages::RowGroupPages,
    walk::{ValuePage, walk},
};
use arrow_array::{ArrayRef, ListArray, StructArray, new_empty_array, new_null_array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, FieldRef, Fields};
use parquet::errors::Result;
use std::{ops::Range, sync::Arc};

type Checked<T> = std::result::Result<T, &'static str>;

const SHORT: &str = "a page ends before its rows do";
const WRONG: &str = "the leaves of a list do not fit together";
/// A page may have thousands of rows without an entry, and few of them are wanted.
const UNPACKED_AT_ONCE: usize = 1024;
/// Rows are counted without a look at each as long as there are so many entries.
const COUNTED_AT_ONCE: usize = 128;
/// No page of ours comes near so many entries; one that says so is damaged.
const ENTRIES_MAX: usize = 1 << 24;

/// The rows of a list that are wanted.
struct Rows<'a> {
    pages: &'a RowGroupPages,
    runs: &'a [Range<usize>],
    /// The leaf that comes next.
    leaf: usize,
}

/// The entries of a leaf in these rows.
struct Entries {
    repetitions: Vec<u8>,
    definitions: Vec<u8>,
    found: Found,
}

/// Levels of a page, unpacked as far as they were asked for.
struct Levels<'a> {
    packed: Hybrid<'a>,
    unpacked: Vec<u8>,
    /// That are still packed.
    left: usize,
}

/// A list column (of structs of values and further such lists, nothing but values nullable) of runs of rows, ascending; `None` of others,
/// and where a leaf lies in its pages in a form that is not read here.
pub(super) fn read(
    pages: &RowGroupPages,
    leaf: usize,
    data_type: &DataType,
    runs: &[Range<usize>],
) -> Result<Option<ArrayRef>> {
    let rows: usize = runs.iter().map(Range::len).sum();
    let mut reader = Rows { pages, runs, leaf };
    reader.list(data_type, 1, rows)
}

/// The members of the structs of a list.
fn members(list_type: &DataType) -> Option<(&FieldRef, &Fields)> {
    let DataType::List(element) = list_type else { return None };
    let DataType::Struct(members) = element.data_type() else { return None };
    (!element.is_nullable()).then_some((element, members))
}

fn leaves_of(data_type: &DataType) -> usize {
    match data_type {
        DataType::List(element) => leaves_of(element.data_type()),
        DataType::Struct(members) => members.iter().map(|it| leaves_of(it.data_type())).sum(),
        _ => 1,
    }
}

impl Rows<'_> {
    /// The lists of so many owners, around which, with them, there are so many lists.
    fn list(&mut self, list_type: &DataType, depth: u8, owners: usize) -> Result<Option<ArrayRef>> {
        let Some((element, members)) = members(list_type) else { return Ok(None) };
        // The first value of an entry is always there, and tells how long the lists are.
        let Some(first) = members.first().filter(|it| !it.is_nullable()) else { return Ok(None) };
        let Some(shape) = self.entries(first, depth)? else { return Ok(None) };
        let lengths = shape.lengths(depth);
        let entries = shape.found.is_valid.len();
        if lengths.len() != owners || lengths.iter().sum::<usize>() != entries {
            return Err(damaged(WRONG));
        }
        let values: ArrayRef = if entries == 0 {
            self.leaf += leaves_of(list_type);
            new_empty_array(element.data_type())
        } else {
            let mut columns = vec![self.array(shape, first)?];
            for member in members.iter().skip(1) {
                let Some(column) = self.member(member, depth, entries)? else { return Ok(None) };
                columns.push(column);
            }
            Arc::new(StructArray::try_new(members.clone(), columns, None)?)
        };
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Some(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, None)?)))
    }

    /// A member of so many structs.
    fn member(&mut self, field: &FieldRef, depth: u8, entries: usize) -> Result<Option<ArrayRef>> {
        if !field.data_type().is_nested() {
            let Some(found) = self.entries(field, depth)? else { return Ok(None) };
            if found.found.is_valid.len() != entries {
                return Err(damaged(WRONG));
            }
            return self.array(found, field).map(Some);
        }
        if field.is_nullable() {
            Ok(None)
        } else {
            self.list(field.data_type(), depth + 1, entries)
        }
    }

    /// The entries of the leaf that comes next, within so many lists.
    fn entries(&self, field: &FieldRef, depth: u8) -> Result<Option<Entries>> {
        let definition = depth + u8::from(field.is_nullable());
        if self.pages.levels_max(self.leaf) != (definition, depth) {
            return Ok(None);
        }
        let Some(form) = Form::of(self.pages, self.leaf, field.data_type()) else {
            return Ok(None);
        };
        let found = Found::new(form);
        let mut entries = Entries { repetitions: Vec::new(), definitions: Vec::new(), found };
        let is_read = walk(self.pages, self.leaf, form, self.runs, |page, runs| {
            entries.add(page, runs, (definition, depth), form)
        })?;
        Ok(is_read.then_some(entries))
    }

    /// Goes on to the next leaf.
    fn array(&mut self, entries: Entries, field: &FieldRef) -> Result<ArrayRef> {
        let leaf = self.leaf;
        self.leaf += 1;
        let found = entries.found;
        if !found.is_valid.contains(&true) {
            return Ok(new_null_array(field.data_type(), found.is_valid.len()));
        }
        found.finish(self.pages, leaf, field.data_type())
    }
}

impl Entries {
    /// Adds rows of a page.
    fn add(
        &mut self,
        page: &ValuePage,
        runs: &[Range<usize>],
        (definition_max, repetition_max): (u8, u8),
        form: Form,
    ) -> Checked<()> {
        if page.values > ENTRIES_MAX {
            return Err(WRONG);
        }
        let (mut repetitions, rest) = Levels::new(&page.bytes, repetition_max, page.values)?;
        let (mut definitions, values) = Levels::new(rest, definition_max, page.values)?;
        let mut values = Values::new(form.encoding, values, page.values)?;
        // Entry and row that come next.
        let (mut at, mut row) = (0, 0);
        for run in runs {
            let start = repetitions.after_rows(at, run.start - row)?;
            let end = repetitions.after_rows(start, run.len())?;
            let definitions = definitions.up_to(end)?;
            let is_there = |level: &&u8| **level == definition_max;
            let before = definitions[at..start].iter().filter(is_there).count();
            let here = &definitions[start..end];
            self.found.read(&mut values, before, here.iter().filter(is_there).count())?;
            let entries = here.iter().filter(|level| **level >= repetition_max);
            self.found.is_valid.extend(entries.map(|level| *level == definition_max));
            self.repetitions.extend_from_slice(&repetitions.up_to(end)?[start..end]);
            self.definitions.extend_from_slice(here);
            (at, row) = (end, run.end);
        }
        Ok(())
    }

    /// How long the lists are at this depth, which is that of the leaf.
    fn lengths(&self, depth: u8) -> Vec<usize> {
        let mut lengths = Vec::new();
        for (repetition, definition) in self.repetitions.iter().zip(&self.definitions) {
            if *repetition < depth && definition + 1 >= depth {
                lengths.push(0);
            }
            if let Some(length) = lengths.last_mut() {
                *length += usize::from(*definition >= depth);
            }
        }
        lengths
    }
}

impl<'a> Levels<'a> {
    /// So many levels, and what comes after them.
    fn new(bytes: &'a [u8], level_max: u8, count: usize) -> Checked<(Self, &'a [u8])> {
        let width = (u8::BITS - level_max.leading_zeros()) as usize;
        let (packed, rest) = hybrid::levels(bytes, width)?;
        Ok((Self { packed, unpacked: Vec::new(), left: count }, rest))
    }

    /// Unpacks some more; false when none are left.
    fn unpack(&mut self) -> Checked<bool> {
        let count = self.left.min(UNPACKED_AT_ONCE);
        self.packed.read_small(count, &mut self.unpacked)?;
        self.left -= count;
        Ok(count > 0)
    }

    /// Those of so many entries, at least.
    fn up_to(&mut self, entries: usize) -> Checked<&[u8]> {
        while self.unpacked.len() < entries {
            if !self.unpack()? {
                return Err(SHORT);
            }
        }
        Ok(&self.unpacked)
    }

    /// Of repetition levels, the entry at which so many rows have gone by, the first of which begins at `from`. A row begins where
    /// nothing goes on, and ends where the next one begins.
    fn after_rows(&mut self, from: usize, rows: usize) -> Checked<usize> {
        if rows == 0 {
            return Ok(from);
        }
        if self.up_to(from + 1)?[from] != 0 {
            return Err(SHORT);
        }
        let (mut at, mut begun) = (from, 0);
        loop {
            if at == self.unpacked.len() && !self.unpack()? {
                return if begun == rows { Ok(at) } else { Err(SHORT) };
            }
            let some = &self.unpacked[at..];
            let some = &some[..some.len().min(COUNTED_AT_ONCE)];
            let here = some.iter().filter(|level| **level == 0).count();
            if begun + here > rows {
                let starts = some.iter().enumerate().filter(|(_, level)| **level == 0);
                let next = starts.map(|(within, _)| at + within).nth(rows - begun);
                return next.ok_or(SHORT);
            }
            begun += here;
            at += some.len();
        }
    }
}
