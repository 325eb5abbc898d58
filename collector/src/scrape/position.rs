//! Where this reader stands in one buffer, and since when: what the store keeps as its cursor.

use std::fmt;

/// A buffer's cursor and the moment it was reached. The moment is kept too, so that a gap that is
/// found after a restart says when it can have begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) cursor: String,
    pub(super) reached_unix_nano: u64,
}

impl Position {
    /// Reads what [`fmt::Display`] wrote; `None` when it is something else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (cursor, reached) = text.split_once(' ')?;
        Some(Self { cursor: cursor.to_owned(), reached_unix_nano: reached.parse().ok()? })
    }
}

impl fmt::Display for Position {
    /// A space cannot be part of a cursor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.cursor, self.reached_unix_nano)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let position = Position { cursor: "v1.ab~-_".to_owned(), reached_unix_nano: 17 };
        assert_eq!(Position::parse(&position.to_string()), Some(position));
        assert_eq!(Position::parse("no-time"), None);
    }
}
