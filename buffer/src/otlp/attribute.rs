//! `KeyValue` and `AnyValue`. Sizes are computed first, because protobuf puts them in front.

use opentelemetry::{Array, KeyValue, StringValue, Value};

use super::wire::{
    BYTES, FIXED64, VARINT, bytes_field_bytes, put_bytes, put_length, put_tag, put_varint,
    varint_bytes,
};

/// The size of the message `KeyValue`, without the tag and length of the field that holds it.
pub(super) fn attribute_bytes(attribute: &KeyValue) -> usize {
    bytes_field_bytes(attribute.key.as_str().len())
        + bytes_field_bytes(value_bytes(&attribute.value))
}

/// Writes a `KeyValue` of known size as field `field`.
pub(super) fn put_attribute(out: &mut Vec<u8>, field: u64, attribute: &KeyValue, bytes: usize) {
    let key = attribute.key.as_str().as_bytes();
    if let (Value::String(text), true) = (&attribute.value, bytes < 0x80) {
        // Most attributes: all lengths take one byte, so that frames are written four bytes at a time.
        let text = text.as_str().as_bytes();
        let (key_length, text_length) = (key.len() as u8, text.len() as u8);
        out.extend_from_slice(&[(field << 3 | BYTES) as u8, bytes as u8, 0x0a, key_length]);
        out.extend_from_slice(key);
        out.extend_from_slice(&[0x12, text_length + 2, 0x0a, text_length]);
        out.extend_from_slice(text);
        return;
    }
    put_length(out, field, bytes);
    put_bytes(out, 1, key);
    put_length(out, 2, value_bytes(&attribute.value));
    put_value(out, &attribute.value);
}

/// What a list of attributes takes, the tags and lengths of their fields included.
pub(super) fn attributes_bytes<'a>(attributes: impl IntoIterator<Item = &'a KeyValue>) -> usize {
    attributes.into_iter().map(|attribute| bytes_field_bytes(attribute_bytes(attribute))).sum()
}

pub(super) fn put_attributes<'a>(
    out: &mut Vec<u8>,
    field: u64,
    attributes: impl IntoIterator<Item = &'a KeyValue>,
) {
    for attribute in attributes {
        put_attribute(out, field, attribute, attribute_bytes(attribute));
    }
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => bytes_field_bytes(text.as_str().len()),
        Value::Bool(_) => 2,
        Value::I64(number) => int_bytes(number),
        Value::F64(_) => 9,
        Value::Array(array) => bytes_field_bytes(array_bytes(array)),
        // A kind of value that a later OpenTelemetry may add is kept as its text.
        other => bytes_field_bytes(other.as_str().len()),
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => put_bytes(out, 1, text.as_str().as_bytes()),
        Value::Bool(value) => put_bool(out, value),
        Value::I64(number) => put_int(out, number),
        Value::F64(number) => put_double(out, number),
        Value::Array(array) => {
            put_length(out, 5, array_bytes(array));
            put_array(out, array);
        }
        other => put_bytes(out, 1, other.as_str().as_bytes()),
    }
}

fn array_bytes(array: &Array) -> usize {
    match array {
        Array::Bool(values) => values.len() * bytes_field_bytes(2),
        Array::I64(values) => values.iter().map(|value| bytes_field_bytes(int_bytes(value))).sum(),
        Array::F64(values) => values.len() * bytes_field_bytes(9),
        Array::String(values) => {
            values.iter().map(|value| bytes_field_bytes(text_bytes(value))).sum()
        }
        other => bytes_field_bytes(bytes_field_bytes(other.to_string().len())),
    }
}

fn put_array(out: &mut Vec<u8>, array: &Array) {
    match array {
        Array::Bool(values) => put_each(out, values, |_| 2, put_bool),
        Array::I64(values) => put_each(out, values, int_bytes, put_int),
        Array::F64(values) => put_each(out, values, |_| 9, put_double),
        Array::String(values) => put_each(out, values, text_bytes, put_text),
        other => {
            let text = other.to_string();
            put_length(out, 1, bytes_field_bytes(text.len()));
            put_bytes(out, 1, text.as_bytes());
        }
    }
}

fn put_each<T>(
    out: &mut Vec<u8>,
    values: &[T],
    bytes: impl Fn(&T) -> usize,
    put: impl Fn(&mut Vec<u8>, &T),
) {
    for value in values {
        put_length(out, 1, bytes(value));
        put(out, value);
    }
}

fn put_bool(out: &mut Vec<u8>, value: &bool) {
    put_tag(out, 2, VARINT);
    out.push(u8::from(*value));
}

/// Negative numbers take ten bytes, as two's complement of 64 bits.
fn int_bytes(number: &i64) -> usize {
    1 + varint_bytes(*number as u64)
}

fn put_int(out: &mut Vec<u8>, number: &i64) {
    put_tag(out, 3, VARINT);
    put_varint(out, *number as u64);
}

fn put_double(out: &mut Vec<u8>, number: &f64) {
    put_tag(out, 4, FIXED64);
    out.extend_from_slice(&number.to_le_bytes());
}

fn text_bytes(text: &StringValue) -> usize {
    bytes_field_bytes(text.as_str().len())
}

fn put_text(out: &mut Vec<u8>, text: &StringValue) {
    put_bytes(out, 1, text.as_str().as_bytes());
}
