//! Which blocks have had their time. Pure.

use crate::{block::Meta, metrics::Deleted};
use std::time::Duration;
use ulid::Ulid;

/// What decides whether a block goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    block: Ulid,
    /// When the latest of its spans left a head.
    cut_max_unix_nano: u64,
    size_bytes: u64,
    /// When its last pin ends, for a block of nothing but pinned traces.
    pinned_until_unix_nano: Option<u64>,
}

impl Standing {
    pub(crate) fn of(meta: &Meta) -> Self {
        Self {
            block: meta.block,
            cut_max_unix_nano: meta.cut_unix_nano().1,
            size_bytes: meta.size_bytes,
            pinned_until_unix_nano: meta.pinned.as_ref().map(|pinned| pinned.until_unix_nano),
        }
    }
}

/// The blocks that go, and why: first those that are too old, then, oldest first, as many as it takes for the rest to
/// stay within `bytes_max` (0: no such bound). Pinned blocks count for the sum, but go by their time only.
pub(crate) fn due(
    blocks: &[Standing],
    retention: Duration,
    bytes_max: u64,
    now_unix_nano: u64,
) -> Vec<(Ulid, Deleted)> {
    let retention_nano = u64::try_from(retention.as_nanos()).unwrap_or(u64::MAX);
    let mut due = Vec::new();
    let mut rest = Vec::new();
    for block in blocks {
        let (end, reason) = match block.pinned_until_unix_nano {
            Some(until) => (until, Deleted::Unpinned),
            None => (block.cut_max_unix_nano.saturating_add(retention_nano), Deleted::Expired),
        };
        if now_unix_nano >= end { due.push((block.block, reason)) } else { rest.push(block) }
    }
    if bytes_max > 0 {
        let mut bytes: u64 = rest.iter().map(|block| block.size_bytes).sum();
        rest.retain(|block| block.pinned_until_unix_nano.is_none());
        rest.sort_unstable_by_key(|block| (block.cut_max_unix_nano, block.block));
        for block in rest {
            if bytes <= bytes_max {
                break;
            }
            bytes -= block.size_bytes;
            due.push((block.block, Deleted::Oversize));
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_comes_first_then_size_and_pins_have_a_time_of_their_own() {
        let block = |at: u64, size_bytes, pinned_until_unix_nano| Standing {
            block: Ulid::from_parts(at, 0),
            cut_max_unix_nano: at,
            size_bytes,
            pinned_until_unix_nano,
        };
        let blocks = [
            block(10, 5, None),
            block(90, 20, None),
            block(80, 20, None),
            block(1, 30, Some(200)),
            block(2, 30, Some(99)),
        ];
        let names = |bytes_max| -> Vec<(u64, Deleted)> {
            let due = due(&blocks, Duration::from_nanos(50), bytes_max, 100);
            due.into_iter().map(|(name, why)| (name.timestamp_ms(), why)).collect()
        };
        let old = [(10, Deleted::Expired), (2, Deleted::Unpinned)];
        assert_eq!(names(0), old);
        assert_eq!(names(70), old, "the rest fits");
        assert_eq!(names(69), [&old[..], &[(80, Deleted::Oversize)]].concat());
        let all = [&old[..], &[(80, Deleted::Oversize), (90, Deleted::Oversize)]].concat();
        assert_eq!(names(1), all, "pinned blocks stay whatever they take");
    }
}
