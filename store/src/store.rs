//! The store as one thing: open, append, look, close.

mod core;
mod links;
mod notebooks;
mod recovery;

use self::{
    core::{Core, keep, look_after},
    recovery::Recovery,
};
use crate::{
    Appended, Batch, Clock, Error, Exemplar, Gap, Labels, Pin, SeriesExemplars, SeriesFilter,
    Snapshot, Tail, TraceId,
    block::{Blocks, Catalog},
    folder::{Folder, io},
    generations::Generations,
    head::Chunk,
    index::Index,
    intake::Intake,
    journal::{self, Command, Disk, Job, Journal, Poison, Prepared, SystemDisk},
    metrics::Metrics,
    objects::{BlockPlace, CacheFolder},
    otlp,
    upkeep::{Pace, Upkeep, restore_pins},
    wire,
};
use bytes::Bytes;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use ulid::Ulid;

/// Bytes of one body at most.
const BODY_BYTES_MAX: usize = 128 << 20;
/// KiB of bodies between intake and head at most; a single larger one is alone.
const BODIES_KIB_MAX: usize = 16 << 10;
/// A body larger than this is checked and compressed on a blocking thread.
const PREPARE_HERE_KIB_MAX: u32 = 128;
/// Groups of batches that wait for the head.
const WRITTEN_GROUPS_MAX: usize = 16;

/// Where and how the store works.
#[derive(Clone)]
pub struct Config {
    /// The storage folder: `journal/`, `index/`, `lock`, `version`.
    pub path: PathBuf,
    /// Where blocks lie.
    pub blocks: BlockPlace,
    /// Local copies of parts of remote blocks take at most this; 0: none are kept.
    pub read_cache_bytes_max: u64,
    /// Memory for the newest spans in all. A fifth holds those that come in (when it is full, they are cut into a block), a fifth
    /// those that are being written; the rest is for the writing itself and for what the allocator cannot give back …
    pub head_bytes_max: u64,
    /// … or when its oldest batch is this old.
    pub head_age_max: Duration,
    /// Intake is refused (`Error::Full`) when the journal would outgrow this.
    pub journal_bytes_max: u64,
    /// … and while less than this is free on the disk of `path`.
    pub free_bytes_min: u64,
    /// How long a span is kept after it left the head; pinned traces stay longer.
    pub retention: Duration,
    /// The oldest blocks are deleted when all of them take more than this; 0: no such bound.
    pub retention_bytes: u64,
    /// How long an exemplar, and the pin that it makes, is kept.
    pub exemplar_retention: Duration,
}

impl Config {
    /// A store in a folder, with the defaults: a head of 128 MiB or two minutes, a journal of at most 4 GiB,
    /// exemplars for 30 days, blocks beside the journal, for 14 days; 256 MiB stay free on the disk.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            blocks: BlockPlace::Folder,
            read_cache_bytes_max: 10 << 30,
            head_bytes_max: 128 << 20,
            head_age_max: Duration::from_secs(120),
            journal_bytes_max: 4 << 30,
            free_bytes_min: 256 << 20,
            retention: Duration::from_secs(14 * 86_400),
            retention_bytes: 0,
            exemplar_retention: Duration::from_secs(30 * 86_400),
        }
    }
}

impl Config {
    /// The head is cut when its columns reach this size.
    fn head_cut_bytes(&self) -> u64 {
        self.head_bytes_max / 5
    }

    /// Intake waits while the head's columns, those that are being written included, are larger than this.
    fn head_wait_bytes(&self) -> u64 {
        self.head_cut_bytes() * 2
    }
}

/// What is put below a store, so that tests can put something else there.
pub(crate) struct Parts {
    /// Below the journal.
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) tasks: Tasks,
    /// The index, and whether it is empty because the one before would not open. `None`: that of the folder is opened.
    pub(crate) index: Option<(Arc<Index>, bool)>,
}

/// Whether anything happens by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tasks {
    Run,
    /// Heads are cut and blocks looked after when asked to, so that a seed says all.
    #[cfg(test)]
    Rest,
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Core>,
    /// `None` once closed.
    journal: Mutex<Option<mpsc::Sender<Command>>>,
    /// The folder's lock, given back when closed.
    folder: Mutex<Option<Arc<Folder>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    keepers: Mutex<Vec<tokio::task::JoinHandle<()>>>,
    bodies: Arc<Semaphore>,
    poison: Poison,
    store: Ulid,
}

impl Store {
    /// Opens or creates the folder, replays the journal into the head, registers the `sigyn_store_*` and
    /// `sigyn_ingested_*` metrics. Fails with `Locked` when another process has the folder.
    pub async fn open(
        config: Config,
        clock: Arc<dyn Clock>,
        registry: &mut Registry,
    ) -> Result<Self, Error> {
        let parts = Parts { disk: Arc::new(SystemDisk), tasks: Tasks::Run, index: None };
        Self::open_with(parts, config, clock, registry).await
    }

    /// The same with other parts.
    pub(crate) async fn open_with(
        parts: Parts,
        config: Config,
        clock: Arc<dyn Clock>,
        registry: &mut Registry,
    ) -> Result<Self, Error> {
        let metrics = Metrics::register(registry);
        let now_unix_nano = clock.now_unix_nano();
        let path = config.path.clone();
        let folder = blocking(move || Folder::open(&path, now_unix_nano)).await?;
        let folder = Arc::new(folder);
        let Parts { disk, tasks, index } = parts;
        let (index, set_aside) = match index {
            Some(index) => index,
            None => {
                let (index, set_aside) = Index::open(&folder.index, now_unix_nano).await?;
                (Arc::new(index), set_aside)
            }
        };
        if set_aside {
            metrics.index_set_aside.inc();
        }
        let cache = (config.read_cache_bytes_max > 0).then(|| CacheFolder {
            path: folder.cache.clone(),
            bytes_max: config.read_cache_bytes_max,
            metrics: metrics.read_cache.clone(),
        });
        let blocks = Blocks::open(config.blocks.clone(), &folder.blocks, cache).await?;
        let (found, covered) = blocks.load(folder.store).await?;

        let blocks = Arc::new(blocks);
        if set_aside {
            let (found, index) = (found.clone(), Arc::clone(&index));
            let restore = move || found.iter().try_for_each(|block| restore_pins(&index, block));
            blocking(restore).await?;
        }
        let head = Arc::new(Generations::default());
        let catalog = Arc::new(Catalog::new(Arc::clone(&head), found));
        let recovery = Recovery {
            folder: folder.journal.clone(),
            disk: Arc::clone(&disk),
            store: folder.store,
            covered,
            head: Arc::clone(&head),
            index: Arc::clone(&index),
            now: clock.monotonic(),
        };
        let recovered = blocking(move || recovery.run()).await?;
        metrics.journal_damaged.inc_by(recovered.replayed.damaged);

        let cursors = recovered.cursors.values();
        let cursors = cursors.map(|it| (it.reach.target.clone(), it.reach.cursor.clone()));
        let bodies = Arc::new(Semaphore::new(BODIES_KIB_MAX));
        let pace = Pace::new(Arc::clone(&clock), Arc::clone(&bodies), BODIES_KIB_MAX);
        let upkeep = Upkeep {
            blocks: Arc::clone(&blocks),
            catalog: Arc::clone(&catalog),
            index: Arc::clone(&index),
            metrics: metrics.clone(),
            clock: Arc::clone(&clock),
            store: folder.store,
            retention: config.retention,
            retention_bytes: config.retention_bytes,
            pace: Arc::new(pace),
            names: AtomicU64::new(0),
            failed: Mutex::default(),
            ready: Mutex::default(),
        };
        let core = Arc::new(Core {
            head: Arc::clone(&head),
            index: Arc::clone(&index),
            blocks,
            catalog,
            upkeep,
            store: folder.store,
            metrics: metrics.clone(),
            clock: Arc::clone(&clock),
            cursors: Arc::new(Mutex::new(cursors.collect())),
            due: Arc::new(Notify::new()),
            room: Notify::new(),
            exemplars_resolved: Mutex::default(),
            cutting: tokio::sync::Mutex::new(()),
            config: config.clone(),
        });
        core.publish_sizes();

        let poison = Poison::default();
        let (written_sender, written) = mpsc::channel(WRITTEN_GROUPS_MAX);
        let journal = Journal {
            folder: Arc::clone(&folder),
            disk,
            bytes_max: config.journal_bytes_max,
            free_bytes_min: config.free_bytes_min,
            clock: Arc::clone(&clock),
            metrics: metrics.clone(),
            poison: Arc::clone(&poison),
        };
        let (sender, writer) = journal::start(
            journal,
            recovered.replayed,
            recovered.cursors,
            recovered.next_sequence,
            written_sender,
        )?;
        let intake = Intake {
            clock,
            head,
            index,
            cursors: Arc::clone(&core.cursors),
            metrics,
            due: Arc::clone(&core.due),
            head_bytes_max: config.head_cut_bytes(),
        };
        let intake = intake.start(written).map_err(io("start the head of", &config.path))?;
        let pinned = Arc::clone(&core.index);
        let count = blocking(move || Ok(pinned.pinned_traces())).await?;
        core.metrics.pinned_traces.set(count as i64);
        let keepers = if tasks == Tasks::Run {
            let keeper = tokio::spawn(keep(Arc::clone(&core), sender.downgrade()));
            vec![keeper, tokio::spawn(look_after(Arc::clone(&core)))]
        } else {
            Vec::new()
        };
        let store = folder.store;
        Ok(Self {
            inner: Arc::new(Inner {
                core,
                journal: Mutex::new(Some(sender)),
                folder: Mutex::new(Some(folder)),
                threads: Mutex::new(vec![writer, intake]),
                keepers: Mutex::new(keepers),
                bodies,
                poison,
                store,
            }),
        })
    }

    /// Takes a batch in. When this returns `Ok`, batch and cursor are on disk and the spans are searchable.
    ///
    /// A batch with an empty body, no gap and the cursor that is already reached says nothing new and costs nothing.
    pub async fn append(&self, batch: Batch) -> Result<Appended, Error> {
        let core = &self.inner.core;
        if batch.body.len() > BODY_BYTES_MAX {
            let what = format!("{} bytes are more than {BODY_BYTES_MAX}", batch.body.len());
            return Err(Error::Malformed { what, offset: BODY_BYTES_MAX });
        }
        if batch.body.is_empty() && batch.gap.is_none() {
            let reached = batch
                .reach
                .as_ref()
                .is_none_or(|reach| core.cursors.lock().get(&reach.target) == Some(&reach.cursor));
            if reached {
                return Ok(Appended::default());
            }
        }
        core.wait_for_room().await?;
        // Bodies are in memory between here and the head; their sum is bounded.
        let kib = (batch.body.len() >> 10) as u32 + 1;
        let bodies = Arc::clone(&self.inner.bodies);
        let permit = bodies.acquire_many_owned(kib.min(BODIES_KIB_MAX as u32)).await;
        let permit = permit.expect("the semaphore is never closed");

        let received_unix_nano = core.clock.now_unix_nano();
        let store = self.inner.store;
        let prepare = move || {
            let counted = wire::check(&batch.body)?;
            let record = Prepared::batch(store, &batch, received_unix_nano);
            Ok((batch, counted, record))
        };
        let prepared: Result<_, Error> =
            if kib > PREPARE_HERE_KIB_MAX { blocking(prepare).await } else { prepare() };
        let (batch, counted, record) = prepared?;

        let sender = self.inner.journal.lock().clone();
        let Some(sender) = sender else { return Err(closed()) };
        let (done, answer) = oneshot::channel();
        let job = Job { batch, record, received_unix_nano, counted, done, _permit: permit };
        sender.send(Command::Append(Box::new(job))).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Fails when nothing can be taken in before a restart, and says why. What is stored can be read all the same.
    pub fn health(&self) -> Result<(), Error> {
        match &*self.inner.poison.lock() {
            Some(why) => Err(Error::Poisoned { why: why.clone() }),
            None => Ok(()),
        }
    }

    /// The cursor that the last durable batch of this target reached.
    pub fn cursor(&self, target: &str) -> Option<String> {
        self.inner.core.cursors.lock().get(target).cloned()
    }

    /// What can be searched now. Takes microseconds; never waits for the disk, and for intake at most as long as a small
    /// body takes to decode.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.core.head.snapshot()
    }

    /// What came in after a moment: 0 is the opening of the store, when the journal was replayed, and
    /// [`Tail::next`] of one call the moment for the next. A span that is taken in twice is here twice.
    ///
    /// Spans leave the head some time after they came, so whoever follows it must ask every second or so.
    pub fn tail(&self, after: u64) -> Tail {
        self.inner.core.head.tail(after)
    }

    /// All spans of a trace, each once, as an OTLP `TracesData` message; `None` when there is none.
    pub async fn trace(&self, id: TraceId) -> Result<Option<Bytes>, Error> {
        let places = self.inner.core.head.places();
        blocking(move || {
            let mut parts: Vec<(Arc<Chunk>, Vec<u32>)> = Vec::new();
            for source in places.chunks {
                let rows = source.rows_of_trace(&id);
                if !rows.is_empty() {
                    parts.push((source.chunk, rows));
                }
            }
            for block in places.blocks {
                if let Some(chunk) = block.trace(&id)? {
                    let rows = (0..chunk.len() as u32).collect();
                    parts.push((Arc::new(chunk), rows));
                }
            }
            if parts.is_empty() {
                return Ok(None);
            }
            let parts = parts.iter().map(|(chunk, rows)| (&**chunk, rows.clone()));
            Ok(Some(Bytes::from(otlp::traces_data(parts))))
        })
        .await
    }

    /// Keeps exemplars (those seen before are skipped) and pins their traces. Returns how many were new.
    ///
    /// Seen before means: the same series, trace, span and value. The time does not count, because an
    /// exposition may leave it out.
    pub async fn add_exemplars(&self, exemplars: Vec<Exemplar>) -> Result<usize, Error> {
        let core = Arc::clone(&self.inner.core);
        blocking(move || {
            let retention = core.config.exemplar_retention.as_nanos() as u64;
            let until = core.clock.now_unix_nano().saturating_add(retention);
            let (added, pinned) = core.index.add_exemplars(&exemplars, until)?;
            core.metrics.pinned_traces.inc_by(pinned as i64);
            Ok(added)
        })
        .await
    }

    /// Which of these traces no span is held of.
    pub async fn missing(&self, ids: Vec<TraceId>) -> Result<Vec<TraceId>, Error> {
        let core = Arc::clone(&self.inner.core);
        blocking(move || core.missing(ids)).await
    }

    /// The exemplars that point at a trace, oldest first.
    pub async fn exemplars_of(&self, id: TraceId) -> Result<Vec<Exemplar>, Error> {
        let index = Arc::clone(&self.inner.core.index);
        blocking(move || index.exemplars_of(id)).await
    }

    /// Exemplars of the series that `wanted` accepts, observed within `[from, to]` (Unix milliseconds),
    /// sorted by series labels.
    pub async fn exemplars(
        &self,
        wanted: SeriesFilter,
        from_unix_milli: i64,
        to_unix_milli: i64,
    ) -> Result<Vec<SeriesExemplars>, Error> {
        let index = Arc::clone(&self.inner.core.index);
        blocking(move || index.exemplars(&wanted, from_unix_milli, to_unix_milli)).await
    }

    /// Shows exemplars observed within `[from, to]` (Unix milliseconds) to `fold`, newest first, at most `count_max`. Says whether those were
    /// all.
    pub async fn fold_exemplars<T: Send + 'static>(
        &self,
        from_unix_milli: i64,
        to_unix_milli: i64,
        count_max: usize,
        mut state: T,
        mut fold: impl FnMut(&mut T, Exemplar) + Send + 'static,
    ) -> Result<(T, bool), Error> {
        let index = Arc::clone(&self.inner.core.index);
        blocking(move || {
            let mut show = |exemplar| fold(&mut state, exemplar);
            let all = index.show_exemplars(from_unix_milli, to_unix_milli, count_max, &mut show)?;
            Ok((state, all))
        })
        .await
    }

    /// The share of lately seen exemplars whose trace is held, 0 to 1, as it was a few seconds ago; `None`: nobody has seen any.
    pub fn exemplars_resolved_ratio(&self) -> Option<f64> {
        *self.inner.core.exemplars_resolved.lock()
    }

    /// The pins of a trace.
    pub async fn pins_of(&self, id: TraceId) -> Result<Vec<Pin>, Error> {
        let core = Arc::clone(&self.inner.core);
        blocking(move || core.index.pins_of(id, core.clock.now_unix_nano())).await
    }

    /// Gaps of any target that overlap a time range, with the target whose buffer had it and the overlay's attributes.
    pub async fn gaps(
        &self,
        from_unix_nano: u64,
        to_unix_nano: u64,
    ) -> Result<Vec<(Labels, Gap)>, Error> {
        let index = Arc::clone(&self.inner.core.index);
        blocking(move || index.gaps(from_unix_nano, to_unix_nano)).await
    }

    /// Cuts the head into a block now, whatever its age.
    pub async fn flush(&self) -> Result<(), Error> {
        let sender = self.inner.journal.lock().clone();
        let Some(sender) = sender else { return Err(closed()) };
        let (core, journal) = (&self.inner.core, sender.downgrade());
        if core.head.is_cutting() {
            // What an earlier cut could not write is a block of its own.
            core.cut(&journal, true).await?;
        }
        core.cut(&journal, true).await
    }

    /// Stops intake, makes all durable, cuts nothing (the journal replays), releases the lock.
    pub async fn close(&self) -> Result<(), Error> {
        drop(self.inner.journal.lock().take());
        self.inner.core.upkeep.pace.stop();
        let keepers = std::mem::take(&mut *self.inner.keepers.lock());
        for keeper in keepers {
            keeper.abort();
            // It was told to stop; that it did is all there is to know.
            let _ = keeper.await;
        }
        let threads = std::mem::take(&mut *self.inner.threads.lock());
        let core = Arc::clone(&self.inner.core);
        blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the store ended by a panic");
                }
            }
            core.index.flush()
        })
        .await?;
        drop(self.inner.folder.lock().take());
        Ok(())
    }
}

#[cfg(test)]
impl Store {
    /// Looks after the blocks once.
    pub(crate) async fn turn(&self) -> Result<(), Error> {
        let turned = self.inner.core.upkeep.turn().await;
        self.inner.core.publish_sizes();
        turned
    }

    /// Pins a trace for a reason that nobody has yet: exemplars pin by themselves.
    pub(crate) async fn pin(&self, pin: Pin) -> Result<(), Error> {
        let index = Arc::clone(&self.inner.core.index);
        blocking(move || index.add_pin(&pin).map(|_| ())).await
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.core.metrics
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.core.upkeep.pace.stop();
        self.keepers.get_mut().drain(..).for_each(|keeper| keeper.abort());
    }
}

fn closed() -> Error {
    Error::Poisoned { why: "the store is closed".to_owned() }
}

/// Runs what reads, writes or computes for long on a blocking thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(closed()),
        },
    }
}

#[cfg(test)]
mod tests;
