//! What batches of one row group have in common, so that it is looked up once when they go into the same chunk.

use crate::head::Interner;
use arrow_array::{Array, StringArray, UInt32Array};
use rapidhash::RapidHashMap;
use std::collections::hash_map::Entry;

/// Where in one chunk stands what has been appended to it from one row group.
#[derive(Default)]
pub(super) struct Known {
    /// By number of the resource, its position.
    pub(super) resources: RapidHashMap<u32, u32>,
    /// By column; `None` when few rows are appended, and only once.
    dictionaries: Option<RapidHashMap<String, Dictionary>>,
}

struct Dictionary {
    texts: StringArray,
    /// Code of each text + 1; 0 where it has not been looked up.
    codes: Vec<u32>,
    /// The batch before had others: the file has no dictionary of them, because they hardly repeat.
    is_unique: bool,
}

impl Known {
    /// For many batches.
    pub(super) fn for_many() -> Self {
        Self { dictionaries: Some(RapidHashMap::default()), ..Self::default() }
    }

    /// The codes of texts under an interner, which is always the same.
    pub(super) fn codes(
        &mut self,
        column: &str,
        texts: &StringArray,
        keys: &UInt32Array,
        rows: &[usize],
        interner: &mut Interner,
    ) -> Vec<u32> {
        let mut once;
        let dictionary = match &mut self.dictionaries {
            Some(dictionaries) => match dictionaries.get_mut(column) {
                Some(kept) => kept,
                None => match dictionaries.entry(column.to_owned()) {
                    Entry::Occupied(kept) => kept.into_mut(),
                    Entry::Vacant(free) => free.insert(Dictionary::new(texts)),
                },
            },
            None if texts.len() > rows.len() => {
                let texts_of = rows.iter().map(|&row| texts.value(keys.value(row) as usize));
                return texts_of.map(|text| interner.intern(text.as_bytes())).collect();
            }
            None => {
                once = Dictionary::new(texts);
                &mut once
            }
        };
        if !dictionary.is_of(texts) {
            *dictionary = Dictionary { is_unique: true, ..Dictionary::new(texts) };
        }
        let Dictionary { codes, is_unique, .. } = dictionary;
        let code_of = |&row: &usize| {
            let key = keys.value(row) as usize;
            if codes[key] == 0 {
                let text = texts.value(key).as_bytes();
                let code = if *is_unique { interner.push(text) } else { interner.intern(text) };
                codes[key] = code + 1;
            }
            codes[key] - 1
        };
        rows.iter().map(code_of).collect()
    }
}

impl Dictionary {
    fn new(texts: &StringArray) -> Self {
        Self { texts: texts.clone(), codes: vec![0; texts.len()], is_unique: false }
    }

    /// True for the very same texts: batches of one row group share their memory.
    fn is_of(&self, texts: &StringArray) -> bool {
        self.texts.len() == texts.len()
            && self.texts.value_data().as_ptr() == texts.value_data().as_ptr()
            && self.texts.value_offsets().as_ptr() == texts.value_offsets().as_ptr()
    }
}
