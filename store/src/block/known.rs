//! What batches of one row group have in common, so that it is looked up once when they go into the same chunk.

use crate::head::Interner;
use arrow_array::{Array, StringArray};
use rapidhash::RapidHashMap;

/// Where in one chunk stands what has been appended to it from one row group.
#[derive(Default)]
pub(super) struct Known {
    /// By number of the resource, its position.
    pub(super) resources: RapidHashMap<u32, u32>,
    pub(super) names: Codes,
    pub(super) status_messages: Codes,
}

/// The codes that texts of a dictionary have under an interner, which is always the same.
#[derive(Default)]
pub(super) struct Codes {
    texts: Option<StringArray>,
    /// Code of each text + 1; 0 where it has not been looked up.
    codes: Vec<u32>,
}

impl Codes {
    pub(super) fn of(texts: &StringArray) -> Self {
        Self { texts: Some(texts.clone()), codes: vec![0; texts.len()] }
    }

    /// Says that keys which follow are of these texts. Batches of one row group share them.
    pub(super) fn enter(&mut self, texts: &StringArray) {
        if !self.are_of(texts) {
            *self = Self::of(texts);
        }
    }

    /// True for the very same texts.
    pub(super) fn are_of(&self, texts: &StringArray) -> bool {
        self.texts.as_ref().is_some_and(|own| {
            own.len() == texts.len()
                && own.value_data().as_ptr() == texts.value_data().as_ptr()
                && own.value_offsets().as_ptr() == texts.value_offsets().as_ptr()
        })
    }

    /// The code of the text at a key.
    #[inline]
    pub(super) fn code(&mut self, key: u32, texts: &StringArray, interner: &mut Interner) -> u32 {
        let code = &mut self.codes[key as usize];
        if *code == 0 {
            *code = interner.intern(texts.value(key as usize).as_bytes()) + 1;
        }
        *code - 1
    }
}
