//! The protobuf wire format, read in place: OTLP bytes in, visited spans out, nothing built between.
//!
//! A reader never trusts a length: each is checked against what remains. The walk that decodes is
//! the walk that validates, so a body that was validated cannot fail to decode.

mod reader;
mod value;
mod walk;
mod write;

pub(crate) use reader::{Malformed, Reader, Scalar};
pub(crate) use value::{Value, for_each_attribute};
pub(crate) use walk::{
    Context, EventHeader, LinkHeader, RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES, SpanHeader, Visitor,
    resource_dropped_attributes, scope_header, walk,
};
pub(crate) use write::Writer;

use crate::{Appended, Error};

/// Reads a whole body without keeping anything, and counts what is in it.
pub(crate) fn validate(body: &[u8]) -> Result<Appended, Error> {
    #[derive(Default)]
    struct Count(Appended);

    impl Visitor for Count {
        fn span(&mut self, _: &Context<'_>, _: &SpanHeader<'_>) {
            self.0.spans += 1;
        }
        fn attribute(&mut self, _: &[u8], _: Value<'_>) {}
        fn event(&mut self, _: &EventHeader<'_>) {}
        fn event_attribute(&mut self, _: &[u8], _: Value<'_>) {}
        fn link(&mut self, _: &LinkHeader<'_>) {}
        fn link_attribute(&mut self, _: &[u8], _: Value<'_>) {}
        fn rejected(&mut self) {
            self.0.rejected += 1;
        }
    }

    let mut count = Count::default();
    walk(body, &mut count)?;
    Ok(count.0)
}

#[cfg(test)]
mod tests;
