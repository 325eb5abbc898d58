//! TraceQL: lexer, Pratt parser, AST with source spans, validation, printing.
//!
//! [`parse`] takes the whole language: filters, spanset operators, pipelines, metrics, hints. What
//! comes out is valid: types agree, regular expressions compile, limits hold. [`Query`] prints in a
//! canonical form, and what is printed parses to the same query.
//!
//! It is not an executor and knows no column: the engine takes the AST from here.

mod ast;
mod completion;
mod duration;
mod error;
mod field;
pub(crate) mod fold;
mod lexer;
mod parser;
pub(crate) mod pattern;
mod print;
#[cfg(test)]
mod tests;
mod token;
mod validate;

pub use ast::{
    Aggregate, ArithmeticOperator, ComparisonOperator, FieldExpression, Hint, Literal,
    MetricsExpression, MetricsFunction, MetricsKind, Pipeline, Query, QueryBody, ScalarFilter,
    SecondStage, Span, SpanKind, SpansetExpression, SpansetOperator, Stage, StatusCode, Structure,
};
pub use completion::{Completion, Wanted, complete, parse_filter_leniently};
pub use duration::format_duration;
pub(crate) use duration::parse_duration;
pub use error::{ParseError, ParseErrorKind};
pub use field::{FieldRef, Intrinsic, Scope};

/// Longest query text, bytes.
pub const TEXT_BYTES_MAX: usize = 128 * 1024;

/// Deepest nesting of parentheses, unary operators and operator chains.
pub const NESTING_MAX: usize = 256;

/// Parses and validates.
pub fn parse(text: &str) -> Result<Query, ParseError> {
    let query = parser::parse_query(text)?;
    validate::validate(text, &query)?;
    Ok(query)
}

/// Parses a field such as `span.http.route`, `.x`, `name`, `trace:rootService`.
pub fn parse_field(text: &str) -> Result<FieldRef, ParseError> {
    parser::parse_field(text)
}
