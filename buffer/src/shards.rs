//! All shards of a buffer: writers take whichever is free, readers one slice at a time.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::ring::{Entry, Ring, entries};
use crate::scratch::Stint;
use crate::wakeup::Wakeup;

/// More would make cursors long; 64 locks are enough for any number of cores that share one buffer.
pub(crate) const SHARDS_MAX: usize = 64;
/// A smaller shard could hold too few spans to be worth its lock.
const SHARD_BYTES_MIN: usize = 64 << 10;
/// The smallest buffer still has two shards, one of which a reader may hold.
const CAPACITY_BYTES_MIN: usize = 64 << 10;
/// How often a writer goes round all shards before it gives a span up: first spinning, then letting
/// other threads run, because a lock is held for long only by a thread that lost its core.
const ROUNDS_SPINNING: usize = 8;
const ROUNDS_YIELDING: usize = 8;
/// A shard is locked for copying this much, which takes some ten microseconds.
pub(crate) const SLICE_BYTES: usize = 64 << 10;

pub(crate) struct Shards {
    shards: Box<[Shard]>,
    dropped: AtomicU64,
    stint_bytes: usize,
}

/// On a cache line of its own, and the next one too, because processors fetch them in pairs.
#[repr(align(128))]
struct Shard {
    ring: Mutex<Ring>,
}

/// What all rings say together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) recorded: u64,
    pub(crate) overwritten: u64,
    pub(crate) held_bytes: u64,
    pub(crate) written_bytes: u64,
}

impl Shards {
    pub(crate) fn new(capacity_bytes: usize, cores: usize) -> Self {
        let capacity_bytes = capacity_bytes.max(CAPACITY_BYTES_MIN);
        Self::with_count(capacity_bytes, shard_count(capacity_bytes, cores))
    }

    /// So many shards, a power of two; for a buffer that outlives the machine's number of cores.
    pub(crate) fn with_count(capacity_bytes: usize, count: usize) -> Self {
        assert!(count.is_power_of_two() && count <= SHARDS_MAX, "a power of two, at most 64");
        let capacity_bytes = capacity_bytes.max(CAPACITY_BYTES_MIN);
        let shard_bytes = capacity_bytes / count;
        let shard = || Shard { ring: Mutex::new(Ring::new(shard_bytes)) };
        Self {
            shards: std::iter::repeat_with(shard).take(count).collect(),
            dropped: AtomicU64::new(0),
            stint_bytes: (shard_bytes / 8).min(16 << 10),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.shards.len()
    }

    /// A span above this would push too much out of one shard.
    pub(crate) fn span_bytes_max(&self) -> usize {
        self.capacity_bytes() / self.count() / 4
    }

    pub(crate) fn capacity_bytes(&self) -> usize {
        self.count() * self.read(0).capacity_bytes()
    }

    /// Spans that found no free shard.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn totals(&self) -> Totals {
        (0..self.count()).fold(Totals::default(), |totals, index| {
            let ring = self.read(index);
            Totals {
                recorded: totals.recorded + ring.next(),
                overwritten: totals.overwritten + ring.first(),
                held_bytes: totals.held_bytes + ring.held_bytes(),
                written_bytes: totals.written_bytes + ring.written_bytes(),
            }
        })
    }
}

// Writing.
impl Shards {
    /// Appends the entry to a shard that is free; never waits for a lock. Wakes readers that wait.
    pub(crate) fn push(&self, entry: Entry<'_>, stint: &mut Stint, wakeup: &Wakeup) {
        if stint.bytes_left < entry.payload.len() {
            stint.shard = stint.shard.wrapping_add(1);
            stint.bytes_left = self.stint_bytes.max(entry.payload.len());
        }
        stint.bytes_left -= entry.payload.len();
        for round in 0..ROUNDS_SPINNING + ROUNDS_YIELDING {
            for _ in 0..self.count() {
                if let Some(mut ring) = self.try_write(stint.shard) {
                    ring.push(entry);
                    // Read under the lock: see `Wakeup`.
                    let awaited = wakeup.is_armed();
                    drop(ring);
                    if awaited {
                        wakeup.news();
                    }
                    return;
                }
                // Busy: this thread now belongs to the next shard, so that two that met part ways.
                stint.shard = stint.shard.wrapping_add(1);
            }
            if round < ROUNDS_SPINNING {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// How much a writer puts into one shard before it turns to the next.
    pub(crate) fn stint_bytes(&self) -> usize {
        self.stint_bytes
    }

    fn try_write(&self, shard: usize) -> Option<MutexGuard<'_, Ring>> {
        // The count is a power of two.
        match self.shards[shard & (self.count() - 1)].ring.try_lock() {
            Ok(ring) => Some(ring),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

// Reading.
impl Shards {
    /// Takes one shard's lock. Tries for a while first, because a reader that sleeps on the lock
    /// makes the writer that frees it pay for waking it.
    pub(crate) fn read(&self, index: usize) -> MutexGuard<'_, Ring> {
        for _ in 0..64 {
            if let Some(ring) = self.try_write(index) {
                return ring;
            }
            std::thread::yield_now();
        }
        self.shards[index].ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the entries of a shard in a range of sequence numbers, with their numbers, as far as they are held; `slice` is
    /// reused from copy to copy.
    pub(crate) fn walk(
        &self,
        shard: usize,
        range: Range<u64>,
        slice: &mut Vec<u8>,
        mut each: impl FnMut(u64, Entry<'_>) -> ControlFlow<()>,
    ) {
        let mut position = range.start;
        while position < range.end {
            slice.clear();
            let copied = self.read(shard).copy(position, range.end, SLICE_BYTES, slice);
            for (sequence, entry) in copied.clone().zip(entries(slice)) {
                if each(sequence, entry).is_break() {
                    return;
                }
            }
            position = copied.end;
        }
    }

    /// Whether anything lies at or after these positions, one for each shard, or was overwritten there.
    pub(crate) fn has_news(&self, positions: &[u64]) -> bool {
        positions.iter().enumerate().any(|(index, position)| self.read(index).next() > *position)
    }
}

/// Four locks a core, so that threads that lost their core while holding one leave others free.
fn shard_count(capacity_bytes: usize, cores: usize) -> usize {
    let wanted = (cores * 4).next_power_of_two().clamp(8, SHARDS_MAX);
    let affordable = capacity_bytes / SHARD_BYTES_MIN;
    let mut count = wanted;
    while count > affordable.max(2) {
        count /= 2;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::{SHARDS_MAX, Shards, shard_count};

    #[test]
    fn shards_are_a_power_of_two_and_large_enough() {
        for cores in [1, 2, 3, 7, 16, 64, 200] {
            for capacity_bytes in [64 << 10, 100_000, 1 << 20, 16 << 20, 1 << 30] {
                let count = shard_count(capacity_bytes, cores);
                assert!(count.is_power_of_two() && (2..=SHARDS_MAX).contains(&count));
                assert!(count == 2 || capacity_bytes / count >= 64 << 10);
            }
        }
        assert_eq!(shard_count(16 << 20, 2), 8);
        assert_eq!(shard_count(16 << 20, 16), 64);
    }

    #[test]
    fn the_smallest_buffer_still_takes_spans() {
        let shards = Shards::new(0, 1);
        assert_eq!(shards.capacity_bytes(), 64 << 10);
        assert!(shards.span_bytes_max() >= crate::otlp::SPAN_LIMIT_BYTES_MIN);
    }
}
