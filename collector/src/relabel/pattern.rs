//! Regular expressions in Go's dialect (RE2), compiled by the Rust crate.
//!
//! Both run in linear time and agree on most of the syntax. Where they differ the pattern is
//! rewritten, so that a rule copied from Prometheus matches the same labels here: see [`rewrite`].

use regex::{Captures, Regex, RegexBuilder};
use std::fmt;

mod class;
mod escape;
mod rewrite;

use rewrite::rewrite;

/// Bytes that a compiled pattern may take.
const COMPILED_BYTES_MAX: usize = 10 << 20;

/// A pattern that must match a text from its beginning to its end; the dot matches line ends, too.
#[derive(Clone)]
pub struct Pattern {
    source: String,
    regex: Regex,
    names: Vec<Option<String>>,
}

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the regex {pattern:?} is not valid: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

impl Pattern {
    /// Compiles a pattern written for Go.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        Self::compile(source, |rewritten| format!("^(?s:{rewritten})$"))
    }

    /// The same for a pattern that is searched for inside texts.
    pub(crate) fn unanchored(source: &str) -> Result<Self, PatternError> {
        Self::compile(source, |rewritten| format!("(?s:{rewritten})"))
    }

    fn compile(source: &str, framed: impl FnOnce(String) -> String) -> Result<Self, PatternError> {
        let error = |reason: String| PatternError { pattern: source.into(), reason };
        let rewritten = rewrite(source).map_err(error)?;
        let regex = RegexBuilder::new(&framed(rewritten))
            .size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|cause| {
                // The crate draws the pattern with a caret; its last line says what is wrong.
                let text = cause.to_string();
                let last = text.lines().last().unwrap_or_default();
                error(last.trim_start_matches("error: ").to_owned())
            })?;
        let names = regex.capture_names().map(|name| name.map(str::to_owned)).collect();
        Ok(Self { source: source.into(), regex, names })
    }

    /// The pattern as its author wrote it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the whole text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub(crate) fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex.captures(text)
    }

    /// The text with every match replaced; `None` when there is none.
    pub(crate) fn replace_all(&self, text: &str, template: &str) -> Option<String> {
        let expand = |captures: &Captures<'_>| self.expand(template, captures);
        match self.regex.replace_all(text, expand) {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(replaced) => Some(replaced),
        }
    }

    /// Expands a template with the groups of one of this pattern's matches.
    pub(crate) fn expand(&self, template: &str, captures: &Captures<'_>) -> String {
        super::template::expand(template, captures, &self.names)
    }
}

impl Default for Pattern {
    /// `(.*)`, which matches everything.
    fn default() -> Self {
        Self::new("(.*)").expect("the default pattern is valid")
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.source)
    }
}

#[cfg(test)]
mod tests;
