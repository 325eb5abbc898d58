//! Records spans: first in the file, then in the ring, where readers see them.

use crate::{error::Error, layout::RecordKind, ring_file::RingFile};
use sigyn_buffer::{Origin, Place, Relay};
use std::{collections::HashMap, io, path::PathBuf};

/// So much is written at a time. The file has more room than that beyond what is held.
const CHUNK_BYTES: usize = 256 << 10;
/// Above this many, origins that would be written again anyway are forgotten.
const ORIGINS_MAX: usize = 4_096;

pub(crate) struct Recorder {
    relay: Relay,
    /// None after a write failed.
    file: Option<RingFile>,
    path: PathBuf,
    /// Where each origin was written last.
    origins: HashMap<Origin, u64>,
    pub(crate) write_failures: u64,
}

impl Recorder {
    pub(crate) fn new(relay: Relay, file: RingFile, path: PathBuf) -> Self {
        Self { relay, file: Some(file), path, origins: HashMap::new(), write_failures: 0 }
    }

    /// Gives a new file its name.
    pub(crate) fn put_in_place(&self) -> Result<(), Error> {
        self.file.as_ref().map_or(Ok(()), |file| file.put_in_place(&self.path))
    }

    /// Takes encoded spans in. When this returns, a kill of the process does not lose them.
    pub(crate) fn record(&mut self, spans: &[(Origin, Vec<u8>)]) {
        let mut rest = spans;
        while !rest.is_empty() {
            let mut bytes = 0;
            let within = rest.iter().take_while(|(_, span)| {
                bytes += span.len();
                bytes <= CHUNK_BYTES
            });
            let (chunk, after) = rest.split_at(within.count().max(1));
            self.record_chunk(chunk);
            rest = after;
        }
    }

    fn record_chunk(&mut self, spans: &[(Origin, Vec<u8>)]) {
        let cut: Vec<Option<Vec<u8>>> =
            spans.iter().map(|(_, span)| self.relay.cut(span)).collect();
        let spans: Vec<(&Origin, &[u8])> = spans
            .iter()
            .zip(&cut)
            .map(|((origin, span), cut)| (origin, cut.as_deref().unwrap_or(span)))
            .collect();
        let places: Vec<Place> =
            spans.iter().map(|(_, span)| self.relay.plan(span.len())).collect();
        if let Err(error) = self.write(&spans, &places) {
            // What was promised of the file does not hold any more: better none than one that misses spans.
            self.write_failures += 1;
            self.file = None;
            let removed = std::fs::remove_file(&self.path);
            tracing::error!(
                path = %self.path.display(), %error, removed = removed.is_ok(),
                "the ring's file cannot be written: spans are in memory only from now on"
            );
        }
        for ((origin, span), place) in spans.into_iter().zip(places) {
            self.relay.record(place, origin, span);
        }
    }

    fn write(&mut self, spans: &[(&Origin, &[u8])], places: &[Place]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut payload = Vec::new();
        for ((origin, span), place) in spans.iter().zip(places) {
            let origin = origin_position(&mut self.origins, file, origin)?;
            payload.clear();
            payload.extend_from_slice(&origin.to_le_bytes());
            payload.extend_from_slice(span);
            file.append(RecordKind::Span, (place.shard as u16, place.sequence), &payload)?;
        }
        let held = self.relay.held().into_iter().zip(self.relay.planned());
        file.flush(held.map(|(held, planned)| held.start..*planned).collect())
    }
}

/// Where the origin stands in the file. It is written anew when a quarter of a lap has gone by, so that it is there as
/// long as any span that needs it.
fn origin_position(
    origins: &mut HashMap<Origin, u64>,
    file: &mut RingFile,
    origin: &Origin,
) -> io::Result<u64> {
    let fresh_from = file.head().saturating_sub(file.ring_bytes() / 4);
    if let Some(position) = origins.get(origin).filter(|position| **position >= fresh_from) {
        return Ok(*position);
    }
    if origins.len() >= ORIGINS_MAX {
        origins.retain(|_, position| *position >= fresh_from);
    }
    let resource = origin.resource_fields();
    let mut payload = Vec::with_capacity(4 + resource.len() + origin.scope_fields().len());
    payload.extend_from_slice(&(resource.len() as u32).to_le_bytes());
    payload.extend_from_slice(resource);
    payload.extend_from_slice(origin.scope_fields());
    let position = file.append(RecordKind::Origin, (0, 0), &payload)?;
    origins.insert(origin.clone(), position);
    Ok(position)
}
