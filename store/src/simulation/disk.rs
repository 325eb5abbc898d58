//! A disk in memory that forgets what was not synced, fills up, and fails.

use super::power::Power;
use crate::journal::{Disk, DiskFile};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub(crate) struct SimulatedDisk {
    power: Power,
    state: Arc<Mutex<State>>,
}

struct State {
    /// The names as a process sees them.
    names: BTreeMap<PathBuf, File>,
    /// The names as a power cut leaves them.
    durable_names: BTreeMap<PathBuf, File>,
    bytes_max: u64,
}

type File = Arc<Mutex<Content>>;

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

impl SimulatedDisk {
    pub(crate) fn new(power: Power) -> Self {
        let state =
            State { names: BTreeMap::new(), durable_names: BTreeMap::new(), bytes_max: u64::MAX };
        Self { power, state: Arc::new(Mutex::new(state)) }
    }

    /// From now on no more than this fits.
    pub(crate) fn set_bytes_max(&self, bytes_max: u64) {
        self.state.lock().bytes_max = bytes_max;
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.state.lock().used_bytes()
    }

    /// What a power cut leaves: of what was not synced any part, in the order in which it was written.
    pub(crate) fn crash(&self) {
        let mut state = self.state.lock();
        let State { names, durable_names, .. } = &mut *state;
        let mut left = durable_names.clone();
        for (path, file) in &*names {
            if !durable_names.contains_key(path) && self.power.random(2) == 0 {
                left.insert(path.clone(), Arc::clone(file));
            }
        }
        left.retain(|path, _| names.contains_key(path) || self.power.random(2) == 0);
        for file in left.values() {
            let mut content = file.lock();
            let Content { bytes, durable } = &mut *content;
            let appended = bytes.strip_prefix(&durable[..]).unwrap_or_default();
            let kept = self.power.random(appended.len() as u64 + 1) as usize;
            let mut torn = appended[..kept].to_vec();
            // The last sector may hold anything.
            if kept > 0 && self.power.random(3) == 0 {
                let at = kept - 1 - self.power.random(kept.min(512) as u64) as usize;
                torn[at] ^= 0x55;
            }
            durable.extend_from_slice(&torn);
            *bytes = durable.clone();
        }
        *names = left.clone();
        *durable_names = left;
    }

    /// Flips a bit in the middle of a file, as an old disk does.
    pub(crate) fn damage(&self, path: &Path, position: usize) {
        let state = self.state.lock();
        let mut content = state.names[path].lock();
        content.bytes[position] ^= 1;
        content.durable = content.bytes.clone();
    }

    pub(crate) fn size_bytes(&self, path: &Path) -> usize {
        self.state.lock().names[path].lock().bytes.len()
    }

    fn file(&self, path: &Path) -> io::Result<File> {
        self.state.lock().names.get(path).cloned().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl State {
    fn used_bytes(&self) -> u64 {
        self.names.values().map(|file| file.lock().bytes.len() as u64).sum()
    }
}

impl Disk for SimulatedDisk {
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.power.step()?;
        let state = self.state.lock();
        Ok(state.names.keys().filter(|path| path.parent() == Some(folder)).cloned().collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.power.step()?;
        Ok(self.file(path)?.lock().bytes.clone())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.power.step()?;
        let file = File::default();
        self.state.lock().names.insert(path.to_owned(), Arc::clone(&file));
        Ok(Box::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.power.step()?;
        self.state.lock().names.remove(path).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.power.step()?;
        let mut state = self.state.lock();
        let file = state.names.remove(from).ok_or(ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn truncate(&self, path: &Path, size_bytes: u64) -> io::Result<()> {
        self.power.step()?;
        let file = self.file(path)?;
        let mut content = file.lock();
        content.bytes.truncate(size_bytes as usize);
        content.durable = content.bytes.clone();
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.power.sync()?;
        let mut state = self.state.lock();
        let State { names, durable_names, .. } = &mut *state;
        durable_names.retain(|path, _| path.parent() != Some(folder));
        let own = names.iter().filter(|(path, _)| path.parent() == Some(folder));
        durable_names.extend(own.map(|(path, file)| (path.clone(), Arc::clone(file))));
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        let state = self.state.lock();
        Ok(state.bytes_max.saturating_sub(state.used_bytes()))
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    file: File,
}

impl DiskFile for SimulatedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.power.step()?;
        let state = self.disk.state.lock();
        let free = state.bytes_max.saturating_sub(state.used_bytes());
        let mut content = self.file.lock();
        if (bytes.len() as u64) > free {
            // As much as fits is written before the system says that it is full.
            content.bytes.extend_from_slice(&bytes[..free as usize]);
            return Err(ErrorKind::StorageFull.into());
        }
        content.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn truncate(&mut self, size_bytes: u64) -> io::Result<()> {
        self.disk.power.step()?;
        self.file.lock().bytes.truncate(size_bytes as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.power.sync()?;
        let mut content = self.file.lock();
        content.durable = content.bytes.clone();
        Ok(())
    }
}
