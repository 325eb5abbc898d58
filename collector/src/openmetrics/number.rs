//! Numbers as the grammar has them: no hex floats, no underscores, no spaces.

/// A value: a real number, or an infinity or NaN in any case.
pub(super) fn value(text: &str) -> Option<f64> {
    if is_real(text) {
        // What is too large for a double is no infinity.
        return text.parse().ok().filter(|value: &f64| value.is_finite());
    }
    let (negative, word) = match text.as_bytes().first()? {
        b'+' => (false, &text[1..]),
        b'-' => (true, &text[1..]),
        _ if text.eq_ignore_ascii_case("nan") => return Some(f64::NAN),
        _ => (false, text),
    };
    let infinite = word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("infinity");
    infinite.then_some(if negative { f64::NEG_INFINITY } else { f64::INFINITY })
}

/// A timestamp in seconds: a real number that is finite.
pub(super) fn timestamp(text: &str) -> Option<f64> {
    if !is_real(text) {
        return None;
    }
    text.parse().ok().filter(|seconds: &f64| seconds.is_finite())
}

/// `[SIGN] digits ["." digits] ["e" [SIGN] digits]`, with at least one digit before the exponent.
fn is_real(text: &str) -> bool {
    let bytes = text.as_bytes();
    let after_sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(&bytes[after_sign..]);
    let mut at = after_sign + whole;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        fraction = digits(&bytes[at + 1..]);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return false;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(&bytes[at..]);
        if exponent == 0 {
            return false;
        }
        at += exponent;
    }
    at == bytes.len()
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}
