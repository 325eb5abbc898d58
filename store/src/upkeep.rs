//! What is done beside intake, turn after turn: blocks of other stores are discovered, old ones retired, small ones
//! merged, hidden ones deleted.
//!
//! A store merges only what it wrote itself, so any number of them share a place without a word between them. What is too
//! old is retired by all alike; each saves the traces that it has pinned itself into a block of its own before.

mod pace;
mod pins;
mod plan;
mod retention;

pub(crate) use pace::Pace;
pub(crate) use pins::restore as restore_pins;

use crate::{
    Clock, Error,
    block::{Blocks, Buried, Catalog, Merged, View},
    index::Index,
    metrics::{Deleted, Metrics},
};
use parking_lot::Mutex;
use plan::{Candidate, Plan, is_rush, plan};
use retention::{Standing, due};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use ulid::Ulid;

/// In a place that others read too, a hidden block stays for so long: longer than a query takes, and long enough for
/// every store to notice and to save its pinned traces.
const GRACE: Duration = Duration::from_secs(15 * 60);
/// A block that is still not finished by then will not be.
const UNFINISHED_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Blocks whose merge failed are left alone for so long, so that a damaged one does not hold up the others.
const RETRY_MERGE_AFTER: Duration = Duration::from_secs(3600);
/// Merges of one turn at most.
const MERGES_MAX: usize = 16;
/// The newest blocks, of so many spans together, are made ready for readers: footers and filters of more, some four megabytes a million
/// spans, would leave the cache little room for columns.
const READY_SPANS_MAX: u64 = 2_000_000;
/// Of so many of the newest traces it is known in memory where they lie: 20 bytes a trace.
const READY_TRACES_MAX: u64 = 100_000;
/// Blocks that are retired in one step at most.
const RETIRE_MAX: usize = 32;

/// All that the turns need.
pub(crate) struct Upkeep {
    pub(crate) blocks: Arc<Blocks>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) index: Arc<Index>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Ulid,
    pub(crate) retention: Duration,
    pub(crate) retention_bytes: u64,
    pub(crate) pace: Arc<Pace>,
    /// Names given to merged blocks since the start.
    pub(crate) names: AtomicU64,
    /// Blocks whose merge failed, and when.
    pub(crate) failed: Mutex<HashMap<Ulid, Duration>>,
    /// Those of the newest blocks that were made ready for readers.
    pub(crate) ready: Mutex<BTreeSet<Ulid>>,
}

impl Upkeep {
    /// One turn. What one step cannot do is told and tried again next time; the other steps are done all the same.
    pub(crate) async fn turn(&self) -> Result<(), Error> {
        let discovered = self.discover().await;
        let retired = self.retire().await;
        let compacted = self.compact().await;
        let buried = self.bury().await;
        discovered.and(retired).and(compacted).and(buried)
    }

    /// Reads what says where things lie in the newest blocks, so that the first who asks need not wait for it. What cannot be read is
    /// read again when somebody asks, who is then told why. In a rush others will be the newest before the next turn.
    pub(crate) async fn make_ready(&self) {
        let mut blocks = self.catalog.view().visible;
        let fresh = blocks.iter().map(|block| block.meta()).filter(|meta| meta.level == 0);
        if is_rush(fresh.map(|meta| meta.cut_unix_nano().1), self.clock.now_unix_nano()) {
            return;
        }
        blocks.sort_by_key(|block| Reverse(block.meta().start_max_unix_nano));
        let mut spans = 0;
        let (newest, older): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|block| {
            spans += block.meta().spans;
            spans <= READY_SPANS_MAX
        });
        let names: BTreeSet<Ulid> = newest.iter().map(|block| block.meta().block).collect();
        let before = std::mem::replace(&mut *self.ready.lock(), names);
        // Otherwise the cache would fill with what nobody asked for.
        for block in older.iter().filter(|block| before.contains(&block.meta().block)) {
            block.let_go();
        }
        let read = move || {
            let mut traces = 0;
            for block in newest {
                traces += block.meta().traces;
                if before.contains(&block.meta().block) {
                    continue;
                }
                if let Err(error) = block.make_ready(traces <= READY_TRACES_MAX) {
                    tracing::debug!(%error, "could not read ahead");
                }
            }
        };
        // Nobody misses it where the runtime ends.
        let _ = tokio::task::spawn_blocking(read).await;
    }

    /// Looks for blocks that others have written or deleted, and for ours whose writing was answered with an error
    /// and happened all the same.
    async fn discover(&self) -> Result<(), Error> {
        let found = self.blocks.find(&self.catalog.names()).await?;
        self.catalog.forget(&found.gone);
        // A fresh block of our own is still in the head; the cut that writes it puts it in its place.
        let is_cut = |writer: Option<Ulid>, level, pinned: bool| {
            writer == Some(self.store) && level == 0 && !pinned
        };
        self.catalog.add(found.new.into_iter().filter(|block| {
            let meta = block.meta();
            !is_cut(meta.writer(), meta.level, meta.pinned.is_some())
        }));
        if self.blocks.is_shared() {
            let now_unix_milli = self.clock.now_unix_nano() / 1_000_000;
            for name in found.unfinished {
                let age = now_unix_milli.saturating_sub(name.timestamp_ms());
                if u128::from(age) > UNFINISHED_AGE_MAX.as_millis() {
                    self.blocks.delete(name).await?;
                    self.metrics.deleted(Deleted::Unfinished);
                }
            }
        }
        Ok(())
    }

    /// Hides what is too old or too much, after the pinned traces in it were saved.
    async fn retire(&self) -> Result<(), Error> {
        let now_unix_nano = self.clock.now_unix_nano();
        let view = self.catalog.view();
        let standings = view.visible.iter().map(|block| Standing::of(block.meta()));
        let mut due = due(
            &standings.collect::<Vec<_>>(),
            self.retention,
            self.retention_bytes,
            now_unix_nano,
        );
        due.extend(self.saved_by_others(&view).into_iter().map(|it| (it, Deleted::Expired)));
        for some in due.chunks(RETIRE_MAX) {
            let names: BTreeSet<Ulid> = some.iter().map(|(name, _)| *name).collect();
            let blocks = view.visible.iter().chain(&view.replaced);
            let blocks = blocks.filter(|block| names.contains(&block.meta().block)).cloned();
            let (index, blocks) = (Arc::clone(&self.index), blocks.collect::<Vec<_>>());
            let look = move || pins::pinned_in(&index, blocks, now_unix_nano);
            let found = tokio::task::spawn_blocking(look).await;
            let found = found.unwrap_or_else(|error| Err(Error::Index(error.to_string())))?;
            if let Some(found) = found {
                let (traces, pace) = (found.traces, Arc::clone(&self.pace));
                let keep = move |id: &_| pace.step().map(|()| traces.contains(id));
                let merged = Merged { writer: self.store, level: 2, pinned: Some(found.pinned) };
                let saved = self.blocks.merge(found.blocks, keep, self.name(), merged).await?;
                self.catalog.add(saved);
            }
            self.catalog.retire(some.iter().copied());
            tracing::info!(blocks = some.len(), "retired blocks");
        }
        Ok(())
    }

    /// Blocks that another store has retired, saving its own pinned traces but not ours.
    fn saved_by_others(&self, view: &View) -> Vec<Ulid> {
        let saved_by = |own: bool| -> BTreeSet<Ulid> {
            let all = view.visible.iter().chain(&view.replaced).map(|block| block.meta());
            all.filter(|meta| meta.pinned.is_some() && (meta.writer() == Some(self.store)) == own)
                .flat_map(|meta| meta.replaces.iter().copied())
                .collect()
        };
        let (ours, others) = (saved_by(true), saved_by(false));
        // What a merged block holds is saved from there.
        let merged: BTreeSet<Ulid> = view
            .visible
            .iter()
            .chain(&view.replaced)
            .filter(|block| block.meta().pinned.is_none())
            .flat_map(|block| block.meta().replaces.iter().copied())
            .collect();
        let replaced = view.replaced.iter().map(|block| block.meta().block);
        replaced
            .filter(|it| others.contains(it) && !ours.contains(it) && !merged.contains(it))
            .collect()
    }

    /// Merges what is due.
    async fn compact(&self) -> Result<(), Error> {
        for _ in 0..MERGES_MAX {
            let now = self.clock.monotonic();
            self.failed.lock().retain(|_, at| now.saturating_sub(*at) < RETRY_MERGE_AFTER);
            let visible = self.catalog.view().visible;
            let candidates: Vec<Candidate> = visible
                .iter()
                .map(|block| block.meta())
                .filter(|meta| meta.writer() == Some(self.store) && meta.pinned.is_none())
                .filter(|meta| !self.failed.lock().contains_key(&meta.block))
                .map(|meta| Candidate {
                    block: meta.block,
                    level: meta.level,
                    cut_max_unix_nano: meta.cut_unix_nano().1,
                    size_bytes: meta.size_bytes,
                })
                .collect();
            let now_unix_nano = self.clock.now_unix_nano();
            let Some(Plan { inputs, level }) = plan(&candidates, self.retention, now_unix_nano)
            else {
                return Ok(());
            };
            let blocks = visible.into_iter().filter(|it| inputs.contains(&it.meta().block));
            let pace = Arc::clone(&self.pace);
            let keep = move |_: &_| pace.step().map(|()| true);
            let merged = Merged { writer: self.store, level, pinned: None };
            let block = self.blocks.merge(blocks.collect(), keep, self.name(), merged).await;
            let block = block.inspect_err(|_| {
                self.failed.lock().extend(inputs.iter().map(|input| (*input, now)));
            })?;
            self.metrics.compacted_blocks.inc_by(inputs.len() as u64);
            if let Some(block) = &block {
                self.metrics.compacted_spans.inc_by(block.meta().spans);
            }
            self.catalog.add(block);
        }
        Ok(())
    }

    /// Deletes what is hidden and read by nobody.
    async fn bury(&self) -> Result<(), Error> {
        let grace = if self.blocks.is_shared() { GRACE } else { Duration::ZERO };
        let now_unix_nano = self.clock.now_unix_nano();
        let mut buried = self.catalog.bury(now_unix_nano, grace.as_nanos() as u64).into_iter();
        while let Some(Buried { block, reason }) = buried.next() {
            let name = block.meta().block;
            if let Err(error) = self.blocks.delete(name).await {
                self.catalog.dig_up(Buried { block, reason });
                buried.for_each(|buried| self.catalog.dig_up(buried));
                return Err(error);
            }
            self.catalog.buried(name);
            self.metrics.deleted(reason);
        }
        Ok(())
    }

    /// Of stores, times and counts none is twice the same; fresh blocks have zeros where these have a count.
    fn name(&self) -> Ulid {
        let count = self.names.fetch_add(1, Ordering::Relaxed) % 0xffff + 1;
        let unix_milli = self.clock.now_unix_nano() / 1_000_000;
        Ulid::from_parts(unix_milli, self.store.random() ^ u128::from(count))
    }
}

#[cfg(test)]
mod tests;
