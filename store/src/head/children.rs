//! Events and links of a chunk.

use super::{Attributes, Chunk, dense};
use crate::{AttributeScope, Children, Error};
use arrow_array::{ArrayRef, NullArray, UInt32Array, UInt64Array};
use std::sync::Arc;

/// The events or the links of all rows; of any other scope there are none.
pub(crate) struct ChunkChildren {
    chunk: Arc<Chunk>,
    scope: AttributeScope,
}

impl ChunkChildren {
    pub(crate) fn new(chunk: Arc<Chunk>, scope: AttributeScope) -> Self {
        Self { chunk, scope }
    }

    fn parents(&self) -> &[u32] {
        match self.scope {
            AttributeScope::Event => &self.chunk.events.parents,
            AttributeScope::Link => &self.chunk.links.parents,
            _ => &[],
        }
    }

    fn nothing(&self) -> ArrayRef {
        Arc::new(NullArray::new(self.len()))
    }
}

impl Children for ChunkChildren {
    fn len(&self) -> usize {
        self.parents().len()
    }

    fn parent_rows(&self) -> UInt32Array {
        UInt32Array::from(self.parents().to_vec())
    }

    fn names(&self) -> Result<ArrayRef, Error> {
        Ok(match self.scope {
            AttributeScope::Event => {
                let names = self.chunk.events.names.iter().map(|&code| Some(code));
                dense::dictionary(names, &self.chunk.texts)
            }
            _ => self.nothing(),
        })
    }

    fn times_unix_nano(&self) -> Result<ArrayRef, Error> {
        Ok(match self.scope {
            AttributeScope::Event => {
                Arc::new(UInt64Array::from(self.chunk.events.times_unix_nano.clone()))
            }
            _ => self.nothing(),
        })
    }

    fn trace_ids(&self) -> Result<ArrayRef, Error> {
        Ok(match self.scope {
            AttributeScope::Link => dense::ids(&self.chunk.links.trace_ids, false),
            _ => self.nothing(),
        })
    }

    fn span_ids(&self) -> Result<ArrayRef, Error> {
        Ok(match self.scope {
            AttributeScope::Link => dense::ids(&self.chunk.links.span_ids, false),
            _ => self.nothing(),
        })
    }

    fn attribute(&self, name: &str) -> Result<Vec<ArrayRef>, Error> {
        let attributes: &Attributes = match self.scope {
            AttributeScope::Event => &self.chunk.events.attributes,
            AttributeScope::Link => &self.chunk.links.attributes,
            _ => return Ok(Vec::new()),
        };
        let columns = attributes.of_key(name.as_bytes()).map(|column| {
            let positions = dense::positions(column, self.len());
            dense::column(column, &positions, &self.chunk.texts, &self.chunk.blobs)
        });
        Ok(columns.collect())
    }
}
