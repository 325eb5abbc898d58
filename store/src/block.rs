//! Blocks: immutable Parquet files of spans, sorted by trace ID, on object storage.
//!
//! `docs/format/block.md` describes them. A block exists when its `meta.json` does.

mod cache;
mod children;
mod file;
mod gather;
mod merge;
mod meta;
mod nested;
mod read;
mod rest;
mod rows;
mod schema;
mod shelf;
mod source;
mod summary;
mod write;

pub(crate) use meta::JournalRange;
pub(crate) use read::Block;
pub(crate) use shelf::Blocks;
