//! One shard: a ring of bytes with framed entries, each with a sequence number.

use std::collections::VecDeque;
use std::ops::Range;

pub(crate) use entry::{Entry, HEADER_BYTES, INLINE_ORIGIN, INLINE_SCOPE, entries};

mod entry;
#[cfg(test)]
mod tests;

/// A place is remembered every so many bytes, so that a reader finds its sequence number without
/// walking the whole ring while a writer waits for the lock.
const MARK_EVERY_BYTES: u64 = 8 << 10;

/// A fixed number of bytes that hold the newest entries.
///
/// Positions count bytes ever written and sequence numbers count entries ever written; neither goes
/// back. What lies between `tail` and `head` can be read.
pub(crate) struct Ring {
    bytes: Box<[u8]>,
    /// Where the next entry will begin.
    head: u64,
    /// Where the oldest entry begins.
    tail: u64,
    /// `head` and `tail` as offsets into `bytes`, kept because a division costs as much as a copy.
    head_offset: usize,
    tail_offset: usize,
    /// The sequence number of the oldest entry held.
    first: u64,
    /// The sequence number that the next entry will get.
    next: u64,
    marks: VecDeque<Mark>,
}

#[derive(Clone, Copy)]
struct Mark {
    sequence: u64,
    position: u64,
}

impl Ring {
    /// A ring of `capacity_bytes`, rounded down to a multiple of the entry alignment. Everything it
    /// will ever need is allocated here.
    pub(crate) fn new(capacity_bytes: usize) -> Self {
        let capacity_bytes = capacity_bytes / entry::ALIGN_BYTES * entry::ALIGN_BYTES;
        let marks_max = capacity_bytes as u64 / MARK_EVERY_BYTES + 2;
        Self {
            bytes: vec![0; capacity_bytes].into_boxed_slice(),
            head: 0,
            tail: 0,
            head_offset: 0,
            tail_offset: 0,
            first: 0,
            next: 0,
            marks: VecDeque::with_capacity(marks_max as usize),
        }
    }

    pub(crate) fn capacity_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn held_bytes(&self) -> u64 {
        self.head - self.tail
    }

    /// Bytes ever written, frames included.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.head
    }

    /// The sequence number of the oldest entry held; equal to [`next`](Self::next) when there is none.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The bytes from entry `sequence` to the head.
    pub(crate) fn bytes_from(&self, sequence: u64) -> u64 {
        self.head - self.position_of(sequence)
    }
}

// Writing.
impl Ring {
    /// Goes on where an earlier life stood. Only for a ring to which nothing was written.
    pub(crate) fn begin_at(&mut self, sequence: u64) {
        debug_assert_eq!((self.head, self.next), (0, 0), "the ring is new");
        (self.first, self.next) = (sequence, sequence);
    }

    /// Appends an entry and overwrites the oldest ones as far as it needs their place.
    ///
    /// The payload must fit an empty ring; the span limit sees to that.
    pub(crate) fn push(&mut self, entry: Entry<'_>) {
        let need = entry::framed_bytes(entry.payload.len());
        assert!(need <= self.bytes.len(), "the span limit is a fraction of the shard");
        while self.held_bytes() + need as u64 > self.bytes.len() as u64 {
            self.evict();
        }
        if self.marks.back().is_none_or(|mark| self.head - mark.position >= MARK_EVERY_BYTES) {
            self.marks.push_back(Mark { sequence: self.next, position: self.head });
        }
        // A header never wraps, because entries and ring are multiples of its size.
        let header = entry.header();
        self.bytes[self.head_offset..self.head_offset + HEADER_BYTES].copy_from_slice(&header);
        let start = self.wrap(self.head_offset + HEADER_BYTES);
        let before_wrap = entry.payload.len().min(self.bytes.len() - start);
        let (left, right) = entry.payload.split_at(before_wrap);
        self.bytes[start..start + left.len()].copy_from_slice(left);
        self.bytes[..right.len()].copy_from_slice(right);
        self.head += need as u64;
        self.head_offset = self.wrap(self.head_offset + need);
        self.next += 1;
    }

    fn evict(&mut self) {
        debug_assert!(self.tail < self.head);
        let size = self.framed_bytes_at(self.tail_offset);
        self.tail += size as u64;
        self.tail_offset = self.wrap(self.tail_offset + size);
        self.first += 1;
        if self.marks.front().is_some_and(|mark| mark.sequence < self.first) {
            self.marks.pop_front();
        }
    }

    /// An offset that is at most one lap too far.
    fn wrap(&self, offset: usize) -> usize {
        if offset >= self.bytes.len() { offset - self.bytes.len() } else { offset }
    }
}

// Reading.
impl Ring {
    /// Appends whole entries to `out`, beginning with `sequence` (or the oldest held, if that is
    /// gone), ending before `until` or when `bytes_max` would be passed; one entry comes in any case.
    /// Returns the sequence numbers of what was copied.
    pub(crate) fn copy(
        &self,
        sequence: u64,
        until: u64,
        bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Range<u64> {
        let begin = sequence.max(self.first);
        let until = until.min(self.next);
        if begin >= until {
            return begin..begin;
        }
        let start = self.offset_of(self.position_of(begin));
        let (mut end, mut copied, mut bytes) = (begin, 0, 0);
        while end < until {
            bytes += self.framed_bytes_at(self.wrap(start + copied));
            if bytes > bytes_max && copied > 0 {
                break;
            }
            copied = bytes;
            end += 1;
        }
        let before_wrap = copied.min(self.bytes.len() - start);
        out.extend_from_slice(&self.bytes[start..start + before_wrap]);
        out.extend_from_slice(&self.bytes[..copied - before_wrap]);
        begin..end
    }

    /// Where entry `sequence` begins. It must be held, or be the next one.
    fn position_of(&self, sequence: u64) -> u64 {
        debug_assert!((self.first..=self.next).contains(&sequence));
        if sequence == self.next {
            return self.head;
        }
        let after = self.marks.partition_point(|mark| mark.sequence <= sequence);
        let oldest = Mark { sequence: self.first, position: self.tail };
        let mut mark = after.checked_sub(1).map_or(oldest, |index| self.marks[index]);
        while mark.sequence < sequence {
            mark.position += self.framed_bytes_at(self.offset_of(mark.position)) as u64;
            mark.sequence += 1;
        }
        mark.position
    }

    fn offset_of(&self, position: u64) -> usize {
        (position % self.bytes.len() as u64) as usize
    }

    fn framed_bytes_at(&self, offset: usize) -> usize {
        entry::framed_bytes(entry::payload_bytes(&self.bytes[offset..offset + HEADER_BYTES]))
    }
}
