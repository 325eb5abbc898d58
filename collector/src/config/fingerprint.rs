//! Whether the files of a configuration have changed.

use crate::{config::Config, discovery::matching};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};
use xxhash_rust::xxh3::Xxh3;

impl Config {
    /// A hash over the content of all files that this configuration was read from, of files that
    /// newly fit its patterns, and of `also`. Contents count, not times: a ConfigMap swaps symbolic
    /// links, and a file that is touched has not changed.
    pub fn fingerprint(&self, also: &[PathBuf]) -> u64 {
        let fitting = self.file_patterns.iter().flat_map(|it| matching(it).unwrap_or_default());
        let files: BTreeSet<PathBuf> =
            self.files.iter().chain(also).cloned().chain(fitting).collect();
        hash(files.iter().map(PathBuf::as_path))
    }

    /// The same over the files of a `prometheus_config_file` alone.
    pub fn followed_fingerprint(&self) -> u64 {
        hash(self.followed_files.iter().map(PathBuf::as_path))
    }
}

fn hash<'a>(files: impl Iterator<Item = &'a Path>) -> u64 {
    let mut hash = Xxh3::new();
    for path in files {
        hash.update(path.as_os_str().as_encoded_bytes());
        // 0xFF begins neither a path nor a text.
        match std::fs::read(path) {
            Ok(content) => {
                hash.update(&[0xFF, 1]);
                hash.update(&content);
            }
            Err(_) => hash.update(&[0xFF, 0]),
        }
    }
    hash.digest()
}
