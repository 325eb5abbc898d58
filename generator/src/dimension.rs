//! A column of label values: few distinct texts, a code a row.

use arrow_array::{
    Array, ArrayRef,
    cast::AsArray,
    types::{Float64Type, Int64Type, UInt32Type},
};
use std::{collections::HashMap, sync::Arc};

/// Code 0 is the empty text: a row without a value.
pub(crate) struct Dimension {
    pub(crate) codes: Vec<u32>,
    values: Vec<Arc<str>>,
    by_value: HashMap<Arc<str>, u32, rapidhash::fast::RandomState>,
}

impl Dimension {
    /// No row has a value.
    pub(crate) fn absent(rows: usize) -> Self {
        let empty: Arc<str> = "".into();
        let by_value = [(Arc::clone(&empty), 0)].into_iter().collect();
        Self { codes: vec![0; rows], values: vec![empty], by_value }
    }

    /// A column of strings as the store gives them.
    pub(crate) fn of_text(array: &ArrayRef) -> Self {
        let mut dimension = Self::absent(array.len());
        dimension.fill(array);
        dimension
    }

    /// Gives rows without a value those of an array: strings, numbers, booleans.
    pub(crate) fn fill(&mut self, array: &ArrayRef) {
        if let Some(texts) = array.as_dictionary_opt::<UInt32Type>() {
            let distinct = texts.values().as_string::<i32>();
            // Most of a dictionary may belong to other rows: texts are taken when a row has them.
            let mut codes = vec![None; distinct.len()];
            for (row, key) in texts.keys().iter().enumerate() {
                if let Some(key) = key
                    && self.codes[row] == 0
                {
                    let key = key as usize;
                    let code = *codes[key].get_or_insert_with(|| self.code(distinct.value(key)));
                    self.codes[row] = code;
                }
            }
        } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
            self.fill_with(array, |row| numbers.value(row).to_string());
        } else if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
            self.fill_with(array, |row| numbers.value(row).to_string());
        } else if let Some(booleans) = array.as_boolean_opt() {
            self.fill_with(array, |row| booleans.value(row).to_string());
        }
    }

    /// The text of a row.
    pub(crate) fn value(&self, row: usize) -> &Arc<str> {
        &self.values[self.codes[row] as usize]
    }

    fn fill_with(&mut self, array: &ArrayRef, text_of: impl Fn(usize) -> String) {
        for row in 0..array.len() {
            if array.is_valid(row) && self.codes[row] == 0 {
                self.codes[row] = self.code(&text_of(row));
            }
        }
    }

    fn code(&mut self, text: &str) -> u32 {
        if let Some(&code) = self.by_value.get(text) {
            return code;
        }
        let (code, text) = (self.values.len() as u32, Arc::<str>::from(text));
        self.values.push(Arc::clone(&text));
        self.by_value.insert(text, code);
        code
    }
}

/// The name under which an attribute is a label: what Prometheus cannot take becomes `_`, and a
/// name that is taken already is told apart by `__`.
pub(crate) fn label_name(attribute: &str, taken: &[&str]) -> Arc<str> {
    let mut name: String = attribute
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() || it == '_' { it } else { '_' })
        .collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    if taken.contains(&&*name) {
        name.insert_str(0, "__");
    }
    name.into()
}
