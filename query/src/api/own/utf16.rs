//! Places in a text as browsers count them.

/// UTF-16 code units before a byte of a text.
pub(super) fn units_before(text: &str, byte: usize) -> usize {
    text[..text.floor_char_boundary(byte.min(text.len()))].chars().map(char::len_utf16).sum()
}

/// The byte at which so many UTF-16 code units are over; the text's end where it has fewer.
pub(super) fn byte_at(text: &str, units: usize) -> usize {
    let mut before = 0;
    for (byte, character) in text.char_indices() {
        if before >= units {
            return byte;
        }
        before += character.len_utf16();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_same_both_ways() {
        let text = "aé💥b";
        let places: Vec<_> = text.char_indices().map(|(at, _)| units_before(text, at)).collect();
        assert_eq!(places, [0, 1, 2, 4]);
        for (byte, _) in text.char_indices() {
            assert_eq!(byte_at(text, units_before(text, byte)), byte);
        }
        assert_eq!((byte_at(text, 99), units_before(text, 99)), (text.len(), 5));
    }
}
