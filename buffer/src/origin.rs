//! Where a span comes from: the Resource of its process and the scope of its library.

use std::sync::Arc;

use crate::otlp::{RESOURCE_BYTES_MAX, SCOPE_BYTES_MAX, bounded_message, put_bytes};

/// No schema URL is longer in earnest.
const SCHEMA_URL_BYTES_MAX: usize = 256;

/// Resource and scope, as bytes of OTLP. A clone is cheap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Fields of `ResourceSpans`; none for this process's own, which may still be set.
    resource: Option<Arc<[u8]>>,
    /// Fields of `ScopeSpans`.
    scope: Arc<[u8]>,
}

impl Origin {
    /// From the messages `Resource` and `InstrumentationScope` of OTLP, each with its schema URL. A Resource above
    /// 16 KiB and a scope above 1 KiB lose attributes, which is counted in them.
    pub fn new(
        (resource, resource_schema_url): (&[u8], &str),
        (scope, scope_schema_url): (&[u8], &str),
    ) -> Self {
        let fields = |message: &[u8], (attributes, dropped), bytes_max, schema_url: &str| {
            let room_bytes = bytes_max - SCHEMA_URL_BYTES_MAX - 16;
            let mut out = Vec::new();
            put_bytes(&mut out, 1, &bounded_message(message, attributes, dropped, room_bytes));
            if !schema_url.is_empty() && schema_url.len() <= SCHEMA_URL_BYTES_MAX {
                put_bytes(&mut out, 3, schema_url.as_bytes());
            }
            out
        };
        Self::from_fields(
            &fields(resource, (1, 2), RESOURCE_BYTES_MAX, resource_schema_url),
            &fields(scope, (3, 4), SCOPE_BYTES_MAX, scope_schema_url),
        )
    }

    /// From what [`resource_fields`](Self::resource_fields) and [`scope_fields`](Self::scope_fields) gave.
    pub fn from_fields(resource: &[u8], scope: &[u8]) -> Self {
        Self { resource: Some(resource.into()), scope: scope.into() }
    }

    /// A scope of this process.
    pub(crate) fn own(scope: Arc<[u8]>) -> Self {
        Self { resource: None, scope }
    }

    /// The Resource, as the fields 1 and 3 of `ResourceSpans`.
    pub fn resource_fields(&self) -> &[u8] {
        self.resource().unwrap_or_default()
    }

    /// The scope, as the fields 1 and 3 of `ScopeSpans`.
    pub fn scope_fields(&self) -> &[u8] {
        &self.scope
    }

    pub(crate) fn resource(&self) -> Option<&[u8]> {
        self.resource.as_deref()
    }

    pub(crate) fn scope(&self) -> &[u8] {
        &self.scope
    }

    pub(crate) fn has_resource_of(&self, other: &Self) -> bool {
        self.resource == other.resource
    }
}
