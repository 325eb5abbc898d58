//! The store's notebooks: doors to the index.

use super::{Store, blocking};
use crate::{Error, Notebook, NotebookChange};
use std::sync::Arc;

impl Store {
    /// The notebook of this ID.
    pub async fn notebook(&self, id: String) -> Result<Option<Notebook>, Error> {
        let index = Arc::clone(&self.inner.core.index);
        blocking(move || index.notebook(&id)).await
    }

    /// All notebooks, by ID.
    pub async fn notebooks(&self) -> Result<Vec<Notebook>, Error> {
        let index = Arc::clone(&self.inner.core.index);
        blocking(move || index.notebooks()).await
    }

    /// Keeps a notebook as the version after the one that its author saw; 0: as a new one. `version` and
    /// `saved_unix_nano` are set here.
    pub async fn save_notebook(
        &self,
        notebook: Notebook,
        seen: u64,
    ) -> Result<NotebookChange, Error> {
        let core = Arc::clone(&self.inner.core);
        blocking(move || {
            let saved_unix_nano = core.clock.now_unix_nano();
            core.index.save_notebook(Notebook { saved_unix_nano, ..notebook }, seen)
        })
        .await
    }

    /// Forgets a notebook if it still has the version that the asker saw.
    pub async fn remove_notebook(&self, id: String, seen: u64) -> Result<NotebookChange, Error> {
        let index = Arc::clone(&self.inner.core.index);
        blocking(move || index.remove_notebook(&id, seen)).await
    }
}
