//! Constants of a filter, as literals of TraceQL.

use super::{Scalar, reference::Kind};
use crate::api::{Fault, duration, traceql_text as text};

/// A type of literals; values of different ones never match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Number,
    Bool,
    Duration,
    Word,
}

/// What a constant may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LiteralOf {
    pub(super) kind: Type,
    pub(super) text: String,
}

fn literal(kind: Type, text: impl Into<String>) -> LiteralOf {
    LiteralOf { kind, text: text.into() }
}

/// The literals that a constant stands for beside what it is compared with.
pub(super) fn literals(constant: &Scalar, beside: Kind) -> Result<Vec<LiteralOf>, Fault> {
    let value = constant.value.as_str();
    let refuse = |expected: &str| {
        Fault::bad_request(format!("the filter has {value:?} where {expected} belongs"))
    };
    match (beside, constant.kind.as_str()) {
        (_, kind) if !["", "string", "int", "double", "bool"].contains(&kind) => {
            Err(Fault::bad_request(format!(
                "the filter has a constant of type {kind:?}; there are string, int, double, bool"
            )))
        }
        (Kind::Duration, "") => {
            let nanos = duration::parse_nanos(value);
            let nanos = nanos.ok_or_else(|| refuse("a duration such as 250ms or 2s"))?;
            Ok(vec![literal(Type::Duration, text::duration(nanos))])
        }
        (Kind::Words(words), "" | "string") => {
            let word = words.iter().find(|word| **word == value);
            let word = word.ok_or_else(|| refuse(&format!("one of {}", words.join(", "))))?;
            Ok(vec![literal(Type::Word, *word)])
        }
        (Kind::Text, "" | "string") | (Kind::Any, "string") => {
            Ok(vec![literal(Type::Text, text::quoted(value))])
        }
        (Kind::Text | Kind::Duration | Kind::Words(_), kind) => {
            Err(refuse(&format!("a value that is no {kind}")))
        }
        (Kind::Any, "int") => {
            let int: i64 = value.parse().map_err(|_| refuse("a whole number"))?;
            Ok(vec![literal(Type::Number, int.to_string())])
        }
        (Kind::Any, "double") => {
            let float = text::plain_float(value).ok_or_else(|| refuse("a number"))?;
            Ok(vec![literal(Type::Number, float)])
        }
        (Kind::Any, "bool") => match value {
            "true" | "false" => Ok(vec![literal(Type::Bool, value)]),
            _ => Err(refuse("true or false")),
        },
        (Kind::Any, _) => {
            let mut all = vec![literal(Type::Text, text::quoted(value))];
            all.extend(text::literals(value).into_iter().skip(1).map(|spelt| {
                let is_bool = matches!(value, "true" | "false");
                literal(if is_bool { Type::Bool } else { Type::Number }, spelt)
            }));
            Ok(all)
        }
    }
}
