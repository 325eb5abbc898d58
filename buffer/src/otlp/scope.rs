//! What stands around spans: the Resource of a process and the instrumentation scope of a library.

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;

use super::attribute::{attribute_bytes, put_attribute};
use super::wire::{
    bytes_field_bytes, cut_text, put_bytes, put_bytes_unless_empty, put_length,
    put_uint_unless_zero,
};

/// A scope takes at most this much of every response and, when the scope table is full, of every span.
pub(crate) const SCOPE_BYTES_MAX: usize = 1 << 10;
/// The Resource takes at most this much of every response.
pub(crate) const RESOURCE_BYTES_MAX: usize = 16 << 10;
/// No schema URL or scope name is longer in earnest.
const TEXT_BYTES_MAX: usize = 256;

/// Appends the fields `scope` and `schema_url` of `ScopeSpans`; the spans follow. Takes at most
/// [`SCOPE_BYTES_MAX`] and allocates nothing, because a full scope table means one for every span.
pub(crate) fn encode_scope(scope: &InstrumentationScope, out: &mut Vec<u8>) {
    let start = out.len();
    let name = cut_text(scope.name(), TEXT_BYTES_MAX);
    let version = cut_text(scope.version().unwrap_or_default(), TEXT_BYTES_MAX);
    put_bytes_unless_empty(out, 1, name.as_bytes());
    put_bytes_unless_empty(out, 2, version.as_bytes());
    let end = start + SCOPE_BYTES_MAX - bytes_field_bytes(TEXT_BYTES_MAX) - 16;
    put_bounded(out, (3, 4), end, scope.attributes());
    // The length stands in front, but is known only now.
    let message_end = out.len();
    put_length(out, 1, message_end - start);
    let prefix_bytes = out.len() - message_end;
    out[start..].rotate_right(prefix_bytes);
    let schema_url = cut_text(scope.schema_url().unwrap_or_default(), TEXT_BYTES_MAX);
    put_bytes_unless_empty(out, 3, schema_url.as_bytes());
}

/// The fields `resource` and `schema_url` of `ResourceSpans`; the scopes follow.
pub(crate) fn encode_resource(resource: &Resource) -> Vec<u8> {
    // The SDK keeps a hash map; sorted, the same process gives the same bytes.
    let mut attributes: Vec<KeyValue> =
        resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    attributes.sort_by(|one, other| one.key.cmp(&other.key));
    let mut message = Vec::new();
    put_bounded(&mut message, (1, 2), RESOURCE_BYTES_MAX - 1024, &attributes);
    let mut out = Vec::new();
    put_bytes(&mut out, 1, &message);
    let schema_url = cut_text(resource.schema_url().unwrap_or_default(), TEXT_BYTES_MAX);
    put_bytes_unless_empty(&mut out, 3, schema_url.as_bytes());
    out
}

/// Attributes as far as they fit before `end`; the rest is counted in the second field.
fn put_bounded<'a>(
    out: &mut Vec<u8>,
    (field, dropped_field): (u64, u64),
    end: usize,
    attributes: impl IntoIterator<Item = &'a KeyValue>,
) {
    let mut dropped = 0;
    for attribute in attributes {
        let bytes = attribute_bytes(attribute);
        if out.len() + bytes_field_bytes(bytes) <= end {
            put_attribute(out, field, attribute, bytes);
        } else {
            dropped += 1;
        }
    }
    put_uint_unless_zero(out, dropped_field, dropped);
}
