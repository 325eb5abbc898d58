//! Local copies of parts of remote blocks.
//!
//! Blocks never change and their names are never used again, so a copy cannot be stale. It can be damaged: each has a
//! checksum, and one that does not match is fetched again. The copies outlive a restart.

use crate::metrics::ReadCacheMetrics;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    path::Path,
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    fs::{self, File},
    io::{self, Read, Write},
    ops::Range,
    path::PathBuf,
    sync::Arc,
};

/// An object is copied in parts of this size, aligned to it.
const PART_BYTES: u64 = 256 << 10;
/// Parts that lie side by side are fetched with one request, up to so many.
const PARTS_OF_A_FETCH_MAX: u64 = 32;
/// CRC-32 of name and content, behind the content.
const CHECKSUM_BYTES: usize = 4;
/// Copies carry it, so that nobody's file in the folder is taken for one.
const EXTENSION: &str = "part";

/// Where copies lie and how much they may take.
pub(crate) struct CacheFolder {
    pub(crate) path: PathBuf,
    pub(crate) bytes_max: u64,
    pub(crate) metrics: ReadCacheMetrics,
}

/// An object store with copies of what was read of its Parquet files lately.
pub(crate) struct ReadCache {
    inner: Arc<dyn ObjectStore>,
    folder: PathBuf,
    bytes_max: u64,
    metrics: ReadCacheMetrics,
    state: Mutex<State>,
}

/// What lies in the folder. The least recently used goes first.
#[derive(Default)]
struct State {
    parts: HashMap<String, Kept>,
    by_use: BTreeMap<u64, String>,
    bytes: u64,
    tick: u64,
}

struct Kept {
    bytes: u64,
    used: u64,
}

impl ReadCache {
    /// Finds the copies of the last run. What is not a copy is left alone and not counted.
    pub(crate) fn open(
        inner: Arc<dyn ObjectStore>,
        folder: PathBuf,
        bytes_max: u64,
        metrics: ReadCacheMetrics,
    ) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut state = State::default();
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.ends_with(".new") {
                // A copy under way when the last run ended.
                let _ = fs::remove_file(entry.path());
            } else if name.ends_with(EXTENSION) {
                let about = entry.metadata()?;
                found.push((about.modified()?, name, about.len()));
            }
        }
        found.sort();
        for (_, name, bytes) in found {
            state.insert(name, bytes);
        }
        let cache = Self { inner, folder, bytes_max, metrics, state: Mutex::new(state) };
        cache.make_room();
        Ok(cache)
    }

    /// A range of an object, from copies where there are any.
    async fn range(&self, location: &Path, range: Range<u64>) -> Result<Bytes> {
        let parts = range.start / PART_BYTES..range.end.div_ceil(PART_BYTES);
        let mut bytes = Vec::with_capacity((range.end - range.start) as usize);
        let mut add = |part: u64, content: &[u8]| {
            let begin = part * PART_BYTES;
            let from = range.start.saturating_sub(begin) as usize;
            let to = (range.end - begin).min(PART_BYTES) as usize;
            // The object's last part is short; what is asked beyond it does not exist.
            content.get(from..to).map(|wanted| bytes.extend_from_slice(wanted))
        };
        let short = || object_store::Error::Generic {
            store: "read cache",
            source: format!("{location} ends before {}", range.end).into(),
        };
        let mut part = parts.start;
        while part < parts.end {
            if let Some(content) = self.read(location, part)
                && add(part, &content).is_some()
            {
                self.metrics.hits.inc();
                part += 1;
                continue;
            }
            // All that is missing in a row comes with one request.
            let end = parts.end.min(part + PARTS_OF_A_FETCH_MAX);
            let end = (part + 1..end).find(|&it| self.has(location, it)).unwrap_or(end);
            let wanted = GetRange::Bounded(part * PART_BYTES..end * PART_BYTES);
            let options = GetOptions { range: Some(wanted), ..GetOptions::default() };
            let fetched = self.inner.get_opts(location, options).await?.bytes().await?;
            if fetched.is_empty() {
                return Err(short());
            }
            for content in fetched.chunks(PART_BYTES as usize) {
                self.metrics.misses.inc();
                add(part, content).ok_or_else(short)?;
                self.keep(location, part, content);
                part += 1;
            }
        }
        Ok(bytes.into())
    }

    fn has(&self, location: &Path, part: u64) -> bool {
        self.state.lock().parts.contains_key(&name_of(location, part))
    }

    /// The copy of a part, if there is a sound one.
    fn read(&self, location: &Path, part: u64) -> Option<Vec<u8>> {
        let name = name_of(location, part);
        self.state.lock().touch(&name)?;
        let read = || {
            let file = File::open(self.folder.join(&name))?;
            let bytes_max = PART_BYTES + CHECKSUM_BYTES as u64;
            let mut content = Vec::with_capacity(bytes_max as usize);
            file.take(bytes_max).read_to_end(&mut content)?;
            io::Result::Ok(content)
        };
        let sound = read().ok().and_then(|mut content| {
            let found = content.split_off(content.len().checked_sub(CHECKSUM_BYTES)?);
            (checksum(&name, &content)[..] == found).then_some(content)
        });
        if sound.is_none() {
            tracing::warn!(part = name, "a local copy is damaged; will fetch it again");
            self.metrics.damaged.inc();
            self.forget(&name);
        }
        sound
    }

    /// Keeps a part. A disk that does not take it costs speed, nothing else.
    fn keep(&self, location: &Path, part: u64, content: &[u8]) {
        let name = name_of(location, part);
        let (path, new) = (self.folder.join(&name), self.folder.join(format!("{name}.new")));
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(content)?;
            file.write_all(&checksum(&name, content))?;
            fs::rename(&new, &path)
        };
        if let Err(error) = write() {
            tracing::debug!(path = %path.display(), %error, "could not keep a local copy");
            let _ = fs::remove_file(&new);
            return;
        }
        self.state.lock().insert(name, (content.len() + CHECKSUM_BYTES) as u64);
        self.make_room();
    }

    fn make_room(&self) {
        loop {
            let oldest = {
                let state = self.state.lock();
                self.metrics.bytes.set(state.bytes as i64);
                if state.bytes <= self.bytes_max {
                    return;
                }
                state.by_use.first_key_value().map(|(_, name)| name.clone())
            };
            let Some(oldest) = oldest else { return };
            self.forget(&oldest);
        }
    }

    fn forget(&self, name: &str) {
        self.state.lock().remove(name);
        let _ = fs::remove_file(self.folder.join(name));
    }
}

impl State {
    fn insert(&mut self, name: String, bytes: u64) {
        self.remove(&name);
        self.tick += 1;
        self.bytes += bytes;
        self.by_use.insert(self.tick, name.clone());
        self.parts.insert(name, Kept { bytes, used: self.tick });
    }

    fn remove(&mut self, name: &str) {
        if let Some(kept) = self.parts.remove(name) {
            self.bytes -= kept.bytes;
            self.by_use.remove(&kept.used);
        }
    }

    /// `None` when there is no such part.
    fn touch(&mut self, name: &str) -> Option<()> {
        let kept = self.parts.get_mut(name)?;
        self.tick += 1;
        self.by_use.remove(&kept.used);
        kept.used = self.tick;
        self.by_use.insert(self.tick, name.to_owned());
        Some(())
    }
}

/// `01KAN4….spans.parquet.17.part`
fn name_of(location: &Path, part: u64) -> String {
    format!("{}{part}.{EXTENSION}", prefix_of(location))
}

fn prefix_of(location: &Path) -> String {
    format!("{}.", location.as_ref().replace('/', "."))
}

fn checksum(name: &str, content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(name.as_bytes());
    hasher.update(content);
    hasher.finalize().to_le_bytes()
}

#[async_trait]
impl ObjectStore for ReadCache {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let conditional = options.if_match.is_some()
            || options.if_none_match.is_some()
            || options.if_modified_since.is_some()
            || options.if_unmodified_since.is_some()
            || options.head;
        let plain = !conditional && location.extension() == Some("parquet");
        let (true, Some(GetRange::Bounded(range))) = (plain, &options.range) else {
            return self.inner.get_opts(location, options).await;
        };
        let range = range.clone();
        let bytes = self.range(location, range.clone()).await?;
        let meta = ObjectMeta {
            location: location.clone(),
            last_modified: Default::default(),
            size: range.end,
            e_tag: None,
            version: None,
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(
                futures::stream::once(async move { Ok(bytes) }).boxed(),
            ),
            meta,
            range,
            attributes: Default::default(),
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

impl fmt::Debug for ReadCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadCache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl fmt::Display for ReadCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with copies in {}", self.inner, self.folder.display())
    }
}
