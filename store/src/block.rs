//! Blocks: immutable Parquet files of spans, sorted by trace ID, on object storage.
//!
//! `docs/format/block.md` describes them. A block exists when its `meta.json` does.

mod cache;
mod children;
mod columns;
mod file;
mod gather;
mod inputs;
mod merge;
mod merge_blocks;
mod meta;
mod nested;
mod parents;
mod read;
mod rest;
mod rows;
mod schema;
mod shelf;
mod sink;
mod source;
mod summary;
mod write;

pub(crate) use meta::JournalRange;
pub(crate) use read::Block;
pub(crate) use shelf::Blocks;

#[cfg(test)]
mod tests;
