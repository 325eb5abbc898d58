//! Which blocks are merged next. Pure: from what is known of blocks to a list of names.

use std::{collections::BTreeMap, time::Duration};
use ulid::Ulid;

/// Blocks of one window are merged when it is over for so long: what was cut in it has been written.
const SETTLE: Duration = Duration::from_secs(60);
/// Blocks of one merge at most: they are all read at the same time.
const INPUTS_MAX: usize = 16;
/// Of each of them a row group is decoded step by step, which takes memory in proportion to its bytes …
const ROW_GROUP_BYTES: u64 = 2 << 20;
/// … and this bounds the sum.
const ROW_GROUPS_BYTES_MAX: u64 = 8 * ROW_GROUP_BYTES;
/// Of so many fresh blocks the oldest are merged though their window is not over. The newest are left alone while they can be:
/// whoever searches mostly wants what is newest, and a block that holds a long time has to be looked through whole for it.
const FRESH_BLOCKS_MAX: usize = 2 * INPUTS_MAX;
/// So many fresh blocks …
const RUSH_BLOCKS: usize = 8;
/// … within so short a time are a rush: intake then needs the memory and the processors that a merge would take, and blocks wait for
/// its end …
const RUSH: Duration = Duration::from_secs(10);
/// … unless there are so many of them that readers would notice.
const FRESH_BLOCKS_IN_RUSH_MAX: usize = 4 * FRESH_BLOCKS_MAX;
/// A merged block is about this large at most.
const BLOCK_BYTES_MAX: u64 = 256 << 20;
/// Fresh blocks are merged once within the short window, the results once more within the long one, and then never
/// again: no span is rewritten more than twice.
const WINDOWS: [Duration; 2] = [Duration::from_secs(30 * 60), Duration::from_secs(6 * 3600)];
/// No window is longer than this part of the retention, so that blocks go soon after their spans should.
const WINDOWS_OF_RETENTION: u32 = 8;

/// What decides whether a block is merged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) block: Ulid,
    /// How often its spans were merged.
    pub(crate) level: u8,
    /// When the latest of its spans left a head.
    pub(crate) cut_max_unix_nano: u64,
    pub(crate) size_bytes: u64,
}

/// Blocks that become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) inputs: Vec<Ulid>,
    /// Of the new block.
    pub(crate) level: u8,
}

/// The merge that is due first, if any is. `candidates` are the blocks of one writer, without pinned ones.
pub(crate) fn plan(
    candidates: &[Candidate],
    retention: Duration,
    now_unix_nano: u64,
) -> Option<Plan> {
    let fresh = candidates.iter().filter(|candidate| candidate.level == 0);
    let cuts_unix_nano = fresh.clone().map(|block| block.cut_max_unix_nano);
    if is_rush(cuts_unix_nano, now_unix_nano) && fresh.count() < FRESH_BLOCKS_IN_RUSH_MAX {
        return None;
    }
    (1..=2u8).find_map(|level| {
        let window = WINDOWS[usize::from(level) - 1].min(retention / WINDOWS_OF_RETENTION);
        let window_nano = (window.as_nanos() as u64).max(1);
        let mut windows: BTreeMap<u64, Vec<Candidate>> = BTreeMap::new();
        for candidate in candidates {
            let is_small = level == 1 || candidate.size_bytes < BLOCK_BYTES_MAX / 2;
            if candidate.level < level && is_small {
                let at = candidate.cut_max_unix_nano / window_nano;
                windows.entry(at).or_default().push(*candidate);
            }
        }
        windows.into_iter().find_map(|(at, mut blocks)| {
            let end = (at + 1).saturating_mul(window_nano);
            let is_over = now_unix_nano >= end.saturating_add(SETTLE.as_nanos() as u64);
            if !is_over && (level == 2 || blocks.len() < FRESH_BLOCKS_MAX) {
                return None;
            }
            blocks.sort_unstable_by_key(|block| (block.cut_max_unix_nano, block.block));
            let inputs = first_run(&blocks);
            (inputs.len() > 1).then_some(Plan { inputs, level })
        })
    })
}

/// Whether fresh blocks, cut at these times, come so fast that all else should wait.
pub(super) fn is_rush(cuts_unix_nano: impl Iterator<Item = u64>, now_unix_nano: u64) -> bool {
    let since_unix_nano = now_unix_nano.saturating_sub(RUSH.as_nanos() as u64);
    cuts_unix_nano.filter(|&cut| cut > since_unix_nano).count() >= RUSH_BLOCKS
}

/// The first blocks that fit into one; a block that is large enough by itself is passed over.
fn first_run(blocks: &[Candidate]) -> Vec<Ulid> {
    let (mut inputs, mut bytes, mut row_groups_bytes) = (Vec::new(), 0, 0);
    for block in blocks {
        let row_group_bytes = block.size_bytes.min(ROW_GROUP_BYTES);
        let fits = bytes + block.size_bytes <= BLOCK_BYTES_MAX
            && row_groups_bytes + row_group_bytes <= ROW_GROUPS_BYTES_MAX
            && inputs.len() < INPUTS_MAX;
        if !fits && inputs.len() > 1 {
            break;
        }
        if !fits {
            (inputs, bytes, row_groups_bytes) = (Vec::new(), 0, 0);
        }
        inputs.push(block.block);
        bytes += block.size_bytes;
        row_groups_bytes += row_group_bytes;
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Random;

    const MINUTE_NANO: u64 = 60_000_000_000;
    const DAY: Duration = Duration::from_secs(86_400);

    /// Blocks cut every so many minutes, merged as planned until nothing is due.
    fn run(
        minutes: u64,
        every: u64,
        bytes: impl Fn(u64) -> u64,
    ) -> (Vec<Candidate>, BTreeMap<Ulid, u32>) {
        let (mut blocks, mut rewritten) = (Vec::<Candidate>::new(), BTreeMap::new());
        // By name of a block, the fresh blocks whose spans it holds.
        let mut holds: BTreeMap<Ulid, Vec<Ulid>> = BTreeMap::new();
        let mut names = Random::new(1);
        for minute in 1..=minutes {
            let now = 1_000_000 * MINUTE_NANO + minute * MINUTE_NANO;
            if minute % every == 0 {
                let block = Ulid::from_parts(now / 1_000_000, u128::from(names.next()));
                let size_bytes = bytes(minute);
                blocks.push(Candidate { block, level: 0, cut_max_unix_nano: now, size_bytes });
                holds.insert(block, vec![block]);
            }
            while let Some(Plan { inputs, level }) = plan(&blocks, 14 * DAY, now) {
                assert!(inputs.len() > 1);
                let merged = Ulid::from_parts(now / 1_000_000, u128::from(names.next()));
                let of_plan = |block: &&Candidate| inputs.contains(&block.block);
                let cut_max = blocks.iter().filter(of_plan).map(|it| it.cut_max_unix_nano).max();
                let size_bytes = blocks.iter().filter(of_plan).map(|it| it.size_bytes).sum();
                let spans: Vec<_> = inputs.iter().flat_map(|it| holds[it].clone()).collect();
                spans.iter().for_each(|it| *rewritten.entry(*it).or_default() += 1);
                blocks.retain(|block| !inputs.contains(&block.block));
                let cut_max_unix_nano = cut_max.unwrap();
                blocks.push(Candidate { block: merged, level, cut_max_unix_nano, size_bytes });
                holds.insert(merged, spans);
            }
        }
        (blocks, rewritten)
    }

    #[test]
    fn a_day_of_small_blocks_becomes_a_few_and_no_span_is_rewritten_more_than_twice() {
        let (blocks, rewritten) = run(24 * 60, 2, |_| 1 << 20);
        assert!(blocks.len() <= 4 + 12 + 15, "{} blocks are left of 720", blocks.len());
        assert_eq!(rewritten.values().max(), Some(&2));
        assert!(blocks.iter().all(|block| block.size_bytes <= BLOCK_BYTES_MAX));
    }

    #[test]
    fn large_blocks_are_left_alone_and_sizes_stay_bounded() {
        let (blocks, rewritten) =
            run(300, 1, |minute| if minute % 3 == 0 { 200 << 20 } else { 9 << 20 });
        assert!(blocks.iter().all(|block| block.size_bytes <= BLOCK_BYTES_MAX));
        assert!(rewritten.values().all(|&times| times <= 2));
        let (blocks, rewritten) = run(120, 1, |_| 300 << 20);
        assert_eq!((blocks.len(), rewritten.len()), (120, 0), "too large for company");
    }

    #[test]
    fn the_newest_blocks_are_left_alone_while_they_are_not_too_many() {
        let now = 1_000_000 * WINDOWS[0].as_nanos() as u64 + MINUTE_NANO;
        let block = |second: u64| Candidate {
            block: Ulid::from_parts(second, 0),
            level: 0,
            cut_max_unix_nano: now - MINUTE_NANO / 2 + second,
            size_bytes: 1 << 20,
        };
        let few: Vec<_> = (1..FRESH_BLOCKS_MAX as u64).map(block).collect();
        assert_eq!(plan(&few, 14 * DAY, now), None);
        let many: Vec<_> = (1..=FRESH_BLOCKS_MAX as u64).map(block).collect();
        let oldest: Vec<_> = many[..INPUTS_MAX].iter().map(|it| it.block).collect();
        assert_eq!(plan(&many, 14 * DAY, now), Some(Plan { inputs: oldest, level: 1 }));
    }

    #[test]
    fn blocks_wait_for_the_end_of_a_rush_unless_they_are_too_many() {
        let now = 1_000_000 * WINDOWS[0].as_nanos() as u64 + 20 * MINUTE_NANO;
        let block = |at: u64| Candidate {
            block: Ulid::from_parts(1_000_000 - at, 0),
            level: 0,
            // One a second, up to now.
            cut_max_unix_nano: now - at * MINUTE_NANO / 60,
            size_bytes: 1 << 20,
        };
        let blocks = |count: usize| (0..count as u64).map(block).collect::<Vec<_>>();
        let some = blocks(FRESH_BLOCKS_IN_RUSH_MAX - 1);
        assert_eq!(plan(&some, 14 * DAY, now), None);
        let later = now + RUSH.as_nanos() as u64;
        assert!(plan(&some, 14 * DAY, later).is_some(), "the rush is over");
        assert!(plan(&blocks(FRESH_BLOCKS_IN_RUSH_MAX), 14 * DAY, now).is_some());
        assert!(plan(&some[20..], 14 * DAY, now).is_some(), "nothing came lately");
    }

    #[test]
    fn windows_shrink_with_the_retention() {
        let at = |minute: u64| Candidate {
            block: Ulid::from_parts(minute, 1),
            level: 1,
            cut_max_unix_nano: minute * MINUTE_NANO,
            size_bytes: 1,
        };
        let blocks = [at(1), at(50), at(100), at(350)];
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let inputs = |retention, now| {
            plan(&blocks, retention, now * MINUTE_NANO).map_or(0, |plan| plan.inputs.len())
        };
        assert_eq!(inputs(hours(336), 100), 0, "the window is not over");
        assert_eq!(inputs(hours(336), 370), 4);
        assert_eq!(inputs(hours(8), 370), 2, "no window is longer than an hour");
    }
}
