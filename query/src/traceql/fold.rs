//! Arithmetic on constants, done when parsing.

use super::{ArithmeticOperator, Literal};

/// The constant that an operation on constants gives; `None` when it has no finite value (it then
/// stays an operation, which no span satisfies) or when a side is no number.
pub(crate) fn fold(
    operator: ArithmeticOperator,
    left: &Literal,
    right: &Literal,
) -> Option<Literal> {
    use Literal::{Duration, Float, Int};
    match (left, right) {
        (Int(left), Int(right)) => integers(operator, *left, *right).map(Int),
        // Durations stay durations where the result is one, exactly.
        (Duration(left), Duration(right)) => match operator {
            ArithmeticOperator::Add | ArithmeticOperator::Subtract => {
                integers(operator, *left, *right).map(Duration)
            }
            _ => floats(operator, *left as f64, *right as f64).map(Float),
        },
        _ => floats(operator, number(left)?, number(right)?).map(Float),
    }
    .filter(|literal| !matches!(literal, Duration(i64::MIN)))
}

/// The constant with its sign turned; `None` when it is no number or would not fit.
pub(crate) fn negate(literal: &Literal) -> Option<Literal> {
    match literal {
        Literal::Int(value) => value.checked_neg().map(Literal::Int),
        Literal::Float(value) => Some(Literal::Float(-value)),
        Literal::Duration(value) => value.checked_neg().map(Literal::Duration),
        _ => None,
    }
}

fn number(literal: &Literal) -> Option<f64> {
    match literal {
        Literal::Int(value) | Literal::Duration(value) => Some(*value as f64),
        Literal::Float(value) => Some(*value),
        _ => None,
    }
}

/// Integer arithmetic: division truncates; no value on overflow and division by zero.
pub(crate) fn integers(operator: ArithmeticOperator, left: i64, right: i64) -> Option<i64> {
    match operator {
        ArithmeticOperator::Add => left.checked_add(right),
        ArithmeticOperator::Subtract => left.checked_sub(right),
        ArithmeticOperator::Multiply => left.checked_mul(right),
        ArithmeticOperator::Divide => left.checked_div(right),
        ArithmeticOperator::Remainder => left.checked_rem(right),
        // A negative exponent gives a fraction below one, which truncates like a division.
        ArithmeticOperator::Power => match u32::try_from(right) {
            Ok(exponent) => left.checked_pow(exponent),
            Err(_) if right > 0 => match left {
                0 | 1 => Some(left),
                -1 => Some(if right % 2 == 0 { 1 } else { -1 }),
                _ => None,
            },
            Err(_) => match left {
                0 => None,
                1 => Some(1),
                -1 => Some(if right % 2 == 0 { 1 } else { -1 }),
                _ => Some(0),
            },
        },
    }
}

/// Float arithmetic; no value when the result is not finite.
pub(crate) fn floats(operator: ArithmeticOperator, left: f64, right: f64) -> Option<f64> {
    let result = match operator {
        ArithmeticOperator::Add => left + right,
        ArithmeticOperator::Subtract => left - right,
        ArithmeticOperator::Multiply => left * right,
        ArithmeticOperator::Divide => left / right,
        ArithmeticOperator::Remainder => left % right,
        ArithmeticOperator::Power => left.powf(right),
    };
    result.is_finite().then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ArithmeticOperator::*;

    #[test]
    fn integers_truncate_and_never_trap() {
        assert_eq!(integers(Divide, 7, 2), Some(3));
        assert_eq!(integers(Divide, -7, 2), Some(-3));
        assert_eq!(integers(Divide, 1, 0), None);
        assert_eq!(integers(Remainder, i64::MIN, -1), None);
        assert_eq!(integers(Power, 2, 3), Some(8));
        assert_eq!(integers(Power, 2, 64), None);
        assert_eq!(integers(Power, 2, -1), Some(0));
        assert_eq!(integers(Power, 0, -1), None);
    }
}
