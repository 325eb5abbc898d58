//! Notebooks, each under its ID.

use super::{Index, open::failed, value};
use crate::{Error, Notebook, NotebookChange};
use serde::{Deserialize, Serialize};

/// All of them are read for a list, so their number is small.
pub(super) const NOTEBOOKS_MAX: usize = 1_000;

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    saved: u64,
    title: String,
    body: String,
}

impl Index {
    /// The notebook of this ID.
    pub(crate) fn notebook(&self, id: &str) -> Result<Option<Notebook>, Error> {
        match self.notebooks.get(id).map_err(failed)? {
            Some(bytes) => decode(id, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// All notebooks, by ID. One that is damaged is left out and logged.
    pub(crate) fn notebooks(&self) -> Result<Vec<Notebook>, Error> {
        let mut found = Vec::new();
        for entry in &self.notebooks {
            let (key, bytes) = entry.map_err(failed)?;
            match decode(&String::from_utf8_lossy(&key), &bytes) {
                Ok(notebook) => found.push(notebook),
                Err(error) => tracing::warn!(%error, "skipped a notebook"),
            }
        }
        Ok(found)
    }

    /// Keeps a notebook that follows the version that its author saw (0: a new one). `notebook.version` is set here.
    pub(crate) fn save_notebook(
        &self,
        notebook: Notebook,
        seen: u64,
    ) -> Result<NotebookChange, Error> {
        let before = self.notebooks.get(&notebook.id).map_err(failed)?;
        let version = before.as_ref().map(|bytes| decode(&notebook.id, bytes)).transpose()?;
        let version = version.map(|notebook| notebook.version);
        if version.unwrap_or(0) != seen {
            return Ok(NotebookChange::Conflict(version));
        }
        if before.is_none() && self.notebooks.len() >= NOTEBOOKS_MAX {
            return Ok(NotebookChange::TooMany);
        }
        let notebook = Notebook { version: seen + 1, ..notebook };
        let after = Some(encode(&notebook));
        self.exchange(&notebook.id, before, after, NotebookChange::Done(notebook.clone()))
    }

    /// Forgets a notebook of which the asker saw this version.
    pub(crate) fn remove_notebook(&self, id: &str, seen: u64) -> Result<NotebookChange, Error> {
        let Some(before) = self.notebooks.get(id).map_err(failed)? else {
            return Ok(NotebookChange::Conflict(None));
        };
        let notebook = decode(id, &before)?;
        if notebook.version != seen {
            return Ok(NotebookChange::Conflict(Some(notebook.version)));
        }
        self.exchange(id, Some(before), None, NotebookChange::Done(notebook))
    }

    /// Puts a value in another's place if it is still there, and makes that durable.
    fn exchange(
        &self,
        id: &str,
        before: Option<sled::IVec>,
        after: Option<Vec<u8>>,
        done: NotebookChange,
    ) -> Result<NotebookChange, Error> {
        if self.notebooks.compare_and_swap(id, before, after).map_err(failed)?.is_err() {
            let now = self.notebook(id)?;
            return Ok(NotebookChange::Conflict(now.map(|notebook| notebook.version)));
        }
        self.flush()?;
        Ok(done)
    }
}

fn encode(notebook: &Notebook) -> Vec<u8> {
    let stored = Stored {
        version: notebook.version,
        saved: notebook.saved_unix_nano,
        title: notebook.title.clone(),
        body: notebook.body.clone(),
    };
    let payload = serde_json::to_vec(&stored).expect("strings and numbers always encode");
    value::seal(&payload)
}

fn decode(id: &str, bytes: &[u8]) -> Result<Notebook, Error> {
    let stored = value::open(bytes).and_then(|payload| serde_json::from_slice(payload).ok());
    let Some(Stored { version, saved, title, body }) = stored else {
        return Err(Error::Index(format!("the notebook {id:?} is damaged")));
    };
    Ok(Notebook { id: id.to_owned(), version, saved_unix_nano: saved, title, body })
}
