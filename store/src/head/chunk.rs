//! Some thousand spans in columns.

use super::{Attributes, Interner};
use crate::{
    TimeRange,
    wire::{EventHeader, LinkHeader, SpanHeader},
};

/// Rows at most.
pub(crate) const ROWS_MAX: usize = 8192;
/// A chunk this large takes no further span.
pub(crate) const BYTES_MAX: usize = 8 << 20;

/// Spans in columns, with all that belongs to them. Grows until it is sealed.
///
/// Text is kept once per chunk and referred to by code; code 0 of `texts` is the empty text. Resources and
/// scopes are kept once per distinct one.
#[derive(Clone)]
pub(crate) struct Chunk {
    pub(crate) texts: Interner,
    /// Encoded `AnyValue`s.
    pub(crate) blobs: Interner,

    pub(crate) trace_ids: Vec<[u8; 16]>,
    pub(crate) span_ids: Vec<[u8; 8]>,
    /// Zero for a root.
    pub(crate) parent_span_ids: Vec<[u8; 8]>,
    pub(crate) starts_unix_nano: Vec<u64>,
    pub(crate) ends_unix_nano: Vec<u64>,
    pub(crate) names: Vec<u32>,
    pub(crate) kinds: Vec<u8>,
    pub(crate) status_codes: Vec<u8>,
    pub(crate) status_messages: Vec<u32>,
    pub(crate) trace_states: Vec<u32>,
    pub(crate) flags: Vec<u32>,
    /// Of each span as it came; 0 for one that comes from a block.
    pub(crate) encoded_bytes: Vec<u32>,
    /// Rows with something dropped: attributes, events, links.
    pub(crate) dropped: Vec<(u32, [u32; 3])>,
    /// By row, the position in `resources`.
    pub(crate) resource_of: Vec<u32>,
    /// By row, the position in `scopes`.
    pub(crate) scope_of: Vec<u32>,
    pub(crate) attributes: Attributes,

    pub(crate) resources: Vec<Resource>,
    pub(crate) resource_attributes: Attributes,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) scope_attributes: Attributes,
    pub(crate) events: Events,
    pub(crate) links: Links,

    /// What tells resources, scopes and overlays apart; their codes are positions.
    pub(super) resource_keys: Interner,
    pub(super) scope_keys: Interner,
    pub(super) overlay_keys: Interner,
}

/// A resource, its attributes aside.
#[derive(Clone, Copy)]
pub(crate) struct Resource {
    pub(crate) schema_url: u32,
    pub(crate) dropped_attributes: u32,
    /// `service.name`, when it is text.
    pub(crate) service_name: Option<u32>,
}

/// An instrumentation scope, its attributes aside.
#[derive(Clone, Copy)]
pub(crate) struct Scope {
    pub(crate) name: u32,
    pub(crate) version: u32,
    pub(crate) schema_url: u32,
    pub(crate) dropped_attributes: u32,
}

/// Events of all rows, flat.
#[derive(Clone, Default)]
pub(crate) struct Events {
    pub(crate) parents: Vec<u32>,
    pub(crate) times_unix_nano: Vec<u64>,
    pub(crate) names: Vec<u32>,
    pub(crate) dropped_attributes: Vec<u32>,
    pub(crate) attributes: Attributes,
}

/// Links of all rows, flat.
#[derive(Clone, Default)]
pub(crate) struct Links {
    pub(crate) parents: Vec<u32>,
    pub(crate) trace_ids: Vec<[u8; 16]>,
    pub(crate) span_ids: Vec<[u8; 8]>,
    pub(crate) trace_states: Vec<u32>,
    pub(crate) flags: Vec<u32>,
    pub(crate) dropped_attributes: Vec<u32>,
    pub(crate) attributes: Attributes,
}

impl Default for Chunk {
    fn default() -> Self {
        let mut texts = Interner::default();
        texts.intern(b"");
        Self {
            texts,
            blobs: Interner::default(),
            trace_ids: Vec::new(),
            span_ids: Vec::new(),
            parent_span_ids: Vec::new(),
            starts_unix_nano: Vec::new(),
            ends_unix_nano: Vec::new(),
            names: Vec::new(),
            kinds: Vec::new(),
            status_codes: Vec::new(),
            status_messages: Vec::new(),
            trace_states: Vec::new(),
            flags: Vec::new(),
            encoded_bytes: Vec::new(),
            dropped: Vec::new(),
            resource_of: Vec::new(),
            scope_of: Vec::new(),
            attributes: Attributes::default(),
            resources: Vec::new(),
            resource_attributes: Attributes::default(),
            scopes: Vec::new(),
            scope_attributes: Attributes::default(),
            events: Events::default(),
            links: Links::default(),
            resource_keys: Interner::default(),
            scope_keys: Interner::default(),
            overlay_keys: Interner::default(),
        }
    }
}

impl Chunk {
    /// An empty chunk with room for as much as is in this one: what comes next is most likely of the same kind, and what grows step by
    /// step is copied at each.
    pub(crate) fn successor(&self) -> Self {
        let rows = self.len();
        let (events, links) = (self.events.parents.len(), self.links.parents.len());
        let mut texts = self.texts.successor();
        texts.intern(b"");
        Self {
            texts,
            blobs: self.blobs.successor(),
            trace_ids: Vec::with_capacity(rows),
            span_ids: Vec::with_capacity(rows),
            parent_span_ids: Vec::with_capacity(rows),
            starts_unix_nano: Vec::with_capacity(rows),
            ends_unix_nano: Vec::with_capacity(rows),
            names: Vec::with_capacity(rows),
            kinds: Vec::with_capacity(rows),
            status_codes: Vec::with_capacity(rows),
            status_messages: Vec::with_capacity(rows),
            trace_states: Vec::with_capacity(rows),
            flags: Vec::with_capacity(rows),
            encoded_bytes: Vec::with_capacity(rows),
            resource_of: Vec::with_capacity(rows),
            scope_of: Vec::with_capacity(rows),
            attributes: self.attributes.successor(),
            events: Events {
                parents: Vec::with_capacity(events),
                times_unix_nano: Vec::with_capacity(events),
                names: Vec::with_capacity(events),
                dropped_attributes: Vec::with_capacity(events),
                attributes: self.events.attributes.successor(),
            },
            links: Links {
                parents: Vec::with_capacity(links),
                trace_ids: Vec::with_capacity(links),
                span_ids: Vec::with_capacity(links),
                trace_states: Vec::with_capacity(links),
                flags: Vec::with_capacity(links),
                dropped_attributes: Vec::with_capacity(links),
                attributes: self.links.attributes.successor(),
            },
            ..Self::default()
        }
    }

    /// Number of spans.
    pub(crate) fn len(&self) -> usize {
        self.trace_ids.len()
    }

    /// True when it should be sealed before another span is added.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= ROWS_MAX || self.size_bytes() >= BYTES_MAX
    }

    /// Bytes in memory, close enough for limits.
    pub(crate) fn size_bytes(&self) -> usize {
        self.texts.size_bytes()
            + self.blobs.size_bytes()
            + self.len() * 86
            + self.attributes.size_bytes()
            + self.resources.len() * 16
            + self.resource_attributes.size_bytes()
            + self.scope_attributes.size_bytes()
            + self.events.parents.len() * 20
            + self.events.attributes.size_bytes()
            + self.links.parents.len() * 40
            + self.links.attributes.size_bytes()
            + self.resource_keys.size_bytes()
            + self.scope_keys.size_bytes()
            + self.overlay_keys.size_bytes()
    }

    /// Gives back what only growing needs: some third of its memory. What it is asked for stays the same.
    pub(crate) fn freeze(&mut self) {
        self.texts.freeze();
        self.blobs.freeze();
        self.resource_keys = Interner::default();
        self.scope_keys = Interner::default();
        self.overlay_keys = Interner::default();
        self.trace_ids.shrink_to_fit();
        self.span_ids.shrink_to_fit();
        self.parent_span_ids.shrink_to_fit();
        self.starts_unix_nano.shrink_to_fit();
        self.ends_unix_nano.shrink_to_fit();
        self.kinds.shrink_to_fit();
        self.status_codes.shrink_to_fit();
        for codes in [
            &mut self.names,
            &mut self.status_messages,
            &mut self.trace_states,
            &mut self.flags,
            &mut self.encoded_bytes,
            &mut self.resource_of,
            &mut self.scope_of,
            &mut self.events.parents,
            &mut self.events.names,
            &mut self.events.dropped_attributes,
            &mut self.links.parents,
        ] {
            codes.shrink_to_fit();
        }
        self.events.times_unix_nano.shrink_to_fit();
        for attributes in [
            &mut self.attributes,
            &mut self.resource_attributes,
            &mut self.scope_attributes,
            &mut self.events.attributes,
            &mut self.links.attributes,
        ] {
            attributes.freeze();
        }
    }

    /// Forgets everything, and keeps the memory for what comes next.
    pub(crate) fn clear(&mut self) {
        for interner in [
            &mut self.texts,
            &mut self.blobs,
            &mut self.resource_keys,
            &mut self.scope_keys,
            &mut self.overlay_keys,
        ] {
            interner.clear();
        }
        self.texts.intern(b"");
        self.trace_ids.clear();
        self.span_ids.clear();
        self.parent_span_ids.clear();
        self.starts_unix_nano.clear();
        self.ends_unix_nano.clear();
        self.kinds.clear();
        self.status_codes.clear();
        self.dropped.clear();
        for codes in [
            &mut self.names,
            &mut self.status_messages,
            &mut self.trace_states,
            &mut self.flags,
            &mut self.encoded_bytes,
            &mut self.resource_of,
            &mut self.scope_of,
            &mut self.events.parents,
            &mut self.events.names,
            &mut self.events.dropped_attributes,
            &mut self.links.parents,
            &mut self.links.trace_states,
            &mut self.links.flags,
            &mut self.links.dropped_attributes,
        ] {
            codes.clear();
        }
        self.resources.clear();
        self.scopes.clear();
        self.events.times_unix_nano.clear();
        self.links.trace_ids.clear();
        self.links.span_ids.clear();
        // Which attributes there are is another matter each time.
        self.attributes = Attributes::default();
        self.resource_attributes = Attributes::default();
        self.scope_attributes = Attributes::default();
        self.events.attributes = Attributes::default();
        self.links.attributes = Attributes::default();
    }

    /// Earliest and latest start; zeros when empty.
    pub(crate) fn time_range(&self) -> TimeRange {
        let starts = self.starts_unix_nano.iter().copied();
        TimeRange {
            start_min_unix_nano: starts.clone().min().unwrap_or(0),
            start_max_unix_nano: starts.max().unwrap_or(0),
        }
    }

    /// The position of the resource that has this key, and whether it is new and must be pushed now.
    pub(crate) fn resource_position(&mut self, key: &[u8]) -> (u32, bool) {
        let position = self.resource_keys.intern(key);
        (position, position as usize == self.resources.len())
    }

    /// The position of the scope that has this key, and whether it is new and must be pushed now.
    pub(crate) fn scope_position(&mut self, key: &[u8]) -> (u32, bool) {
        let position = self.scope_keys.intern(key);
        (position, position as usize == self.scopes.len())
    }

    /// Adds a row and returns it.
    #[inline]
    pub(crate) fn push_span(&mut self, span: &SpanHeader<'_>, resource: u32, scope: u32) -> u32 {
        let name = self.texts.intern_text(span.name);
        let status_message = self.text(span.status_message);
        self.push_span_of(span, name, status_message, resource, scope)
    }

    /// Adds a row, whose name and message are texts that have codes already, and returns it.
    #[inline]
    pub(crate) fn push_span_of(
        &mut self,
        span: &SpanHeader<'_>,
        name: u32,
        status_message: u32,
        resource: u32,
        scope: u32,
    ) -> u32 {
        let row = self.trace_ids.len() as u32;
        self.trace_ids.push(span.trace_id.0);
        self.span_ids.push(span.span_id.0);
        self.parent_span_ids.push(span.parent_span_id.0);
        self.starts_unix_nano.push(span.start_unix_nano);
        self.ends_unix_nano.push(span.end_unix_nano);
        self.names.push(name);
        self.kinds.push(span.kind);
        self.status_codes.push(span.status_code);
        self.status_messages.push(status_message);
        let trace_state = self.text(span.trace_state);
        self.trace_states.push(trace_state);
        self.flags.push(span.flags);
        self.encoded_bytes.push(span.encoded_bytes);
        let dropped = [span.dropped_attributes, span.dropped_events, span.dropped_links];
        if dropped != [0; 3] {
            self.dropped.push((row, dropped));
        }
        self.resource_of.push(resource);
        self.scope_of.push(scope);
        row
    }

    /// Adds an event to the newest row and returns its position.
    #[inline]
    pub(crate) fn push_event(&mut self, event: &EventHeader<'_>) -> u32 {
        let position = self.events.parents.len() as u32;
        self.events.parents.push(self.trace_ids.len() as u32 - 1);
        self.events.times_unix_nano.push(event.time_unix_nano);
        self.events.names.push(self.texts.intern_text(event.name));
        self.events.dropped_attributes.push(event.dropped_attributes);
        position
    }

    /// Adds a link to the newest row and returns its position.
    #[inline]
    pub(crate) fn push_link(&mut self, link: &LinkHeader<'_>) -> u32 {
        let position = self.links.parents.len() as u32;
        self.links.parents.push(self.trace_ids.len() as u32 - 1);
        self.links.trace_ids.push(link.trace_id.0);
        self.links.span_ids.push(link.span_id.0);
        let trace_state = self.text(link.trace_state);
        self.links.trace_states.push(trace_state);
        self.links.flags.push(link.flags);
        self.links.dropped_attributes.push(link.dropped_attributes);
        position
    }

    /// The code of a text; most of those that come here are empty.
    #[inline]
    pub(crate) fn text(&mut self, text: &[u8]) -> u32 {
        if text.is_empty() { 0 } else { self.texts.intern_text(text) }
    }
}
