//! What every span has, also where nobody said so: the text of its status, say, is then without letters.
//!
//! TraceQL refuses `statusMessage = nil` because there is no span without; `statusMessage != "boom"` holds for a span whose
//! status has no text. The store keeps such text as null, as it does for attributes that are absent, which meet no comparison.

use super::column::{Column, Data, Operand, Text, text_at};
use crate::traceql::Intrinsic;
use arrow_array::{Array, FixedSizeBinaryArray, StringArray, UInt32Array, cast::AsArray};

/// One side of a comparison, with what it is compared as where it is null.
pub(super) fn filled(intrinsic: Intrinsic, side: Operand, other_is_nil: bool) -> Operand {
    let fill: fn(Data) -> Data = match intrinsic {
        Intrinsic::Name
        | Intrinsic::StatusMessage
        | Intrinsic::RootName
        | Intrinsic::RootService
        | Intrinsic::EventName
        | Intrinsic::InstrumentationName
        | Intrinsic::InstrumentationVersion => with_blanks,
        // A root has the parent 0, and is yet what `span:parentID != nil` does not find.
        Intrinsic::ParentId if !other_is_nil => with_zeros,
        _ => return side,
    };
    match side {
        Operand::Columns(columns) => Operand::Columns(
            columns
                .into_iter()
                .map(|column| Column { data: fill(column.data), ..column })
                .collect(),
        ),
        constant => constant,
    }
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
