//! What is wrong, or odd, in a configuration, and where.

use std::fmt;

/// One fault or remark, with its place. It prints as `FILE:LINE:COLUMN: what is wrong (in field)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file as it was named to us.
    pub file: String,
    /// From 1; 0 when the finding is about the file as a whole.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Such as `scrape_configs[0].relabel_configs[2].regex`; empty at the top.
    pub path: String,
    /// One sentence, without a full stop.
    pub message: String,
}

/// A fault that makes the configuration unusable.
pub type ConfigError = Finding;

/// Something that is accepted but does not do what the author may think.
pub type Warning = Finding;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        if !self.path.is_empty() {
            write!(f, " (in {})", self.path)?;
        }
        Ok(())
    }
}

impl std::error::Error for Finding {}
