//! TraceQL: lexer, Pratt parser, AST with source spans, validation, printing.

/// A parsed and validated query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {}

/// A field of a span: an intrinsic or a scoped attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldRef {}

/// A syntax or validation error with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parse error at line {line}, col {column}: {message}")]
pub struct ParseError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong and what was expected.
    pub message: String,
}

/// Parses and validates.
pub fn parse(_text: &str) -> Result<Query, ParseError> {
    todo!()
}

/// Parses a field such as `span.http.route`, `.x`, `name`, `trace:rootService`.
pub fn parse_field(_text: &str) -> Result<FieldRef, ParseError> {
    todo!()
}
