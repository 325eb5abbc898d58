//! Where a reader stands in one buffer.

use std::fmt::Write as _;

/// The first field of the token. Another number is another format.
const VERSION: &str = "1";
/// One shard's position is at most 16 hexadecimal digits and a dot; no buffer has more shards.
const TOKEN_BYTES_MAX: usize = 2 + 32 + 17 * crate::shards::SHARDS_MAX;

/// A token that this buffer cannot have given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorError {
    /// It is not of the form `1.<epoch>.<position>.<position>…`.
    Malformed,
    /// It has the right epoch, but a position that was not reached yet, or a wrong number of them.
    Ahead,
}

/// An epoch (one life of one buffer) and, for each shard, the first sequence number not yet seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) epoch: u128,
    pub(crate) positions: Vec<u64>,
}

impl Cursor {
    pub(crate) fn token(&self) -> String {
        let mut token = format!("{VERSION}.{:032x}", self.epoch);
        for position in &self.positions {
            write!(token, ".{position:x}").expect("a String takes everything");
        }
        token
    }

    pub(crate) fn parse(token: &str) -> Result<Self, CursorError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(CursorError::Malformed);
        }
        let mut fields = token.split('.');
        let (version, epoch) = (fields.next(), fields.next().unwrap_or_default());
        if version != Some(VERSION) || epoch.len() != 32 || !is_hex(epoch) {
            return Err(CursorError::Malformed);
        }
        let epoch = u128::from_str_radix(epoch, 16).map_err(|_| CursorError::Malformed)?;
        let positions = fields.map(position).collect::<Result<Vec<_>, _>>()?;
        if positions.is_empty() {
            return Err(CursorError::Malformed);
        }
        Ok(Self { epoch, positions })
    }
}

fn position(field: &str) -> Result<u64, CursorError> {
    if !is_hex(field) {
        return Err(CursorError::Malformed);
    }
    u64::from_str_radix(field, 16).map_err(|_| CursorError::Malformed)
}

/// Lower case only, and no sign: a position has one spelling.
fn is_hex(field: &str) -> bool {
    !field.is_empty() && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl std::fmt::Display for CursorError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "the cursor is not one that a span buffer gives out: pass back the sigyn-cursor header as it came, or leave it away to begin with the oldest span",
            Self::Ahead => "the cursor points past what this buffer has recorded: leave it away to begin with the oldest span",
        })
    }
}

impl std::error::Error for CursorError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cursor, CursorError};

    proptest! {
        #[test]
        fn a_token_comes_back_as_it_went(
            epoch in any::<u128>(),
            positions in prop::collection::vec(any::<u64>(), 1..=64),
        ) {
            let cursor = Cursor { epoch, positions };
            let token = cursor.token();
            prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b)));
            prop_assert_eq!(Cursor::parse(&token), Ok(cursor));
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,80}") {
            let _ = Cursor::parse(&text);
        }
    }

    #[test]
    fn what_is_not_a_token_is_malformed() {
        let epoch = "0123456789abcdef0123456789abcdef";
        for bad in [
            String::new(),
            "1".into(),
            "1.".into(),
            format!("1.{epoch}"),
            format!("1.{epoch}."),
            format!("2.{epoch}.0"),
            format!("1.{epoch}.+1"),
            format!("1.{epoch}.A"),
            format!("1.{epoch}.11112222333344445"),
            format!("1.{}.0", &epoch[1..]),
            format!("1.{epoch}{}", ".0".repeat(5_000)),
        ] {
            assert_eq!(Cursor::parse(&bad), Err(CursorError::Malformed), "{bad}");
        }
    }
}
