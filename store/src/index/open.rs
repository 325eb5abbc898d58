//! Opening the index, or setting it aside.

use super::{catalogue::Catalogue, value};
use crate::Error;
use parking_lot::Mutex;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const CACHE_BYTES: u64 = 4 << 20;
const FLUSH_EVERY_MS: u64 = 500;
/// An index of some tens of MB opens in well under a second.
const OPEN_DURATION_MAX: Duration = Duration::from_secs(60);
/// sled gives its lock back some time after it was closed.
const BUSY_ATTEMPTS_MAX: u32 = 100;
const BUSY_WAIT: Duration = Duration::from_millis(50);

/// Exemplars, pins, gaps and notebooks. Methods block.
pub(crate) struct Index {
    pub(super) db: sled::Db,
    /// Number → batch of exemplars.
    pub(super) exemplars: sled::Tree,
    /// What is in these batches.
    pub(super) catalogue: Mutex<Catalogue>,
    /// Trace, reason → until when.
    pub(super) pins: sled::Tree,
    /// When it ends, trace, reason: the same pins in the order in which they go.
    pub(super) pins_by_end: sled::Tree,
    /// End of the gap, sequence → gap and overlay.
    pub(super) gaps: sled::Tree,
    /// ID → notebook.
    pub(super) notebooks: sled::Tree,
    #[cfg(test)]
    pub(super) loss: super::loss::Loss,
}

impl Index {
    /// Opens the index. One that is damaged is renamed; the second value says so.
    pub(crate) async fn open(path: &Path, now_unix_nano: u64) -> Result<(Self, bool), Error> {
        let mut attempts = 0;
        let why = loop {
            let at = path.to_owned();
            let opening = tokio::task::spawn_blocking(move || {
                // sled 0.34 has been seen to panic on files that it cannot read.
                std::panic::catch_unwind(|| Self::try_open(&at))
                    .unwrap_or_else(|_| Err("it panicked".to_owned()))
            });
            let why = match tokio::time::timeout(OPEN_DURATION_MAX, opening).await {
                Ok(Ok(Ok(index))) => return Ok((index.ready().await?, false)),
                Ok(Ok(Err(why))) => why,
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("it was not open after {} s", OPEN_DURATION_MAX.as_secs()),
            };
            if !why.contains("could not acquire lock") {
                break why;
            }
            // Not damaged but in use: an earlier store of this process lets go of it behind its back.
            attempts += 1;
            if attempts == BUSY_ATTEMPTS_MAX {
                return Err(Error::Locked { path: path.to_owned() });
            }
            tokio::time::sleep(BUSY_WAIT).await;
        };
        let aside = set_aside(path, now_unix_nano)?;
        tracing::error!(
            why,
            path = %path.display(),
            aside = %aside.display(),
            "the index would not open; set it aside and began an empty one"
        );
        let at = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || Self::try_open(&at)).await;
        match opened {
            Ok(Ok(index)) => Ok((index.ready().await?, true)),
            Ok(Err(why)) => Err(Error::Index(why)),
            Err(error) => Err(Error::Index(error.to_string())),
        }
    }

    /// What takes longer the more exemplars there are, and says nothing of damage.
    async fn ready(self) -> Result<Self, Error> {
        let ready = move || {
            self.read_catalogue()?;
            self.upgrade()?;
            Ok(self)
        };
        let ready = tokio::task::spawn_blocking(ready).await;
        ready.unwrap_or_else(|error| Err(Error::Index(error.to_string())))
    }

    fn try_open(path: &Path) -> Result<Self, String> {
        let open = || {
            let db = sled::Config::new()
                .path(path)
                .cache_capacity(CACHE_BYTES)
                .flush_every_ms(Some(FLUSH_EVERY_MS))
                .open()?;
            Ok::<_, sled::Error>(Self {
                exemplars: db.open_tree("exemplar_batches")?,
                catalogue: Mutex::new(Catalogue::new()),
                pins: db.open_tree("pins")?,
                pins_by_end: db.open_tree("pins_by_end")?,
                gaps: db.open_tree("gaps")?,
                notebooks: db.open_tree("notebooks")?,
                #[cfg(test)]
                loss: Default::default(),
                db,
            })
        };
        let index = open().map_err(|error| error.to_string())?;
        // A look at both ends of each tree: what cannot be read there is damage, found now and not
        // in the middle of a question.
        for tree in [&index.exemplars, &index.pins, &index.gaps] {
            for entry in [tree.first(), tree.last()] {
                if let Some((_, found)) = entry.map_err(|error| error.to_string())? {
                    value::open(&found).ok_or("an entry is damaged")?;
                }
            }
        }
        Ok(index)
    }

    /// Makes everything so far durable.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        #[cfg(test)]
        self.note_flush()?;
        self.db.flush().map(|_| ()).map_err(failed)
    }
}

/// Turns sled's error into ours.
pub(super) fn failed(error: sled::Error) -> Error {
    Error::Index(error.to_string())
}

fn set_aside(path: &Path, now_unix_nano: u64) -> Result<PathBuf, Error> {
    let seconds = now_unix_nano / 1_000_000_000;
    let aside = (0u32..)
        .map(|number| path.with_extension(format!("damaged-{seconds}-{number}")))
        .find(|aside| !aside.exists())
        .expect("a free name is found long before the numbers end");
    fs::rename(path, &aside).map_err(crate::folder::io("rename", path))?;
    Ok(aside)
}
