//! The body of one answer while it grows: spans grouped by Resource and scope, never above the limit.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::origin::Origin;
use crate::otlp::{
    SCOPE_BYTES_MAX, SPAN_LIMIT_BYTES_MIN, cut_span, put_bytes, put_varint, varint_bytes,
};
use crate::ring::Entry;
use crate::scope::ScopeTable;

/// The tag and the longest length of a message that fits a body.
const PREFIX_BYTES: usize = 1 + 5;

pub(crate) struct Batch {
    /// This process's, encoded as fields of `ResourceSpans`.
    resource: Arc<[u8]>,
    /// What an empty body has for scopes and spans.
    room_bytes_empty: usize,
    /// What is left of it.
    room_bytes: usize,
    groups: Vec<Group>,
    by_number: HashMap<u16, usize>,
    by_origin: HashMap<Origin, usize>,
    spans: usize,
    /// Where spans are cut.
    cut: Vec<u8>,
}

/// One `ScopeSpans`.
struct Group {
    origin: Origin,
    spans: Vec<u8>,
}

impl Batch {
    /// A limit that is too small for the Resource, a scope and the rest of one cut-down span is
    /// raised to that; otherwise no read would ever go on.
    pub(crate) fn new(resource: Arc<[u8]>, bytes_max: usize) -> Self {
        let rest_bytes_min = SCOPE_BYTES_MAX + SPAN_LIMIT_BYTES_MIN + 2 * PREFIX_BYTES;
        let taken_bytes = resource.len() + PREFIX_BYTES;
        let room_bytes = bytes_max.saturating_sub(taken_bytes).max(rest_bytes_min);
        Self {
            resource,
            room_bytes_empty: room_bytes,
            room_bytes,
            groups: Vec::new(),
            by_number: HashMap::new(),
            by_origin: HashMap::new(),
            spans: 0,
            cut: Vec::new(),
        }
    }

    pub(super) fn room_bytes(&self) -> usize {
        self.room_bytes
    }

    pub(crate) fn spans(&self) -> usize {
        self.spans
    }

    /// Takes the span if it fits both body and quota, and says how many bytes it cost. A span that
    /// could not fit even an empty body is cut down, as it would never come through otherwise.
    pub(crate) fn offer(
        &mut self,
        entry: Entry<'_>,
        scopes: &ScopeTable,
        quota_bytes: usize,
    ) -> Option<usize> {
        let (group, origin) = self.find_group(entry, scopes);
        let around_bytes = origin.as_ref().map_or(0, |origin| self.around_bytes(origin));
        if self.spans == 0 {
            // The Resource of another process is met only now.
            let least_bytes = around_bytes + PREFIX_BYTES + SPAN_LIMIT_BYTES_MIN;
            self.room_bytes_empty = self.room_bytes_empty.max(least_bytes);
            self.room_bytes = self.room_bytes_empty;
        }
        let whole_bytes = around_bytes + span_field_bytes(entry.span());
        let mut span = entry.span();
        if whole_bytes > self.room_bytes_empty {
            let overhead_bytes = around_bytes + PREFIX_BYTES;
            let wanted_bytes = quota_bytes.max(overhead_bytes + SPAN_LIMIT_BYTES_MIN);
            let limit_bytes = wanted_bytes.min(self.room_bytes).checked_sub(overhead_bytes)?;
            if limit_bytes < SPAN_LIMIT_BYTES_MIN {
                return None;
            }
            self.cut.clear();
            cut_span(span, limit_bytes, &mut self.cut);
            span = &self.cut;
        } else if whole_bytes > self.room_bytes.min(quota_bytes) {
            return None;
        }
        let cost_bytes = around_bytes + span_field_bytes(span);
        if let Some(origin) = origin {
            self.groups.push(Group { origin: origin.clone(), spans: Vec::new() });
            self.by_origin.insert(origin, group);
        }
        if entry.inline_scope_bytes == 0 {
            self.by_number.insert(entry.scope, group);
        }
        put_bytes(&mut self.groups[group].spans, 2, span);
        self.spans += 1;
        self.room_bytes -= cost_bytes;
        Some(cost_bytes)
    }

    /// What a new group costs before its first span.
    fn around_bytes(&self, origin: &Origin) -> usize {
        let is_known = self.groups.iter().any(|group| group.origin.has_resource_of(origin));
        let resource_bytes = match origin.resource() {
            Some(resource) if !is_known => PREFIX_BYTES + resource.len(),
            _ => 0,
        };
        resource_bytes + PREFIX_BYTES + origin.scope().len()
    }

    /// The group that the entry belongs to, and its origin if that group is yet to be made.
    fn find_group(&self, entry: Entry<'_>, scopes: &ScopeTable) -> (usize, Option<Origin>) {
        if entry.inline_scope_bytes == 0
            && let Some(group) = self.by_number.get(&entry.scope)
        {
            return (*group, None);
        }
        let origin = entry.inline_origin().unwrap_or_else(|| scopes.origin(entry.scope));
        match self.by_origin.get(&origin) {
            Some(group) => (*group, None),
            None => (self.groups.len(), Some(origin)),
        }
    }

    /// The body; empty when no span was taken.
    pub(crate) fn into_chunks(self) -> Vec<Bytes> {
        let Self { resource, groups, .. } = self;
        let mut chunks = Vec::with_capacity(2 * groups.len());
        let mut rest = groups;
        while let Some(first) = rest.first() {
            let origin = first.origin.clone();
            let (of_resource, others) =
                rest.into_iter().partition(|group| group.origin.has_resource_of(&origin));
            rest = others;
            push_resource(&mut chunks, origin.resource().unwrap_or(&resource), of_resource);
        }
        chunks
    }
}

/// One `ResourceSpans`.
fn push_resource(chunks: &mut Vec<Bytes>, resource: &[u8], groups: Vec<Group>) {
    let scope_spans_bytes = |group: &Group| group.origin.scope().len() + group.spans.len();
    let resource_spans_bytes = resource.len()
        + groups.iter().map(|group| field_bytes(scope_spans_bytes(group))).sum::<usize>();
    let mut head = Vec::with_capacity(PREFIX_BYTES + resource.len());
    put_prefix(&mut head, 1, resource_spans_bytes);
    head.extend_from_slice(resource);
    for group in groups {
        put_prefix(&mut head, 2, scope_spans_bytes(&group));
        head.extend_from_slice(group.origin.scope());
        chunks.push(Bytes::from(std::mem::take(&mut head)));
        chunks.push(Bytes::from(group.spans));
    }
}

fn put_prefix(out: &mut Vec<u8>, field: u8, length: usize) {
    out.push(field << 3 | 2);
    put_varint(out, length as u64);
}

fn field_bytes(length: usize) -> usize {
    1 + varint_bytes(length as u64) + length
}

fn span_field_bytes(span: &[u8]) -> usize {
    field_bytes(span.len())
}
