//! Values, and how they compare and combine.

use super::super::model::Plain;
use crate::traceql::{
    ArithmeticOperator, ComparisonOperator, FieldExpression, FieldRef, Intrinsic, Scope, fold,
};
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Atom {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Duration(i64),
    Status(u8),
    Kind(u8),
}

/// What an expression is for a span: alternatives (of events), each an atom or an array.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Atom(Atom),
    Array(Vec<Atom>),
}

pub(super) fn arithmetic(
    operator: ArithmeticOperator,
    left: &Value,
    right: &Value,
) -> Option<Value> {
    let (Value::Atom(left), Value::Atom(right)) = (left, right) else { return None };
    let float = |atom: &Atom| match atom {
        Atom::Int(value) | Atom::Duration(value) => Some(*value as f64),
        Atom::Float(value) => Some(*value),
        _ => None,
    };
    let additive = matches!(operator, ArithmeticOperator::Add | ArithmeticOperator::Subtract);
    Some(Value::Atom(match (left, right) {
        (Atom::Int(a), Atom::Int(b)) => Atom::Int(fold::integers(operator, *a, *b)?),
        (Atom::Duration(a), Atom::Duration(b)) if additive => {
            Atom::Duration(fold::integers(operator, *a, *b)?)
        }
        _ => Atom::Float(fold::floats(operator, float(left)?, float(right)?)?),
    }))
}

pub(super) fn compare(operator: ComparisonOperator, left: &Value, right: &Value) -> bool {
    use ComparisonOperator::{Equal, Matches, NotEqual, NotMatches};
    let (elements, other, first) = match (left, right) {
        (Value::Atom(left), Value::Atom(right)) => {
            return compare_atoms(operator, left, right) == Some(true);
        }
        (Value::Array(_), Value::Array(_)) => return false,
        (Value::Array(elements), Value::Atom(other)) => (elements, other, true),
        (Value::Atom(other), Value::Array(elements)) => (elements, other, false),
    };
    let ask = |operator| -> Vec<bool> {
        elements
            .iter()
            .filter_map(|element| {
                let (left, right) = if first { (element, other) } else { (other, element) };
                compare_atoms(operator, left, right)
            })
            .collect()
    };
    match operator {
        NotEqual => !ask(Equal).is_empty() && !ask(Equal).contains(&true),
        NotMatches => !ask(Matches).is_empty() && !ask(Matches).contains(&true),
        operator => ask(operator).contains(&true),
    }
}

/// `None` when the types never compare.
fn compare_atoms(operator: ComparisonOperator, left: &Atom, right: &Atom) -> Option<bool> {
    use Atom::{Bool, Duration, Float, Int, Kind, Status, Text};
    let equality = |equal: bool| match operator {
        ComparisonOperator::Equal => equal,
        ComparisonOperator::NotEqual => !equal,
        _ => false,
    };
    let ordering = match (left, right) {
        (Text(left), Text(right)) => {
            if matches!(operator, ComparisonOperator::Matches | ComparisonOperator::NotMatches) {
                let pattern = regex::Regex::new(&format!("^(?:{right})$")).unwrap();
                return Some(pattern.is_match(left) == (operator == ComparisonOperator::Matches));
            }
            left.cmp(right)
        }
        (Int(a) | Duration(a), Int(b) | Duration(b)) => a.cmp(b),
        (Int(a) | Duration(a), Float(b)) => (*a as f64).partial_cmp(b)?,
        (Float(a), Int(b) | Duration(b)) => a.partial_cmp(&(*b as f64))?,
        (Float(a), Float(b)) => a.partial_cmp(b)?,
        (Bool(a), Bool(b)) => return Some(equality(a == b)),
        (Status(a), Status(b)) | (Kind(a), Kind(b)) => return Some(equality(a == b)),
        _ => return None,
    };
    Some(ordered(operator, ordering))
}

pub(super) fn ordered(operator: ComparisonOperator, ordering: Ordering) -> bool {
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

/// True for a field that every span has: where a span says nothing of it, it is without letters.
pub(super) fn is_everywhere(field: &FieldRef) -> bool {
    match field {
        FieldRef::Intrinsic(intrinsic) => matches!(
            intrinsic,
            Intrinsic::StatusMessage
                | Intrinsic::RootName
                | Intrinsic::RootService
                | Intrinsic::InstrumentationName
                | Intrinsic::InstrumentationVersion
        ),
        FieldRef::Attribute { scope, name } => {
            matches!(scope, Scope::Resource | Scope::Any) && name == "service.name"
        }
    }
}

pub(super) fn blank() -> Value {
    Value::Atom(Atom::Text(String::new()))
}

/// What is equal to the ID of a span may lack its leading zeros.
pub(super) fn pad(operator: ComparisonOperator, values: &mut [Value], other: &FieldExpression) {
    use ComparisonOperator::{Equal, NotEqual};
    let FieldExpression::Field(FieldRef::Intrinsic(other), _) = other else { return };
    if matches!(other, Intrinsic::SpanId | Intrinsic::ParentId)
        && matches!(operator, Equal | NotEqual)
        && let [Value::Atom(Atom::Text(text))] = values
    {
        *text = format!("{text:0>16}");
    }
}

fn atom(plain: &Plain) -> Option<Atom> {
    Some(match plain {
        Plain::Text(text) => Atom::Text(text.clone()),
        Plain::Int(value) => Atom::Int(*value),
        Plain::Float(value) => Atom::Float(*value),
        Plain::Bool(value) => Atom::Bool(*value),
        Plain::Array(_) => return None,
    })
}

/// What a span has, as the oracle reckons with it.
pub(super) fn value(plain: &Plain) -> Value {
    match plain {
        Plain::Array(values) => Value::Array(values.iter().filter_map(atom).collect()),
        other => Value::Atom(atom(other).unwrap()),
    }
}
