//! Some or all rows of a source, with the columns read so far.

use super::{Cancellation, EngineError, column::Text};
use arrow_array::{
    Array, ArrayRef, Int64Array, UInt32Array, UInt64Array, cast::AsArray, types::UInt64Type,
};
use arrow_buffer::BooleanBuffer;
use arrow_select::take::take;
use parking_lot::Mutex;
use sigyn_store::{AttributeScope, Children, Field, Source, TextColumn, TextTest};
use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Columns kept between batches of one search, since traces that are gathered one batch after the other
/// mostly lie in the same sources.
#[derive(Default)]
pub(super) struct ColumnCache {
    columns: Mutex<HashMap<(usize, Field), ArrayRef>>,
    bytes: AtomicUsize,
}

impl ColumnCache {
    /// Above this, columns are read again rather than kept.
    const BYTES_MAX: usize = 32 << 20;

    fn field(
        &self,
        source: &Arc<dyn Source>,
        field: Field,
    ) -> Result<(ArrayRef, bool), EngineError> {
        // The sources of a snapshot live as long as the search, so an address is an identity.
        let key = (Arc::as_ptr(source).cast::<()>() as usize, field);
        if let Some(array) = self.columns.lock().get(&key) {
            return Ok((array.clone(), false));
        }
        let array = source.field(field)?;
        let bytes = array.get_array_memory_size();
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= Self::BYTES_MAX {
            self.columns.lock().insert(key, array.clone());
        } else {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        Ok((array, true))
    }
}

/// Rows of a source under evaluation, on one thread. Columns are read when asked for, and once.
pub(super) struct View {
    source: Arc<dyn Source>,
    /// `None`: all rows. Ascending otherwise.
    rows: Option<UInt32Array>,
    /// Fields that need a whole trace; `None` while spans are looked at one by one.
    pub(super) trace_fields: Option<TraceFields>,
    fields: RefCell<HashMap<Field, ArrayRef>>,
    attributes: RefCell<HashMap<(AttributeScope, String), Vec<ArrayRef>>>,
    entries: RefCell<HashMap<AttributeScope, Arc<Entries>>>,
    names: RefCell<HashMap<AttributeScope, HashSet<String>>>,
    cancellation: Cancellation,
    cache: Option<Arc<ColumnCache>>,
}

/// Values that depend on the other spans of the trace, one entry a row of the view.
pub(super) struct TraceFields {
    pub(super) trace_durations: Int64Array,
    pub(super) root_names: Text,
    pub(super) root_services: Text,
    pub(super) child_counts: Int64Array,
    pub(super) nested_set_lefts: Int64Array,
    pub(super) nested_set_rights: Int64Array,
    pub(super) nested_set_parents: Int64Array,
}

/// Events or links of the rows of a view.
pub(super) struct Entries {
    children: Arc<dyn Children>,
    /// Which of the children; `None`: all.
    picked: Option<UInt32Array>,
    /// The row (of the view) of each entry, ascending.
    pub(super) owners: UInt32Array,
}

impl View {
    pub(super) fn new(
        source: Arc<dyn Source>,
        rows: Option<UInt32Array>,
        cancellation: Cancellation,
    ) -> Self {
        Self {
            source,
            rows,
            trace_fields: None,
            fields: RefCell::default(),
            attributes: RefCell::default(),
            entries: RefCell::default(),
            names: RefCell::default(),
            cancellation,
            cache: None,
        }
    }

    /// The same view, which takes fixed columns from a cache and leaves them there.
    pub(super) fn with_cache(self, cache: Arc<ColumnCache>) -> Self {
        Self { cache: Some(cache), ..self }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.source.rows(), |rows| rows.len())
    }

    /// The rows, if they are so few that reading whole columns for them does not pay.
    fn few(&self) -> Option<&UInt32Array> {
        self.rows.as_ref().filter(|rows| is_few(rows.len(), &self.source))
    }

    /// Those rows of a whole view that a mask names, if these are few.
    pub(super) fn narrowed(&self, mask: &BooleanBuffer, count: usize) -> Option<Self> {
        if self.rows.is_some() || self.trace_fields.is_some() || !is_few(count, &self.source) {
            return None;
        }
        let rows = UInt32Array::from_iter_values(mask.set_indices().map(|row| row as u32));
        let view = Self::new(self.source.clone(), Some(rows), self.cancellation.clone());
        Some(Self { cache: self.cache.clone(), ..view })
    }

    fn pick(&self, array: ArrayRef) -> Result<ArrayRef, EngineError> {
        match &self.rows {
            Some(rows) => Ok(take(&array, rows, None)?),
            None => Ok(array),
        }
    }

    pub(super) fn field(&self, field: Field) -> Result<ArrayRef, EngineError> {
        if let Some(array) = self.fields.borrow().get(&field) {
            return Ok(array.clone());
        }
        let array = match (self.few(), &self.cache) {
            (Some(rows), _) => {
                let array = self.source.field_at(field, rows)?;
                self.cancellation.read(&array)?;
                array
            }
            (None, Some(cache)) => {
                let (array, is_read) = cache.field(&self.source, field)?;
                if is_read {
                    self.cancellation.read(&array)?;
                }
                self.pick(array)?
            }
            (None, None) => {
                let array = self.source.field(field)?;
                self.cancellation.read(&array)?;
                self.pick(array)?
            }
        };
        self.fields.borrow_mut().insert(field, array.clone());
        Ok(array)
    }

    /// A field of some rows of a view of all rows, ascending.
    pub(super) fn field_at(
        &self,
        field: Field,
        rows: &UInt32Array,
    ) -> Result<ArrayRef, EngineError> {
        let is_read = self.rows.is_some() || self.fields.borrow().contains_key(&field);
        if is_read || !is_few(rows.len(), &self.source) {
            return Ok(take(&self.field(field)?, rows, None)?);
        }
        let array = self.source.field_at(field, rows)?;
        self.cancellation.read(&array)?;
        Ok(array)
    }

    pub(super) fn starts(&self) -> Result<UInt64Array, EngineError> {
        Ok(self.field(Field::StartUnixNano)?.as_primitive::<UInt64Type>().clone())
    }

    /// A span, resource or instrumentation attribute.
    pub(super) fn attribute(
        &self,
        scope: AttributeScope,
        name: &str,
    ) -> Result<Vec<ArrayRef>, EngineError> {
        let key = (scope, name.to_owned());
        if let Some(arrays) = self.attributes.borrow().get(&key) {
            return Ok(arrays.clone());
        }
        let few = self.few();
        let arrays = match few {
            Some(rows) => self.source.attribute_at(scope, name, rows)?,
            None => self.source.attribute(scope, name)?,
        };
        let read = |array| {
            self.cancellation.read(&array)?;
            if few.is_some() { Ok(array) } else { self.pick(array) }
        };
        let arrays: Vec<ArrayRef> = arrays.into_iter().map(read).collect::<Result<_, _>>()?;
        self.attributes.borrow_mut().insert(key, arrays.clone());
        Ok(arrays)
    }

    /// What it shows rows of.
    pub(super) fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    pub(super) fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// False when no row has this text under the attribute, if that is cheaper to know than to read the values.
    pub(super) fn may_have(
        &self,
        scope: AttributeScope,
        name: &str,
        text: &str,
    ) -> Result<bool, EngineError> {
        Ok(self.rows.is_some() || self.source.may_have(scope, name, text)?)
    }

    /// The rows whose text in a column passes a test, where that is cheaper to know than to read the texts.
    pub(super) fn rows_where(
        &self,
        column: TextColumn<'_>,
        test: TextTest<'_>,
    ) -> Result<Option<BooleanBuffer>, EngineError> {
        if self.rows.is_some() {
            return Ok(None);
        }
        self.counted(self.source.rows_where(column, test)?)
    }

    /// The rows that last at least so long, where that is cheaper to know than to read the durations.
    pub(super) fn rows_lasting(
        &self,
        duration_min_nano: i64,
    ) -> Result<Option<BooleanBuffer>, EngineError> {
        if self.rows.is_some() {
            return Ok(None);
        }
        self.counted(self.source.rows_lasting(duration_min_nano)?)
    }

    /// Rows that were found count as read: a bit each.
    fn counted(&self, rows: Option<BooleanBuffer>) -> Result<Option<BooleanBuffer>, EngineError> {
        if let Some(rows) = &rows {
            self.cancellation.read_bytes(rows.len() / 8)?;
        }
        Ok(rows)
    }

    /// True when it has all rows of its source.
    pub(super) fn is_whole(&self) -> bool {
        self.rows.is_none()
    }

    /// Names of the attributes of the source.
    pub(super) fn attribute_names(
        &self,
        scope: AttributeScope,
    ) -> Result<Vec<String>, EngineError> {
        Ok(self.source.attribute_names(scope)?)
    }

    /// False when no row of the source has the attribute: cheaper to know than to read events or links.
    pub(super) fn has_attribute(
        &self,
        scope: AttributeScope,
        name: &str,
    ) -> Result<bool, EngineError> {
        if let Some(names) = self.names.borrow().get(&scope) {
            return Ok(names.contains(name));
        }
        let names: HashSet<String> = self.source.attribute_names(scope)?.into_iter().collect();
        let has = names.contains(name);
        self.names.borrow_mut().insert(scope, names);
        Ok(has)
    }

    /// The events or links of these rows.
    pub(super) fn entries(&self, scope: AttributeScope) -> Result<Arc<Entries>, EngineError> {
        if let Some(entries) = self.entries.borrow().get(&scope) {
            return Ok(entries.clone());
        }
        let children = self.source.children(scope)?;
        let parents = children.parent_rows();
        let entries = match &self.rows {
            None => Entries { children, picked: None, owners: parents },
            Some(rows) => {
                // Both are ascending, so one walk over both finds the children of the rows.
                let (mut picked, mut owners) = (Vec::new(), Vec::new());
                let mut child = 0;
                for (position, row) in rows.values().iter().enumerate() {
                    child += parents.values()[child..].partition_point(|parent| parent < row);
                    while child < parents.len() && parents.value(child) == *row {
                        picked.push(child as u32);
                        owners.push(position as u32);
                        child += 1;
                    }
                }
                Entries { children, picked: Some(picked.into()), owners: owners.into() }
            }
        };
        let entries = Arc::new(entries);
        self.entries.borrow_mut().insert(scope, entries.clone());
        Ok(entries)
    }
}

/// Above this share of a source, its columns are read whole.
const ROWS_SHARE: usize = 16;

fn is_few(rows: usize, source: &Arc<dyn Source>) -> bool {
    rows * ROWS_SHARE <= source.rows()
}

/// Every event with every link of its span.
pub(super) struct Pairs {
    pub(super) events: Entries,
    pub(super) links: Entries,
    /// The event of each pair, by its place among those given.
    pub(super) event_of: UInt32Array,
}

/// Pairs of events and links that one source may have.
const PAIRS_MAX: usize = 8 << 20;

impl Entries {
    pub(super) fn pairs(events: &Self, links: &Self) -> Result<Pairs, EngineError> {
        let (mut event_of, mut link_of, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        let of_link = links.owners.values();
        for (event, owner) in events.owners.values().iter().enumerate() {
            let first = of_link.partition_point(|other| other < owner);
            for link in (first..of_link.len()).take_while(|link| of_link[*link] == *owner) {
                event_of.push(event as u32);
                link_of.push(link as u32);
                owners.push(*owner);
            }
            if owners.len() > PAIRS_MAX {
                return Err(EngineError::Stopped(
                    "spans have too many events and links to compare each with each; narrow the query"
                        .to_owned(),
                ));
            }
        }
        let owners = UInt32Array::from(owners);
        let repeated = |entries: &Self, places: &[u32]| Self {
            children: entries.children.clone(),
            picked: Some(match &entries.picked {
                Some(picked) => {
                    places.iter().map(|at| picked.value(*at as usize)).collect::<Vec<u32>>().into()
                }
                None => places.to_vec().into(),
            }),
            owners: owners.clone(),
        };
        Ok(Pairs {
            events: repeated(events, &event_of),
            links: repeated(links, &link_of),
            event_of: event_of.into(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.owners.len()
    }

    fn pick(&self, array: ArrayRef) -> Result<ArrayRef, EngineError> {
        match &self.picked {
            Some(picked) => Ok(take(&array, picked, None)?),
            None => Ok(array),
        }
    }

    pub(super) fn names(&self) -> Result<ArrayRef, EngineError> {
        self.pick(self.children.names()?)
    }

    pub(super) fn times_unix_nano(&self) -> Result<ArrayRef, EngineError> {
        self.pick(self.children.times_unix_nano()?)
    }

    pub(super) fn trace_ids(&self) -> Result<ArrayRef, EngineError> {
        self.pick(self.children.trace_ids()?)
    }

    pub(super) fn span_ids(&self) -> Result<ArrayRef, EngineError> {
        self.pick(self.children.span_ids()?)
    }

    pub(super) fn attribute(&self, name: &str) -> Result<Vec<ArrayRef>, EngineError> {
        let arrays = self.children.attribute(name)?;
        arrays.into_iter().map(|array| self.pick(array)).collect()
    }
}
