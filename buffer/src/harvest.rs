//! One read: from cursor to cursor, a slice of one shard at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::buffer::Inner;
use crate::cursor::{Cursor, CursorError};
use crate::keep::KeptSpan;
use crate::ring::entries;
use crate::shards::SLICE_BYTES;

pub(crate) use batch::Batch;

mod batch;

/// What one read gave.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Read {
    /// Pieces of one `ExportTraceServiceRequest`, in order; none when there was nothing new.
    pub chunks: Vec<Bytes>,
    /// Spans in it.
    pub spans: usize,
    /// Where to go on.
    pub cursor: String,
    /// What was overwritten since the given cursor, before it could be read.
    pub lost: Lost,
    /// Whether more was held when the read began than went into the body.
    pub more: bool,
    pub(crate) reached: Cursor,
}

/// How many spans a reader missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Exactly so many.
    Spans(u64),
    /// The cursor is from an earlier life of this process, whose last spans nobody can count.
    Unknown,
}

/// A read in progress. Lives outside of all locks; [`step`](Self::step) takes one for one slice.
pub(crate) struct Harvest {
    lanes: Vec<Lane>,
    /// The lane in hand, an index into `lanes`.
    current: usize,
    last_round: bool,
    /// Whether the cursor is one of this life: without it nothing can be missed.
    counts_lost: bool,
    lost: u64,
    lost_unknown: bool,
    batch: Batch,
    /// Reused from slice to slice.
    slice: Vec<u8>,
}

/// What this read takes from one shard.
struct Lane {
    shard: usize,
    /// The sequence number to read next.
    position: u64,
    /// What was overwritten in the ring and is kept all the same, from `position` on.
    kept: VecDeque<Arc<KeptSpan>>,
    /// The oldest in the ring at the start.
    held_from: u64,
    /// What was the shard's next sequence number at the start; so that a read ends.
    until: u64,
    /// What the lane may take of the body.
    quota_bytes: usize,
    /// Bytes between `position` and the head at the start.
    pending_bytes: u64,
}

impl Harvest {
    /// Decides where to begin and what each shard may take of the body: when not all fits, a
    /// share by what waits in it, so that no shard is left to be overwritten.
    pub(crate) fn plan(
        inner: &Inner,
        cursor: Option<&Cursor>,
        bytes_max: usize,
    ) -> Result<Self, CursorError> {
        let known = cursor.filter(|cursor| cursor.epoch == inner.epoch);
        if known.is_some_and(|cursor| cursor.positions.len() != inner.shards.count()) {
            return Err(CursorError::Ahead);
        }
        let mut lost = 0;
        let mut lanes = Vec::with_capacity(inner.shards.count());
        for shard in 0..inner.shards.count() {
            let (held_from, until, ring_bytes) = {
                let ring = inner.shards.read(shard);
                let asked = known.map_or(0, |cursor| cursor.positions[shard]);
                if asked > ring.next() {
                    return Err(CursorError::Ahead);
                }
                (ring.first(), ring.next(), ring.bytes_from(asked.max(ring.first())))
            };
            let asked = known.map_or(0, |cursor| cursor.positions[shard]);
            let kept = inner.keep.between(shard, asked, held_from);
            let position = kept.front().map_or(asked.max(held_from), |span| span.sequence);
            if known.is_some() {
                lost += position - asked;
            }
            let kept_bytes: usize = kept.iter().map(|span| span.entry().payload.len()).sum();
            lanes.push(Lane {
                shard,
                position,
                kept,
                held_from,
                until,
                quota_bytes: usize::MAX,
                pending_bytes: ring_bytes + kept_bytes as u64,
            });
        }
        let batch = Batch::new(inner.resource(), bytes_max);
        let pending_bytes: u64 = lanes.iter().map(|lane| lane.pending_bytes).sum();
        let room = batch.room_bytes();
        if pending_bytes > room as u64 {
            for lane in &mut lanes {
                let share = lane.pending_bytes as f64 / pending_bytes as f64;
                lane.quota_bytes = (room as f64 * share) as usize;
            }
            // The fullest first: it is nearest to being overwritten.
            lanes.sort_by_key(|lane| std::cmp::Reverse(lane.pending_bytes));
        }
        let lost_unknown = cursor.is_some() && known.is_none();
        Ok(Self {
            lanes,
            current: 0,
            last_round: false,
            counts_lost: known.is_some(),
            lost,
            lost_unknown,
            batch,
            slice: Vec::new(),
        })
    }

    /// Copies one slice, or turns to the next shard. Returns whether there is more to do.
    pub(crate) fn step(&mut self, inner: &Inner) -> bool {
        let Some(lane) = self.lanes.get_mut(self.current) else {
            return self.begin_last_round();
        };
        if lane.position >= lane.until {
            self.current += 1;
            return true;
        }
        while let Some(span) = lane.kept.front() {
            if self.counts_lost {
                self.lost += span.sequence - lane.position;
            }
            lane.position = span.sequence;
            let offered = self.batch.offer(span.entry(), &inner.scopes, lane.quota_bytes);
            let Some(taken_bytes) = offered else {
                self.current += 1;
                return true;
            };
            lane.quota_bytes = lane.quota_bytes.saturating_sub(taken_bytes);
            lane.position += 1;
            lane.kept.pop_front();
            if lane.kept.is_empty() {
                let held_from = lane.held_from.max(lane.position);
                if self.counts_lost {
                    self.lost += held_from - lane.position;
                }
                lane.position = held_from;
                return true;
            }
        }
        let room_bytes = self.batch.room_bytes().min(lane.quota_bytes);
        // Frames are a little larger than fields; what is copied for nothing is copied again later.
        let slice_bytes = room_bytes.saturating_add(room_bytes / 4).min(SLICE_BYTES);
        self.slice.clear();
        let copied = inner.shards.read(lane.shard).copy(
            lane.position,
            lane.until,
            slice_bytes,
            &mut self.slice,
        );
        // Overwritten since the last slice.
        self.lost += copied.start - lane.position;
        lane.position = copied.start;
        for entry in entries(&self.slice) {
            if entry.is_hole() {
                self.lost += u64::from(self.counts_lost);
                lane.position += 1;
                continue;
            }
            let Some(taken_bytes) = self.batch.offer(entry, &inner.scopes, lane.quota_bytes) else {
                self.current += 1;
                return true;
            };
            lane.quota_bytes = lane.quota_bytes.saturating_sub(taken_bytes);
            lane.position += 1;
        }
        true
    }

    /// Gives away what the quotas left, to the fullest shards first.
    fn begin_last_round(&mut self) -> bool {
        if self.last_round {
            return false;
        }
        self.last_round = true;
        self.current = 0;
        self.lanes.iter_mut().for_each(|lane| lane.quota_bytes = usize::MAX);
        true
    }

    pub(crate) fn finish(mut self, inner: &Inner) -> Read {
        self.lanes.sort_by_key(|lane| lane.shard);
        let positions = self.lanes.iter().map(|lane| lane.position).collect();
        let reached = Cursor { epoch: inner.epoch, positions };
        Read {
            spans: self.batch.spans(),
            chunks: self.batch.into_chunks(),
            cursor: reached.token(),
            lost: if self.lost_unknown { Lost::Unknown } else { Lost::Spans(self.lost) },
            more: self.lanes.iter().any(|lane| lane.position < lane.until),
            reached,
        }
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Spans(count) => count.fmt(formatter),
            Self::Unknown => formatter.write_str("unknown"),
        }
    }
}
