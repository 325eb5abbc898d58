//! The storage folder: who holds it, and which version of Sigyn wrote it.

use crate::Error;
use std::{
    collections::hash_map::RandomState,
    fs::{self, File, TryLockError},
    hash::BuildHasher,
    io::Write,
    path::{Path, PathBuf},
};
use ulid::Ulid;

/// The newest format of the folder that this binary knows.
const VERSION: u32 = 1;

/// A locked storage folder. The lock is released when this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Tells the journal of this folder from any other that writes blocks into the same bucket.
    pub(crate) store: Ulid,
    /// `journal/`
    pub(crate) journal: PathBuf,
    /// `index/`
    pub(crate) index: PathBuf,
    /// `blocks/`, used unless blocks lie elsewhere.
    pub(crate) blocks: PathBuf,
    /// `cache/`, copies of parts of blocks that lie elsewhere.
    pub(crate) cache: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens or creates the folder.
    pub(crate) fn open(path: &Path, now_unix_nano: u64) -> Result<Self, Error> {
        for folder in [path.to_owned(), path.join("journal")] {
            fs::create_dir_all(&folder).map_err(io("create", &folder))?;
        }
        let lock_path = path.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(io("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: lock_path }),
            Err(TryLockError::Error(error)) => return Err(io("lock", &lock_path)(error)),
        }
        let version = path.join("version");
        let store = match fs::read_to_string(&version) {
            Ok(text) => read_version(&version, &text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                create_version(path, &version, now_unix_nano)?
            }
            Err(error) => return Err(io("read", &version)(error)),
        };
        Ok(Self {
            store,
            journal: path.join("journal"),
            index: path.join("index"),
            blocks: path.join("blocks"),
            cache: path.join("cache"),
            _lock: lock,
        })
    }
}

/// `sigyn-store VERSION STORE`, one line.
fn read_version(path: &Path, text: &str) -> Result<Ulid, Error> {
    let mut words = text.split_whitespace();
    let known = words.next() == Some("sigyn-store");
    let found = words.next().and_then(|version| version.parse::<u32>().ok());
    let store = match (known, found) {
        (true, Some(found)) if found > VERSION => {
            return Err(Error::NewerVersion { path: path.to_owned(), found, known: VERSION });
        }
        (true, Some(VERSION)) => words.next().and_then(|id| id.parse().ok()),
        _ => None,
    };
    store.ok_or_else(|| {
        let why = std::io::Error::other("the file is damaged; restore it, or move the folder away");
        io("read", path)(why)
    })
}

/// Written beside and renamed, so that it is there whole or not at all.
fn create_version(folder: &Path, path: &Path, now_unix_nano: u64) -> Result<Ulid, Error> {
    // The standard library's hasher keys come from the system's randomness: enough to tell stores apart.
    let random = || u128::from(RandomState::new().hash_one(folder));
    let store = Ulid::from_parts(now_unix_nano / 1_000_000, random() << 64 | random());
    let new = folder.join("version.new");
    let write = || {
        let mut file = File::create(&new)?;
        writeln!(file, "sigyn-store {VERSION} {store}")?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        sync_folder(folder)
    };
    write().map_err(io("write", path))?;
    Ok(store)
}

/// Makes creations, renames and deletions in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// Turns a system's error into ours.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}
