//! Trace and span identifiers.

use std::fmt;

/// A W3C trace ID: 16 bytes, printed as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceId(pub [u8; 16]);

/// A W3C span ID: 8 bytes, printed as 16 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpanId(pub [u8; 8]);

/// Why a text is not an ID. The sentence names the fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseIdError {
    /// No digit at all.
    Empty,
    /// More digits than the ID has.
    TooLong {
        /// Digits given.
        digits: usize,
        /// Digits that the ID has.
        digits_max: usize,
    },
    /// A character that is no hex digit.
    NotHex {
        /// The character.
        character: char,
        /// Its position, counted from 1.
        position: usize,
    },
}

impl TraceId {
    /// Reads 1 to 32 hex digits in either case; missing leading zeros are put back.
    pub fn parse(text: &str) -> Result<Self, ParseIdError> {
        parse_padded::<16>(text).map(TraceId)
    }

    /// Digits without leading zeros, as Tempo's search prints them; `0` for the zero ID.
    pub fn to_short_hex(self) -> String {
        let hex = self.to_string();
        let short = hex.trim_start_matches('0');
        if short.is_empty() { "0".to_owned() } else { short.to_owned() }
    }

    /// The zero ID is invalid by the W3C specification.
    pub fn is_zero(self) -> bool {
        self.0 == [0; 16]
    }
}

impl SpanId {
    /// Reads 1 to 16 hex digits in either case; missing leading zeros are put back.
    pub fn parse(text: &str) -> Result<Self, ParseIdError> {
        parse_padded::<8>(text).map(SpanId)
    }

    /// The zero ID is invalid; as a parent it means "no parent".
    pub fn is_zero(self) -> bool {
        self.0 == [0; 8]
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the ID is empty; it has 1 to 32 hex digits"),
            Self::TooLong { digits, digits_max } => {
                write!(f, "the ID has {digits} digits, at most {digits_max} are possible")
            }
            Self::NotHex { character, position } => {
                write!(f, "{character:?} at position {position} of the ID is not a hex digit")
            }
        }
    }
}

impl std::error::Error for ParseIdError {}

fn parse_padded<const N: usize>(text: &str) -> Result<[u8; N], ParseIdError> {
    if text.is_empty() {
        return Err(ParseIdError::Empty);
    }
    let mut nibbles = Vec::with_capacity(2 * N);
    for (index, character) in text.chars().enumerate() {
        let digit = character
            .to_digit(16)
            .ok_or(ParseIdError::NotHex { character, position: index + 1 })?;
        nibbles.push(digit as u8);
    }
    if nibbles.len() > 2 * N {
        return Err(ParseIdError::TooLong { digits: nibbles.len(), digits_max: 2 * N });
    }
    let mut bytes = [0u8; N];
    for (index, nibble) in nibbles.iter().rev().enumerate() {
        bytes[N - 1 - index / 2] |= nibble << (4 * (index % 2));
    }
    Ok(bytes)
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let got = TraceId::parse(text).map(|id| id.to_string()).map_err(|error| error.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn ids_of_any_length_are_padded() {
        check("1", Ok("00000000000000000000000000000001"));
        check("aBc", Ok("00000000000000000000000000000abc"));
        check("4bf92f3577b34da6a3ce929d0e0e4736", Ok("4bf92f3577b34da6a3ce929d0e0e4736"));
    }

    #[test]
    fn faults_are_named() {
        check("", Err("the ID is empty; it has 1 to 32 hex digits"));
        check("12x4", Err("'x' at position 3 of the ID is not a hex digit"));
        check(
            "4bf92f3577b34da6a3ce929d0e0e47361",
            Err("the ID has 33 digits, at most 32 are possible"),
        );
    }

    #[test]
    fn short_hex_has_no_leading_zeros() {
        assert_eq!(TraceId::parse("00ab").unwrap().to_short_hex(), "ab");
        assert_eq!(TraceId::default().to_short_hex(), "0");
    }
}
