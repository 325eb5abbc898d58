//! A row group of a block as a source of columns.

use super::{
    children::BlockChildren,
    column_file::Test,
    read::Block,
    resource_table::RESOURCE,
    rest,
    schema::{column_of, prefix, rest_column},
};
use crate::{
    AttributeScope, Children, Error, Field, Source, TextColumn, TextTest, TimeRange, TraceId,
    TraceSpans,
};
use arrow_array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;
use std::{collections::BTreeSet, sync::Arc};

/// One row group.
pub(super) struct BlockSource {
    block: Arc<Block>,
    row_group: usize,
}

impl BlockSource {
    pub(super) fn new(block: Arc<Block>, row_group: usize) -> Self {
        Self { block, row_group }
    }

    fn required(&self, name: &str, rows: Option<&UInt32Array>) -> Result<ArrayRef, Error> {
        let column = self.block.column(self.row_group, name, rows)?;
        column.ok_or_else(|| self.block.damaged(&format!("it has no column {name}")))
    }

    fn read_field(&self, field: Field, rows: Option<&UInt32Array>) -> Result<ArrayRef, Error> {
        let name = match field {
            Field::TraceId => return self.block.trace_ids(self.row_group, rows),
            Field::ParentSpanId => return self.block.parent_ids(self.row_group, rows),
            Field::StartUnixNano => {
                let known = rows.and_then(|rows| self.block.known_starts(self.row_group, rows));
                match known {
                    Some(starts) => return Ok(starts),
                    None => "start_unix_nano",
                }
            }
            Field::ScopeVersion => {
                let version = self.block.column(self.row_group, "scope_version", rows)?;
                return Ok(version.unwrap_or_else(|| {
                    let text = DataType::Dictionary(DataType::UInt32.into(), DataType::Utf8.into());
                    new_null_array(&text, rows.map_or(self.rows(), |rows| rows.len()))
                }));
            }
            Field::SpanId => "span_id",
            Field::DurationNano => "duration_nano",
            Field::Name => "name",
            Field::Kind => "kind",
            Field::StatusCode => "status_code",
            Field::StatusMessage => "status_message",
            Field::ServiceName => "service_name",
            Field::ScopeName => "scope_name",
        };
        self.required(name, rows)
    }

    fn read_attribute(
        &self,
        scope: AttributeScope,
        name: &str,
        rows: Option<&UInt32Array>,
    ) -> Result<Vec<ArrayRef>, Error> {
        if matches!(scope, AttributeScope::Event | AttributeScope::Link) {
            return Ok(Vec::new());
        }
        let mut arrays = Vec::new();
        if let Some(column) = self.block.column(self.row_group, &column_of(scope, name), rows)?
            && column.null_count() < column.len()
        {
            arrays.push(column);
        }
        for other in self.read_others(scope, name, rows)? {
            // A second value under the same key and of the same type is only seen in the whole trace.
            if !arrays.iter().any(|array| array.data_type() == other.data_type()) {
                arrays.push(other);
            }
        }
        Ok(arrays)
    }

    /// The values of an attribute that do not stand in a column of its own.
    fn read_others(
        &self,
        scope: AttributeScope,
        name: &str,
        rows: Option<&UInt32Array>,
    ) -> Result<Vec<ArrayRef>, Error> {
        let damaged = |what| self.block.damaged(what);
        if scope == AttributeScope::Resource
            && let Some(table) = self.block.resource_table(self.row_group)?
        {
            let of_resources = table.attribute(name).map_err(damaged)?;
            if of_resources.is_empty() {
                return Ok(of_resources);
            }
            let numbers = self.required(RESOURCE, rows)?;
            return table.spread(&of_resources, &numbers).map_err(damaged);
        }
        let in_rest = self.rest_names(scope)?;
        if in_rest.is_some_and(|names| names.binary_search_by(|it| it.as_str().cmp(name)).is_err())
        {
            return Ok(Vec::new());
        }
        let Some(list) = self.block.column(self.row_group, rest_column(scope), rows)? else {
            return Ok(Vec::new());
        };
        Ok(rest::Lists::new(&list).map_err(damaged)?.attribute(name))
    }

    fn read_may_have(&self, scope: AttributeScope, name: &str, text: &str) -> Result<bool, Error> {
        if !matches!(scope, AttributeScope::Span | AttributeScope::Resource) {
            return Ok(true);
        }
        if scope == AttributeScope::Resource
            && name == "service.name"
            && self.has_only_text_services()?
        {
            return self.block.may_have(self.row_group, "service_name", text);
        }
        let table = match scope {
            AttributeScope::Resource => self.block.resource_table(self.row_group)?,
            _ => None,
        };
        let may_be_elsewhere = match table {
            Some(table) => table.may_have(name, text).map_err(|what| self.block.damaged(what))?,
            // An array, or nobody has looked.
            None => self.rest_names(scope)?.is_none_or(|names| names.iter().any(|it| it == name)),
        };
        Ok(may_be_elsewhere
            || self.block.may_have(self.row_group, &column_of(scope, name), text)?)
    }

    fn read_rows_where(
        &self,
        column: TextColumn<'_>,
        test: &dyn Fn(&str) -> bool,
    ) -> Result<Option<BooleanBuffer>, Error> {
        let rows = |name: &str, test| self.block.rows_where(self.row_group, name, test);
        match column {
            TextColumn::Name => rows("name", Test::Text(test)),
            TextColumn::Span(name) => {
                // Values of other types stand in the list, and so do further ones under the same key.
                let rest = self.rest_names(AttributeScope::Span)?;
                if rest.is_none_or(|names| names.iter().any(|it| it == name)) {
                    return Ok(None);
                }
                rows(&column_of(AttributeScope::Span, name), Test::Text(test))
            }
            TextColumn::Resource("service.name") if self.has_only_text_services()? => {
                rows("service_name", Test::Text(test))
            }
            TextColumn::Resource(name) => {
                let Some(table) = self.block.resource_table(self.row_group)? else {
                    return Ok(None);
                };
                let damaged = |what| self.block.damaged(what);
                if name == "service.name" {
                    // Spans have it themselves, unless it is of another kind.
                    let is_text = table.attribute(name).map_err(damaged)?.is_empty();
                    return if is_text { rows("service_name", Test::Text(test)) } else { Ok(None) };
                }
                match table.numbers_where(name, test).map_err(damaged)? {
                    None => Ok(None),
                    Some(numbers) if numbers.is_empty() => {
                        Ok(Some(BooleanBuffer::new_unset(self.rows())))
                    }
                    Some(numbers) => {
                        rows(RESOURCE, Test::Number(&|number| numbers.contains(&number)))
                    }
                }
            }
        }
    }

    /// True when each span has its service as text, and no resource has it as something else besides: then none need be looked at for it.
    fn has_only_text_services(&self) -> Result<bool, Error> {
        if self.block.has_nulls(self.row_group, "service_name")? {
            return Ok(false);
        }
        let scope = AttributeScope::Resource;
        Ok(match self.block.resources_footer()? {
            // Where all attributes have a column, there is no list of the others.
            Some(footer) => footer.columns().all(|column| column != rest_column(scope)),
            None => self
                .rest_names(scope)?
                .is_some_and(|names| names.iter().all(|it| it != "service.name")),
        })
    }

    fn rest_names(&self, scope: AttributeScope) -> Result<Option<Vec<String>>, Error> {
        self.block.footer()?.rest_names(scope).map_err(|what| self.block.damaged(what))
    }

    fn read_attribute_names(&self, scope: AttributeScope) -> Result<Vec<String>, Error> {
        let damaged = |what| self.block.damaged(what);
        if matches!(scope, AttributeScope::Event | AttributeScope::Link) {
            let name = if scope == AttributeScope::Event { "events" } else { "links" };
            let Some(list) = self.block.column(self.row_group, name, None)? else {
                return Ok(Vec::new());
            };
            return rest::child_names(&list).map_err(damaged);
        }
        if scope == AttributeScope::Resource
            && let Some(table) = self.block.resource_table(self.row_group)?
        {
            return Ok(table.names().map_err(damaged)?.into_iter().collect());
        }
        // A name may occur in another row group of the block only; that is close enough for a list to choose from.
        let prefix = prefix(scope);
        let mut names = BTreeSet::new();
        for column in self.block.footer()?.columns() {
            if let Some(name) = column.strip_prefix(prefix) {
                names.insert(name.to_owned());
            }
        }
        if scope == AttributeScope::Resource {
            let service = self.required("service_name", None)?;
            if service.null_count() < service.len() {
                names.insert("service.name".to_owned());
            }
        }
        match self.rest_names(scope)? {
            Some(rest) => names.extend(rest),
            None => {
                if let Some(list) = self.block.column(self.row_group, rest_column(scope), None)? {
                    names.extend(rest::Lists::new(&list).map_err(damaged)?.names());
                }
            }
        }
        Ok(names.into_iter().collect())
    }

    fn read_children(&self, scope: AttributeScope) -> Result<Arc<dyn Children>, Error> {
        let name = if scope == AttributeScope::Link { "links" } else { "events" };
        let Some(list) = self.block.column(self.row_group, name, None)? else {
            return Ok(Arc::new(BlockChildren::none(scope)));
        };
        let children = BlockChildren::new(&list, scope);
        Ok(Arc::new(children.map_err(|what| self.block.damaged(what))?))
    }
}

impl Source for BlockSource {
    fn rows(&self) -> usize {
        self.block.meta().row_groups[self.row_group].spans as usize
    }

    fn time_range(&self) -> TimeRange {
        let meta = &self.block.meta().row_groups[self.row_group];
        TimeRange {
            start_min_unix_nano: meta.start_min_unix_nano,
            start_max_unix_nano: meta.start_max_unix_nano,
        }
    }

    fn field(&self, field: Field) -> Result<ArrayRef, Error> {
        self.read_field(field, None)
    }

    fn field_at(&self, field: Field, rows: &UInt32Array) -> Result<ArrayRef, Error> {
        self.read_field(field, Some(rows))
    }

    fn attribute(&self, scope: AttributeScope, name: &str) -> Result<Vec<ArrayRef>, Error> {
        self.block.guarded(|| self.read_attribute(scope, name, None))
    }

    fn attribute_at(
        &self,
        scope: AttributeScope,
        name: &str,
        rows: &UInt32Array,
    ) -> Result<Vec<ArrayRef>, Error> {
        self.block.guarded(|| self.read_attribute(scope, name, Some(rows)))
    }

    fn may_have(&self, scope: AttributeScope, name: &str, text: &str) -> Result<bool, Error> {
        let question = format!("{scope:?} {name} = {text}");
        self.block.remembered_whether(self.row_group, question, || {
            self.block.guarded(|| self.read_may_have(scope, name, text))
        })
    }

    fn rows_where(
        &self,
        column: TextColumn<'_>,
        test: TextTest<'_>,
    ) -> Result<Option<BooleanBuffer>, Error> {
        let question = format!("{column:?} {}", test.name);
        self.block.remembered(self.row_group, question, || {
            self.block.guarded(|| self.read_rows_where(column, test.passes))
        })
    }

    fn rows_lasting(&self, duration_min_nano: i64) -> Result<Option<BooleanBuffer>, Error> {
        let question = format!("duration >= {duration_min_nano}");
        self.block.remembered(self.row_group, question, || {
            self.block.rows_lasting(self.row_group, duration_min_nano)
        })
    }

    fn traces_with(&self, rows: &BooleanBuffer) -> Option<Vec<TraceSpans>> {
        self.block.known_traces(self.row_group)?.marked(rows)
    }

    fn attribute_names(&self, scope: AttributeScope) -> Result<Vec<String>, Error> {
        self.block.guarded(|| self.read_attribute_names(scope))
    }

    fn children(&self, scope: AttributeScope) -> Result<Arc<dyn Children>, Error> {
        self.block.guarded(|| self.read_children(scope))
    }

    fn rows_of(&self, trace_id: &TraceId) -> Result<UInt32Array, Error> {
        let rows = self.block.rows_of(self.row_group, trace_id)?;
        Ok(UInt32Array::from_iter_values(rows.map(|row| row as u32)))
    }

    fn may_hold(&self, trace_id: &TraceId) -> Result<bool, Error> {
        self.block.may_hold(self.row_group, trace_id)
    }

    fn is_pinned_only(&self) -> bool {
        self.block.meta().pinned.is_some()
    }

    fn size_bytes(&self) -> u64 {
        self.block.row_group_bytes(self.row_group)
    }

    /// A block never changes.
    fn identity(&self) -> Option<(u128, u32)> {
        Some((self.block.meta().block.0, self.row_group as u32))
    }

    /// A block is deduplicated when it is written.
    fn run(&self) -> Option<u128> {
        Some(self.block.meta().block.0)
    }
}
