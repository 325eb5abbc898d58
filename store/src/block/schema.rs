//! Which columns a block has.

use super::{merge::Merge, resource_table::RESOURCE};
use crate::{
    AttributeScope,
    head::{Attributes, Chunk},
};
use arrow_schema::{DataType, Field, Fields, Schema};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// An attribute that this share of the rows has gets a column of its own …
const DEDICATED_ROWS_MIN_PERCENT: u64 = 2;
/// … if it is among so many most frequent ones.
const DEDICATED_MAX: usize = 100;
/// Names of other attributes noted in the footer, per scope; beyond that, readers must look.
pub(super) const REST_NAMES_MAX: usize = 2048;

/// The scopes whose attributes have columns.
pub(super) const ROW_SCOPES: [AttributeScope; 3] =
    [AttributeScope::Span, AttributeScope::Resource, AttributeScope::Instrumentation];
/// Those in the rows of spans …
pub(super) const SPAN_SCOPES: &[AttributeScope] =
    &[AttributeScope::Span, AttributeScope::Instrumentation];
/// … and in those of resources.
pub(super) const RESOURCE_SCOPES: &[AttributeScope] = &[AttributeScope::Resource];

/// An attribute with a column of its own.
#[derive(Clone, Debug)]
pub(super) struct Dedicated {
    pub(super) scope: AttributeScope,
    pub(super) name: String,
    /// `Values::kind`: the type that most of its values have. Values of another type lie with the rest.
    pub(super) kind: usize,
    /// Its texts or integers hardly repeat: a dictionary would only be in the way.
    pub(super) is_unique: bool,
}

/// The columns of both files of a block.
#[derive(Default)]
pub(super) struct Layouts {
    pub(super) spans: Layout,
    pub(super) resources: Layout,
}

/// The columns of a file that others may lack.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Attributes with columns of their own, sorted by column.
    pub(super) dedicated: Vec<Dedicated>,
    /// Optional columns that have a value anywhere, as paths: `flags`, `events`, `events.attributes.int`. A list is there
    /// when one of its values is.
    pub(super) filled: BTreeSet<String>,
}

/// Names of the value columns in a list of attributes, by `Values::kind`.
pub(super) const KIND_NAMES: [&str; 5] = ["string", "int", "double", "bool", "encoded"];

impl Layout {
    /// Says that a list of attributes has a value of this kind.
    pub(super) fn fill(&mut self, list: &str, kind: usize) {
        self.filled.insert(format!("{list}.{}", KIND_NAMES[kind]));
    }

    fn has(&self, path: &str) -> bool {
        self.filled.contains(path)
    }

    /// The optional columns of text and of numbers that are there.
    fn plain_fields(&self, texts: &[&str], numbers: &[&str]) -> Vec<Field> {
        let texts = texts.iter().map(|name| (*name, text()));
        let all = texts.chain(numbers.iter().map(|name| (*name, DataType::UInt32)));
        let there = all.filter(|(name, _)| self.has(name));
        there.map(|(name, data_type)| Field::new(name, data_type, true)).collect()
    }

    /// The columns of attributes, and the lists of those without.
    fn attribute_fields(&self, scopes: &[AttributeScope]) -> Vec<Field> {
        let dedicated = self.dedicated.iter().map(|it| {
            let data_type = match it.kind {
                0 => text(),
                1 => DataType::Int64,
                2 => DataType::Float64,
                3 => DataType::Boolean,
                _ => DataType::Binary,
            };
            Field::new(it.column(), data_type, true)
        });
        let lists = scopes.iter().filter_map(|&scope| {
            let name = rest_column(scope);
            Some(Field::new(name, self.attribute_list(name)?, false))
        });
        dedicated.chain(lists).collect()
    }

    /// The type of a list of attributes; `None` when it has no value.
    fn attribute_list(&self, path: &str) -> Option<DataType> {
        let kinds = [
            DataType::Utf8,
            DataType::Int64,
            DataType::Float64,
            DataType::Boolean,
            DataType::Binary,
        ];
        let mut fields = vec![Field::new("key", DataType::Utf8, false)];
        for (name, data_type) in KIND_NAMES.into_iter().zip(kinds) {
            if self.has(&format!("{path}.{name}")) {
                fields.push(Field::new(name, data_type, true));
            }
        }
        (fields.len() > 1).then(|| list(fields.into()))
    }
}

/// Prefix of the columns of a scope; also the name of its list of other attributes, with `attributes` behind it.
pub(super) fn prefix(scope: AttributeScope) -> &'static str {
    match scope {
        AttributeScope::Span => "span.",
        AttributeScope::Resource => "resource.",
        AttributeScope::Instrumentation => "scope.",
        AttributeScope::Event => "event.",
        AttributeScope::Link => "link.",
    }
}

/// The column that holds the attributes of a scope that have none of their own.
pub(super) fn rest_column(scope: AttributeScope) -> &'static str {
    match scope {
        AttributeScope::Span => "span_attributes",
        AttributeScope::Resource => "resource_attributes",
        _ => "scope_attributes",
    }
}

impl Dedicated {
    /// The name of its column.
    pub(super) fn column(&self) -> String {
        column_of(self.scope, &self.name)
    }
}

/// The column in which an attribute stands if it has one. `service.name` has a name of its own, because
/// every query asks for it.
pub(super) fn column_of(scope: AttributeScope, name: &str) -> String {
    match (scope, name) {
        (AttributeScope::Resource, "service.name") => "service_name".to_owned(),
        _ => format!("{}{name}", prefix(scope)),
    }
}

/// The attribute whose column has this name.
pub(super) fn attribute_of(column: &str) -> Option<(AttributeScope, &str)> {
    if column == "service_name" {
        return Some((AttributeScope::Resource, "service.name"));
    }
    ROW_SCOPES.into_iter().find_map(|scope| Some((scope, column.strip_prefix(prefix(scope))?)))
}

/// `Values::kind` of the values of a column.
pub(super) fn kind_of(data_type: &DataType) -> usize {
    match data_type {
        DataType::Dictionary(..) | DataType::Utf8 => 0,
        DataType::Int64 => 1,
        DataType::Float64 => 2,
        DataType::Boolean => 3,
        _ => 4,
    }
}

/// The attributes of a chunk that belong to a scope, and the owner of each row among them.
pub(super) fn attributes_of(chunk: &Chunk, scope: AttributeScope) -> (&Attributes, Option<&[u32]>) {
    match scope {
        AttributeScope::Span => (&chunk.attributes, None),
        AttributeScope::Resource => (&chunk.resource_attributes, Some(&chunk.resource_of)),
        AttributeScope::Instrumentation => (&chunk.scope_attributes, Some(&chunk.scope_of)),
        AttributeScope::Event => (&chunk.events.attributes, None),
        AttributeScope::Link => (&chunk.links.attributes, None),
    }
}

/// How many rows have a value of each type, by scope and name.
pub(super) type Frequencies = HashMap<(AttributeScope, String), [u64; 5]>;

/// How often each attribute of some scopes occurs in some chunks.
pub(super) fn count(merge: &Merge<'_>, scopes: &[AttributeScope]) -> Frequencies {
    let mut counts = Frequencies::new();
    for &scope in scopes {
        for (name, kinds) in count_scope(merge, scope) {
            counts.insert((scope, name), kinds.map(|count| count as u64));
        }
    }
    counts
}

/// The attributes that get columns among so many rows, sorted by column.
pub(super) fn choose(counts: Frequencies, rows: u64) -> Vec<Dedicated> {
    let mut chosen: Vec<(u64, Dedicated)> = Vec::new();
    for ((scope, name), kinds) in counts {
        let kind = (0..5).max_by_key(|&kind| (kinds[kind], 4 - kind)).unwrap_or(0);
        let is_service = scope == AttributeScope::Resource && name == "service.name";
        // The service's name is text by meaning, and always has its column.
        let kind = if is_service { 0 } else { kind };
        if is_service || kinds[kind] * 100 >= rows * DEDICATED_ROWS_MIN_PERCENT {
            chosen.push((kinds[kind], Dedicated { scope, name, kind, is_unique: false }));
        }
    }
    chosen.sort_by_cached_key(|(count, it)| {
        (it.column() != "service_name", std::cmp::Reverse(*count), it.column())
    });
    chosen.truncate(DEDICATED_MAX);
    let mut dedicated: Vec<_> = chosen.into_iter().map(|(_, dedicated)| dedicated).collect();
    dedicated.sort_by_cached_key(Dedicated::column);
    dedicated
}

/// By name, how many rows have a value of each type.
fn count_scope(merge: &Merge<'_>, scope: AttributeScope) -> HashMap<String, [usize; 5]> {
    let mut counts = HashMap::<String, [usize; 5]>::new();
    for chunk in &merge.chunks {
        let (attributes, owner_of) = attributes_of(chunk, scope);
        let weights = owner_of.map(|owner_of| {
            let owners = owner_of.iter().max().map_or(0, |&owner| owner as usize + 1);
            let mut weights = vec![0usize; owners];
            owner_of.iter().for_each(|&owner| weights[owner as usize] += 1);
            weights
        });
        for column in attributes.columns() {
            let rows = match &weights {
                None => column.owners.len(),
                Some(weights) => {
                    let owners = column.owners.iter();
                    owners.map(|&owner| weights.get(owner as usize).copied().unwrap_or(0)).sum()
                }
            };
            let name = String::from_utf8_lossy(chunk.texts.get(column.key)).into_owned();
            counts.entry(name).or_default()[column.values.kind()] += rows;
        }
    }
    counts
}

/// The schema of `spans.parquet`.
pub(super) fn schema(layout: &Layout) -> Schema {
    let always = |name: &str, data_type| Field::new(name, data_type, false);
    let maybe = |name: &str, data_type| Field::new(name, data_type, true);
    let mut fields = vec![
        always("trace_id", DataType::FixedSizeBinary(16)),
        always("span_id", DataType::FixedSizeBinary(8)),
        maybe("parent_offset", DataType::Int32),
        maybe("parent_span_id", DataType::FixedSizeBinary(8)),
        always("start_unix_nano", DataType::UInt64),
        always("duration_nano", DataType::Int64),
        always("name", text()),
        always("kind", DataType::UInt8),
        always("status_code", DataType::UInt8),
        maybe("status_message", text()),
        maybe("service_name", text()),
        always(RESOURCE, DataType::UInt32),
        maybe("scope_name", text()),
    ];
    fields.extend(layout.plain_fields(OPTIONAL_TEXTS, OPTIONAL_NUMBERS));
    fields.extend(layout.attribute_fields(SPAN_SCOPES));
    for (name, members) in [("events", event_fields(layout)), ("links", link_fields(layout))] {
        if layout.has(name) {
            fields.push(always(name, list(members)));
        }
    }
    Schema::new(fields)
}

/// The schema of `resources.parquet`.
pub(super) fn resources_schema(layout: &Layout) -> Schema {
    let mut fields = vec![Field::new(RESOURCE, DataType::UInt32, false)];
    fields.extend(layout.attribute_fields(RESOURCE_SCOPES));
    fields.extend(
        layout.plain_fields(&["resource_schema_url"], &["resource_dropped_attributes_count"]),
    );
    Schema::new(fields)
}

/// Columns of text that few spans have anything in.
const OPTIONAL_TEXTS: &[&str] = &["scope_version", "trace_state", "scope_schema_url"];
/// Columns of numbers that are zero in most spans.
const OPTIONAL_NUMBERS: &[&str] = &[
    "flags",
    "dropped_attributes_count",
    "dropped_events_count",
    "dropped_links_count",
    "scope_dropped_attributes_count",
];

fn text() -> DataType {
    DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
}

/// A list of structs.
fn list(fields: Fields) -> DataType {
    DataType::List(Arc::new(Field::new("element", DataType::Struct(fields), false)))
}

fn event_fields(layout: &Layout) -> Fields {
    let mut fields = vec![
        Field::new("time_unix_nano", DataType::UInt64, false),
        Field::new("name", DataType::Utf8, false),
    ];
    if layout.has("events.dropped_attributes_count") {
        fields.push(Field::new("dropped_attributes_count", DataType::UInt32, true));
    }
    let attributes = layout.attribute_list("events.attributes");
    fields.extend(attributes.map(|list| Field::new("attributes", list, false)));
    fields.into()
}

fn link_fields(layout: &Layout) -> Fields {
    let mut fields = vec![
        Field::new("trace_id", DataType::FixedSizeBinary(16), false),
        Field::new("span_id", DataType::FixedSizeBinary(8), false),
    ];
    if layout.has("links.trace_state") {
        fields.push(Field::new("trace_state", DataType::Utf8, true));
    }
    for name in ["flags", "dropped_attributes_count"] {
        if layout.has(&format!("links.{name}")) {
            fields.push(Field::new(name, DataType::UInt32, true));
        }
    }
    let attributes = layout.attribute_list("links.attributes");
    fields.extend(attributes.map(|list| Field::new("attributes", list, false)));
    fields.into()
}
