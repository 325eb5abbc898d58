//! Where blocks lie: a folder, or an object store that a URL names, with a read cache on local disk before it.

mod place;
mod read_cache;

pub use place::{BlockPlace, check_block_url};
pub(crate) use place::{Opened, open_url};
pub(crate) use read_cache::{CacheFolder, ReadCache};

#[cfg(test)]
mod tests;
