//! Which series a span belongs to.

use crate::{
    engine::{EngineError, codes::Codes, column::Scalar, view::View},
    traceql::FieldRef,
};
use arrow_buffer::BooleanBuffer;
use rapidhash::RapidHashMap;

/// The distinct combinations of grouping values seen so far; a group's number is its place.
#[derive(Default)]
pub(super) struct Groups {
    places: RapidHashMap<Vec<u8>, u32>,
    pub(super) values: Vec<Vec<Option<Scalar>>>,
}

/// Combinations of codes up to this many have a table; more are hashed.
const TABLE_MAX: usize = 1 << 16;

impl Groups {
    /// The group of each row given.
    pub(super) fn of_rows(
        &mut self,
        view: &View,
        by: &[FieldRef],
        more: Option<Codes>,
        wanted: &BooleanBuffer,
        rows: &[u32],
    ) -> Result<Vec<u32>, EngineError> {
        let mut codes = Vec::with_capacity(by.len() + 1);
        for field in by {
            codes.push(Codes::of(field, view, wanted)?);
        }
        codes.extend(more);
        let mut numbers = vec![0u32; rows.len()];
        match codes.as_slice() {
            [] => {
                let only = self.place(Vec::new());
                numbers.fill(only);
            }
            [one] if one.len() <= TABLE_MAX => {
                let mut table = vec![u32::MAX; one.len()];
                for (number, row) in numbers.iter_mut().zip(rows) {
                    let code = one.code(*row as usize);
                    let known = &mut table[code as usize];
                    if *known == u32::MAX {
                        *known = self.place(vec![one.value(code)]);
                    }
                    *number = *known;
                }
            }
            many => {
                let mut table: RapidHashMap<Vec<u32>, u32> = RapidHashMap::default();
                let mut combination = Vec::with_capacity(many.len());
                for (number, row) in numbers.iter_mut().zip(rows) {
                    combination.clear();
                    combination.extend(many.iter().map(|codes| codes.code(*row as usize)));
                    *number = match table.get(&combination) {
                        Some(known) => *known,
                        None => {
                            let values = many.iter().zip(&combination);
                            let values = values.map(|(codes, code)| codes.value(*code));
                            let place = self.place(values.collect());
                            table.insert(combination.clone(), place);
                            place
                        }
                    };
                }
            }
        }
        Ok(numbers)
    }

    /// The number of a group, which may be new.
    pub(super) fn place(&mut self, values: Vec<Option<Scalar>>) -> u32 {
        let mut key = Vec::new();
        for value in &values {
            match value {
                Some(value) => value.write_key(&mut key),
                None => key.push(0),
            }
        }
        let next = self.values.len() as u32;
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            self.values.push(values);
        }
        place
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}
