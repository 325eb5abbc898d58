//! Trace IDs as Jaeger's clients write them.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use sigyn_store::{ParseIdError, TraceId};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const ALPHABETS: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT),
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT),
];

/// 1 to 32 hex digits, else base64 of 16 bytes (22 to 24 characters, either alphabet).
pub(super) fn parse(text: &str) -> Result<TraceId, ParseIdError> {
    TraceId::parse(text).or_else(|error| base64(text).ok_or(error))
}

fn base64(text: &str) -> Option<TraceId> {
    if !(22..=24).contains(&text.len()) {
        return None;
    }
    ALPHABETS.iter().find_map(|alphabet| {
        let bytes = alphabet.decode(text).ok()?;
        bytes.try_into().ok().map(TraceId)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(parse(text).unwrap().to_string(), expected, "{text}");
    }

    #[test]
    fn hex_and_both_base64_alphabets_are_read() {
        check("aB", "000000000000000000000000000000ab");
        check("+/+/+/+/+/+/+/+/+/+/+w==", "fbffbffbffbffbffbffbffbffbffbffb");
        check("-_-_-_-_-_-_-_-_-_-_-w", "fbffbffbffbffbffbffbffbffbffbffb");
        // All of it is hex, so it is hex.
        check("abcdefabcdefabcdefabcd", "0000000000abcdefabcdefabcdefabcd");
    }

    #[test]
    fn what_is_neither_is_refused_with_the_hex_fault() {
        let error = parse("xyz").unwrap_err().to_string();
        assert_eq!(error, "'x' at position 1 of the ID is not a hex digit");
        assert!(parse("----------------------").is_err(), "trailing bits must be zero");
    }
}
