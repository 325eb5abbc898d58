//! Arithmetic on columns. A row with no value on a side, or with no finite result, has no value.

use super::column::{Column, Data, Fan, Operand};
use crate::traceql::{
    ArithmeticOperator, Literal,
    fold::{floats, fold, integers, negate as negate_literal},
};
use arrow_array::{Array, Float64Array, Int64Array};

/// The numbers of one side.
enum Numbers<'a> {
    Ints(&'a Int64Array),
    Durations(&'a Int64Array),
    Floats(&'a Float64Array),
    Constant(&'a Literal),
}

/// A number at a row.
#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Duration(i64),
    Float(f64),
}

impl Number {
    fn float(self) -> f64 {
        match self {
            Self::Int(value) | Self::Duration(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl Numbers<'_> {
    fn at(&self, row: usize) -> Option<Number> {
        match self {
            Self::Ints(array) => array.is_valid(row).then(|| Number::Int(array.value(row))),
            Self::Durations(array) => {
                array.is_valid(row).then(|| Number::Duration(array.value(row)))
            }
            Self::Floats(array) => array.is_valid(row).then(|| Number::Float(array.value(row))),
            Self::Constant(literal) => match literal {
                Literal::Int(value) => Some(Number::Int(*value)),
                Literal::Duration(value) => Some(Number::Duration(*value)),
                Literal::Float(value) => Some(Number::Float(*value)),
                _ => None,
            },
        }
    }

    /// `None` when the column holds no numbers. Arrays are no numbers.
    fn of(column: &Column) -> Option<Numbers<'_>> {
        if column.fan.as_ref().is_some_and(|fan| fan.is_array) {
            return None;
        }
        match &column.data {
            Data::Int(array) => Some(Numbers::Ints(array)),
            Data::Duration(array) => Some(Numbers::Durations(array)),
            Data::Float(array) => Some(Numbers::Floats(array)),
            _ => None,
        }
    }
}

pub(super) fn arithmetic(operator: ArithmeticOperator, left: Operand, right: Operand) -> Operand {
    let (left, right) = match (left, right) {
        (Operand::Constant(left), Operand::Constant(right)) => {
            // What was not folded by the parser has no value.
            return fold(operator, &left, &right)
                .map_or(Operand::Columns(Vec::new()), Operand::Constant);
        }
        sides => sides,
    };
    let mut columns = Vec::new();
    match (&left, &right) {
        (Operand::Columns(left), Operand::Constant(literal)) => {
            for column in left {
                let Some(numbers) = Numbers::of(column) else { continue };
                let literal = Numbers::Constant(literal);
                columns.push(combine(operator, &numbers, &literal, column));
            }
        }
        (Operand::Constant(literal), Operand::Columns(right)) => {
            for column in right {
                let Some(numbers) = Numbers::of(column) else { continue };
                let literal = Numbers::Constant(literal);
                columns.push(combine(operator, &literal, &numbers, column));
            }
        }
        (Operand::Columns(left), Operand::Columns(right)) => {
            for first in left {
                for second in right {
                    let (Some(a), Some(b)) = (Numbers::of(first), Numbers::of(second)) else {
                        continue;
                    };
                    // Several values on a side have no one result.
                    if same_rows(first.fan.as_ref(), second.fan.as_ref()) {
                        columns.push(combine(operator, &a, &b, first));
                    }
                }
            }
        }
        (Operand::Constant(_), Operand::Constant(_)) => {}
    }
    Operand::Columns(columns)
}

pub(super) fn same_rows(first: Option<&Fan>, second: Option<&Fan>) -> bool {
    first.is_none() && second.is_none()
}

fn combine(
    operator: ArithmeticOperator,
    left: &Numbers<'_>,
    right: &Numbers<'_>,
    shape: &Column,
) -> Column {
    use Number::{Duration, Int};
    let rows = shape.data.array().len();
    let additive = matches!(operator, ArithmeticOperator::Add | ArithmeticOperator::Subtract);
    let is_int =
        |side: &Numbers<'_>| matches!(side, Numbers::Ints(_) | Numbers::Constant(Literal::Int(_)));
    let is_duration = |side: &Numbers<'_>| {
        matches!(side, Numbers::Durations(_) | Numbers::Constant(Literal::Duration(_)))
    };
    let whole = |row| match (left.at(row)?, right.at(row)?) {
        (Int(a) | Duration(a), Int(b) | Duration(b)) => integers(operator, a, b),
        _ => None,
    };
    let data = if is_int(left) && is_int(right) {
        Data::Int((0..rows).map(whole).collect())
    } else if additive && is_duration(left) && is_duration(right) {
        Data::Duration((0..rows).map(whole).collect())
    } else {
        let float = |row| floats(operator, left.at(row)?.float(), right.at(row)?.float());
        Data::Float((0..rows).map(float).collect())
    };
    Column { data, fan: shape.fan.clone() }
}

pub(super) fn negate(operand: Operand) -> Operand {
    match operand {
        Operand::Constant(literal) => {
            negate_literal(&literal).map_or(Operand::Columns(Vec::new()), Operand::Constant)
        }
        Operand::Columns(columns) => {
            let negated = columns.into_iter().filter_map(|column| {
                Numbers::of(&column)?;
                let turn = |array: &Int64Array| -> Int64Array {
                    array.iter().map(|value| value?.checked_neg()).collect()
                };
                let data = match &column.data {
                    Data::Int(array) => Data::Int(turn(array)),
                    Data::Duration(array) => Data::Duration(turn(array)),
                    Data::Float(array) => Data::Float(array.unary(|value| -value)),
                    _ => return None,
                };
                Some(Column { data, fan: column.fan })
            });
            Operand::Columns(negated.collect())
        }
    }
}
