//! OTLP by hand: what this crate writes is small and fixed, and an app should not have to carry a
//! protobuf library for it, nor an allocation per field.

mod attribute;
mod cut;
mod scope;
mod span;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use cut::{bounded_message, cut_span};
pub(crate) use scope::{RESOURCE_BYTES_MAX, SCOPE_BYTES_MAX, encode_resource, encode_scope};
pub(crate) use span::{SPAN_LIMIT_BYTES_MIN, encode_span};
pub(crate) use wire::{put_bytes, put_varint, varint_bytes};
