//! Exemplars, in batches, by time and by trace.

use super::{
    Index,
    batch::{self, Batch, Head, Record},
    catalogue::Catalogue,
    newest::NewestFirst,
    open::failed,
    value,
};
use crate::{Error, Exemplar, Labels, SeriesExemplars, SeriesFilter, TraceId};
use std::collections::{BTreeMap, BTreeSet};

impl Index {
    /// Keeps those not seen before, and with them pins their traces, until `until_unix_nano`. Returns how many were
    /// new, and how many traces are newly pinned.
    ///
    /// Seen before means: same series, trace, span and value. The time does not count, because an
    /// exposition may leave it out, and then every scrape tells another one.
    pub(crate) fn add_exemplars(
        &self,
        exemplars: &[Exemplar],
        until_unix_nano: u64,
    ) -> Result<(usize, usize), Error> {
        let (mut added, mut pinned) = (0, 0);
        let mut catalogue = self.catalogue.lock();
        // What an exposition has side by side was stored side by side.
        let mut last_read: Option<(u32, Vec<Record>)> = None;
        for exemplar in exemplars {
            let mut is_known = false;
            for number in catalogue.batches_of(exemplar.trace_id) {
                let records = match last_read.take() {
                    // Nothing is taken out of a batch that is full.
                    Some((last, records)) if last == number => records,
                    _ => self.read_batch(number, &catalogue)?,
                };
                is_known |= records.iter().any(|record| is_same(&record.exemplar, exemplar));
                last_read = (number != catalogue.open_number).then_some((number, records));
            }
            if is_known {
                continue;
            }
            pinned += usize::from(!self.is_pinned(exemplar.trace_id, &catalogue));
            added += 1;
            let number = catalogue.open_number;
            catalogue.open.push(exemplar, until_unix_nano);
            catalogue.note(number, Head::new(exemplar, until_unix_nano));
            if catalogue.open.is_full() {
                self.write_batch(number, &catalogue.open)?;
                catalogue.open = Batch::new();
                catalogue.open_number = number + 1;
            }
        }
        if added > 0 && !catalogue.open.is_empty() {
            self.write_batch(catalogue.open_number, &catalogue.open)?;
        }
        Ok((added, pinned))
    }

    /// The exemplars that point at a trace, oldest first.
    pub(crate) fn exemplars_of(&self, trace_id: TraceId) -> Result<Vec<Exemplar>, Error> {
        let mut found = Vec::new();
        for bytes in self.batches_of(trace_id)? {
            let exemplars = read(&bytes, batch::read).into_iter().map(|record| record.exemplar);
            found.extend(exemplars.filter(|exemplar| exemplar.trace_id == trace_id));
        }
        found.sort_by_key(|exemplar| exemplar.timestamp_unix_milli);
        Ok(found)
    }

    /// Until when the exemplars of a trace pin it.
    pub(super) fn pinned_until_unix_nano(&self, trace_id: TraceId) -> Result<Option<u64>, Error> {
        let mut last = None;
        for bytes in self.batches_of(trace_id)? {
            let heads = read(&bytes, batch::read_heads).into_iter();
            let own = heads.filter(|head| head.trace_id == trace_id);
            last = last.max(own.map(|head| head.until_unix_nano).max());
        }
        Ok(last)
    }

    fn batches_of(&self, trace_id: TraceId) -> Result<Vec<sled::IVec>, Error> {
        let numbers: Vec<u32> = self.catalogue.lock().batches_of(trace_id).collect();
        let batches = numbers.into_iter().map(|number| self.exemplars.get(number.to_be_bytes()));
        batches.filter_map(Result::transpose).collect::<Result<_, _>>().map_err(failed)
    }

    /// Exemplars of wanted series within a time range, both ends included, by series.
    pub(crate) fn exemplars(
        &self,
        wanted: &SeriesFilter,
        from_unix_milli: i64,
        to_unix_milli: i64,
    ) -> Result<Vec<SeriesExemplars>, Error> {
        let range = from_unix_milli..=to_unix_milli;
        let within = self.catalogue.lock().batches_within(&range);
        let mut by_series = BTreeMap::<Labels, Vec<Exemplar>>::new();
        for (_, number) in within {
            for Record { exemplar, .. } in self.batch(number)? {
                if range.contains(&exemplar.timestamp_unix_milli) && wanted(&exemplar.series) {
                    by_series.entry(exemplar.series.clone()).or_default().push(exemplar);
                }
            }
        }
        let series = by_series.into_iter().map(|(series, mut exemplars)| {
            exemplars.sort_by_key(|exemplar| exemplar.timestamp_unix_milli);
            SeriesExemplars { series, exemplars }
        });
        Ok(series.collect())
    }

    /// Shows the newest `count_max` exemplars within a time range, both ends included, newest first. Says whether those were all.
    pub(crate) fn show_exemplars(
        &self,
        from_unix_milli: i64,
        to_unix_milli: i64,
        count_max: usize,
        show: &mut dyn FnMut(Exemplar),
    ) -> Result<bool, Error> {
        let newest = NewestFirst::new(self, from_unix_milli..=to_unix_milli);
        for (at, exemplar) in newest.enumerate() {
            if at == count_max {
                return Ok(false);
            }
            show(exemplar?);
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
        let mut traces = Vec::new();
        for exemplar in NewestFirst::new(self, from_unix_milli..=to_unix_milli) {
            let trace_id = exemplar?.trace_id;
            if !traces.contains(&trace_id) {
                traces.push(trace_id);
            }
            if traces.len() >= traces_max {
                break;
            }
        }
        Ok(traces)
    }

    /// Forgets exemplars whose time is over, and with them their pins. Returns how many traces lost their last pin.
    pub(crate) fn expire_exemplars(&self, now_unix_nano: u64) -> Result<usize, Error> {
        let mut catalogue = self.catalogue.lock();
        let mut ended = BTreeSet::new();
        for number in catalogue.ended(now_unix_nano) {
            let records = self.read_batch(number, &catalogue)?;
            let (left, gone): (Vec<Record>, Vec<Record>) =
                records.into_iter().partition(|record| record.until_unix_nano > now_unix_nano);
            let batch = Batch::of(&left);
            if left.is_empty() {
                self.exemplars.remove(number.to_be_bytes()).map_err(failed)?;
            } else {
                self.write_batch(number, &batch)?;
            }
            catalogue.forget(number, &gone);
            for record in &left {
                catalogue.note(number, Head::new(&record.exemplar, record.until_unix_nano));
            }
            if number == catalogue.open_number {
                catalogue.open = batch;
            }
            ended.extend(gone.into_iter().map(|record| record.exemplar.trace_id));
        }
        let unpinned = ended.into_iter().filter(|trace| !self.is_pinned(*trace, &catalogue));
        Ok(unpinned.count())
    }

    /// Reads all batches to know what is in them.
    pub(super) fn read_catalogue(&self) -> Result<(), Error> {
        let mut catalogue = Catalogue::new();
        for entry in &self.exemplars {
            let (key, bytes) = entry.map_err(failed)?;
            let Ok(number) = <[u8; 4]>::try_from(&key[..]).map(u32::from_be_bytes) else {
                continue;
            };
            let heads = read(&bytes, batch::read_heads).into_iter();
            heads.for_each(|head| catalogue.note(number, head));
            catalogue.open_number = number;
        }
        // What comes next joins those that came last.
        catalogue.open = Batch::of(&self.batch(catalogue.open_number)?);
        if catalogue.open.is_full() {
            catalogue.open_number += 1;
            catalogue.open = Batch::new();
        }
        *self.catalogue.lock() = catalogue;
        Ok(())
    }

    /// The exemplars of a batch; none when it is gone by now.
    pub(super) fn batch(&self, number: u32) -> Result<Vec<Record>, Error> {
        let bytes = self.exemplars.get(number.to_be_bytes()).map_err(failed)?;
        Ok(bytes.map_or_else(Vec::new, |bytes| read(&bytes, batch::read)))
    }

    /// The same with what is not written yet.
    fn read_batch(&self, number: u32, catalogue: &Catalogue) -> Result<Vec<Record>, Error> {
        if number == catalogue.open_number {
            return Ok(batch::read(catalogue.open.bytes()).unwrap_or_default());
        }
        self.batch(number)
    }

    fn write_batch(&self, number: u32, batch: &Batch) -> Result<(), Error> {
        let sealed = value::seal(batch.bytes());
        self.exemplars.insert(number.to_be_bytes(), sealed).map_err(failed)?;
        Ok(())
    }
}

/// Reads a sealed batch in one of two ways.
fn read<T>(bytes: &[u8], read: impl FnOnce(&[u8]) -> Option<Vec<T>>) -> Vec<T> {
    let found = value::open(bytes).and_then(read);
    if found.is_none() {
        tracing::warn!("skipped a damaged batch of exemplars in the index");
    }
    found.unwrap_or_default()
}

fn is_same(one: &Exemplar, other: &Exemplar) -> bool {
    let all_but_series =
        |it: &Exemplar| (it.trace_id, it.span_id.unwrap_or_default(), it.value.to_bits());
    all_but_series(one) == all_but_series(other) && one.series == other.series
}
