//! Which blocks there are, and which of them readers see.
//!
//! A block is hidden when another one that exists replaces it, or when it was retired here. A hidden block is deleted
//! when nobody reads it any more, and never before those that it replaces itself: they would come back.

use super::read::Block;
use crate::{generations::Generations, metrics::Deleted};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use ulid::Ulid;

/// All blocks that are known to exist.
pub(crate) struct Catalog {
    head: Arc<Generations>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    blocks: BTreeMap<Ulid, Arc<Block>>,
    /// Hidden though nothing replaces them.
    retired: BTreeMap<Ulid, Deleted>,
    /// When each hidden block was first seen to be so.
    hidden_since_unix_nano: BTreeMap<Ulid, u64>,
}

/// The blocks at one moment.
pub(crate) struct View {
    /// What readers see.
    pub(crate) visible: Vec<Arc<Block>>,
    /// What is there besides and was not retired here: replaced by others.
    pub(crate) replaced: Vec<Arc<Block>>,
}

/// A block that may be deleted now.
pub(crate) struct Buried {
    pub(crate) block: Arc<Block>,
    pub(crate) reason: Deleted,
}

impl Catalog {
    /// Hands what is visible of these to readers.
    pub(crate) fn new(head: Arc<Generations>, blocks: Vec<Arc<Block>>) -> Self {
        let catalog = Self { head, state: Mutex::default() };
        catalog.add(blocks);
        catalog
    }

    /// Puts the block of the generation that was cut in its place. `None`: it held no span.
    pub(crate) fn add_cut(&self, block: Option<Arc<Block>>) {
        let mut state = self.state.lock();
        state.insert(block);
        // Under the lock, so that no older list can overtake this one.
        self.head.publish(state.visible());
    }

    /// Adds blocks; those that they replace are hidden in the same step.
    pub(crate) fn add(&self, blocks: impl IntoIterator<Item = Arc<Block>>) {
        let mut state = self.state.lock();
        state.insert(blocks);
        self.head.set_blocks(state.visible());
    }

    /// Hides blocks.
    pub(crate) fn retire(&self, blocks: impl IntoIterator<Item = (Ulid, Deleted)>) {
        let mut state = self.state.lock();
        state.retired.extend(blocks);
        self.head.set_blocks(state.visible());
    }

    /// Takes blocks out that somebody else has deleted.
    pub(crate) fn forget(&self, blocks: &[Ulid]) {
        let mut state = self.state.lock();
        for block in blocks {
            state.blocks.remove(block);
        }
        self.head.set_blocks(state.visible());
    }

    pub(crate) fn names(&self) -> BTreeSet<Ulid> {
        self.state.lock().blocks.keys().copied().collect()
    }

    pub(crate) fn view(&self) -> View {
        let state = self.state.lock();
        let replaced = state.replaced();
        let others = state.blocks.values();
        let others = others.filter(|it| !state.retired.contains_key(&it.meta().block));
        let (replaced, visible) =
            others.cloned().partition(|it| replaced.contains(&it.meta().block));
        View { visible, replaced }
    }

    /// Takes the blocks out that may be deleted: hidden for long enough, with no reader and no hidden block behind them.
    pub(crate) fn bury(&self, now_unix_nano: u64, grace_nano: u64) -> Vec<Buried> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let replaced = state.replaced();
        let hidden: BTreeSet<Ulid> = replaced.iter().chain(state.retired.keys()).copied().collect();
        state.hidden_since_unix_nano.retain(|block, _| hidden.contains(block));
        let mut buried = Vec::new();
        for name in hidden {
            let since = *state.hidden_since_unix_nano.entry(name).or_insert(now_unix_nano);
            let Some(block) = state.blocks.get(&name) else { continue };
            let is_read = Arc::strong_count(block) > 1;
            let holds_back = block.meta().replaces.iter().any(|it| state.blocks.contains_key(it));
            if is_read || holds_back || now_unix_nano < since.saturating_add(grace_nano) {
                continue;
            }
            let reason = state.retired.get(&name).copied().unwrap_or(Deleted::Replaced);
            buried.extend(state.blocks.remove(&name).map(|block| Buried { block, reason }));
        }
        // What a block replaces must be gone from the place, not only from here, before it goes itself.
        let names: BTreeSet<Ulid> = buried.iter().map(|it| it.block.meta().block).collect();
        let (now, later): (Vec<_>, Vec<_>) = buried
            .into_iter()
            .partition(|it| it.block.meta().replaces.iter().all(|other| !names.contains(other)));
        state.insert(later.into_iter().map(|it| it.block));
        now
    }

    /// The block could not be deleted; it stays hidden and its turn comes again.
    pub(crate) fn dig_up(&self, buried: Buried) {
        let mut state = self.state.lock();
        state.retired.insert(buried.block.meta().block, buried.reason);
        state.insert([buried.block]);
    }

    /// The block is gone.
    pub(crate) fn buried(&self, block: Ulid) {
        let mut state = self.state.lock();
        state.retired.remove(&block);
        state.hidden_since_unix_nano.remove(&block);
    }
}

impl State {
    fn insert(&mut self, blocks: impl IntoIterator<Item = Arc<Block>>) {
        self.blocks.extend(blocks.into_iter().map(|block| (block.meta().block, block)));
    }

    fn replaced(&self) -> BTreeSet<Ulid> {
        let replaced = self.blocks.values().flat_map(|block| &block.meta().replaces);
        replaced.copied().filter(|block| self.blocks.contains_key(block)).collect()
    }

    fn visible(&self) -> Vec<Arc<Block>> {
        let replaced = self.replaced();
        let seen = |name: &Ulid| !replaced.contains(name) && !self.retired.contains_key(name);
        self.blocks.values().filter(|block| seen(&block.meta().block)).cloned().collect()
    }
}
