//! Attributes on their way from blocks into one.
//!
//! Where an attribute has the same column in an input as in the output, its values do not become those of a chunk: they wait as the
//! arrays that were read, and go straight to their places. All else of a span is in the chunk.

use super::{schema::Dedicated, values::Column};
use crate::{AttributeScope, head::Chunk, wire::Value};
use arrow_array::{Array, ArrayRef};
use rapidhash::RapidHashSet;
use std::ops::Range;

/// Spans that wait for their row group.
pub(super) struct Pending {
    pub(super) chunk: Chunk,
    pub(super) carried: Carried,
}

/// Attributes of rows of a chunk that are not in the chunk.
pub(super) struct Carried {
    /// Names and kinds of those that the output has a column for, sorted.
    columns: Vec<(String, usize)>,
    /// In order of rows.
    pieces: Vec<Piece>,
    /// Addresses of texts that are counted: many pieces share a dictionary.
    counted: RapidHashSet<usize>,
    size_bytes: usize,
}

/// Rows of one batch.
struct Piece {
    /// The row of the chunk that is the first of these.
    first: usize,
    rows: Range<usize>,
    /// By position in `columns`, ascending.
    arrays: Vec<(usize, ArrayRef)>,
}

/// Values of one column.
pub(super) struct Part<'a> {
    pub(super) values: Column<'a>,
    /// Which of the values.
    pub(super) rows: Range<usize>,
    /// The row of the chunk that has the first of them.
    pub(super) first: usize,
}

impl Pending {
    /// On the way into a block with these columns.
    pub(super) fn new(dedicated: &[Dedicated]) -> Self {
        // They are sorted by column, which begins alike for all of a scope.
        let columns = dedicated.iter().filter(|it| it.scope == AttributeScope::Span);
        let columns = columns.map(|it| (it.name.clone(), it.kind)).collect();
        let carried = Carried {
            columns,
            pieces: Vec::new(),
            counted: RapidHashSet::default(),
            size_bytes: 0,
        };
        Self { chunk: Chunk::default(), carried }
    }

    /// Number of spans.
    pub(super) fn len(&self) -> usize {
        self.chunk.len()
    }

    /// Bytes in memory, close enough for limits.
    pub(super) fn size_bytes(&self) -> usize {
        self.chunk.size_bytes() + self.carried.size_bytes
    }

    /// Forgets all spans, and keeps the memory for the next.
    pub(super) fn clear(&mut self) {
        self.chunk.clear();
        self.carried.pieces.clear();
        self.carried.counted.clear();
        self.carried.size_bytes = 0;
    }
}

impl Carried {
    /// Takes those columns of a batch over that the output has too, and leaves the others. The first of the rows is `first` in the chunk.
    pub(super) fn take(
        &mut self,
        columns: &mut Vec<(&str, &ArrayRef, Column<'_>)>,
        rows: Range<usize>,
        first: usize,
    ) {
        let mut arrays = Vec::with_capacity(columns.len());
        columns.retain(|(name, array, values)| {
            let Some(position) = self.position(name, values.kind()) else { return true };
            self.size_bytes += match values.texts() {
                Some((_, texts)) if !self.counted.insert(texts.value_data().as_ptr() as usize) => {
                    rows.len() * 4
                }
                _ => array.get_array_memory_size() * rows.len() / array.len().max(1),
            };
            arrays.push((position, ArrayRef::clone(array)));
            false
        });
        arrays.sort_unstable_by_key(|(position, _)| *position);
        self.pieces.push(Piece { first, rows, arrays });
    }

    /// The values of a column.
    pub(super) fn of_column(&self, name: &str, kind: usize) -> impl Iterator<Item = Part<'_>> {
        let position = self.position(name, kind);
        let pieces = self.pieces.iter().filter(move |_| position.is_some());
        pieces.filter_map(move |Piece { first, rows, arrays }| {
            let at = arrays.binary_search_by_key(&position?, |(position, _)| *position).ok()?;
            Some(Part { values: read(&arrays[at].1), rows: rows.clone(), first: *first })
        })
    }

    /// The attributes of a row of the chunk, sorted by name.
    pub(super) fn of_row(&self, row: usize) -> Vec<(&[u8], Value<'_>)> {
        let after = self.pieces.partition_point(|piece| piece.first <= row);
        let piece = after.checked_sub(1).map(|at| &self.pieces[at]);
        let piece = piece.filter(|piece| row - piece.first < piece.rows.len());
        let values = piece.into_iter().flat_map(|piece| {
            let at = piece.rows.start + row - piece.first;
            piece.arrays.iter().filter_map(move |(position, array)| {
                Some((self.columns[*position].0.as_bytes(), read(array).get(at)?))
            })
        });
        values.collect()
    }

    fn position(&self, name: &str, kind: usize) -> Option<usize> {
        let at = self.columns.binary_search_by(|(column, _)| column.as_str().cmp(name)).ok()?;
        (self.columns[at].1 == kind).then_some(at)
    }
}

fn read(array: &ArrayRef) -> Column<'_> {
    Column::new(array).expect("it was looked at when it was taken over")
}
