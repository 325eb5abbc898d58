//! The protobuf wire format, read in place: OTLP bytes in, visited spans out, nothing built between.
//!
//! A reader never trusts a length: each is checked against what remains. A body is checked once, when it
//! comes in; the walk that decodes it later takes what it finds.

mod check;
mod reader;
mod value;
mod walk;
mod write;

pub(crate) use check::check;
pub(crate) use reader::{Malformed, Reader, Scalar};
pub(crate) use value::{Value, for_each_attribute};
pub(crate) use walk::{
    Context, EventHeader, LinkHeader, RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES, SpanHeader, Visitor,
    resource_dropped_attributes, scope_header, walk,
};
pub(crate) use write::Writer;

#[cfg(test)]
mod tests;
