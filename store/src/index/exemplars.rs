//! Exemplars by time and by trace.

use super::{Index, open::failed, stored_exemplar, value};
use crate::{Error, Exemplar, Labels, Pin, PinReason, SeriesExemplars, SeriesFilter, TraceId};
use std::collections::BTreeMap;

const TIME_BYTES: usize = 8;

impl Index {
    /// Keeps those not seen before and pins their traces until `pinned_until_unix_nano`; a trace that is pinned already
    /// stays pinned for longer. Returns how many were new, and how many traces are newly pinned.
    ///
    /// Seen before means: same series, trace, span and value. The time does not count, because an
    /// exposition may leave it out, and then every scrape tells another one.
    pub(crate) fn add_exemplars(
        &self,
        exemplars: &[Exemplar],
        pinned_until_unix_nano: u64,
    ) -> Result<(usize, usize), Error> {
        let (mut added, mut pinned) = (0, 0);
        for exemplar in exemplars {
            let identity = identity(exemplar);
            let by_trace = [&exemplar.trace_id.0[..], &identity[..]].concat();
            if !self.exemplars_by_trace.contains_key(&by_trace).map_err(failed)? {
                let time = time_key(exemplar.timestamp_unix_milli);
                let key = [&time[..], &by_trace].concat();
                let payload = stored_exemplar::write(exemplar);
                self.exemplars.insert(key, value::seal(&payload)).map_err(failed)?;
                self.exemplars_by_trace.insert(by_trace, &time[..]).map_err(failed)?;
                added += 1;
                let pin = Pin {
                    trace_id: exemplar.trace_id,
                    reason: PinReason::Exemplar,
                    until_unix_nano: pinned_until_unix_nano,
                };
                pinned += usize::from(self.add_pin(&pin)?);
            }
        }
        Ok((added, pinned))
    }

    /// The exemplars that point at a trace, oldest first.
    pub(crate) fn exemplars_of(&self, trace_id: TraceId) -> Result<Vec<Exemplar>, Error> {
        let mut found = Vec::new();
        for entry in self.exemplars_by_trace.scan_prefix(trace_id.0) {
            let (by_trace, time) = entry.map_err(failed)?;
            // Until version 2 the whole key stood here, which begins with the time.
            let Some(time) = time.get(..TIME_BYTES) else { continue };
            let key = [time, &by_trace].concat();
            if let Some(bytes) = self.exemplars.get(&key).map_err(failed)? {
                found.extend(read(&key, &bytes));
            }
        }
        found.sort_by_key(|exemplar| exemplar.timestamp_unix_milli);
        Ok(found)
    }

    /// Exemplars of wanted series within a time range, both ends included, by series.
    pub(crate) fn exemplars(
        &self,
        wanted: &SeriesFilter,
        from_unix_milli: i64,
        to_unix_milli: i64,
    ) -> Result<Vec<SeriesExemplars>, Error> {
        let mut by_series = BTreeMap::<Labels, Vec<Exemplar>>::new();
        for entry in self.exemplars.range(time_key(from_unix_milli)..) {
            let (key, bytes) = entry.map_err(failed)?;
            if key[..8] > time_key(to_unix_milli)[..] {
                break;
            }
            if let Some(exemplar) = read(&key, &bytes)
                && wanted(&exemplar.series)
            {
                by_series.entry(exemplar.series.clone()).or_default().push(exemplar);
            }
        }
        let found = by_series.into_iter();
        Ok(found.map(|(series, exemplars)| SeriesExemplars { series, exemplars }).collect())
    }

    /// Shows the newest `count_max` exemplars within a time range, both ends included, newest first. Says whether those were all.
    pub(crate) fn show_exemplars(
        &self,
        from_unix_milli: i64,
        to_unix_milli: i64,
        count_max: usize,
        show: &mut dyn FnMut(Exemplar),
    ) -> Result<bool, Error> {
        let until = time_key(to_unix_milli.saturating_add(1));
        let range = time_key(from_unix_milli)..until;
        for (at, entry) in self.exemplars.range(range).rev().enumerate() {
            if at == count_max {
                return Ok(false);
            }
            let (key, bytes) = entry.map_err(failed)?;
            if let Some(exemplar) = read(&key, &bytes) {
                show(exemplar);
            }
        }
        Ok(true)
    }

    /// The traces that the newest exemplars of a time range point at, newest first, at most `traces_max`.
    pub(crate) fn exemplar_traces(
        &self,
        from_unix_milli: i64,
        to_unix_milli: i64,
        traces_max: usize,
    ) -> Result<Vec<TraceId>, Error> {
        let range = time_key(from_unix_milli)..time_key(to_unix_milli);
        let mut traces = Vec::new();
        for key in self.exemplars.range(range).keys().rev() {
            let key = key.map_err(failed)?;
            let id: Option<[u8; 16]> = key.get(8..24).and_then(|id| id.try_into().ok());
            traces.extend(id.map(TraceId).filter(|id| !traces.contains(id)));
            if traces.len() >= traces_max {
                break;
            }
        }
        Ok(traces)
    }

    /// Forgets exemplars observed before `before_unix_milli`.
    pub(crate) fn expire_exemplars(&self, before_unix_milli: i64) -> Result<(), Error> {
        for key in self.exemplars.range(..time_key(before_unix_milli).to_vec()).keys() {
            let key = key.map_err(failed)?;
            self.exemplars_by_trace.remove(&key[8..]).map_err(failed)?;
            self.exemplars.remove(&key).map_err(failed)?;
        }
        Ok(())
    }
}

/// Big-endian with the sign bit turned, so that bytes sort as times do.
fn time_key(unix_milli: i64) -> [u8; TIME_BYTES] {
    (unix_milli as u64 ^ 1 << 63).to_be_bytes()
}

fn time_of(key: &[u8; TIME_BYTES]) -> i64 {
    (u64::from_be_bytes(*key) ^ 1 << 63) as i64
}

fn read(key: &[u8], bytes: &[u8]) -> Option<Exemplar> {
    let exemplar = || {
        let (time, rest) = key.split_first_chunk::<TIME_BYTES>()?;
        let (trace, _) = rest.split_first_chunk::<16>()?;
        stored_exemplar::read(value::open(bytes)?, TraceId(*trace), time_of(time))
    };
    let found = exemplar();
    if found.is_none() {
        tracing::warn!("skipped a damaged exemplar in the index");
    }
    found
}

/// 64 bits of what makes an exemplar the same. Part of the disk format: the unseeded rapidhash V3.
fn identity(exemplar: &Exemplar) -> [u8; 8] {
    let mut bytes = Vec::new();
    for text in exemplar.series.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.extend_from_slice(&exemplar.span_id.unwrap_or_default().0);
    bytes.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
    rapidhash::v3::rapidhash_v3(&bytes).to_be_bytes()
}
