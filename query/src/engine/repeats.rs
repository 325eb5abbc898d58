//! Spans that are there more than once: read by two collectors, or pushed again.
//!
//! Counting must count them once. A run of sources that the store has deduplicated (a block) holds none twice, so only spans that start
//! where two runs overlap in time are looked at; most of a settled store is not.

use super::{EngineError, column::text_at, view::View};
use arrow_array::{
    cast::AsArray,
    types::{Int64Type, UInt8Type},
};
use arrow_buffer::BooleanBuffer;
use parking_lot::Mutex;
use rapidhash::RapidHashSet;
use sigyn_store::{Field, Source};
use std::sync::Arc;

/// Sets that threads fill at the same time.
const SHARDS: usize = 16;

/// Which spans were already counted. Shared by the threads of one scan.
pub(super) struct Repeats {
    /// By source: ranges of starts (both ends included) in which another run has spans too. `None`: the source itself may hold
    /// a span twice.
    contested: Vec<Option<Vec<(u64, u64)>>>,
    seen: [Mutex<RapidHashSet<u64>>; SHARDS],
}

impl Repeats {
    pub(super) fn among(sources: &[Arc<dyn Source>]) -> Self {
        // Each run once, with the range of its starts.
        let mut runs: Vec<(Option<u128>, u64, u64)> = Vec::new();
        for source in sources {
            let (run, range) = (source.run(), source.time_range());
            let (min, max) = (range.start_min_unix_nano, range.start_max_unix_nano);
            match runs.iter_mut().find(|(known, ..)| run.is_some() && *known == run) {
                Some((_, start, end)) => (*start, *end) = (min.min(*start), max.max(*end)),
                None => runs.push((run, min, max)),
            }
        }
        let contested = sources.iter().map(|source| {
            let run = source.run()?;
            let range = source.time_range();
            let overlap = |&(other, min, max): &(Option<u128>, u64, u64)| {
                let from = min.max(range.start_min_unix_nano);
                let to = max.min(range.start_max_unix_nano);
                (other != Some(run) && from <= to).then_some((from, to))
            };
            Some(joined(runs.iter().filter_map(overlap).collect()))
        });
        Self { contested: contested.collect(), seen: Default::default() }
    }

    /// The wanted rows without those that were seen before, in this source or another.
    pub(super) fn first_seen(
        &self,
        source: usize,
        view: &View,
        wanted: BooleanBuffer,
    ) -> Result<BooleanBuffer, EngineError> {
        let ranges = match &self.contested[source] {
            Some(ranges) if ranges.is_empty() => return Ok(wanted),
            ranges => ranges.as_deref(),
        };
        let starts = view.starts()?;
        let within = |start: u64| {
            ranges
                .is_none_or(|ranges| ranges.iter().any(|(from, to)| (*from..=*to).contains(&start)))
        };
        let rows: Vec<usize> =
            wanted.set_indices().filter(|row| within(starts.value(*row))).collect();
        if rows.is_empty() {
            return Ok(wanted);
        }
        let traces = view.field(Field::TraceId)?;
        let traces = traces.as_fixed_size_binary();
        let spans = view.field(Field::SpanId)?;
        let spans = spans.as_fixed_size_binary();
        let durations = view.field(Field::DurationNano)?;
        let durations = durations.as_primitive::<Int64Type>();
        let kinds = view.field(Field::Kind)?;
        let kinds = kinds.as_primitive::<UInt8Type>();
        let names = view.field(Field::Name)?;
        let names = names.as_dictionary();
        let mut by_shard: [Vec<(u64, usize)>; SHARDS] = Default::default();
        for row in rows {
            let mut hash = Mixer(0);
            hash.bytes(traces.value(row));
            hash.bytes(spans.value(row));
            hash.number(starts.value(row));
            hash.number(durations.value(row) as u64);
            hash.number(kinds.value(row).into());
            hash.bytes(text_at(names, row).unwrap_or_default().as_bytes());
            by_shard[(hash.0 >> 60) as usize].push((hash.0, row));
        }
        let mut kept: Vec<bool> = wanted.iter().collect();
        let mut repeated = false;
        for (seen, rows) in self.seen.iter().zip(by_shard) {
            let mut seen = seen.lock();
            for (hash, row) in rows {
                if !seen.insert(hash) {
                    kept[row] = false;
                    repeated = true;
                }
            }
        }
        Ok(if repeated { BooleanBuffer::from(kept) } else { wanted })
    }
}

/// Ranges, those that touch made one.
fn joined(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (from, to) in ranges {
        match joined.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// A hash of 64 bits: that two of ten million spans share one is as likely as one in a hundred thousand.
struct Mixer(u64);

impl Mixer {
    fn number(&mut self, number: u64) {
        const ODD: u128 = 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(self.0 ^ number ^ 0x2545_f491_4f6c_dd1d) * ODD;
        self.0 = (product >> 64) as u64 ^ (product as u64).rotate_left(23);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut whole = [0; 8];
            whole[..part.len()].copy_from_slice(part);
            self.number(u64::from_le_bytes(whole));
        }
        self.number(bytes.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        assert_eq!(joined(vec![(5, 9), (1, 3), (3, 4), (9, 12)]), [(1, 4), (5, 12)]);
        assert_eq!(joined(Vec::new()), []);
    }
}
