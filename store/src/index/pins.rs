//! Pins: traces that must be kept, why, and until when. Those of exemplars stand with these.

use super::{Index, catalogue::Catalogue, open::failed, value};
use crate::{Error, Pin, PinReason, TraceId};

const END_BYTES: usize = 8;

impl Index {
    /// Pins a trace, or pins it for longer. True when it had no pin before.
    pub(crate) fn add_pin(&self, pin: &Pin) -> Result<bool, Error> {
        let is_new = !self.is_pinned(pin.trace_id, &self.catalogue.lock());
        let key = key_of(pin.trace_id, pin.reason);
        let held = self.pins.get(&key).map_err(failed)?;
        let held = held.and_then(|bytes| until(&bytes));
        if held.is_some_and(|held| held >= pin.until_unix_nano) {
            return Ok(false);
        }
        let end = pin.until_unix_nano.to_be_bytes();
        // Whatever a crash leaves: an end without its pin is passed over, a pin without its end is not possible.
        self.pins_by_end.insert([&end[..], &key].concat(), &[][..]).map_err(failed)?;
        self.pins.insert(&key, value::seal(&end)).map_err(failed)?;
        if let Some(held) = held {
            let before = [&held.to_be_bytes()[..], &key].concat();
            self.pins_by_end.remove(before).map_err(failed)?;
        }
        Ok(is_new)
    }

    /// The pins of a trace that still hold: one for all its exemplars, and what was pinned for itself.
    pub(crate) fn pins_of(&self, trace_id: TraceId, now_unix_nano: u64) -> Result<Vec<Pin>, Error> {
        let last = self.pinned_until_unix_nano(trace_id)?.filter(|end| *end > now_unix_nano);
        let exemplar =
            |until_unix_nano| Pin { trace_id, reason: PinReason::Exemplar, until_unix_nano };
        let mut pins: Vec<Pin> = last.map(exemplar).into_iter().collect();
        for entry in self.pins.scan_prefix(trace_id.0) {
            let (key, bytes) = entry.map_err(failed)?;
            let Some(reason) = key.last().and_then(|&code| reason_of(code)) else { continue };
            if let Some(until_unix_nano) = until(&bytes)
                && until_unix_nano > now_unix_nano
            {
                match pins.iter_mut().find(|pin| pin.reason == reason) {
                    Some(pin) => pin.until_unix_nano = pin.until_unix_nano.max(until_unix_nano),
                    None => pins.push(Pin { trace_id, reason, until_unix_nano }),
                }
            }
        }
        Ok(pins)
    }

    /// Whether a trace has an exemplar or a pin.
    pub(super) fn is_pinned(&self, trace_id: TraceId, catalogue: &Catalogue) -> bool {
        catalogue.knows(trace_id) || self.pins.scan_prefix(trace_id.0).next().is_some()
    }

    /// Number of traces with a pin. Reads all of them: for the start, not for every question.
    pub(crate) fn pinned_traces(&self) -> usize {
        let catalogue = self.catalogue.lock();
        let mut last = None;
        let keys = self.pins.iter().keys().flatten().filter(|key| {
            let trace = key.first_chunk().copied().map(TraceId);
            let is_new = trace != last;
            last = trace;
            is_new && trace.is_some_and(|trace| !catalogue.knows(trace))
        });
        keys.count() + catalogue.traces()
    }

    /// Forgets pins that ended. Returns how many traces lost their last one.
    pub(crate) fn expire_pins(&self, now_unix_nano: u64) -> Result<usize, Error> {
        let mut unpinned = 0;
        let ended =
            self.pins_by_end.range(..=[&now_unix_nano.to_be_bytes()[..], &[0xff; 17]].concat());
        for end in ended.keys() {
            let end = end.map_err(failed)?;
            let Some((_, key)) = end.split_first_chunk::<END_BYTES>() else { continue };
            let held = self.pins.get(key).map_err(failed)?;
            if held.and_then(|bytes| until(&bytes)).is_some_and(|held| held <= now_unix_nano) {
                self.pins.remove(key).map_err(failed)?;
                let trace = key.first_chunk().copied().map(TraceId);
                let is_last = |trace| !self.is_pinned(trace, &self.catalogue.lock());
                unpinned += usize::from(trace.is_some_and(is_last));
            }
            self.pins_by_end.remove(&end).map_err(failed)?;
        }
        Ok(unpinned)
    }
}

pub(super) fn key_of(trace_id: TraceId, reason: PinReason) -> Vec<u8> {
    let code = match reason {
        PinReason::Exemplar => 1,
        PinReason::User => 2,
        PinReason::Lookup => 3,
    };
    [&trace_id.0[..], &[code]].concat()
}

fn reason_of(code: u8) -> Option<PinReason> {
    [PinReason::Exemplar, PinReason::User, PinReason::Lookup]
        .get(usize::from(code).checked_sub(1)?)
        .copied()
}

pub(super) fn until(bytes: &[u8]) -> Option<u64> {
    value::open(bytes)?.try_into().ok().map(u64::from_be_bytes)
}
