//! Waiting, at the end of a process, until somebody has read the last spans.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::cursor::Cursor;
use crate::shards::Shards;

/// How long an answer that delivered everything waits for the request that says it arrived.
pub(crate) const CONFIRMATION_GRACE: Duration = Duration::from_secs(1);

/// How the wait of [`SpanBuffer::drained`](crate::SpanBuffer::drained) ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// A draining reader came back with a cursor behind the last span: it has everything. Also
    /// when there was never anything to read.
    Confirmed,
    /// Everything was sent to a draining reader, but it did not come back to say that it arrived.
    Delivered,
    /// Time is up, and something has not been read by a draining reader.
    Unread,
}

/// How far draining readers have come, each position the largest seen.
#[derive(Default)]
pub(crate) struct DrainProgress {
    positions: Mutex<Positions>,
    pub(crate) changed: Notify,
}

#[derive(Default)]
struct Positions {
    confirmed: Vec<u64>,
    delivered: Vec<u64>,
}

impl DrainProgress {
    /// A draining reader has everything before this cursor.
    pub(crate) fn confirm(&self, cursor: &Cursor) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        raise(&mut positions.confirmed, &cursor.positions);
        drop(positions);
        self.changed.notify_waiters();
    }

    /// A draining reader was sent everything before this cursor.
    pub(crate) fn deliver(&self, cursor: &Cursor) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        raise(&mut positions.delivered, &cursor.positions);
        drop(positions);
        self.changed.notify_waiters();
    }

    pub(crate) fn state(&self, shards: &Shards) -> Drain {
        let positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        let reaches = |seen: &[u64]| {
            (0..shards.count())
                .all(|index| shards.read(index).next() <= seen.get(index).copied().unwrap_or(0))
        };
        if reaches(&positions.confirmed) {
            Drain::Confirmed
        } else if reaches(&positions.delivered) {
            Drain::Delivered
        } else {
            Drain::Unread
        }
    }
}

fn raise(seen: &mut Vec<u64>, reached: &[u64]) {
    seen.resize(reached.len(), 0);
    for (seen, reached) in seen.iter_mut().zip(reached) {
        *seen = (*seen).max(*reached);
    }
}
