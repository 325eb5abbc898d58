//! The store as one thing: open, append, look, close.

use crate::{
    Appended, Batch, Clock, Error, Exemplar, Gap, Pin, SeriesExemplars, Snapshot, TraceId,
};
use bytes::Bytes;
use object_store::ObjectStore;
use prometheus_client::registry::Registry;
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Where and how the store works.
#[derive(Clone)]
pub struct Config {
    /// The storage folder: `journal/`, `index/`, `lock`, `version`.
    pub path: PathBuf,
    /// Where blocks lie; `None`: the folder `blocks/` below `path`.
    pub blocks: Option<Arc<dyn ObjectStore>>,
    /// The head is cut when its columns reach this size …
    pub head_bytes_max: u64,
    /// … or when its oldest batch is this old.
    pub head_age_max: Duration,
    /// Intake is refused (`Error::Full`) when the journal would outgrow this.
    pub journal_bytes_max: u64,
    /// How long an exemplar, and the pin that it makes, is kept.
    pub exemplar_retention: Duration,
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Opens or creates the folder, replays the journal into the head, registers the `sigyn_store_*` and
    /// `sigyn_ingested_*` metrics. Fails with `Locked` when another process has the folder.
    pub async fn open(
        _config: Config,
        _clock: Arc<dyn Clock>,
        _registry: &mut Registry,
    ) -> Result<Self, Error> {
        todo!()
    }

    /// Takes a batch in. When this returns `Ok`, batch and cursor are on disk and the spans are searchable.
    pub async fn append(&self, _batch: Batch) -> Result<Appended, Error> {
        todo!()
    }

    /// The cursor that the last durable batch of this target reached.
    pub fn cursor(&self, _target: &str) -> Option<String> {
        todo!()
    }

    /// What can be searched now. Takes microseconds; never waits for intake.
    pub fn snapshot(&self) -> Snapshot {
        todo!()
    }

    /// All spans of a trace, each once, as an OTLP `TracesData` message; `None` when there is none.
    pub async fn trace(&self, _id: TraceId) -> Result<Option<Bytes>, Error> {
        todo!()
    }

    /// Keeps exemplars (those seen before are skipped) and pins their traces. Returns how many were new.
    pub async fn add_exemplars(&self, _exemplars: Vec<Exemplar>) -> Result<usize, Error> {
        todo!()
    }

    /// The exemplars that point at a trace, oldest first.
    pub async fn exemplars_of(&self, _id: TraceId) -> Result<Vec<Exemplar>, Error> {
        todo!()
    }

    /// Exemplars of the series that `wanted` accepts, observed within `[from, to]` (Unix milliseconds),
    /// sorted by series labels.
    pub async fn exemplars(
        &self,
        _wanted: Box<dyn Fn(&[(String, String)]) -> bool + Send>,
        _from_unix_milli: i64,
        _to_unix_milli: i64,
    ) -> Result<Vec<SeriesExemplars>, Error> {
        todo!()
    }

    /// The pins of a trace.
    pub async fn pins_of(&self, _id: TraceId) -> Result<Vec<Pin>, Error> {
        todo!()
    }

    /// Gaps of any target that overlap a time range, with the target whose buffer had it and the overlay's attributes.
    pub async fn gaps(
        &self,
        _from_unix_nano: u64,
        _to_unix_nano: u64,
    ) -> Result<Vec<(Vec<(String, String)>, Gap)>, Error> {
        todo!()
    }

    /// Cuts the head into a block now, whatever its age.
    pub async fn flush(&self) -> Result<(), Error> {
        todo!()
    }

    /// Stops intake, makes all durable, cuts nothing (the journal replays), releases the lock.
    pub async fn close(&self) -> Result<(), Error> {
        todo!()
    }
}
