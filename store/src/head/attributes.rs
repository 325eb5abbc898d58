//! Attributes as sparse columns: one per key and type, each a run of (owner, value).

use super::Interner;
use crate::wire::Value;

/// Attributes of the rows of one table (spans, resources, scopes, events or links).
#[derive(Clone, Default)]
pub(crate) struct Attributes {
    columns: Vec<Column>,
    /// Keys of this table.
    keys: Interner,
    /// By key code and kind of value, the column + 1.
    by_key: Vec<[u32; 5]>,
    /// By column, what is likely to come after it: senders name the same attributes in the same order.
    likely: Vec<Likely>,
    /// The column of the value that came last.
    last: usize,
    /// How many values the columns are likely to get.
    room: Vec<usize>,
    len: usize,
}

/// What is known of a column for the sake of the next value.
#[derive(Clone, Copy)]
struct Likely {
    /// Its key, as code of the table's keys.
    key: u32,
    kind: u32,
    /// The column that came after it the last time.
    next: u32,
}

/// The values that one key has in one type.
#[derive(Clone)]
pub(crate) struct Column {
    /// The key, as code of the chunk's texts.
    pub(crate) key: u32,
    /// The row of the table that each value belongs to, ascending. A row may come more than once: keys
    /// should be unique in OTLP, but nobody checks.
    pub(crate) owners: Vec<u32>,
    /// As many values.
    pub(crate) values: Values,
}

/// Values of one type.
#[derive(Clone)]
pub(crate) enum Values {
    /// Codes of the chunk's texts.
    String(Vec<u32>),
    Int(Vec<i64>),
    Double(Vec<f64>),
    Bool(Vec<bool>),
    /// Codes of the chunk's blobs.
    Encoded(Vec<u32>),
}

impl Values {
    /// Position of the type in every list of types; also the order of columns of one key.
    pub(crate) fn kind(&self) -> usize {
        match self {
            Self::String(_) => 0,
            Self::Int(_) => 1,
            Self::Double(_) => 2,
            Self::Bool(_) => 3,
            Self::Encoded(_) => 4,
        }
    }

    fn of_kind(kind: usize, room: usize) -> Self {
        match kind {
            0 => Self::String(Vec::with_capacity(room)),
            1 => Self::Int(Vec::with_capacity(room)),
            2 => Self::Double(Vec::with_capacity(room)),
            3 => Self::Bool(Vec::with_capacity(room)),
            _ => Self::Encoded(Vec::with_capacity(room)),
        }
    }
}

impl Column {
    /// The value at a position of `owners`.
    pub(crate) fn value<'a>(
        &self,
        position: usize,
        texts: &'a Interner,
        blobs: &'a Interner,
    ) -> Value<'a> {
        match &self.values {
            Values::String(codes) => Value::String(texts.get(codes[position])),
            Values::Int(values) => Value::Int(values[position]),
            Values::Double(values) => Value::Double(values[position]),
            Values::Bool(values) => Value::Bool(values[position]),
            Values::Encoded(codes) => Value::Encoded(blobs.get(codes[position])),
        }
    }
}

impl Attributes {
    /// An empty table whose columns will have room for as many values, if they come in the same order.
    pub(super) fn successor(&self) -> Self {
        let room = self.columns.iter().map(|column| column.owners.len()).collect();
        Self { room, ..Self::default() }
    }

    /// All columns, in order of first appearance.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a value to an owner, which is not below any before it.
    #[inline]
    pub(crate) fn push(
        &mut self,
        owner: u32,
        key: &[u8],
        value: Value<'_>,
        texts: &mut Interner,
        blobs: &mut Interner,
    ) {
        let kind = value.kind();
        let column = self.likely_column(key, kind, texts);
        let column = &mut self.columns[column];
        debug_assert!(column.owners.last().is_none_or(|&last| last <= owner));
        column.owners.push(owner);
        self.len += 1;
        match (&mut column.values, value) {
            (Values::String(codes), Value::String(text)) => codes.push(texts.intern_text(text)),
            (Values::Int(values), Value::Int(value)) => values.push(value),
            (Values::Double(values), Value::Double(value)) => values.push(value),
            (Values::Bool(values), Value::Bool(value)) => values.push(value),
            (Values::Encoded(codes), Value::Encoded(bytes)) => codes.push(blobs.intern(bytes)),
            _ => unreachable!("a column is found by the kind of its values"),
        }
    }

    /// The same as `column`, which is asked only when the value is not what came after the last one before.
    #[inline]
    fn likely_column(&mut self, key: &[u8], kind: usize, texts: &mut Interner) -> usize {
        if let Some(last) = self.likely.get(self.last) {
            let next = self.likely[last.next as usize];
            if next.kind as usize == kind && self.keys.get(next.key) == key {
                self.last = last.next as usize;
                return self.last;
            }
        }
        let column = self.column(key, kind, texts);
        self.likely[self.last].next = column as u32;
        self.last = column;
        column
    }

    /// The position of the column for values of a kind under a key, which is made if need be.
    #[inline]
    fn column(&mut self, key: &[u8], kind: usize, texts: &mut Interner) -> usize {
        let key_code = self.keys.intern_text(key) as usize;
        if key_code == self.by_key.len() {
            self.by_key.push([0; 5]);
        }
        let mut column = self.by_key[key_code][kind] as usize;
        if column == 0 {
            let key = texts.intern(self.keys.get(key_code as u32));
            let room = self.room.get(self.columns.len()).copied().unwrap_or(0);
            let (owners, values) = (Vec::with_capacity(room), Values::of_kind(kind, room));
            self.columns.push(Column { key, owners, values });
            self.likely.push(Likely { key: key_code as u32, kind: kind as u32, next: 0 });
            column = self.columns.len();
            self.by_key[key_code][kind] = column as u32;
        }
        column - 1
    }

    /// Adds values of one kind to many owners, which ascend and are not below any before them in this column. Texts and encoded values
    /// come as codes.
    pub(crate) fn extend(
        &mut self,
        key: &[u8],
        owners: impl Iterator<Item = u32>,
        values: Values,
        texts: &mut Interner,
    ) {
        let column = self.column(key, values.kind(), texts);
        let column = &mut self.columns[column];
        let before = column.owners.len();
        column.owners.extend(owners);
        self.len += column.owners.len() - before;
        debug_assert!(column.owners.is_sorted());
        match (&mut column.values, values) {
            (Values::String(codes), Values::String(more))
            | (Values::Encoded(codes), Values::Encoded(more)) => codes.extend(more),
            (Values::Int(values), Values::Int(more)) => values.extend(more),
            (Values::Double(values), Values::Double(more)) => values.extend(more),
            (Values::Bool(values), Values::Bool(more)) => values.extend(more),
            _ => unreachable!("a column is found by the kind of its values"),
        }
    }

    /// The columns of a key, at most one per type.
    pub(crate) fn of_key(&self, key: &[u8]) -> impl Iterator<Item = &Column> {
        let slots = self.keys.find(key).map_or([0; 5], |code| self.by_key[code as usize]);
        slots.into_iter().filter(|&slot| slot != 0).map(|slot| &self.columns[slot as usize - 1])
    }

    /// All keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.keys.len() as u32).map(|code| self.keys.get(code))
    }

    /// Gives back what only growing needs.
    pub(crate) fn freeze(&mut self) {
        for column in &mut self.columns {
            column.owners.shrink_to_fit();
            match &mut column.values {
                Values::String(codes) | Values::Encoded(codes) => codes.shrink_to_fit(),
                Values::Int(values) => values.shrink_to_fit(),
                Values::Double(values) => values.shrink_to_fit(),
                Values::Bool(values) => values.shrink_to_fit(),
            }
        }
        self.columns.shrink_to_fit();
    }

    /// Bytes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        self.keys.size_bytes() + self.columns.len() * 96 + self.len * 10
    }
}
