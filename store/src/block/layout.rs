//! Which columns a block needs, from what it will hold.

use super::{
    merge::Merge,
    read::Block,
    schema::{self, Dedicated, Layout, ROW_SCOPES, attributes_of, rest_column},
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

impl Layout {
    /// For all spans of some chunks.
    pub(super) fn of_chunks(merge: &Merge<'_>) -> Self {
        let dedicated = schema::choose(schema::count(merge), merge.order.len() as u64);
        let mut layout = Self { dedicated, ..Self::default() };
        let chosen: HashSet<(AttributeScope, String, usize)> =
            layout.dedicated.iter().map(|it| (it.scope, it.name.clone(), it.kind)).collect();
        for chunk in &merge.chunks {
            layout.fill_plain(chunk);
            for scope in ROW_SCOPES {
                for column in attributes_of(chunk, scope).0.columns() {
                    let name = String::from_utf8_lossy(chunk.texts.get(column.key)).into_owned();
                    let kind = column.values.kind();
                    let again = column.owners.windows(2).any(|pair| pair[0] == pair[1]);
                    if again || !chosen.contains(&(scope, name, kind)) {
                        layout.fill(rest_column(scope), kind);
                    }
                }
            }
        }
        let unique = layout.dedicated.iter().filter(|it| hardly_repeats(merge, it));
        layout.unique = unique.map(Dedicated::column).collect();
        layout
    }

    /// For all spans of some blocks, by what their footers say.
    pub(super) fn of_blocks(blocks: &[Arc<Block>]) -> Result<Self, Error> {
        let mut counts = schema::Frequencies::new();
        let mut layout = Self::default();
        let mut repeated = BTreeSet::new();
        for block in blocks {
            for ((scope, name, kind), rows) in block.filled_columns()? {
                counts.entry((scope, name)).or_default()[kind] += rows;
            }
            layout.filled.extend(block.optional_columns()?);
            let (unique, others) = block.unique_columns()?;
            layout.unique.extend(unique);
            repeated.extend(others);
        }
        layout.unique.retain(|column| !repeated.contains(column));
        let rows = blocks.iter().map(|block| block.meta().spans).sum();
        layout.dedicated = schema::choose(counts.clone(), rows);
        // What loses its column joins the list.
        for ((scope, name), kinds) in counts {
            for kind in (0..5).filter(|&kind| kinds[kind] > 0) {
                let is = |it: &Dedicated| it.scope == scope && it.name == name && it.kind == kind;
                if !layout.dedicated.iter().any(is) {
                    layout.fill(rest_column(scope), kind);
                }
            }
        }
        Ok(layout)
    }

    fn fill_plain(&mut self, chunk: &Chunk) {
        let dropped = |at: usize| chunk.dropped.iter().any(|(_, counts)| counts[at] != 0);
        let (events, links) = (&chunk.events, &chunk.links);
        let any = |numbers: &[u32]| numbers.iter().any(|&number| number != 0);
        let found = [
            ("scope_version", chunk.scopes.iter().any(|scope| scope.version != 0)),
            ("scope_schema_url", chunk.scopes.iter().any(|scope| scope.schema_url != 0)),
            ("resource_schema_url", chunk.resources.iter().any(|it| it.schema_url != 0)),
            ("trace_state", any(&chunk.trace_states)),
            ("flags", any(&chunk.flags)),
            ("dropped_attributes_count", dropped(0)),
            ("dropped_events_count", dropped(1)),
            ("dropped_links_count", dropped(2)),
            (
                "resource_dropped_attributes_count",
                chunk.resources.iter().any(|it| it.dropped_attributes != 0),
            ),
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
