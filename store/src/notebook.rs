//! Notebooks: pages that people write over their traces. The store keeps them and does not read them.

/// A notebook as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notebook {
    /// Its name in links.
    pub id: String,
    /// 1 when it is first saved, one more with each change.
    pub version: u64,
    /// When it was last saved, nanoseconds since the Unix epoch.
    pub saved_unix_nano: u64,
    /// For lists.
    pub title: String,
    /// What it holds; the store does not look into it.
    pub body: String,
}

/// What became of a change to a notebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotebookChange {
    /// It is kept, and on disk. Of one that was removed: what it was.
    Done(Notebook),
    /// Somebody else was quicker: the notebook has this version now; `None`: it is not there.
    Conflict(Option<u64>),
    /// There are as many notebooks as the store keeps.
    TooMany,
}
