//! Which exemplars are shown one by one: the newest, or some of all times and values.

use sigyn_store::Exemplar;
use std::collections::BTreeMap;

/// Columns of the grid over which dots are spread; its rows are powers of two.
const SPREAD_COLUMNS: i64 = 48;
/// Of one field of the grid.
const FIELD_DOTS_MAX: usize = 4;

/// Takes exemplars in, newest first, and keeps some.
pub(super) enum Dots {
    Newest {
        dots_max: usize,
        kept: Vec<Exemplar>,
    },
    Spread {
        dots_max: usize,
        start_unix_milli: i64,
        /// Of the whole range, at least 1.
        length_milli: i64,
        /// By column and exponent of two, the newest of each.
        fields: BTreeMap<(i64, i32), Vec<Exemplar>>,
    },
}

impl Dots {
    pub(super) fn newest(dots_max: usize) -> Self {
        Self::Newest { dots_max, kept: Vec::new() }
    }

    pub(super) fn spread(dots_max: usize, start_unix_milli: i64, end_unix_milli: i64) -> Self {
        let length_milli = (end_unix_milli - start_unix_milli).max(1);
        Self::Spread { dots_max, start_unix_milli, length_milli, fields: BTreeMap::new() }
    }

    /// An exemplar and the exponent of two that its value is below.
    pub(super) fn add(&mut self, exemplar: Exemplar, exponent: i32) {
        match self {
            Self::Newest { dots_max, kept } => {
                if kept.len() < *dots_max {
                    kept.push(exemplar);
                }
            }
            Self::Spread { start_unix_milli, length_milli, fields, .. } => {
                let since = exemplar.timestamp_unix_milli.saturating_sub(*start_unix_milli);
                let column = since.saturating_mul(SPREAD_COLUMNS) / *length_milli;
                let column = column.clamp(0, SPREAD_COLUMNS - 1);
                let field = fields.entry((column, exponent)).or_default();
                if field.len() < FIELD_DOTS_MAX {
                    field.push(exemplar);
                }
            }
        }
    }

    /// Those that are shown, newest first.
    pub(super) fn into_shown(self) -> Vec<Exemplar> {
        match self {
            Self::Newest { kept, .. } => kept,
            Self::Spread { dots_max, fields, .. } => {
                let mut fields: Vec<_> =
                    fields.into_values().map(|field| field.into_iter()).collect();
                let mut shown: Vec<Exemplar> = Vec::new();
                // One of each field, then a second one of each that has two, and so on.
                while shown.len() < dots_max {
                    let round: Vec<Exemplar> =
                        fields.iter_mut().filter_map(Iterator::next).collect();
                    if round.is_empty() {
                        break;
                    }
                    shown.extend(evenly(round, dots_max - shown.len()));
                }
                shown.sort_by_key(|exemplar| std::cmp::Reverse(exemplar.timestamp_unix_milli));
                shown
            }
        }
    }
}

/// At most so many, from all parts of a list alike.
fn evenly<T>(all: Vec<T>, count_max: usize) -> impl Iterator<Item = T> {
    let count = all.len();
    let taken = count_max.min(count);
    // The place of each in a list of `taken`; the first of each place is taken.
    let place = move |at: usize| at * taken / count;
    let is_taken = move |at: usize| taken > 0 && (at == 0 || place(at) != place(at - 1));
    all.into_iter().enumerate().filter(move |(at, _)| is_taken(*at)).map(|(_, it)| it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sigyn_store::TraceId;
    use std::collections::BTreeSet;

    fn exemplar(timestamp_unix_milli: i64, value: f64) -> Exemplar {
        Exemplar {
            series: Vec::new(),
            labels: Vec::new(),
            trace_id: TraceId([1; 16]),
            span_id: None,
            value,
            timestamp_unix_milli,
        }
    }

    fn shown(mut dots: Dots, all: impl IntoIterator<Item = (i64, i32)>) -> Vec<(i64, i32)> {
        for (at, exponent) in all {
            dots.add(exemplar(at, f64::from(exponent)), exponent);
        }
        let shown = dots.into_shown().into_iter();
        shown.map(|it| (it.timestamp_unix_milli, it.value as i32)).collect()
    }

    #[test]
    fn a_crowd_at_the_end_does_not_hide_the_rest() {
        let crowd = (0..1_000).map(|at| (47_999 - at / 10, 3));
        let few = [(30_500, 9), (10_500, 2), (500, 3)];
        let all: Vec<(i64, i32)> = crowd.chain(few).collect();
        let spread = shown(Dots::spread(10, 0, 48_000), all.clone());
        assert!(few.iter().all(|one| spread.contains(one)), "{spread:?}");
        assert_eq!(spread[0], (47_999, 3), "the newest of its field");
        assert_eq!(spread.len(), 3 + FIELD_DOTS_MAX);
        assert_eq!(shown(Dots::newest(5), all.clone()), all[..5]);
    }

    proptest! {
        #[test]
        fn dots_are_some_of_all_and_come_from_as_many_fields_as_there_is_room_for(
            mut all in prop::collection::vec((0i64..4_800, -2i32..3), 0..300),
            dots_max in 0usize..80,
        ) {
            all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
            let spread = shown(Dots::spread(dots_max, 0, 4_800), all.clone());
            let field = |(at, exponent): &(i64, i32)| (at / 100, *exponent);
            let fields: BTreeSet<_> = all.iter().map(field).collect();
            let of_shown: BTreeSet<_> = spread.iter().map(field).collect();
            prop_assert!(spread.len() <= dots_max);
            prop_assert_eq!(of_shown.len(), fields.len().min(dots_max));
            prop_assert!(spread.iter().all(|dot| all.contains(dot)));
            prop_assert!(spread.is_sorted_by_key(|(at, _)| std::cmp::Reverse(*at)));
        }
    }
}
