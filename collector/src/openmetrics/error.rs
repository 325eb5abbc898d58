//! Where an exposition is wrong, and how.

/// An exposition that breaks the grammar. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct ParseError {
    /// Which line.
    pub line: usize,
    /// Which character of the line.
    pub column: usize,
    /// What is wrong there, in words.
    pub what: String,
}

/// A fault inside one line, at a byte offset; becomes a [`ParseError`] once the line is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) what: String,
}

impl Fault {
    pub(super) fn new(offset: usize, what: impl Into<String>) -> Self {
        Self { offset, what: what.into() }
    }

    pub(super) fn at_line(self, number: usize, line: &str) -> ParseError {
        let before = line.get(..self.offset).unwrap_or(line);
        ParseError { line: number, column: before.chars().count() + 1, what: self.what }
    }
}
