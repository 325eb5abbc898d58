//! One column of one row group, whatever it is.

use super::{
    gather::{Gathered, Group, Scratch},
    merge::Merge,
    nested::Nested,
    resource_rows::Numbers,
    resource_table::RESOURCE,
    schema::{self, Dedicated, ROW_SCOPES},
};
use crate::head::Chunk;
use arrow_array::{
    ArrayRef, FixedSizeBinaryArray, Int32Array, Int64Array, UInt8Array, UInt32Array, UInt64Array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::Field;
use std::sync::Arc;

/// One column of one row group.
pub(super) fn column(
    field: &Field,
    merge: &Merge<'_>,
    group: &Group,
    dedicated: &[Dedicated],
    nested: &Nested,
    resources: &Numbers,
    scratch: &mut Scratch,
) -> Gathered {
    let name = field.name().as_str();
    if let Some(text_of) = text_of(name) {
        return Gathered::Texts(group.texts(merge, scratch, text_of));
    }
    if let Some(at) = dedicated.iter().position(|it| it.column() == name) {
        return group.attribute(merge, scratch, &dedicated[at]);
    }
    let rows = || merge.rows(group.range.clone());
    Gathered::Other(match name {
        "trace_id" => {
            let ids: Vec<_> = rows().map(|(chunk, _, row)| chunk.trace_ids[index(row)]).collect();
            ids_array(&ids, None)
        }
        "span_id" => {
            let ids: Vec<_> = rows().map(|(chunk, _, row)| chunk.span_ids[index(row)]).collect();
            ids_array(&ids, None)
        }
        "parent_offset" => Arc::new(Int32Array::from(group.parent_offsets.clone())),
        "parent_span_id" => {
            // Only where the offset does not say it.
            let ids = rows().zip(&group.parent_offsets).map(|((chunk, _, row), offset)| {
                if offset.is_some() { [0; 8] } else { chunk.parent_span_ids[index(row)] }
            });
            let ids: Vec<_> = ids.collect();
            let nulls = ids.iter().map(|id| *id != [0; 8]).collect::<NullBuffer>();
            ids_array(&ids, Some(nulls))
        }
        "start_unix_nano" => {
            let starts = rows().map(|(chunk, _, row)| chunk.starts_unix_nano[index(row)]);
            Arc::new(UInt64Array::from_iter_values(starts))
        }
        "duration_nano" => {
            let durations = rows().map(|(chunk, _, row)| {
                chunk.ends_unix_nano[index(row)].wrapping_sub(chunk.starts_unix_nano[index(row)])
                    as i64
            });
            Arc::new(Int64Array::from_iter_values(durations))
        }
        "kind" => {
            let kinds = rows().map(|(chunk, _, row)| chunk.kinds[index(row)]);
            Arc::new(UInt8Array::from_iter_values(kinds))
        }
        "status_code" => {
            let codes = rows().map(|(chunk, _, row)| chunk.status_codes[index(row)]);
            Arc::new(UInt8Array::from_iter_values(codes))
        }
        "flags" => numbers(merge, group, |chunk, row| chunk.flags[row]),
        "dropped_attributes_count" => numbers(merge, group, |chunk, row| dropped(chunk, row)[0]),
        "dropped_events_count" => numbers(merge, group, |chunk, row| dropped(chunk, row)[1]),
        "dropped_links_count" => numbers(merge, group, |chunk, row| dropped(chunk, row)[2]),
        "resource_dropped_attributes_count" => numbers(merge, group, |chunk, row| {
            chunk.resources[index(chunk.resource_of[row])].dropped_attributes
        }),
        "scope_dropped_attributes_count" => numbers(merge, group, |chunk, row| {
            chunk.scopes[index(chunk.scope_of[row])].dropped_attributes
        }),
        RESOURCE => {
            let numbers = rows()
                .map(|(chunk, at, row)| resources[index(at)][index(chunk.resource_of[index(row)])]);
            Arc::new(numbers.collect::<UInt32Array>())
        }
        "events" => nested.events(merge, group.range.clone(), field.data_type()),
        "links" => nested.links(merge, group.range.clone(), field.data_type()),
        name => {
            let scope = ROW_SCOPES.into_iter().find(|&it| schema::rest_column(it) == name);
            let scope = scope.expect("the schema has the columns of the layout");
            nested.rest(merge, group.range.clone(), scope, field.data_type())
        }
    })
}

/// The text of a row, by code of its chunk.
type TextOf = fn(&Chunk, usize) -> Option<u32>;

/// What a column of text says of a row, if it is one of those that every block may have.
fn text_of(name: &str) -> Option<TextOf> {
    Some(match name {
        "name" => |chunk, row| Some(chunk.names[row]),
        "status_message" => |chunk, row| not_empty(chunk.status_messages[row]),
        "trace_state" => |chunk, row| not_empty(chunk.trace_states[row]),
        "scope_name" => |chunk, row| not_empty(chunk.scopes[index(chunk.scope_of[row])].name),
        "scope_version" => |chunk, row| not_empty(chunk.scopes[index(chunk.scope_of[row])].version),
        "scope_schema_url" => {
            |chunk, row| not_empty(chunk.scopes[index(chunk.scope_of[row])].schema_url)
        }
        "resource_schema_url" => {
            |chunk, row| not_empty(chunk.resources[index(chunk.resource_of[row])].schema_url)
        }
        "service_name" => |chunk, row| chunk.resources[index(chunk.resource_of[row])].service_name,
        _ => return None,
    })
}

fn index(code: u32) -> usize {
    code as usize
}

/// The empty text is null in most columns.
fn not_empty(code: u32) -> Option<u32> {
    (code != 0).then_some(code)
}

/// A column of numbers that are null when zero, which most are.
fn numbers(merge: &Merge<'_>, group: &Group, number_of: impl Fn(&Chunk, usize) -> u32) -> ArrayRef {
    let numbers = merge.rows(group.range.clone()).map(|(chunk, _, row)| {
        let number = number_of(chunk, row as usize);
        (number != 0).then_some(number)
    });
    Arc::new(numbers.collect::<UInt32Array>())
}

fn dropped(chunk: &Chunk, row: usize) -> [u32; 3] {
    match chunk.dropped.binary_search_by_key(&(row as u32), |(row, _)| *row) {
        Ok(at) => chunk.dropped[at].1,
        Err(_) => [0; 3],
    }
}

fn ids_array<const N: usize>(ids: &[[u8; N]], nulls: Option<NullBuffer>) -> ArrayRef {
    let bytes = arrow_buffer::Buffer::from_slice_ref(ids.as_flattened());
    Arc::new(FixedSizeBinaryArray::new(N as i32, bytes, nulls))
}
