//! A filter as TraceQL.
//!
//! An absent value makes each comparison false, and only `not` turns that round; both languages agree in it. They differ in
//! events and links: a filter's conditions are each about some event unless `some` binds them to one, and TraceQL's are about
//! one event unless a negation (two of them here) stands between.

use super::{
    Call, Expression, Scalar, beyond,
    constant::{self, LiteralOf, Type},
    pattern,
    reference::{Kind, Reference, many},
};
use crate::{
    api::{Fault, traceql_text as text},
    traceql,
};

/// The level whose element is bound by a `some` around.
type Bound = Option<&'static str>;

/// What holds where a call holds.
pub(super) fn predicate(call: &Call, bound: Bound) -> Result<String, Fault> {
    match call.op.as_str() {
        "and" => Ok(joined(&predicates(call, bound, false)?, " && ")),
        "or" => Ok(joined(&predicates(call, bound, false)?, " || ")),
        "not" => negated(one_call(call)?, bound),
        "some" => some(call, bound),
        _ => leaf(call, bound),
    }
}

fn joined(parts: &[String], word: &str) -> String {
    format!("({})", parts.join(word))
}

/// The arguments of `and` or `or`, or what holds where each does not.
fn predicates(call: &Call, bound: Bound, is_negated: bool) -> Result<Vec<String>, Fault> {
    if call.args.len() < 2 {
        return Err(arity(call, "two or more predicates"));
    }
    let each = call.args.iter().map(|argument| match argument {
        Expression::Call(inner) if is_negated => negated(inner, bound),
        Expression::Call(inner) => predicate(inner, bound),
        _ => Err(arity(call, "two or more predicates")),
    });
    each.collect()
}

fn one_call(call: &Call) -> Result<&Call, Fault> {
    match &call.args[..] {
        [Expression::Call(inner)] => Ok(inner),
        _ => Err(arity(call, "one predicate")),
    }
}

fn arity(call: &Call, expected: &str) -> Fault {
    Fault::bad_request(format!("{} in the filter takes {expected}", call.op))
}

/// What holds where a call does not. TraceQL's own negation speaks of the whole span, so that for one event it is moved
/// inwards, to comparisons that have an opposite.
fn negated(call: &Call, bound: Bound) -> Result<String, Fault> {
    if bound.is_none() {
        return Ok(format!("!({})", predicate(call, bound)?));
    }
    match call.op.as_str() {
        "and" => Ok(joined(&predicates(call, bound, true)?, " || ")),
        "or" => Ok(joined(&predicates(call, bound, true)?, " && ")),
        "not" => predicate(one_call(call)?, bound),
        "some" => Ok(format!("!({})", some(call, None)?)),
        operator => {
            let (reference, _) = subject(call)?;
            if reference.many != bound {
                return Ok(format!("!({})", leaf(call, bound)?));
            }
            if !reference.is_always_there {
                return Err(beyond(
                    "what one event or link does not have; negate the whole of some(…)",
                ));
            }
            let opposite = match operator {
                "eq" => "ne",
                "ne" => "eq",
                "gt" => "lte",
                "gte" => "lt",
                "lt" => "gte",
                "lte" => "gt",
                "in" => "not_in",
                "not_in" => "in",
                "regex" => return matching(&reference, call, "!~"),
                _ => return Ok("false".to_owned()),
            };
            leaf(&Call { op: opposite.to_owned(), args: call.args.clone() }, bound)
        }
    }
}

fn some(call: &Call, bound: Bound) -> Result<String, Fault> {
    let [Expression::Nested(nested), Expression::Call(inner)] = &call.args[..] else {
        return Err(arity(call, "a collection and a predicate"));
    };
    let level = many(&nested.level)
        .ok_or_else(|| Fault::bad_request("some in the filter takes the level event or link"))?;
    if bound == Some(level) {
        return Err(Fault::bad_request(format!("some of {level} in the filter stands in another")));
    }
    Ok(of_any(&predicate(inner, Some(level))?))
}

/// The same, with events and links of its own.
fn of_any(condition: &str) -> String {
    format!("!(!({condition}))")
}

/// The reference that a comparison is about, and the other side.
fn subject(call: &Call) -> Result<(Reference, Option<&Expression>), Fault> {
    let reference = |expression: &Expression| match expression {
        Expression::Attr(attribute) => Some(Reference::attribute(attribute)),
        Expression::Field(field) => Some(Reference::field(field)),
        _ => None,
    };
    match &call.args[..] {
        [one] if call.op == "exists" => {
            let of = reference(one).ok_or_else(|| arity(call, "one reference"))?;
            Ok((of?, None))
        }
        [_] | [_, _] if call.op == "exists" => Err(arity(call, "one reference")),
        [left, right] => match (reference(left), reference(right)) {
            (Some(of), _) => Ok((of?, Some(right))),
            (None, Some(of)) if is_symmetric(&call.op) => Ok((of?, Some(left))),
            (None, Some(_)) => Err(arity(call, "a reference first")),
            (None, None) => Err(beyond("a comparison without a reference")),
        },
        _ => Err(arity(call, "two arguments")),
    }
}

fn is_symmetric(operator: &str) -> bool {
    matches!(operator, "eq" | "ne" | "gt" | "lt" | "gte" | "lte")
}

/// A comparison: of any event or link, where none is bound.
fn leaf(call: &Call, bound: Bound) -> Result<String, Fault> {
    if !super::OPERATORS.contains(&call.op.as_str()) {
        return Err(Fault::bad_request(format!(
            "the filter has the operator {:?}; there are {}",
            call.op,
            super::OPERATORS.join(", ")
        )));
    }
    let (reference, other) = subject(call)?;
    let is_bound = reference.many.is_some() && reference.many == bound;
    let condition = comparison(call, &reference, other, is_bound)?;
    Ok(if reference.many.is_some() && !is_bound { of_any(&condition) } else { condition })
}

fn comparison(
    call: &Call,
    reference: &Reference,
    other: Option<&Expression>,
    is_bound: bool,
) -> Result<String, Fault> {
    let Some(other) = other else { return Ok(reference.presence()) };
    match (call.op.as_str(), other) {
        ("eq" | "ne" | "gt" | "lt" | "gte" | "lte", Expression::Attr(_) | Expression::Field(_)) => {
            let other = match other {
                Expression::Attr(attribute) => Reference::attribute(attribute)?,
                Expression::Field(field) => Reference::field(field)?,
                _ => return Err(arity(call, "two arguments")),
            };
            of_references(call, reference, &other)
        }
        ("eq" | "ne", Expression::Scalar(constant)) => {
            let literals = constant::literals(constant, reference.kind)?;
            match call.op.as_str() {
                "eq" => Ok(any_equal(reference, &literals)),
                _ => Ok(none_equal(reference, &literals, is_bound)),
            }
        }
        ("gt" | "lt" | "gte" | "lte", Expression::Scalar(constant)) => {
            ordered(call, reference, constant)
        }
        ("in" | "not_in", Expression::List(list)) => {
            if list.values.is_empty() {
                return Err(Fault::bad_request("a list of the filter has no values"));
            }
            let mut literals = Vec::new();
            for value in &list.values {
                let constant = Scalar { value: value.clone(), kind: list.kind.clone() };
                literals.extend(constant::literals(&constant, reference.kind)?);
            }
            match call.op.as_str() {
                "in" => Ok(any_equal(reference, &literals)),
                _ => Ok(none_equal(reference, &literals, is_bound)),
            }
        }
        ("in" | "not_in", _) => Err(arity(call, "a reference and a list")),
        ("regex", Expression::Scalar(_)) => matching(reference, call, "=~"),
        ("regex", _) => Err(arity(call, "a reference and a pattern")),
        _ => Err(arity(call, "a reference and a constant, or two references")),
    }
}

fn of_references(call: &Call, left: &Reference, right: &Reference) -> Result<String, Fault> {
    let are_alike = left.kind == right.kind || [left.kind, right.kind].contains(&Kind::Any);
    if !are_alike {
        return Err(Fault::bad_request("the filter compares two fields of different kinds"));
    }
    let has_order = ![left.kind, right.kind].iter().any(|kind| matches!(kind, Kind::Words(_)));
    if !has_order && !matches!(call.op.as_str(), "eq" | "ne") {
        return Err(without_order());
    }
    let operator = sign(&call.op, false);
    let pairs = left
        .fields
        .iter()
        .flat_map(|one| right.fields.iter().map(move |other| format!("{one} {operator} {other}")));
    Ok(text::any_of(&pairs.collect::<Vec<_>>()))
}

fn without_order() -> Fault {
    Fault::bad_request("status, kind and booleans have no order; the filter asks for one")
}

/// The sign of an operator, the other way round where its sides were exchanged.
fn sign(operator: &str, is_exchanged: bool) -> &'static str {
    match (operator, is_exchanged) {
        ("eq", _) => "=",
        ("ne", _) => "!=",
        ("gt", false) | ("lt", true) => ">",
        ("lt", false) | ("gt", true) => "<",
        ("gte", false) | ("lte", true) => ">=",
        _ => "<=",
    }
}

fn any_equal(reference: &Reference, literals: &[LiteralOf]) -> String {
    let all: Vec<String> = reference
        .fields
        .iter()
        .flat_map(|field| literals.iter().map(move |literal| format!("{field} = {}", literal.text)))
        .collect();
    text::any_of(&all)
}

/// There is a value, and none is among the literals.
fn none_equal(reference: &Reference, literals: &[LiteralOf], is_bound: bool) -> String {
    if !is_bound {
        return format!("({} && !({}))", reference.presence(), any_equal(reference, literals));
    }
    // Of one event: another value of the same type, or one of another type.
    let field = &reference.fields[0];
    let types: &[(Type, &str)] = match reference.kind {
        Kind::Any => &[(Type::Text, "\"\""), (Type::Number, "0"), (Type::Bool, "true")],
        Kind::Duration => &[(Type::Duration, "0s")],
        Kind::Text | Kind::Words(_) => &[(Type::Text, "\"\"")],
    };
    let alternatives = types.iter().map(|(kind, something)| {
        let same: Vec<String> = literals
            .iter()
            .filter(|literal| literal.kind == *kind)
            .map(|literal| format!("{field} != {}", literal.text))
            .collect();
        match &same[..] {
            [] => format!("({field} = {something} || {field} != {something})"),
            same => joined(same, " && "),
        }
    });
    text::any_of(&alternatives.collect::<Vec<_>>())
}

fn ordered(call: &Call, reference: &Reference, constant: &Scalar) -> Result<String, Fault> {
    let mut literals = constant::literals(constant, reference.kind)?;
    // A constant that spells a number is compared with numbers, any other one with text.
    if literals.len() > 1 {
        literals.remove(0);
    }
    let [literal] = &literals[..] else { return Err(without_order()) };
    if matches!(literal.kind, Type::Bool | Type::Word) {
        return Err(without_order());
    }
    let is_exchanged = matches!(call.args[0], Expression::Scalar(_));
    let operator = sign(&call.op, is_exchanged);
    let all = reference.fields.iter().map(|field| format!("{field} {operator} {}", literal.text));
    Ok(text::any_of(&all.collect::<Vec<_>>()))
}

fn matching(reference: &Reference, call: &Call, operator: &str) -> Result<String, Fault> {
    let [_, Expression::Scalar(Scalar { value, kind })] = &call.args[..] else {
        return Err(arity(call, "a reference and a pattern"));
    };
    if !matches!(kind.as_str(), "" | "string") {
        return Err(Fault::bad_request("a pattern of the filter is text"));
    }
    pattern::check(value)?;
    let anywhere = format!("(?s:.*)(?:{value})(?s:.*)");
    match reference.kind {
        Kind::Any | Kind::Text => {
            let quoted = text::quoted(&anywhere);
            let all = reference.fields.iter().map(|field| format!("{field} {operator} {quoted}"));
            Ok(text::any_of(&all.collect::<Vec<_>>()))
        }
        Kind::Words(words) => {
            let pattern = traceql::pattern::anchored(&anywhere).map_err(Fault::bad_request)?;
            let field = &reference.fields[0];
            let matching = words.iter().filter(|word| pattern.is_match(word));
            let all: Vec<String> = matching.map(|word| format!("{field} = {word}")).collect();
            Ok(if all.is_empty() { "false".to_owned() } else { text::any_of(&all) })
        }
        Kind::Duration => Err(Fault::bad_request("a pattern of the filter is for text")),
    }
}
