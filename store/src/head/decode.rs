//! From OTLP bytes straight into columns.

use super::Chunk;
use crate::{
    Overlay,
    head::{Resource, Scope},
    wire::{
        Context, EventHeader, LinkHeader, Malformed, RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES,
        SpanHeader, Value, Visitor, for_each_attribute, resource_dropped_attributes, scope_header,
        walk,
    },
};
use std::mem;

/// Decodes a checked body into `chunk`. A chunk that is full is handed to `seal`, and an empty one takes its place.
pub(crate) fn decode(
    body: &[u8],
    overlay: &Overlay,
    chunk: &mut Chunk,
    seal: impl FnMut(Chunk),
) -> Result<(), Malformed> {
    let mut decoder = Decoder {
        chunk,
        seal,
        overlay,
        around: None,
        row: 0,
        event: 0,
        link: 0,
        scratch: Vec::new(),
    };
    walk(body, &mut decoder)
}

struct Decoder<'a, F> {
    chunk: &'a mut Chunk,
    seal: F,
    overlay: &'a Overlay,
    around: Option<Around>,
    row: u32,
    event: u32,
    link: u32,
    scratch: Vec<u8>,
}

/// Where the context of the span before lies in the chunk.
#[derive(Clone, Copy)]
struct Around {
    serial: usize,
    resource: u32,
    scope: u32,
}

impl<F: FnMut(Chunk)> Visitor for Decoder<'_, F> {
    #[inline]
    fn span(&mut self, context: &Context<'_>, span: &SpanHeader<'_>) {
        if self.chunk.is_full() {
            let next = self.chunk.successor();
            (self.seal)(mem::replace(self.chunk, next));
            self.around = None;
        }
        let around = match self.around {
            Some(around) if around.serial == context.serial => around,
            _ => {
                let around = Around {
                    serial: context.serial,
                    resource: self.resource(context),
                    scope: self.scope(context),
                };
                self.around = Some(around);
                around
            }
        };
        self.row = self.chunk.push_span(span, around.resource, around.scope);
    }

    #[inline]
    fn attribute(&mut self, key: &[u8], value: Value<'_>) {
        let chunk = &mut *self.chunk;
        chunk.attributes.push(self.row, key, value, &mut chunk.texts, &mut chunk.blobs);
    }

    fn event(&mut self, event: &EventHeader<'_>) {
        self.event = self.chunk.push_event(event);
    }

    fn event_attribute(&mut self, key: &[u8], value: Value<'_>) {
        let chunk = &mut *self.chunk;
        let attributes = &mut chunk.events.attributes;
        attributes.push(self.event, key, value, &mut chunk.texts, &mut chunk.blobs);
    }

    fn link(&mut self, link: &LinkHeader<'_>) {
        self.link = self.chunk.push_link(link);
    }

    fn link_attribute(&mut self, key: &[u8], value: Value<'_>) {
        let chunk = &mut *self.chunk;
        let attributes = &mut chunk.links.attributes;
        attributes.push(self.link, key, value, &mut chunk.texts, &mut chunk.blobs);
    }
}

impl<F> Decoder<'_, F> {
    /// The position of the context's resource, with the overlay laid over it.
    fn resource(&mut self, context: &Context<'_>) -> u32 {
        self.scratch.clear();
        for list in [&self.overlay.attributes, &self.overlay.defaults] {
            self.scratch.extend_from_slice(&(list.len() as u32).to_le_bytes());
            for text in list.iter().flat_map(|(name, value)| [name, value]) {
                self.scratch.extend_from_slice(&(text.len() as u32).to_le_bytes());
                self.scratch.extend_from_slice(text.as_bytes());
            }
        }
        self.scratch.push(u8::from(self.overlay.honor));
        let overlay = self.chunk.overlay_keys.intern(&self.scratch);

        self.scratch.clear();
        self.scratch.extend_from_slice(&overlay.to_le_bytes());
        let url = context.resource_schema_url;
        self.scratch.extend_from_slice(&(url.len() as u32).to_le_bytes());
        self.scratch.extend_from_slice(url);
        self.scratch.extend_from_slice(context.resource);
        let (position, new) = self.chunk.resource_position(&self.scratch);
        if !new {
            return position;
        }
        self.chunk.push_resource(
            context.resource,
            url,
            resource_dropped_attributes(context.resource),
            self.overlay,
        )
    }

    fn scope(&mut self, context: &Context<'_>) -> u32 {
        self.scratch.clear();
        let url = context.scope_schema_url;
        self.scratch.extend_from_slice(&(url.len() as u32).to_le_bytes());
        self.scratch.extend_from_slice(url);
        self.scratch.extend_from_slice(context.scope);
        let (position, new) = self.chunk.scope_position(&self.scratch);
        if !new {
            return position;
        }
        self.chunk.push_scope(context.scope, url)
    }
}

impl Chunk {
    /// Adds a resource from its encoded attributes and what is laid over them.
    fn push_resource(
        &mut self,
        resource: &[u8],
        schema_url: &[u8],
        dropped_attributes: u32,
        overlay: &Overlay,
    ) -> u32 {
        let mut own_keys = Vec::new();
        // Nothing fails here: every body was checked when it came in.
        let _ = for_each_attribute(resource, 0, RESOURCE_ATTRIBUTES, |key, _| {
            own_keys.push(key.to_vec());
        });
        let own = |name: &[u8]| own_keys.iter().any(|key| key == name);
        let stamped = |name: &[u8]| {
            overlay.attributes.binary_search_by(|(stamped, _)| stamped.as_bytes().cmp(name)).is_ok()
        };

        let position = self.resources.len() as u32;
        let (attributes, texts, blobs) =
            (&mut self.resource_attributes, &mut self.texts, &mut self.blobs);
        let _ = for_each_attribute(resource, 0, RESOURCE_ATTRIBUTES, |key, value| {
            if overlay.honor || !stamped(key) {
                return attributes.push(position, key, value, texts, blobs);
            }
            let mut exported = key.to_vec();
            while own(&exported) || stamped(&exported) {
                exported.splice(0..0, *b"exported_");
            }
            attributes.push(position, &exported, value, texts, blobs);
        });
        for (name, value) in &overlay.attributes {
            if !(overlay.honor && own(name.as_bytes())) {
                let value = Value::String(value.as_bytes());
                attributes.push(position, name.as_bytes(), value, texts, blobs);
            }
        }
        for (name, value) in &overlay.defaults {
            if !own(name.as_bytes()) && !stamped(name.as_bytes()) {
                let value = Value::String(value.as_bytes());
                attributes.push(position, name.as_bytes(), value, texts, blobs);
            }
        }
        let schema_url = self.text(schema_url);
        self.finish_resource(schema_url, dropped_attributes)
    }

    /// Adds the resource whose attributes have just been pushed under the next position.
    pub(crate) fn finish_resource(&mut self, schema_url: u32, dropped_attributes: u32) -> u32 {
        let position = self.resources.len() as u32;
        let service_name = self.resource_attributes.of_key(b"service.name").find_map(|column| {
            let super::Values::String(codes) = &column.values else { return None };
            let first = column.owners.partition_point(|&owner| owner < position);
            (column.owners.get(first) == Some(&position)).then(|| codes[first])
        });
        self.resources.push(Resource { schema_url, dropped_attributes, service_name });
        position
    }

    fn push_scope(&mut self, scope: &[u8], schema_url: &[u8]) -> u32 {
        let position = self.scopes.len() as u32;
        let (name, version, dropped_attributes) = scope_header(scope);
        let _ = for_each_attribute(scope, 0, SCOPE_ATTRIBUTES, |key, value| {
            let (texts, blobs) = (&mut self.texts, &mut self.blobs);
            self.scope_attributes.push(position, key, value, texts, blobs);
        });
        let scope = Scope {
            name: self.text(name),
            version: self.text(version),
            schema_url: self.text(schema_url),
            dropped_attributes,
        };
        self.scopes.push(scope);
        position
    }
}
