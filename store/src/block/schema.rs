//! Which columns a block has.

use super::merge::Merge;
use crate::{
    AttributeScope,
    head::{Attributes, Chunk},
};
use arrow_schema::{DataType, Field, Fields, Schema};
use std::{collections::HashMap, sync::Arc};

/// An attribute that this share of the rows has gets a column of its own …
const DEDICATED_ROWS_MIN_PERCENT: u64 = 2;
/// … if it is among so many most frequent ones.
const DEDICATED_MAX: usize = 100;
/// Names of other attributes noted in the footer, per scope; beyond that, readers must look.
pub(super) const REST_NAMES_MAX: usize = 2048;

/// The scopes whose attributes stand in columns of the span's row.
pub(super) const ROW_SCOPES: [AttributeScope; 3] =
    [AttributeScope::Span, AttributeScope::Resource, AttributeScope::Instrumentation];

/// An attribute with a column of its own.
#[derive(Clone, Debug)]
pub(super) struct Dedicated {
    pub(super) scope: AttributeScope,
    pub(super) name: String,
    /// `Values::kind`: the type that most of its values have. Values of another type lie with the rest.
    pub(super) kind: usize,
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

/// How often each attribute occurs in some chunks.
pub(super) fn count(merge: &Merge<'_>) -> Frequencies {
    let mut counts = Frequencies::new();
    for scope in ROW_SCOPES {
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
            chosen.push((kinds[kind], Dedicated { scope, name, kind }));
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
pub(super) fn schema(dedicated: &[Dedicated]) -> Schema {
    let text = || DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
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
        maybe("scope_name", text()),
        maybe("scope_version", text()),
        maybe("trace_state", text()),
        maybe("flags", DataType::UInt32),
        maybe("dropped_attributes_count", DataType::UInt32),
        maybe("dropped_events_count", DataType::UInt32),
        maybe("dropped_links_count", DataType::UInt32),
        maybe("resource_schema_url", text()),
        maybe("resource_dropped_attributes_count", DataType::UInt32),
        maybe("scope_schema_url", text()),
        maybe("scope_dropped_attributes_count", DataType::UInt32),
    ];
    for it in dedicated.iter().filter(|it| it.column() != "service_name") {
        let data_type = match it.kind {
            0 => text(),
            1 => DataType::Int64,
            2 => DataType::Float64,
            3 => DataType::Boolean,
            _ => DataType::Binary,
        };
        fields.push(maybe(&it.column(), data_type));
    }
    for scope in ROW_SCOPES {
        fields.push(always(rest_column(scope), list(rest_fields())));
    }
    fields.push(always("events", list(event_fields())));
    fields.push(always("links", list(link_fields())));
    Schema::new(fields)
}

/// A list of structs.
pub(super) fn list(fields: Fields) -> DataType {
    DataType::List(Arc::new(Field::new("element", DataType::Struct(fields), false)))
}

/// An attribute that has no column of its own: exactly one of the values is set.
pub(super) fn rest_fields() -> Fields {
    Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("string", DataType::Utf8, true),
        Field::new("int", DataType::Int64, true),
        Field::new("double", DataType::Float64, true),
        Field::new("bool", DataType::Boolean, true),
        Field::new("encoded", DataType::Binary, true),
    ])
}

/// An event.
pub(super) fn event_fields() -> Fields {
    Fields::from(vec![
        Field::new("time_unix_nano", DataType::UInt64, false),
        Field::new("name", DataType::Utf8, false),
        Field::new("dropped_attributes_count", DataType::UInt32, true),
        Field::new("attributes", list(rest_fields()), false),
    ])
}

/// A link.
pub(super) fn link_fields() -> Fields {
    Fields::from(vec![
        Field::new("trace_id", DataType::FixedSizeBinary(16), false),
        Field::new("span_id", DataType::FixedSizeBinary(8), false),
        Field::new("trace_state", DataType::Utf8, true),
        Field::new("flags", DataType::UInt32, true),
        Field::new("dropped_attributes_count", DataType::UInt32, true),
        Field::new("attributes", list(rest_fields()), false),
    ])
}
