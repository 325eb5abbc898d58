//! The generator's state on disk, for the next life of this process.

use anyhow::Context;
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// A file that is replaced whole. What a crash of the machine leaves of it is told by a checksum.
pub(super) struct SavedState {
    file: PathBuf,
}

impl SavedState {
    pub(super) fn below(storage: &Path) -> Self {
        Self { file: storage.join("generator").join("state") }
    }

    /// `None` when there is none, or none that can be used.
    pub(super) fn read(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut bytes = match fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context(self.file.display().to_string()),
        };
        let sum = bytes.split_off(bytes.len().saturating_sub(8));
        let is_whole = sum == checksum(&bytes);
        Ok(is_whole.then_some(bytes))
    }

    pub(super) fn write(&self, mut state: Vec<u8>) -> anyhow::Result<()> {
        state.extend(checksum(&state));
        let partial = self.file.with_extension("tmp");
        let write = || {
            fs::create_dir_all(self.file.parent().unwrap_or(Path::new(".")))?;
            fs::write(&partial, &state)?;
            fs::rename(&partial, &self.file)
        };
        write().with_context(|| self.file.display().to_string())
    }
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    rapidhash::v3::rapidhash_v3(bytes).to_le_bytes()
}
