//! Which blocks lie there, and how one goes.

use super::{
    meta::{JournalRange, Meta, VERSION},
    read::Block,
    shelf::{Blocks, META_FILE, RESOURCES_FILE, SPANS_FILE, TRACES_FILE, path_of},
};
use crate::{Error, folder::sync_folder};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};
use ulid::Ulid;

/// `meta.json` files read at once.
const READ_CONCURRENCY: usize = 16;

/// What a look at the place found.
pub(crate) struct Found {
    /// Blocks that were not known.
    pub(crate) new: Vec<Arc<Block>>,
    /// Known ones that are gone.
    pub(crate) gone: Vec<Ulid>,
    /// Names without a `meta.json`: being written, or left by a writer that died.
    pub(crate) unfinished: Vec<Ulid>,
}

impl Blocks {
    /// All blocks that exist, replaced ones too, and the journal records of `own` that they hold.
    pub(crate) async fn load(
        &self,
        own: Ulid,
    ) -> Result<(Vec<Arc<Block>>, Vec<JournalRange>), Error> {
        let found = self.find(&BTreeSet::new()).await?;
        if !self.is_shared() {
            // In a folder of our own, under our lock, nobody can be about to finish it.
            for name in found.unfinished {
                self.delete(name).await?;
            }
        }
        let ranges = found.new.iter().flat_map(|block| &block.meta().journal);
        let ranges = ranges.filter(|range| range.store == own).copied().collect();
        Ok((found.new, ranges))
    }

    /// Compares what lies there with what is known.
    pub(crate) async fn find(&self, known: &BTreeSet<Ulid>) -> Result<Found, Error> {
        let listed = self.store.list_with_delimiter(None).await;
        let listed = listed.map_err(|error| self.failed("the list", &error))?;
        let listed: BTreeSet<Ulid> = listed
            .common_prefixes
            .into_iter()
            .filter_map(|path| {
                path.parts().next_back().and_then(|name| name.as_ref().parse::<Ulid>().ok())
            })
            .collect();
        let mut found = Found { new: Vec::new(), gone: Vec::new(), unfinished: Vec::new() };
        let unknown: Vec<Ulid> = listed.difference(known).copied().collect();
        let metas: Vec<(Ulid, Option<Meta>)> = stream::iter(unknown)
            .map(|name| async move { Ok::<_, Error>((name, self.read_sound_meta(name).await?)) })
            .buffered(READ_CONCURRENCY)
            .try_collect()
            .await?;
        for (name, meta) in metas {
            match meta {
                Some(meta) if meta.block == name => found.new.push(self.block(meta)),
                Some(_) => {}
                None => found.unfinished.push(name),
            }
        }
        for &name in known.difference(&listed) {
            // A list may be behind; the block itself is asked.
            let there = self.store.head(&path_of(name, META_FILE)).await;
            if matches!(there, Err(object_store::Error::NotFound { .. })) {
                found.gone.push(name);
            }
        }
        Ok(found)
    }

    /// As [`Blocks::read_meta`], but a damaged file does not keep the store from all others.
    async fn read_sound_meta(&self, name: Ulid) -> Result<Option<Meta>, Error> {
        match self.read_meta(name).await {
            Err(Error::Damaged { block, what }) => {
                tracing::error!(block, what, "a block is damaged and left out");
                // Of no name, so that it is neither read nor taken for unfinished and deleted.
                Ok(Some(Meta::default()))
            }
            read => read,
        }
    }

    /// `None` when the block does not exist (yet, or because its writer died).
    pub(super) async fn read_meta(&self, name: Ulid) -> Result<Option<Meta>, Error> {
        let path = path_of(name, META_FILE);
        let bytes = match self.store.get(&path).await {
            Ok(found) => found.bytes().await.map_err(|error| self.failed(&path, &error))?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed(&path, &error)),
        };
        #[derive(serde::Deserialize)]
        struct Versioned {
            version: u32,
        }
        let damaged = |error: serde_json::Error| Error::Damaged {
            block: name.to_string(),
            what: format!("its {META_FILE} cannot be read: {error}"),
        };
        let Versioned { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if version > VERSION {
            let path = PathBuf::from(path.to_string());
            return Err(Error::NewerVersion { path, found: version, known: VERSION });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Deletes all files of a block, that which makes it exist first. One that is not there is deleted.
    pub(crate) async fn delete(&self, name: Ulid) -> Result<(), Error> {
        for file in [META_FILE, SPANS_FILE, RESOURCES_FILE, TRACES_FILE] {
            let path = path_of(name, file);
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed(&path, &error)),
            }
            if let (META_FILE, Some(folder)) = (file, &self.local) {
                // Were the order lost in a power cut, there would be a block without its spans.
                let folder = folder.join(name.to_string());
                sync_if_there(&folder).map_err(|error| self.failed(name, &error))?;
            }
        }
        self.cache.forget(name);
        if let Some(folder) = &self.local
            && let Err(error) = fs::remove_dir_all(folder.join(name.to_string()))
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(self.failed(name, &error));
        }
        Ok(())
    }
}

fn sync_if_there(folder: &Path) -> io::Result<()> {
    match sync_folder(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced,
    }
}
