//! `query.filter` of Jaeger's API v3: a tree of operators over references and constants (`jaeger.expression.v1`), as JSON or
//! protobuf, written as TraceQL (`write`).

mod constant;
mod pattern;
mod reference;
mod write;

use crate::api::Fault;
use http::StatusCode;
use serde::Deserialize;
use sigyn_proto::jaeger as wire;

/// Levels that a reference may name.
pub(super) const LEVELS: [&str; 5] = ["span", "resource", "scope", "event", "link"];

/// Operators that a filter may hold.
pub(super) const OPERATORS: [&str; 14] = [
    "and", "or", "not", "eq", "ne", "gt", "lt", "gte", "lte", "regex", "exists", "in", "not_in",
    "some",
];

/// An operator and what it is applied to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    op: String,
    #[serde(default)]
    args: Vec<Expression>,
}

/// A node of the tree.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expression {
    Attr(Attribute),
    Field(Field),
    Nested(Nested),
    Scalar(Scalar),
    List(List),
    Call(Call),
}

/// An attribute; without a level it is one of span or resource.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    key: String,
    #[serde(default)]
    level: String,
}

/// What the data model defines of a level.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    name: String,
    level: String,
}

/// All events, or all links, of a span.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nested {
    level: String,
}

/// A constant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scalar {
    value: String,
    #[serde(default, rename = "type")]
    kind: String,
}

/// Several constants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    values: Vec<String>,
    #[serde(default, rename = "type")]
    kind: String,
}

impl Call {
    /// Reads the value of `query.filter`.
    pub(super) fn parse(json: &str) -> Result<Self, Fault> {
        serde_json::from_str(json)
            .map_err(|error| Fault::bad_request(format!("query.filter is no filter: {error}")))
    }

    pub(super) fn of_wire(call: wire::Call) -> Result<Self, Fault> {
        let args = call.args.into_iter().map(Expression::of_wire).collect::<Result<_, _>>()?;
        Ok(Self { op: call.op, args })
    }

    /// The query that finds the spans for which the filter holds.
    pub(super) fn to_traceql(&self) -> Result<String, Fault> {
        Ok(format!("{{ {} }}", write::predicate(self, None)?))
    }
}

impl Expression {
    fn of_wire(expression: wire::Expression) -> Result<Self, Fault> {
        use wire::Term;
        let term = expression
            .term
            .ok_or_else(|| Fault::bad_request("an argument of the filter is nothing"))?;
        Ok(match term {
            Term::Attribute(it) => Self::Attr(Attribute { key: it.key, level: it.level }),
            Term::Field(it) => Self::Field(Field { name: it.name, level: it.level }),
            Term::Nested(it) => Self::Nested(Nested { level: it.level }),
            Term::Scalar(it) => Self::Scalar(Scalar { value: it.value, kind: it.r#type }),
            Term::List(it) => Self::List(List { values: it.values, kind: it.r#type }),
            Term::Call(it) => Self::Call(Call::of_wire(it)?),
        })
    }
}

/// A filter that is valid elsewhere, and that TraceQL has no words for.
fn beyond(what: impl std::fmt::Display) -> Fault {
    let sentence = format!(
        "the filter asks for {what}, which is not searched here; leave it out, or ask in TraceQL at /api/search"
    );
    Fault::new(StatusCode::NOT_IMPLEMENTED, sentence)
}

#[cfg(test)]
mod tests;
