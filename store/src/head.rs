//! The head: the newest spans, in memory, in columns, searchable at once.

mod attributes;
mod children;
mod chunk;
mod decode;
mod dense;
mod interner;
mod source;
mod trace_rows;

pub(crate) use attributes::{Attributes, Column, Values};
pub(crate) use chunk::{Chunk, Resource, Scope};
pub(crate) use decode::decode;
pub(crate) use interner::Interner;
pub(crate) use source::ChunkSource;
