//! What is wrong with a query, and where.

use super::Span;
use std::fmt;

/// Whether the text does not parse or what it says makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// The text is not in the language.
    Syntax,
    /// The text parses, but types, limits or names are wrong.
    Validation,
}

/// A syntax or validation error with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong and what was expected.
    pub message: String,
    /// Syntax or meaning.
    pub kind: ParseErrorKind,
    /// The bytes of the text that are at fault; empty at the end of the text.
    pub span: Span,
}

impl ParseError {
    pub(super) fn new(text: &str, kind: ParseErrorKind, span: Span, message: String) -> Self {
        let before = &text[..text.floor_char_boundary(span.start)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
            kind,
            span,
        }
    }

    /// The error with the line at fault and carets below it, for people at a terminal.
    pub fn render(&self, text: &str) -> String {
        // Only the neighbourhood of the fault is shown: a line may be 128 KiB long.
        const CONTEXT_CHARACTERS: usize = 60;
        let line = text.split('\n').nth(self.line - 1).unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let skipped = (self.column - 1).saturating_sub(CONTEXT_CHARACTERS);
        let shown: String = line
            .chars()
            .skip(skipped)
            .take(2 * CONTEXT_CHARACTERS)
            .map(|character| if character.is_control() { ' ' } else { character })
            .collect();
        let at_fault = text
            .get(self.span.start..self.span.end)
            .map_or(1, |part| part.split('\n').next().unwrap_or_default().chars().count());
        let indent = self.column - 1 - skipped;
        let room = shown.chars().count().saturating_sub(indent);
        let carets = at_fault.min(room).max(1);
        format!("{self}\n  {shown}\n  {}{}", " ".repeat(indent), "^".repeat(carets))
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ParseErrorKind::Syntax => "parse error",
            ParseErrorKind::Validation => "validation error",
        };
        write!(f, "{what} at line {}, col {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ParseError {}
