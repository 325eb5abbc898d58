//! The thread between journal and head: what is on disk becomes searchable, in order, and is answered.

use crate::{Clock, generations::Generations, index::Index, journal::Written, metrics::Metrics};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::Arc,
    thread::{Builder, JoinHandle},
};
use tokio::sync::{Notify, mpsc};

/// Where batches go that are durable.
pub(crate) struct Intake {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) head: Arc<Generations>,
    pub(crate) index: Arc<Index>,
    pub(crate) cursors: Arc<Mutex<HashMap<String, String>>>,
    pub(crate) metrics: Metrics,
    /// Told when the head has reached its size.
    pub(crate) due: Arc<Notify>,
    pub(crate) head_bytes_max: u64,
}

impl Intake {
    /// Starts the thread. It ends when the journal's writer does.
    pub(crate) fn start(
        self,
        mut written: mpsc::Receiver<Vec<Written>>,
    ) -> std::io::Result<JoinHandle<()>> {
        Builder::new().name("sigyn-head".to_owned()).spawn(move || {
            while let Some(group) = written.blocking_recv() {
                for written in group {
                    self.add(written);
                }
                let size = self.head.size();
                self.metrics.head_spans.set(size.spans as i64);
                self.metrics.head_bytes.set(size.bytes as i64);
                if size.bytes >= self.head_bytes_max {
                    self.due.notify_one();
                }
            }
        })
    }

    fn add(&self, written: Written) {
        let Written { sequence, job } = written;
        let batch = &job.batch;
        let now = self.clock.monotonic();
        let added = self.head.add(sequence, &batch.body, &batch.overlay, batch.via, now);
        if let Err(error) = &added {
            // It was checked before it went into the journal.
            tracing::error!(%error, "a checked body did not decode");
        }
        if let Some(reach) = &batch.reach {
            self.cursors.lock().insert(reach.target.clone(), reach.cursor.clone());
        }
        if let Some(gap) = &batch.gap
            && let Err(error) = self.index.add_gap(sequence, gap, &batch.overlay.attributes)
        {
            tracing::warn!(%error, "could not note a gap in the index; the journal still has it");
        }
        self.metrics.ingested(batch.via, job.counted.spans, batch.body.len());
        // Whoever asked may have gone away; the batch is in all the same.
        let _ = job.done.send(added.map(|()| job.counted));
    }
}
