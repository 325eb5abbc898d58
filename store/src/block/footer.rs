//! What the end of a Parquet file says of it.

use super::{
    schema::{attribute_of, kind_of, rest_column},
    write::REST_NAMES_KEY,
};
use crate::AttributeScope;
use arrow_schema::DataType;
use parquet::{
    arrow::arrow_reader::ArrowReaderMetadata,
    file::{
        metadata::{FileMetaData, ParquetMetaData},
        page_index::column_index::ColumnIndexMetaData,
    },
};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
};

/// What is said of the file as a whole, and of each row group as if it were alone in the file, which is how the decoder is led to
/// that one.
#[derive(Clone)]
pub(super) struct Footer {
    pub(super) whole: ArrowReaderMetadata,
    pub(super) row_groups: Arc<[Arc<ParquetMetaData>]>,
}

impl Footer {
    pub(super) fn new(whole: ArrowReaderMetadata) -> Self {
        let metadata = whole.metadata();
        let file = metadata.file_metadata();
        let groups = metadata.row_groups().iter().map(|group| {
            // Without the entries of the file, which are larger than all else that it says.
            let (version, rows) = (file.version(), group.num_rows());
            let schema = file.schema_descr_ptr();
            let file = FileMetaData::new(version, rows, None, None, schema, None);
            Arc::new(ParquetMetaData::new(file, vec![group.clone()]))
        });
        let row_groups = groups.collect();
        Self { whole, row_groups }
    }

    /// Bytes that it takes in memory, about.
    pub(super) fn size_bytes(&self) -> usize {
        self.whole.metadata().memory_size()
            + self.row_groups.iter().map(|group| group.memory_size()).sum::<usize>()
    }

    /// Rows of a row group; none of one that is not there.
    pub(super) fn rows(&self, row_group: usize) -> usize {
        let group = self.whole.metadata().row_groups().get(row_group);
        group.map_or(0, |group| usize::try_from(group.num_rows()).unwrap_or(0))
    }

    /// Where a row group lies in the file.
    pub(super) fn bytes_of(&self, row_group: usize) -> Range<u64> {
        let columns = self.whole.metadata().row_group(row_group).columns();
        let ranges = columns.iter().map(|column| column.byte_range());
        let start = ranges.clone().map(|(start, _)| start).min().unwrap_or(0);
        let end = ranges.map(|(start, size)| start.saturating_add(size)).max().unwrap_or(0);
        start..end.max(start)
    }

    /// The rows of those pages of a sorted column that may hold a value; `None` when no page can.
    pub(super) fn pages_of(
        &self,
        row_group: usize,
        column: usize,
        value: &[u8],
    ) -> Option<Range<usize>> {
        let rows = self.rows(row_group);
        let all = Some(0..rows);
        let metadata = self.whole.metadata();
        let pages = metadata.offset_index().and_then(|it| it.get(row_group)?.get(column));
        let index = metadata.column_index().and_then(|it| it.get(row_group)?.get(column));
        let (Some(pages), Some(ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(index))) = (pages, index)
        else {
            return all;
        };
        let pages = pages.page_locations();
        if index.num_pages() != pages.len() as u64 {
            return all;
        }
        let mut found = (0..pages.len()).filter(|&page| {
            let below = index.min_value(page).is_some_and(|min| min > value);
            let above = index.max_value(page).is_some_and(|max| max < value);
            !below && !above
        });
        let first = found.next()?;
        let last = found.next_back().unwrap_or(first);
        let start = pages[first].first_row_index as usize;
        let end = pages.get(last + 1).map_or(rows, |page| page.first_row_index as usize);
        if start < end && end <= rows { Some(start..end) } else { all }
    }

    /// The rows of those pages of a column of integers in which some may be as large as `min`; `None` where nothing is known of them.
    pub(super) fn pages_reaching(
        &self,
        row_group: usize,
        column: usize,
        min: i64,
    ) -> Option<Vec<Range<usize>>> {
        let leaf = self.first_leaf(column)?;
        let metadata = self.whole.metadata();
        let pages = metadata.offset_index()?.get(row_group)?.get(leaf)?.page_locations();
        let ColumnIndexMetaData::INT64(index) =
            metadata.column_index()?.get(row_group)?.get(leaf)?
        else {
            return None;
        };
        if index.num_pages() != pages.len() as u64 {
            return None;
        }
        let first = |page: usize| pages.get(page).map(|page| page.first_row_index as usize);
        let rows = self.rows(row_group);
        let mut found: Vec<Range<usize>> = Vec::new();
        for page in 0..pages.len() {
            let (start, end) = (first(page)?, first(page + 1).unwrap_or(rows));
            if start >= end || end > rows {
                return None;
            }
            if index.max_value(page).is_some_and(|max| *max < min) {
                continue;
            }
            match found.last_mut() {
                Some(before) if before.end == start => before.end = end,
                _ => found.push(start..end),
            }
        }
        Some(found)
    }

    /// The leaf of a column of texts.
    pub(super) fn text_leaf(&self, column: usize) -> Option<usize> {
        let is_text = kind_of(self.whole.schema().field(column).data_type()) == 0;
        is_text.then(|| self.first_leaf(column)).flatten()
    }

    /// The first leaf of a column: the only one, unless it is nested.
    pub(super) fn first_leaf(&self, column: usize) -> Option<usize> {
        let schema = self.whole.parquet_schema();
        (0..schema.num_columns()).find(|&leaf| schema.get_column_root_idx(leaf) == column)
    }

    /// Names of all columns.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.whole.schema().fields().iter().map(|field| field.name().as_str())
    }

    /// The attributes that have a column, with the kind of value and how many rows have one.
    pub(super) fn filled_columns(&self) -> HashMap<(AttributeScope, String, usize), u64> {
        let mut filled = HashMap::new();
        for row_group in self.whole.metadata().row_groups() {
            for column in row_group.columns() {
                let [name] = column.column_path().parts() else { continue };
                let Some((scope, attribute)) = attribute_of(name) else { continue };
                let field = self.whole.schema().field_with_name(name);
                let kind = field.map_or(4, |field| kind_of(field.data_type()));
                let nulls = column.statistics().and_then(|it| it.null_count_opt()).unwrap_or(0);
                let rows = (column.num_values() as u64).saturating_sub(nulls);
                *filled.entry((scope, attribute.to_owned(), kind)).or_default() += rows;
            }
        }
        filled
    }

    /// The columns that not every file has, as paths of a `Layout`.
    pub(super) fn optional_columns(&self) -> Vec<String> {
        fn walk(path: &str, data_type: &DataType, found: &mut Vec<String>) {
            found.push(path.to_owned());
            let DataType::List(element) = data_type else { return };
            let DataType::Struct(members) = element.data_type() else { return };
            for member in members {
                walk(&format!("{path}.{}", member.name()), member.data_type(), found);
            }
        }
        let mut found = Vec::new();
        for field in self.whole.schema().fields() {
            if attribute_of(field.name()).is_none() {
                walk(field.name(), field.data_type(), &mut found);
            }
        }
        found
    }

    /// Columns of attributes with text or integers: those without a dictionary, and those with.
    pub(super) fn unique_columns(&self) -> (Vec<String>, Vec<String>) {
        let (mut unique, mut others) = (Vec::new(), Vec::new());
        for column in self.whole.metadata().row_groups().iter().flat_map(|it| it.columns()) {
            let [name] = column.column_path().parts() else { continue };
            let field = self.whole.schema().field_with_name(name);
            let is_either = field.is_ok_and(|field| kind_of(field.data_type()) <= 1);
            if is_either && attribute_of(name).is_some() {
                let has_dictionary = column.dictionary_page_offset().is_some();
                if has_dictionary { &mut others } else { &mut unique }.push(name.clone());
            }
        }
        (unique, others)
    }

    /// Names of the attributes of a scope that lie in its list; `None` when there are too many to be named here.
    pub(super) fn rest_names(
        &self,
        scope: AttributeScope,
    ) -> Result<Option<Vec<String>>, &'static str> {
        let entries = self.whole.metadata().file_metadata().key_value_metadata();
        let names = entries.into_iter().flatten().find(|it| it.key == REST_NAMES_KEY);
        let names = names.and_then(|it| it.value.as_deref()).map(serde_json::from_str);
        match names {
            Some(Ok(names)) => {
                let mut names: BTreeMap<String, Vec<String>> = names;
                Ok(names.remove(rest_column(scope)))
            }
            Some(Err(_)) => Err("its list of attribute names cannot be read"),
            None => Ok(None),
        }
    }
}
