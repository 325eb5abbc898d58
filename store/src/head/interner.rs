//! Each distinct byte string once, under a small code.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};
use std::{
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

/// Drawn once per process: whoever sends spans must not be able to choose strings that collide.
static SECRETS: LazyLock<RapidSecrets> =
    LazyLock::new(|| RapidSecrets::seed(RandomState::new().hash_one("sigyn")));

/// A table of distinct byte strings; codes count up from 0 in order of first appearance.
#[derive(Clone, Default)]
pub(crate) struct Interner {
    arena: Vec<u8>,
    /// Where each string ends in the arena.
    ends: Vec<u32>,
    /// Open addressing with linear probing: upper half of the hash, then code + 1; 0 is empty.
    slots: Vec<u64>,
}

impl Interner {
    /// An empty table with room for as many strings.
    pub(super) fn successor(&self) -> Self {
        Self {
            arena: Vec::with_capacity(self.arena.len()),
            ends: Vec::with_capacity(self.ends.len()),
            slots: vec![0; self.slots.len()],
        }
    }

    /// Number of distinct strings.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        self.arena.len() + self.ends.len() * 4 + self.slots.len() * 8
    }

    /// Bytes of the strings alone.
    pub(crate) fn string_bytes(&self) -> usize {
        self.arena.len()
    }

    /// The string of a code.
    #[inline]
    pub(crate) fn get(&self, code: u32) -> &[u8] {
        let code = code as usize;
        let start = if code == 0 { 0 } else { self.ends[code - 1] as usize };
        &self.arena[start..self.ends[code] as usize]
    }

    /// The code of a string, a new one if it has none.
    #[inline]
    pub(crate) fn intern(&mut self, string: &[u8]) -> u32 {
        self.make_room();
        let hash = hash(string);
        let slot = self.probe(hash, string);
        match self.slots[slot] {
            0 => self.fill(slot, hash, string),
            entry => entry as u32 - 1,
        }
    }

    /// A new code of a string, whether it has one or not.
    #[inline]
    pub(crate) fn push(&mut self, string: &[u8]) -> u32 {
        let code = self.ends.len() as u32;
        self.arena.extend_from_slice(string);
        let end = u32::try_from(self.arena.len())
            .expect("a chunk is sealed long before its strings reach 4 GiB");
        self.ends.push(end);
        code
    }

    /// The code of a string that must be UTF-8; what is not is replaced by U+FFFD first.
    #[inline]
    pub(crate) fn intern_text(&mut self, text: &[u8]) -> u32 {
        self.make_room();
        let hash = hash(text);
        let slot = self.probe(hash, text);
        match self.slots[slot] {
            // What has a code was looked at when it got it.
            0 if std::str::from_utf8(text).is_ok() => self.fill(slot, hash, text),
            0 => self.intern(String::from_utf8_lossy(text).as_bytes()),
            entry => entry as u32 - 1,
        }
    }

    /// The code of a string, if it has one.
    #[inline]
    pub(crate) fn find(&self, string: &[u8]) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let slot = self.slots[self.probe(hash(string), string)];
        (slot != 0).then(|| slot as u32 - 1)
    }

    /// Forgets all strings, and keeps the memory for others.
    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        self.ends.clear();
        self.slots.fill(0);
    }

    /// Gives back what only growing needs, the table by which strings are found again above all: it is made anew if another
    /// string comes.
    pub(crate) fn freeze(&mut self) {
        self.slots = Vec::new();
        self.arena.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// The slot that holds the string, or the empty one where it belongs.
    #[inline]
    fn probe(&self, hash: u64, string: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let entry = self.slots[slot];
            if entry == 0 || (entry ^ hash) >> 32 == 0 && self.get(entry as u32 - 1) == string {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Gives a string that has none its code, in the slot where it belongs.
    fn fill(&mut self, slot: usize, hash: u64, string: &[u8]) -> u32 {
        let code = self.push(string);
        self.slots[slot] = hash & 0xffff_ffff_0000_0000 | u64::from(code + 1);
        code
    }

    /// Half of the slots stay empty, and one more string has its place.
    #[inline]
    fn make_room(&mut self) {
        if self.ends.len() * 2 >= self.slots.len() {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        // Not by what there was: a frozen table has none.
        let length = (self.ends.len() * 4).next_power_of_two().max(16);
        let mask = length - 1;
        let mut slots = vec![0u64; length];
        for code in 0..self.ends.len() as u32 {
            let hash = hash(self.get(code));
            let mut slot = hash as usize & mask;
            while slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            slots[slot] = hash & 0xffff_ffff_0000_0000 | u64::from(code + 1);
        }
        self.slots = slots;
    }
}

#[inline]
fn hash(string: &[u8]) -> u64 {
    rapidhash_v3_seeded(string, &SECRETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_up_and_are_found_again() {
        let mut interner = Interner::default();
        for round in 0..2 {
            for number in 0..5000u32 {
                let code = interner.intern(format!("string {number}").as_bytes());
                assert_eq!(code, number, "round {round}");
            }
        }
        assert_eq!(interner.get(4999), b"string 4999");
        assert_eq!(interner.find(b"string 7"), Some(7));
        assert_eq!(interner.find(b"another"), None);
    }

    #[test]
    fn a_frozen_table_thaws() {
        let mut interner = Interner::default();
        (0..1000u32).for_each(|number| assert_eq!(interner.intern(&number.to_le_bytes()), number));
        interner.freeze();
        assert_eq!(interner.get(999), 999u32.to_le_bytes());
        (0..2000u32).for_each(|number| assert_eq!(interner.intern(&number.to_le_bytes()), number));
    }

    #[test]
    fn text_is_made_utf8() {
        let mut interner = Interner::default();
        let code = interner.intern_text(b"a\xffb");
        assert_eq!(interner.get(code), "a\u{fffd}b".as_bytes());
        assert_eq!(interner.intern_text(b"a\xffb"), code);
    }
}
