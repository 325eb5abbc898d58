//! Names of nodes as small numbers.

use super::super::{
    EngineError,
    column::{Data, Scalar, Text},
    operand::{Frame, field_columns},
    view::View,
};
use crate::traceql::{FieldRef, Scope};
use arrow_array::{Array, cast::AsArray};
use arrow_buffer::BooleanBuffer;
use rapidhash::RapidHashMap;
use sigyn_store::AttributeScope;
use std::sync::Arc;

/// Of a row without a name.
pub(super) const NO_NAME: u32 = 0;

/// Each text once. Code 0 is the empty text.
pub(super) struct Names {
    texts: Vec<Arc<str>>,
    codes: RapidHashMap<Arc<str>, u32>,
}

impl Default for Names {
    fn default() -> Self {
        let empty: Arc<str> = "".into();
        Self { texts: vec![empty.clone()], codes: [(empty, NO_NAME)].into_iter().collect() }
    }
}

impl Names {
    pub(super) fn text(&self, code: u32) -> &str {
        &self.texts[code as usize]
    }

    pub(super) fn code(&mut self, text: &str) -> u32 {
        if let Some(&code) = self.codes.get(text) {
            return code;
        }
        let (code, text) = (self.texts.len() as u32, Arc::<str>::from(text));
        self.texts.push(text.clone());
        self.codes.insert(text, code);
        code
    }

    /// What the codes of another are here, by code.
    pub(super) fn of_other(&mut self, other: &Self) -> Vec<u32> {
        other.texts.iter().map(|text| self.code(text)).collect()
    }

    /// Codes of the wanted rows of a text column.
    pub(super) fn of_text(&mut self, texts: &Text, wanted: &BooleanBuffer) -> Vec<u32> {
        let mut codes = vec![NO_NAME; texts.len()];
        self.fill(&Data::Text(texts.clone()), wanted, &mut codes);
        codes
    }

    /// Codes of the wanted rows of an attribute of the resource or, where that has none, of the span; `None` where no row has it.
    pub(super) fn of_attribute(
        &mut self,
        view: &View,
        name: &str,
        wanted: &BooleanBuffer,
    ) -> Result<Option<Vec<u32>>, EngineError> {
        let mut codes = None;
        for (scope, word) in
            [(AttributeScope::Resource, Scope::Resource), (AttributeScope::Span, Scope::Span)]
        {
            if !view.has_attribute(scope, name)? {
                continue;
            }
            let codes = codes.get_or_insert_with(|| vec![NO_NAME; view.len()]);
            for column in field_columns(&FieldRef::attribute(word, name), Frame::rows(view))? {
                if column.fan.is_none() {
                    self.fill(&column.data, wanted, codes);
                }
            }
        }
        Ok(codes)
    }

    /// Gives wanted rows without a name that of a column: strings, numbers and booleans.
    fn fill(&mut self, data: &Data, wanted: &BooleanBuffer, codes: &mut [u32]) {
        if let Data::Text(texts) = data {
            let Some(distinct) = texts.values().as_string_opt::<i32>() else { return };
            // Most of a dictionary may belong to other rows: a text is taken when a row has it.
            let mut known = vec![None; distinct.len()];
            for row in wanted.set_indices() {
                if codes[row] == NO_NAME && texts.is_valid(row) {
                    let key = texts.keys().value(row) as usize;
                    let code = match known[key] {
                        Some(code) => code,
                        None if distinct.is_null(key) => NO_NAME,
                        None => self.code(distinct.value(key)),
                    };
                    known[key] = Some(code);
                    codes[row] = code;
                }
            }
            return;
        }
        for row in wanted.set_indices() {
            if codes[row] == NO_NAME {
                codes[row] = match data.scalar(row) {
                    Some(Scalar::Int(value)) => self.code(&value.to_string()),
                    Some(Scalar::Float(value)) => self.code(&value.to_string()),
                    Some(Scalar::Bool(value)) => self.code(&value.to_string()),
                    _ => NO_NAME,
                };
            }
        }
    }
}
