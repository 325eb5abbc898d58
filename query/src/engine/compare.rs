//! Comparisons. Predicates on text run once per distinct value, then codes are scanned.

use super::{
    EngineError,
    column::{Column, Data, Fan, Operand, Text, any_of_owner, hex, text_at},
    condition::presence,
};
use crate::traceql::{ComparisonOperator, Literal, pattern};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, FixedSizeBinaryArray, PrimitiveArray, StringArray,
    cast::AsArray,
};
use arrow_buffer::BooleanBuffer;
use arrow_select::take::take;
use std::cmp::Ordering;

/// Where `left operator right` holds.
pub(super) fn compare(
    operator: ComparisonOperator,
    left: &Operand,
    right: &Operand,
    rows: usize,
) -> Result<BooleanBuffer, EngineError> {
    use Operand::{Columns, Constant};
    match (left, right) {
        (Constant(Literal::Nil), Constant(_)) | (Constant(_), Constant(Literal::Nil)) => {
            Ok(BooleanBuffer::new_unset(rows))
        }
        (Columns(columns), Constant(Literal::Nil)) | (Constant(Literal::Nil), Columns(columns)) => {
            let present = presence(columns, rows);
            Ok(match operator {
                ComparisonOperator::Equal => !&present,
                ComparisonOperator::NotEqual => present,
                _ => BooleanBuffer::new_unset(rows),
            })
        }
        (Constant(left), Constant(right)) => {
            let holds = constants(operator, left, right)?;
            Ok(if holds { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) })
        }
        (Columns(columns), Constant(literal)) => {
            any_column(columns, operator, rows, |data, operator| {
                with_constant(operator, data, literal)
            })
        }
        (Constant(literal), Columns(columns)) => {
            any_column(columns, mirrored(operator), rows, |data, operator| {
                with_constant(operator, data, literal)
            })
        }
        (Columns(left), Columns(right)) => {
            let mut mask = BooleanBuffer::new_unset(rows);
            let mut against = mask.clone();
            for first in left {
                for second in right {
                    let Some(pair) = pair(operator, first, second, rows)? else { continue };
                    mask = &mask | &pair.holds;
                    if let Some(equal) = pair.against {
                        against = &against | &equal;
                    }
                }
            }
            Ok(&mask & &!&against)
        }
    }
}

/// The operator for exchanged sides.
pub(super) fn mirrored(operator: ComparisonOperator) -> ComparisonOperator {
    use ComparisonOperator::*;
    match operator {
        Less => Greater,
        LessOrEqual => GreaterOrEqual,
        Greater => Less,
        GreaterOrEqual => LessOrEqual,
        other => other,
    }
}

/// For arrays, `!=` holds where no element is equal: the positive question, and what to make of its answer.
fn positive(operator: ComparisonOperator, fan: Option<&Fan>) -> (ComparisonOperator, bool) {
    match (operator, fan) {
        (ComparisonOperator::NotEqual, Some(fan)) if fan.is_array => {
            (ComparisonOperator::Equal, true)
        }
        (ComparisonOperator::NotMatches, Some(fan)) if fan.is_array => {
            (ComparisonOperator::Matches, true)
        }
        _ => (operator, false),
    }
}

fn any_column(
    columns: &[Column],
    operator: ComparisonOperator,
    rows: usize,
    mut test: impl FnMut(&Data, ComparisonOperator) -> Result<Option<BooleanBuffer>, EngineError>,
) -> Result<BooleanBuffer, EngineError> {
    let mut mask = BooleanBuffer::new_unset(rows);
    // A row with an array of several types: an element of one type that is equal counts against `!=`.
    let mut against = BooleanBuffer::new_unset(rows);
    for column in columns {
        let (asked, turned) = positive(operator, column.fan.as_ref());
        let Some(entries) = test(&column.data, asked)? else { continue };
        let held = any_of_owner(entries, column.fan.as_ref(), rows);
        if turned {
            against = &against | &held;
            mask = &mask | &column.presence(rows);
        } else {
            mask = &mask | &held;
        }
    }
    Ok(&mask & &!&against)
}

/// Entries for which the comparison holds; `None` when the types never compare.
fn with_constant(
    operator: ComparisonOperator,
    data: &Data,
    literal: &Literal,
) -> Result<Option<BooleanBuffer>, EngineError> {
    Ok(match (data, literal) {
        (Data::Text(text), Literal::String(wanted)) => {
            Some(text_where(text, text_predicate(operator, wanted)?))
        }
        (Data::Id(ids), Literal::String(wanted)) => Some(id_where(operator, ids, wanted)?),
        (
            Data::Int(array) | Data::Duration(array),
            Literal::Int(wanted) | Literal::Duration(wanted),
        ) => Some(numbers_where(operator, array, |value| value, *wanted)),
        (Data::Int(array) | Data::Duration(array), Literal::Float(wanted)) => {
            Some(numbers_where(operator, array, |value| value as f64, *wanted))
        }
        (Data::Float(array), Literal::Int(wanted) | Literal::Duration(wanted)) => {
            Some(numbers_where(operator, array, |value| value, *wanted as f64))
        }
        (Data::Float(array), Literal::Float(wanted)) => {
            Some(numbers_where(operator, array, |value| value, *wanted))
        }
        (Data::Bool(array), Literal::Bool(wanted)) => {
            Some(valid_where(array, |at| equality(operator, array.value(at) == *wanted)))
        }
        (Data::Status(array), Literal::Status(wanted)) => is_equality(operator)
            .then(|| numbers_where(operator, array, |code| code, *wanted as u8)),
        (Data::Kind(array), Literal::Kind(wanted)) => is_equality(operator)
            .then(|| numbers_where(operator, array, |code| code, *wanted as u8)),
        _ => None,
    })
}

/// Where numbers compare with a constant. Each operator is a loop of its own, with nothing in it but the comparison. Not a number
/// differs from everything, itself included, and compares with nothing.
fn numbers_where<T: ArrowPrimitiveType, N: PartialOrd + Copy>(
    operator: ComparisonOperator,
    array: &PrimitiveArray<T>,
    number_of: impl Fn(T::Native) -> N + Copy,
    wanted: N,
) -> BooleanBuffer {
    use ComparisonOperator::*;
    let values = array.values();
    let mask = match operator {
        Equal => each(values, |value| number_of(value) == wanted),
        NotEqual => each(values, |value| number_of(value) != wanted),
        Less => each(values, |value| number_of(value) < wanted),
        LessOrEqual => each(values, |value| number_of(value) <= wanted),
        Greater => each(values, |value| number_of(value) > wanted),
        GreaterOrEqual => each(values, |value| number_of(value) >= wanted),
        Matches | NotMatches => BooleanBuffer::new_unset(values.len()),
    };
    match array.nulls() {
        Some(nulls) => &mask & nulls.inner(),
        None => mask,
    }
}

/// One bit a value. Sixty-four of them are compared into bytes, which are then pressed into a word: a loop without a dependence
/// from one value to the next.
fn each<T: Copy>(values: &[T], test: impl Fn(T) -> bool) -> BooleanBuffer {
    /// Moves the lowest bit of byte `i` to bit 56 + `i`.
    const PRESS: u64 = 0x0102_0408_1020_4080;
    let word = |values: &[T; 64]| {
        let held = values.map(|value| u8::from(test(value)));
        let mut word = [0u8; 8];
        for (byte, eight) in word.iter_mut().zip(held.as_chunks().0) {
            *byte = (u64::from_le_bytes(*eight).wrapping_mul(PRESS) >> 56) as u8;
        }
        u64::from_le_bytes(word)
    };
    let (whole, rest) = values.as_chunks();
    let mut words: Vec<u64> = whole.iter().map(word).collect();
    if let Some(first) = rest.first() {
        let mut padded = [*first; 64];
        padded[..rest.len()].copy_from_slice(rest);
        words.push(word(&padded));
    }
    BooleanBuffer::new(words.into(), 0, values.len())
}

fn is_equality(operator: ComparisonOperator) -> bool {
    matches!(operator, ComparisonOperator::Equal | ComparisonOperator::NotEqual)
}

fn valid_where(array: &dyn Array, test: impl Fn(usize) -> bool) -> BooleanBuffer {
    let mask = BooleanBuffer::collect_bool(array.len(), test);
    match array.nulls() {
        Some(nulls) => &mask & nulls.inner(),
        None => mask,
    }
}

fn ordered(operator: ComparisonOperator, ordering: Ordering) -> bool {
    match operator {
        ComparisonOperator::Equal => ordering.is_eq(),
        ComparisonOperator::NotEqual => ordering.is_ne(),
        ComparisonOperator::Less => ordering.is_lt(),
        ComparisonOperator::LessOrEqual => ordering.is_le(),
        ComparisonOperator::Greater => ordering.is_gt(),
        ComparisonOperator::GreaterOrEqual => ordering.is_ge(),
        ComparisonOperator::Matches | ComparisonOperator::NotMatches => false,
    }
}

fn ordered_floats(operator: ComparisonOperator, left: f64, right: f64) -> bool {
    match left.partial_cmp(&right) {
        Some(ordering) => ordered(operator, ordering),
        // Not a number equals nothing.
        None => operator == ComparisonOperator::NotEqual,
    }
}

fn equality(operator: ComparisonOperator, equal: bool) -> bool {
    match operator {
        ComparisonOperator::Equal => equal,
        ComparisonOperator::NotEqual => !equal,
        _ => false,
    }
}

type Predicate<'a> = Box<dyn Fn(&str) -> bool + 'a>;

/// What a text must be for `text operator wanted` to hold.
pub(super) fn text_predicate(
    operator: ComparisonOperator,
    wanted: &str,
) -> Result<Predicate<'_>, EngineError> {
    Ok(match operator {
        ComparisonOperator::Matches | ComparisonOperator::NotMatches => {
            // Validation has compiled it, so that it is known, or compiles again.
            let pattern = pattern::anchored(wanted).map_err(EngineError::Unsupported)?;
            let negated = operator == ComparisonOperator::NotMatches;
            Box::new(move |text| pattern.is_match(text) != negated)
        }
        _ => Box::new(move |text| ordered(operator, text.cmp(wanted))),
    })
}

/// The predicate runs once per distinct value that occurs.
fn text_where(text: &Text, predicate: Predicate<'_>) -> BooleanBuffer {
    let values: &StringArray = text.values().as_string();
    let keys = text.keys();
    let holds: Vec<bool> = if values.len() <= keys.len() {
        values.iter().map(|value| value.is_some_and(&predicate)).collect()
    } else {
        // Few rows of a large dictionary: only their values are looked at.
        let mut known: Vec<Option<bool>> = vec![None; values.len()];
        for key in keys.iter().flatten() {
            let key = key as usize;
            known[key].get_or_insert_with(|| values.is_valid(key) && predicate(values.value(key)));
        }
        known.into_iter().map(|known| known.unwrap_or(false)).collect()
    };
    let mut held = holds.iter().enumerate().filter(|(_, holds)| **holds).map(|(code, _)| code);
    let mask = match (held.next(), held.next()) {
        (None, _) => return BooleanBuffer::new_unset(keys.len()),
        // Most of all, one text is asked for.
        (Some(only), None) => each(keys.values(), |code| code == only as u32),
        // The code below a null may be anything.
        _ => each(keys.values(), |code| holds.get(code as usize).copied().unwrap_or(false)),
    };
    match keys.nulls() {
        Some(nulls) => &mask & nulls.inner(),
        None => mask,
    }
}

fn id_where(
    operator: ComparisonOperator,
    ids: &FixedSizeBinaryArray,
    wanted: &str,
) -> Result<BooleanBuffer, EngineError> {
    if matches!(operator, ComparisonOperator::Equal | ComparisonOperator::NotEqual) {
        // Leading zeros may be missing in the literal, and so may all of them.
        let wanted = if wanted.is_empty() { "0" } else { wanted };
        let padded = match ids.value_length() {
            16 => sigyn_store::TraceId::parse(wanted).ok().map(|id| id.0.to_vec()),
            _ => sigyn_store::SpanId::parse(wanted).ok().map(|id| id.0.to_vec()),
        };
        let equal = |at: usize| padded.as_deref() == Some(ids.value(at));
        return Ok(valid_where(ids, |at| equality(operator, equal(at))));
    }
    let predicate = text_predicate(operator, wanted)?;
    Ok(valid_where(ids, |at| predicate(&hex(ids.value(at)))))
}

fn constants(
    operator: ComparisonOperator,
    left: &Literal,
    right: &Literal,
) -> Result<bool, EngineError> {
    use Literal::{Duration, Float, Int};
    Ok(match (left, right) {
        (Literal::String(left), Literal::String(right)) => text_predicate(operator, right)?(left),
        (Int(left) | Duration(left), Int(right) | Duration(right)) => {
            ordered(operator, left.cmp(right))
        }
        (Float(left), Float(right)) => ordered_floats(operator, *left, *right),
        (Int(left) | Duration(left), Float(right)) => {
            ordered_floats(operator, *left as f64, *right)
        }
        (Float(left), Int(right) | Duration(right)) => {
            ordered_floats(operator, *left, *right as f64)
        }
        (Literal::Bool(_), Literal::Bool(_))
        | (Literal::Status(_), Literal::Status(_))
        | (Literal::Kind(_), Literal::Kind(_)) => equality(operator, left == right),
        _ => false,
    })
}

/// What two columns say of each row.
struct Pair {
    holds: BooleanBuffer,
    /// For `!=` and `!~` on arrays: rows with an element that is equal, whatever other types say.
    against: Option<BooleanBuffer>,
}

/// Two columns, row by row. Of two fans (two arrays, an array and events) nothing is known.
fn pair(
    operator: ComparisonOperator,
    left: &Column,
    right: &Column,
    rows: usize,
) -> Result<Option<Pair>, EngineError> {
    let (fan, left, right) = match (&left.fan, &right.fan) {
        (None, None) => (None, left.data.clone(), right.data.clone()),
        (Some(fan), None) => (Some(fan), left.data.clone(), repeated(&right.data, fan)?),
        (None, Some(fan)) => (Some(fan), repeated(&left.data, fan)?, right.data.clone()),
        (Some(_), Some(_)) => return Ok(None),
    };
    let (asked, turned) = positive(operator, fan);
    let Some(entries) = data_pair(asked, &left, &right) else { return Ok(None) };
    let held = any_of_owner(entries, fan, rows);
    if !turned {
        return Ok(Some(Pair { holds: held, against: None }));
    }
    let present = |data: Data| Column { data, fan: fan.cloned() }.presence(rows);
    let comparable = &present(left) & &present(right);
    Ok(Some(Pair { holds: comparable, against: Some(held) }))
}

fn repeated(data: &Data, fan: &Fan) -> Result<Data, EngineError> {
    let array: ArrayRef = take(data.array(), &fan.owners, None)?;
    Ok(data.with_array(&array))
}

fn data_pair(operator: ComparisonOperator, left: &Data, right: &Data) -> Option<BooleanBuffer> {
    let rows = left.array().len();
    let both = |test: &dyn Fn(usize) -> bool| {
        let mask = valid_where(left.array(), test);
        match right.array().nulls() {
            Some(nulls) => &mask & nulls.inner(),
            None => mask,
        }
    };
    Some(match (left, right) {
        (Data::Text(a), Data::Text(b)) => {
            BooleanBuffer::collect_bool(rows, |at| match (text_at(a, at), text_at(b, at)) {
                (Some(a), Some(b)) => ordered(operator, a.cmp(b)),
                _ => false,
            })
        }
        (Data::Id(a), Data::Id(b)) => {
            both(&|at| ordered(operator, hex(a.value(at)).cmp(&hex(b.value(at)))))
        }
        (Data::Id(a), Data::Text(b)) => BooleanBuffer::collect_bool(rows, |at| {
            a.is_valid(at)
                && text_at(b, at)
                    .is_some_and(|b| ordered(operator, hex(a.value(at)).as_str().cmp(b)))
        }),
        (Data::Text(a), Data::Id(b)) => BooleanBuffer::collect_bool(rows, |at| {
            b.is_valid(at)
                && text_at(a, at)
                    .is_some_and(|a| ordered(operator, a.cmp(hex(b.value(at)).as_str())))
        }),
        (Data::Int(a) | Data::Duration(a), Data::Int(b) | Data::Duration(b)) => {
            both(&|at| ordered(operator, a.value(at).cmp(&b.value(at))))
        }
        (Data::Int(a) | Data::Duration(a), Data::Float(b)) => {
            both(&|at| ordered_floats(operator, a.value(at) as f64, b.value(at)))
        }
        (Data::Float(a), Data::Int(b) | Data::Duration(b)) => {
            both(&|at| ordered_floats(operator, a.value(at), b.value(at) as f64))
        }
        (Data::Float(a), Data::Float(b)) => {
            both(&|at| ordered_floats(operator, a.value(at), b.value(at)))
        }
        (Data::Bool(a), Data::Bool(b)) => {
            both(&|at| equality(operator, a.value(at) == b.value(at)))
        }
        (Data::Status(a), Data::Status(b)) | (Data::Kind(a), Data::Kind(b)) => {
            both(&|at| equality(operator, a.value(at) == b.value(at)))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_bit() {
        for len in [0, 1, 63, 64, 65, 200] {
            let values: Vec<i64> = (0..len).map(|at| at * 7 % 31).collect();
            let bits: Vec<bool> = each(&values, |value| value > 13).iter().collect();
            assert_eq!(bits, values.iter().map(|value| *value > 13).collect::<Vec<_>>());
        }
    }
}
