//! Which columns a block needs, from what it will hold.

use super::{
    footer::Footer,
    merge::Merge,
    read::Block,
    schema::{
        self, Dedicated, Layout, Layouts, RESOURCE_SCOPES, SPAN_SCOPES, attributes_of, rest_column,
    },
};
use crate::{
    AttributeScope, Error,
    head::{Attributes, Chunk, Values},
};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// Values that are looked at to know how often text repeats.
const SAMPLE_MIN: usize = 64;

impl Layouts {
    /// For all spans of some chunks.
    pub(super) fn of_chunks(merge: &Merge<'_>) -> Self {
        let rows = merge.order.len() as u64;
        let of = |scopes| schema::choose(schema::count(merge, scopes), rows);
        let mut spans = Layout { dedicated: of(SPAN_SCOPES), ..Layout::default() };
        let mut resources = Layout { dedicated: of(RESOURCE_SCOPES), ..Layout::default() };
        spans.fill_lists(merge, SPAN_SCOPES);
        resources.fill_lists(merge, RESOURCE_SCOPES);
        for chunk in &merge.chunks {
            spans.fill_plain(chunk);
            resources.fill_resources(chunk);
        }
        spans.dedicated.iter_mut().for_each(|it| it.is_unique = hardly_repeats(merge, it));
        Self { spans, resources }
    }

    /// For all spans of some blocks, by what their footers say.
    pub(super) fn of_blocks(blocks: &[Arc<Block>]) -> Result<Self, Error> {
        let (mut spans, mut resources) = (Seen::default(), Seen::default());
        for block in blocks {
            let footer = block.footer()?;
            spans.add(&footer, SPAN_SCOPES);
            // In a block of version 1 the columns of resources stand among those of spans.
            resources.add(&block.resources_footer()?.unwrap_or(footer), RESOURCE_SCOPES);
        }
        Ok(Self { spans: spans.layout(), resources: resources.layout() })
    }
}

/// What the footers of some files say of their columns.
#[derive(Default)]
struct Seen {
    counts: schema::Frequencies,
    rows: u64,
    filled: BTreeSet<String>,
    unique: BTreeSet<String>,
    repeated: BTreeSet<String>,
}

impl Seen {
    fn add(&mut self, footer: &Footer, scopes: &[AttributeScope]) {
        for ((scope, name, kind), rows) in footer.filled_columns() {
            if scopes.contains(&scope) {
                self.counts.entry((scope, name)).or_default()[kind] += rows;
            }
        }
        let groups = footer.whole.metadata().row_groups().len();
        self.rows += (0..groups).map(|at| footer.rows(at) as u64).sum::<u64>();
        self.filled.extend(footer.optional_columns());
        let (unique, repeated) = footer.unique_columns();
        self.unique.extend(unique);
        self.repeated.extend(repeated);
    }

    fn layout(self) -> Layout {
        let dedicated = schema::choose(self.counts.clone(), self.rows);
        let mut layout = Layout { dedicated, filled: self.filled };
        for it in &mut layout.dedicated {
            let column = it.column();
            // Other blocks may have had values of another kind under its name.
            let is_either = it.kind <= 1;
            it.is_unique =
                is_either && self.unique.contains(&column) && !self.repeated.contains(&column);
        }
        // What loses its column joins the list.
        for ((scope, name), kinds) in self.counts {
            for kind in (0..5).filter(|&kind| kinds[kind] > 0) {
                let is = |it: &Dedicated| it.scope == scope && it.name == name && it.kind == kind;
                if !layout.dedicated.iter().any(is) {
                    layout.fill(rest_column(scope), kind);
                }
            }
        }
        layout
    }
}

impl Layout {
    /// Says which values of attributes will lie in lists.
    fn fill_lists(&mut self, merge: &Merge<'_>, scopes: &[AttributeScope]) {
        let chosen: HashSet<(AttributeScope, String, usize)> =
            self.dedicated.iter().map(|it| (it.scope, it.name.clone(), it.kind)).collect();
        for chunk in &merge.chunks {
            for &scope in scopes {
                for column in attributes_of(chunk, scope).0.columns() {
                    let name = String::from_utf8_lossy(chunk.texts.get(column.key)).into_owned();
                    let kind = column.values.kind();
                    let again = column.owners.windows(2).any(|pair| pair[0] == pair[1]);
                    if again || !chosen.contains(&(scope, name, kind)) {
                        self.fill(rest_column(scope), kind);
                    }
                }
            }
        }
    }

    fn fill_resources(&mut self, chunk: &Chunk) {
        let resources = chunk.resources.iter();
        if resources.clone().any(|it| it.schema_url != 0) {
            self.filled.insert("resource_schema_url".to_owned());
        }
        if resources.clone().any(|it| it.dropped_attributes != 0) {
            self.filled.insert("resource_dropped_attributes_count".to_owned());
        }
    }

    fn fill_plain(&mut self, chunk: &Chunk) {
        let dropped = |at: usize| chunk.dropped.iter().any(|(_, counts)| counts[at] != 0);
        let (events, links) = (&chunk.events, &chunk.links);
        let any = |numbers: &[u32]| numbers.iter().any(|&number| number != 0);
        let found = [
            ("scope_version", chunk.scopes.iter().any(|scope| scope.version != 0)),
            ("scope_schema_url", chunk.scopes.iter().any(|scope| scope.schema_url != 0)),
            ("trace_state", any(&chunk.trace_states)),
            ("flags", any(&chunk.flags)),
            ("dropped_attributes_count", dropped(0)),
            ("dropped_events_count", dropped(1)),
            ("dropped_links_count", dropped(2)),
            (
                "scope_dropped_attributes_count",
                chunk.scopes.iter().any(|scope| scope.dropped_attributes != 0),
            ),
            ("events", !events.parents.is_empty()),
            ("events.dropped_attributes_count", any(&events.dropped_attributes)),
            ("links", !links.parents.is_empty()),
            ("links.trace_state", any(&links.trace_states)),
            ("links.flags", any(&links.flags)),
            ("links.dropped_attributes_count", any(&links.dropped_attributes)),
        ];
        for (path, _) in found.into_iter().filter(|(_, found)| *found) {
            if !self.filled.contains(path) {
                self.filled.insert(path.to_owned());
            }
        }
        let mut lists = |list, attributes: &Attributes| {
            attributes.columns().iter().for_each(|column| self.fill(list, column.values.kind()));
        };
        lists("events.attributes", &events.attributes);
        lists("links.attributes", &links.attributes);
    }
}

/// True when a dictionary would not pay: nearly all texts of the fullest chunk differ, or one in eight of its integers does, which
/// compress better split by byte.
fn hardly_repeats(merge: &Merge<'_>, it: &Dedicated) -> bool {
    if it.scope != AttributeScope::Span {
        return false;
    }
    let columns = merge.chunks.iter().flat_map(|chunk| {
        let columns = chunk.attributes.of_key(it.name.as_bytes());
        columns.filter(|column| column.values.kind() == it.kind)
    });
    let Some(column) = columns.max_by_key(|column| column.owners.len()) else { return false };
    let (values, distinct) = match &column.values {
        Values::String(codes) => (codes.len(), codes.iter().collect::<HashSet<_>>().len()),
        Values::Int(values) => (values.len(), values.iter().collect::<HashSet<_>>().len()),
        _ => return false,
    };
    let percent = if it.kind == 0 { 95 } else { 12 };
    values >= SAMPLE_MIN && distinct * 100 > values * percent
}
