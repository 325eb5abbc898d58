//! What a trace request may hold, as tables, and the check of a body against them in one pass.
//!
//! A body passes if every other decoder of protobuf takes it, and only then: known fields have their wire type, text is
//! UTF-8, messages lie no deeper in each other than the libraries allow. So what is stored can be read by whoever asks for it.

use super::{
    reader::{DEPTH_MAX, Malformed, Reader, Scalar},
    value::{Value, plain_attribute},
};
use crate::Appended;

/// What one field of a message is.
#[derive(Clone, Copy)]
enum Shape {
    /// Nothing that this version of OTLP has.
    Unknown,
    Varint,
    Fixed32,
    Fixed64,
    Bytes,
    Text,
    /// The trace ID of a span, or its own: good if it has this length and is not zero.
    Id {
        length: usize,
        bit: u8,
    },
    Message(&'static [Shape]),
    /// A `KeyValue`.
    Attribute,
    Span,
}

use Shape::{Attribute, Bytes, Fixed32, Fixed64, Message, Text, Unknown, Varint};

const TRACE_ID: Shape = Shape::Id { length: 16, bit: 1 };
const SPAN_ID: Shape = Shape::Id { length: 8, bit: 2 };
const BOTH_IDS: u8 = 3;

// The messages by field number; there is no field 0.
static REQUEST: [Shape; 2] = [Unknown, Message(&RESOURCE_SPANS)];
static RESOURCE_SPANS: [Shape; 4] = [Unknown, Message(&RESOURCE), Message(&SCOPE_SPANS), Text];
static RESOURCE: [Shape; 4] = [Unknown, Attribute, Varint, Message(&ENTITY_REF)];
static ENTITY_REF: [Shape; 5] = [Unknown, Text, Text, Text, Text];
static SCOPE_SPANS: [Shape; 4] = [Unknown, Message(&SCOPE), Shape::Span, Text];
static SCOPE: [Shape; 5] = [Unknown, Text, Text, Attribute, Varint];
static SPAN: [Shape; 17] = [
    Unknown,
    TRACE_ID,
    SPAN_ID,
    Text,
    Bytes,
    Text,
    Varint,
    Fixed64,
    Fixed64,
    Attribute,
    Varint,
    Message(&EVENT),
    Varint,
    Message(&LINK),
    Varint,
    Message(&STATUS),
    Fixed32,
];
static EVENT: [Shape; 5] = [Unknown, Fixed64, Text, Attribute, Varint];
static LINK: [Shape; 7] = [Unknown, Bytes, Bytes, Text, Attribute, Varint, Fixed32];
static STATUS: [Shape; 4] = [Unknown, Unknown, Text, Varint];
static KEY_VALUE: [Shape; 4] = [Unknown, Text, Message(&ANY_VALUE), Varint];
static ANY_VALUE: [Shape; 9] = [
    Unknown,
    Text,
    Varint,
    Varint,
    Fixed64,
    Message(&ARRAY_VALUE),
    Message(&KEY_VALUE_LIST),
    Bytes,
    Varint,
];
static ARRAY_VALUE: [Shape; 2] = [Unknown, Message(&ANY_VALUE)];
static KEY_VALUE_LIST: [Shape; 2] = [Unknown, Attribute];

/// Reads a whole body without keeping anything, and counts what is in it.
pub(crate) fn check(body: &[u8]) -> Result<Appended, Malformed> {
    let mut count = Appended::default();
    check_message(body, 0, &REQUEST, DEPTH_MAX, &mut count)?;
    Ok(count)
}

/// Checks one message, below which so many more may lie. Returns the bits of its good IDs.
fn check_message(
    bytes: &[u8],
    base: usize,
    shapes: &'static [Shape],
    depth_left: u32,
    count: &mut Appended,
) -> Result<u8, Malformed> {
    let mut good_ids = 0;
    let mut fields = Reader::new(bytes, base);
    loop {
        let offset = fields.offset();
        let fault = |what| Err(Malformed { what, offset });
        let Some((number, scalar)) = fields.next_within(depth_left)? else { return Ok(good_ids) };
        let shape = shapes.get(number as usize).copied().unwrap_or(Unknown);
        match (shape, scalar) {
            (Text, Scalar::Bytes(text, _)) => {
                if !is_utf8(text) {
                    return fault("a text is not UTF-8");
                }
            }
            (Attribute, Scalar::Bytes(pair, at)) => {
                let Some(below) = depth_left.checked_sub(1) else { return fault(TOO_DEEP) };
                // What is not plain may be good all the same; if not, it is told there what is wrong.
                if below == 0 || !is_plain(pair) {
                    check_message(pair, at, &KEY_VALUE, below, count)?;
                }
            }
            (Message(shapes), Scalar::Bytes(inner, at)) => {
                let Some(below) = depth_left.checked_sub(1) else { return fault(TOO_DEEP) };
                check_message(inner, at, shapes, below, count)?;
            }
            (Varint, Scalar::Varint(_))
            | (Fixed64, Scalar::Fixed64(_))
            | (Fixed32, Scalar::Fixed32(_))
            | (Bytes, Scalar::Bytes(..)) => {}
            (Shape::Id { length, bit }, Scalar::Bytes(id, _)) => {
                // Of several the last one counts.
                let is_good = id.len() == length && id.iter().any(|&byte| byte != 0);
                good_ids = if is_good { good_ids | bit } else { good_ids & !bit };
            }
            (Shape::Span, Scalar::Bytes(span, at)) => {
                let Some(below) = depth_left.checked_sub(1) else { return fault(TOO_DEEP) };
                match check_message(span, at, &SPAN, below, count)? {
                    BOTH_IDS => count.spans += 1,
                    _ => count.rejected += 1,
                }
            }
            (Unknown, _) if depth_left == 0 => return fault(TOO_DEEP),
            (Unknown, _) => {}
            _ => return fault("a field has another type than OTLP gives it"),
        }
    }
}

/// Whether this is an attribute as nearly all are, and a good one.
#[inline]
fn is_plain(pair: &[u8]) -> bool {
    plain_attribute(pair).is_some_and(|(key, value)| {
        let is_text = match value {
            Value::String(text) => is_utf8(text),
            _ => true,
        };
        is_text && is_utf8(key)
    })
}

const TOO_DEEP: &str = "messages lie too deep in each other";

/// Most text is ASCII, which is seen sooner than that it is UTF-8.
#[inline]
fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || std::str::from_utf8(text).is_ok()
}
