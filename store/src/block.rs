//! Blocks: immutable Parquet files of spans, sorted by trace ID, on object storage.
//!
//! `docs/format/block.md` describes them. A block exists when its `meta.json` does.

mod around;
mod cache;
mod carried;
mod catalog;
mod children;
mod coded_pages;
mod codes;
mod column_file;
mod column_pages;
mod columns;
mod deltas;
mod direct;
mod durations;
mod file;
mod find;
mod footer;
mod found;
mod gather;
mod hybrid;
mod id_pages;
mod inputs;
mod known;
mod layout;
mod list_rows;
mod merge;
mod merge_blocks;
mod meta;
mod nested;
mod number_codes;
mod pages;
mod parents;
mod portions;
mod read;
mod ready;
mod resource_rows;
mod resource_table;
mod rest;
mod row_codes;
mod rows;
mod runs;
mod schema;
mod shelf;
mod sink;
mod source;
mod summary;
mod together;
mod trace_runs;
mod values;
mod walk;
mod write;

pub(crate) use catalog::{Buried, Catalog, View};
pub(crate) use meta::{JournalRange, Meta, Pinned};
pub(crate) use read::Block;
pub(crate) use shelf::{Blocks, Merged};

#[cfg(test)]
mod tests;
