//! What every span has, also where nobody said so: the text of its status, say, is then without letters.
//!
//! TraceQL refuses `statusMessage = nil` because there is no span without; `statusMessage != "boom"` holds for a span whose
//! status has no text, and `by(statusMessage)` puts it among those without letters. The store keeps such text as null, as it does
//! for attributes that are absent, which meet no comparison. The name of the service is the one attribute that is never absent.

use super::{
    column::{Column, Data, Operand, Text, text_at},
    condition::presence,
};
use crate::traceql::{FieldRef, Intrinsic, Scope};
use arrow_array::{Array, FixedSizeBinaryArray, StringArray, UInt32Array, cast::AsArray};

pub(super) const SERVICE: &str = "service.name";

/// The columns of a field, with the text without letters where a field that every span has is null.
pub(super) fn filled(field: &FieldRef, columns: Vec<Column>, rows: usize) -> Vec<Column> {
    match field {
        FieldRef::Intrinsic(
            Intrinsic::Name
            | Intrinsic::StatusMessage
            | Intrinsic::RootName
            | Intrinsic::RootService
            | Intrinsic::EventName
            | Intrinsic::InstrumentationName
            | Intrinsic::InstrumentationVersion,
        ) => mapped(columns, with_blanks),
        FieldRef::Attribute { scope: Scope::Resource | Scope::Any, name } if name == SERVICE => {
            with_services(columns, rows)
        }
        _ => columns,
    }
}

/// The ID of a parent as it is compared with another one: a root has the parent 0, and is yet what `span:parentID != nil` does not find.
pub(super) fn parents(side: Operand) -> Operand {
    match side {
        Operand::Columns(columns) => Operand::Columns(mapped(columns, with_zeros)),
        constant => constant,
    }
}

/// True for the name of the service, which each resource has.
pub(super) fn is_service(field: &FieldRef) -> bool {
    matches!(field, FieldRef::Attribute { scope: Scope::Resource, name } if name == SERVICE)
}

fn mapped(columns: Vec<Column>, fill: fn(Data) -> Data) -> Vec<Column> {
    let fill = |column: Column| Column { data: fill(column.data), ..column };
    columns.into_iter().map(fill).collect()
}

/// The name of a service may be of another type than text, and there may be several.
fn with_services(mut columns: Vec<Column>, rows: usize) -> Vec<Column> {
    if let [Column { data: Data::Text(_), fan: None }] = columns.as_slice() {
        return mapped(columns, with_blanks);
    }
    let present = presence(&columns, rows);
    if present.count_set_bits() < rows {
        let blank = |at: usize| (!present.value(at)).then_some("");
        columns.push(Column::rows(Data::Text((0..rows).map(blank).collect())));
    }
    columns
}

fn with_blanks(data: Data) -> Data {
    match data {
        Data::Text(text) if text.logical_null_count() > 0 => {
            let known: &StringArray = text.values().as_string();
            let blank = known.len() as u32;
            let keys: UInt32Array = (0..text.len())
                .map(|at| if text_at(&text, at).is_some() { text.keys().value(at) } else { blank })
                .collect();
            let values: StringArray = known.iter().chain([Some("")]).collect();
            let text = Text::try_new(keys, std::sync::Arc::new(values));
            Data::Text(text.expect("each key is that of a value, or of the last one"))
        }
        other => other,
    }
}

fn with_zeros(data: Data) -> Data {
    match data {
        Data::Id(ids) if ids.null_count() > 0 => {
            let width = ids.value_length() as usize;
            let mut bytes = Vec::with_capacity(ids.len() * width);
            for id in &ids {
                match id {
                    Some(id) => bytes.extend_from_slice(id),
                    None => bytes.resize(bytes.len() + width, 0),
                }
            }
            let ids = FixedSizeBinaryArray::try_new(ids.value_length(), bytes.into(), None);
            Data::Id(ids.expect("as many bytes as IDs have"))
        }
        other => other,
    }
}
