//! The place where blocks lie.

use super::{
    cache::Cache,
    file::BlockFile,
    merge_blocks::merge_blocks,
    meta::{JournalRange, Meta, Pinned, VERSION},
    read::Block,
    sink::{FileSink, Files},
    write::{Written, write_generation},
};
use crate::{
    Error, TraceId,
    folder::{io, sync_folder},
    generations::Generation,
    objects::{BlockPlace, CacheFolder, Opened, ReadCache, open_url},
};
use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, local::LocalFileSystem, path::Path};
use std::{fs, fs::File, path::PathBuf, sync::Arc};
use tokio::runtime::Handle;
use ulid::Ulid;

pub(super) const META_FILE: &str = "meta.json";
pub(super) const SPANS_FILE: &str = "spans.parquet";
pub(super) const RESOURCES_FILE: &str = "resources.parquet";
pub(super) const TRACES_FILE: &str = "traces.parquet";

/// What is to be said of a block that takes the place of others.
pub(crate) struct Merged {
    pub(crate) writer: Ulid,
    pub(crate) level: u8,
    pub(crate) pinned: Option<Pinned>,
}

impl Merged {
    /// What `meta.json` says beside what the files tell.
    fn about(self, blocks: &[Arc<Block>]) -> Meta {
        let metas = || blocks.iter().map(|block| block.meta());
        // What these replaced may still lie there, and must not come back when these are gone.
        let replaces =
            metas().flat_map(|meta| meta.replaces.iter().chain([&meta.block])).copied().collect();
        let cuts = metas().map(Meta::cut_unix_nano);
        let mut about = Meta {
            journal: JournalRange::coalesce(
                metas().flat_map(|meta| &meta.journal).copied().collect(),
            ),
            replaces,
            level: self.level,
            writer: Some(self.writer),
            pinned: self.pinned,
            ..Meta::default()
        };
        let cut_min = cuts.clone().map(|(min, _)| min).min();
        let cut_max = cuts.map(|(_, max)| max).max();
        about.set_cut((cut_min.unwrap_or(0), cut_max.unwrap_or(0)));
        about
    }
}

/// All blocks of a bucket or folder.
pub(crate) struct Blocks {
    pub(super) store: Arc<dyn ObjectStore>,
    /// The folder, if that is what it is: then files are read directly, and synced.
    pub(super) local: Option<PathBuf>,
    /// Whether other stores may write there.
    is_shared: bool,
    pub(super) cache: Arc<Cache>,
    runtime: Handle,
}

impl Blocks {
    /// Opens a place; `folder` is that of the default. Copies of what is remote lie in `cache`, if that is given.
    pub(crate) async fn open(
        place: BlockPlace,
        folder: &std::path::Path,
        cache: Option<CacheFolder>,
    ) -> Result<Self, Error> {
        let is_shared = !matches!(place, BlockPlace::Folder);
        let opened = match place {
            BlockPlace::Folder => Opened::Folder(folder.to_owned()),
            BlockPlace::Url { url, options } => open_url(&url, &options)?,
            BlockPlace::Store(store) => Opened::Remote(store),
        };
        let (store, local) = match opened {
            Opened::Remote(store) => match cache {
                Some(CacheFolder { path, bytes_max, metrics }) => {
                    let at = path.clone();
                    let open = move || ReadCache::open(store, path, bytes_max, metrics);
                    let cache = tokio::task::spawn_blocking(open).await;
                    let cache = cache.unwrap_or_else(|error| Err(std::io::Error::other(error)));
                    (Arc::new(cache.map_err(io("open", &at))?) as Arc<dyn ObjectStore>, None)
                }
                None => (store, None),
            },
            Opened::Folder(folder) => {
                fs::create_dir_all(&folder).map_err(io("create", &folder))?;
                let local = LocalFileSystem::new_with_prefix(&folder)
                    .map_err(|error| io("open", &folder)(std::io::Error::other(error)))?;
                (Arc::new(local) as Arc<dyn ObjectStore>, Some(folder))
            }
        };
        Ok(Self { store, local, is_shared, cache: Arc::default(), runtime: Handle::current() })
    }

    /// Whether other stores may write there.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Writes a generation as a block. `None` when it has no spans: its journal records may then go all the same.
    ///
    /// When this returns, the block is as durable as the place where it lies.
    pub(crate) async fn write(
        &self,
        generation: Arc<Generation>,
        own: Ulid,
        now_unix_nano: u64,
    ) -> Result<Option<Arc<Block>>, Error> {
        let Some((first_sequence, last_sequence)) = generation.sequences else { return Ok(None) };
        // Names are not drawn but follow from what is in the block: stores differ in their own 80 bits.
        let unique = own.random() ^ u128::from(last_sequence) << 16;
        let new = || Ulid::from_parts(now_unix_nano / 1_000_000, unique);
        if let Some(&name) = generation.block.get()
            && let Some(meta) = self.read_meta(name).await?
        {
            // The attempt before this one did it; only its answer was lost.
            return Ok(Some(self.block(meta)));
        }
        let name = *generation.block.get_or_init(new);
        let open = self.open_files(name);
        let written =
            tokio::task::spawn_blocking(move || write_generation(&generation, open)).await;
        let written = written.map_err(|error| self.failed(name, &error))??;
        let Some(written) = written else { return Ok(None) };
        let mut about = Meta {
            journal: vec![JournalRange { store: own, first_sequence, last_sequence }],
            writer: Some(own),
            ..Meta::default()
        };
        let cut_unix_nano = name.timestamp_ms() * 1_000_000;
        about.set_cut((cut_unix_nano, cut_unix_nano));
        self.publish(name, written, about).await.map(Some)
    }

    /// Merges blocks into a new one of this name, which replaces them: sorted, each span once, only the traces that are to be
    /// kept. `None` when none is: then nothing was written, and the blocks may simply go. It holds the journal records of all of them.
    ///
    /// When this returns, the new block is as durable as the place where it lies; the old ones are still there. Memory
    /// does not grow with the blocks.
    pub(crate) async fn merge(
        &self,
        blocks: Vec<Arc<Block>>,
        keep: impl Fn(&TraceId) -> Result<bool, Error> + Send + 'static,
        name: Ulid,
        merged: Merged,
    ) -> Result<Option<Arc<Block>>, Error> {
        let about = merged.about(&blocks);
        let open = self.open_files(name);
        let merge = move || merge_blocks(&blocks, &keep, open);
        let written = tokio::task::spawn_blocking(merge).await;
        let written = written.map_err(|error| self.failed(name, &error))??;
        let Some(written) = written else { return Ok(None) };
        self.publish(name, written, about).await.map(Some)
    }

    /// Makes the files of a block when called, on a blocking thread.
    fn open_files(
        &self,
        name: Ulid,
    ) -> impl FnOnce() -> Result<Files<FileSink>, Error> + Send + use<> {
        let (store, local) = (Arc::clone(&self.store), self.local.clone());
        let runtime = self.runtime.clone();
        let names = Files { spans: SPANS_FILE, resources: RESOURCES_FILE, traces: TRACES_FILE };
        move || match local {
            Some(folder) => {
                let block = folder.join(name.to_string());
                fs::create_dir_all(&block).map_err(io("create", &block))?;
                names.map(|file| {
                    let path = block.join(file);
                    FileSink::local(path.clone()).map_err(io("create", &path))
                })
            }
            None => names.map(|file| {
                let (store, path) = (Arc::clone(&store), path_of(name, file));
                Ok(FileSink::remote(store, path, runtime.clone()))
            }),
        }
    }

    /// Completes the files and then writes the `meta.json`: from there on the block exists.
    async fn publish(
        &self,
        name: Ulid,
        written: Written,
        about: Meta,
    ) -> Result<Arc<Block>, Error> {
        let Written { files, spans, traces, row_groups } = written;
        let finish = move || files.map(FileSink::finish);
        let files = tokio::task::spawn_blocking(finish).await;
        let files = files.map_err(|error| self.failed(name, &error))?;
        let Files { spans: spans_file, resources, traces: traces_file } =
            files.map_err(|error| self.failed(name, &error))?;
        let starts = row_groups.iter();
        let meta = Meta {
            version: VERSION,
            block: name,
            spans,
            traces,
            start_min_unix_nano: starts.clone().map(|it| it.start_min_unix_nano).min().unwrap_or(0),
            start_max_unix_nano: starts.map(|it| it.start_max_unix_nano).max().unwrap_or(0),
            size_bytes: spans_file.size_bytes + resources.size_bytes + traces_file.size_bytes,
            spans_file_bytes: spans_file.size_bytes,
            resources_file_bytes: Some(resources.size_bytes),
            ends: Some(Files {
                spans: spans_file.end,
                resources: resources.end,
                traces: traces_file.end,
            }),
            row_groups,
            ..about
        };
        let text = serde_json::to_vec_pretty(&meta).expect("strings and numbers always encode");
        self.sync(name, &[]).await?;
        // Last: from here on the block exists.
        self.put_meta(name, text.into()).await?;
        self.sync(name, &[META_FILE]).await?;
        tracing::info!(block = %name, spans, bytes = meta.size_bytes, "wrote a block");
        Ok(self.block(meta))
    }

    pub(super) fn block(&self, meta: Meta) -> Arc<Block> {
        let file = |name, size_bytes| match &self.local {
            Some(folder) => {
                let path = folder.join(meta.block.to_string()).join(name);
                BlockFile::Local { path, size_bytes }
            }
            None => BlockFile::Remote {
                store: Arc::clone(&self.store),
                path: path_of(meta.block, name),
                size_bytes,
                runtime: self.runtime.clone(),
            },
        };
        let spans = file(SPANS_FILE, meta.spans_file_bytes);
        let resources = meta.resources_file_bytes.map(|bytes| file(RESOURCES_FILE, bytes));
        Arc::new(Block::new(meta, spans, resources, Arc::clone(&self.cache)))
    }

    /// Writes the file that makes a block exist, unless it exists.
    async fn put_meta(&self, name: Ulid, text: Bytes) -> Result<(), Error> {
        let path = path_of(name, META_FILE);
        let put = self.store.put_opts(&path, text.clone().into(), PutMode::Create.into()).await;
        let put = match put {
            // Not every object store can do it, and names are never drawn twice.
            Err(object_store::Error::NotImplemented { .. }) => {
                self.store.put(&path, text.into()).await
            }
            Err(object_store::Error::AlreadyExists { .. }) => {
                // The answer to an earlier attempt may have been lost on its way.
                let found = self.store.get(&path).await.map_err(|it| self.failed(&path, &it))?;
                let found = found.bytes().await.map_err(|error| self.failed(&path, &error))?;
                if found == text {
                    return Ok(());
                }
                let what = "another block has its name".to_owned();
                return Err(Error::Block { block: name.to_string(), what });
            }
            put => put,
        };
        put.map(|_| ()).map_err(|error| self.failed(&path, &error))
    }

    /// A local file system tells nobody when a file is on disk, unless asked.
    async fn sync(&self, name: Ulid, files: &'static [&'static str]) -> Result<(), Error> {
        let Some(folder) = self.local.clone() else { return Ok(()) };
        let block = folder.join(name.to_string());
        let sync = move || {
            for file in files {
                File::open(block.join(file))?.sync_all()?;
            }
            sync_folder(&block)?;
            sync_folder(&folder)
        };
        let synced = tokio::task::spawn_blocking(sync).await;
        let synced = synced.map_err(|error| self.failed(name, &error))?;
        synced.map_err(|error| self.failed(name, &error))
    }

    pub(super) fn failed(
        &self,
        what: impl std::fmt::Display,
        error: &dyn std::error::Error,
    ) -> Error {
        Error::Block { block: what.to_string(), what: error.to_string() }
    }
}

pub(super) fn path_of(name: Ulid, file: &str) -> Path {
    Path::from(format!("{name}/{file}"))
}
