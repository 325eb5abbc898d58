//! What the store is made of once it runs, and the task that cuts the head.

use super::Config;
use crate::{
    Clock, Error,
    block::{Blocks, Catalog},
    generations::Generations,
    index::Index,
    journal::Command,
    metrics::{Metrics, Refused},
    upkeep::Upkeep,
};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::{Notify, mpsc};
use ulid::Ulid;

/// How often the head's age is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long to wait after a cut that failed.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How often what has expired is taken out of the index.
const EXPIRE_EVERY: Duration = Duration::from_secs(600);
/// How often blocks are looked after.
const UPKEEP_EVERY_MIN: Duration = Duration::from_secs(1);
const UPKEEP_EVERY_MAX: Duration = Duration::from_secs(30);
/// How often exemplars are followed to their traces.
const WATCH_LINKS_EVERY: Duration = Duration::from_secs(15);
/// How long intake waits for a head that is full before it refuses.
const ROOM_WAIT_MAX: Duration = Duration::from_secs(5);

/// Shared by the store's handles and its tasks.
pub(super) struct Core {
    pub(super) head: Arc<Generations>,
    pub(super) index: Arc<Index>,
    pub(super) blocks: Arc<Blocks>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) upkeep: Upkeep,
    pub(super) store: Ulid,
    pub(super) metrics: Metrics,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cursors: Arc<Mutex<HashMap<String, String>>>,
    /// The share of exemplars that led to a trace when they were last followed; `None`: there was none.
    pub(super) exemplars_resolved: Mutex<Option<f64>>,
    /// The head has reached its size.
    pub(super) due: Arc<Notify>,
    /// A cut is done.
    pub(super) room: Notify,
    /// One cut at a time.
    pub(super) cutting: tokio::sync::Mutex<()>,
    pub(super) config: Config,
}

/// Cuts the head when it is large or old enough, and expires what the index need not keep; until
/// it is aborted or the store is closed.
pub(super) async fn keep(core: Arc<Core>, journal: mpsc::WeakSender<Command>) {
    let mut expired_at = core.clock.monotonic();
    let mut watched_at = expired_at;
    loop {
        tokio::select! {
            () = core.due.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let now = core.clock.monotonic();
        if core.is_due()
            && let Err(error) = core.cut(&journal, false).await
        {
            tracing::error!(%error, "could not write the head as a block; will try again");
            core.metrics.cuts_failed.inc();
            tokio::time::sleep(RETRY_AFTER).await;
        }
        if now.saturating_sub(expired_at) >= EXPIRE_EVERY {
            expired_at = now;
            let core = Arc::clone(&core);
            let expired = tokio::task::spawn_blocking(move || core.expire()).await;
            if let Ok(Err(error)) = expired {
                tracing::warn!(%error, "could not expire entries of the index");
            }
        }
        if now.saturating_sub(watched_at) >= WATCH_LINKS_EVERY {
            watched_at = now;
            let core = Arc::clone(&core);
            let watched = tokio::task::spawn_blocking(move || core.watch_exemplar_links()).await;
            if let Ok(Err(error)) = watched {
                tracing::warn!(%error, "could not follow exemplars to their traces");
            }
        }
    }
}

/// Looks after the blocks, turn after turn; until it is aborted.
pub(super) async fn look_after(core: Arc<Core>) {
    // So that what is kept for a minute only does not stay for two.
    let every = (core.config.retention / 10).clamp(UPKEEP_EVERY_MIN, UPKEEP_EVERY_MAX);
    loop {
        core.upkeep.make_ready().await;
        tokio::time::sleep(every).await;
        if let Err(error) = core.upkeep.turn().await {
            tracing::warn!(%error, "could not look after all blocks; will try again");
            core.metrics.upkeep_failed.inc();
        }
        core.publish_sizes();
    }
}

impl Core {
    fn is_due(&self) -> bool {
        let now = self.clock.monotonic();
        self.head.is_due(self.config.head_cut_bytes(), self.config.head_age_max, now)
    }

    /// Writes the head as a block, if it holds anything, and lets the journal go as far as blocks reach. Unless it is
    /// `forced`, only if it is due.
    pub(super) async fn cut(
        &self,
        journal: &mpsc::WeakSender<Command>,
        forced: bool,
    ) -> Result<(), Error> {
        let _one_at_a_time = self.cutting.lock().await;
        if !forced && !self.is_due() {
            return Ok(());
        }
        let Some(generation) = self.head.cut() else { return Ok(()) };
        let Some((_, last_sequence)) = generation.sequences else { return Ok(()) };
        let now_unix_nano = self.clock.now_unix_nano();
        let block = self.blocks.write(Arc::clone(&generation), self.store, now_unix_nano).await?;
        self.catalog.add_cut(block);
        drop(generation);
        self.publish_sizes();
        self.room.notify_waiters();

        // Gaps lie in the index; the journal may forget them only when they are on disk there.
        let index = Arc::clone(&self.index);
        super::blocking(move || index.flush()).await?;
        if let Some(journal) = journal.upgrade() {
            // When the writer is gone, so is the need to tell it.
            let _ = journal.send(Command::Forget(last_sequence)).await;
        }
        Ok(())
    }

    /// Waits while the head holds more than two cuts: blocks are written more slowly than spans come.
    pub(super) async fn wait_for_room(&self) -> Result<(), Error> {
        let bytes_max = self.config.head_wait_bytes();
        if self.metrics.head_bytes.get() as u64 <= bytes_max {
            return Ok(());
        }
        let wait = async {
            loop {
                let room = self.room.notified();
                if self.head.size().bytes <= bytes_max {
                    return;
                }
                room.await;
            }
        };
        tokio::time::timeout(ROOM_WAIT_MAX, wait).await.map_err(|_| {
            self.metrics.refused(Refused::HeadFull, 1);
            let why =
                format!("more than {bytes_max} bytes of spans are waiting to be written to blocks");
            Error::Full { why }
        })
    }

    /// Sets the gauges of head and blocks.
    pub(super) fn publish_sizes(&self) {
        let size = self.head.size();
        self.metrics.head_spans.set(size.spans as i64);
        self.metrics.head_bytes.set(size.bytes as i64);
        let blocks = self.head.blocks();
        let pinned = || blocks.iter().filter(|block| block.meta().pinned.is_some());
        let sum = |bytes: &mut dyn Iterator<Item = u64>| bytes.sum::<u64>() as i64;
        self.metrics.blocks.set(blocks.len() as i64);
        self.metrics.block_bytes.set(sum(&mut blocks.iter().map(|it| it.meta().size_bytes)));
        self.metrics.pinned_blocks.set(pinned().count() as i64);
        self.metrics.pinned_block_bytes.set(sum(&mut pinned().map(|it| it.meta().size_bytes)));
    }

    fn expire(&self) -> Result<(), Error> {
        let now_unix_nano = self.clock.now_unix_nano();
        let retention = self.config.exemplar_retention.as_nanos() as u64;
        let before = now_unix_nano.saturating_sub(retention);
        let mut unpinned = self.index.expire_exemplars(now_unix_nano)?;
        unpinned += self.index.expire_pins(now_unix_nano)?;
        self.metrics.pinned_traces.dec_by(unpinned as i64);
        self.index.expire_gaps(before)
    }
}
