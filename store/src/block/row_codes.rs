//! Which value each row of a column has, by code.

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};

/// Codes in the order of rows. Most columns have a value in few of their rows: what is done with them takes as long as there are values.
pub(super) struct RowCodes {
    pub(super) is_valid: BooleanBuffer,
    /// Of the rows that have a value.
    pub(super) codes: Vec<u32>,
}

/// Takes codes of rows in any order.
pub(super) struct RowCodesBuilder<'r> {
    is_valid: BooleanBufferBuilder,
    slots: &'r mut [u32],
}

impl<'r> RowCodesBuilder<'r> {
    /// Of so many rows, none of which has a value yet. What is in the room from the column before does no harm.
    pub(super) fn new(rows: usize, room: &'r mut Vec<u32>) -> Self {
        if room.len() < rows {
            room.resize(rows, 0);
        }
        let mut is_valid = BooleanBufferBuilder::new(rows);
        is_valid.append_n(rows, false);
        Self { is_valid, slots: &mut room[..rows] }
    }

    #[inline]
    pub(super) fn set(&mut self, slot: usize, code: u32) {
        self.is_valid.set_bit(slot, true);
        self.slots[slot] = code;
    }

    pub(super) fn finish(mut self) -> RowCodes {
        let is_valid = self.is_valid.finish();
        let count = is_valid.count_set_bits();
        let codes = if count == self.slots.len() {
            self.slots.to_vec()
        } else {
            let mut codes = Vec::with_capacity(count);
            codes.extend(is_valid.set_indices().map(|slot| self.slots[slot]));
            codes
        };
        RowCodes { is_valid, codes }
    }
}

impl RowCodes {
    /// Rows, with a value or without.
    pub(super) fn rows(&self) -> usize {
        self.is_valid.len()
    }
}
