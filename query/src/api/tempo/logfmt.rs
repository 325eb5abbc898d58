//! The `tags` parameter: `key=value key="value with spaces"`.

use crate::api::Fault;
use std::str::Chars;

/// The pairs in the order given; a key alone has an empty value. A key twice, a key missing, a quote left open or a sign that
/// must be quoted is a fault.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    while !rest.is_empty() {
        let key_len = rest.find(|c| c == '=' || is_blank(c)).unwrap_or(rest.len());
        let (key, after) = rest.split_at(key_len);
        if key.is_empty() || key.contains('"') {
            return Err(fault(&format!("there is no key before {rest:?}; write key=value")));
        }
        if pairs.iter().any(|(known, _)| known == key) {
            return Err(fault(&format!("the key {key:?} comes twice")));
        }
        let (value, after) = match after.strip_prefix('=') {
            None => (String::new(), after),
            Some(after) => value(after)?,
        };
        pairs.push((key.to_owned(), value));
        rest = after.trim_start_matches(is_blank);
    }
    Ok(pairs)
}

fn is_blank(character: char) -> bool {
    character <= ' '
}

fn value(text: &str) -> Result<(String, &str), Fault> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(is_blank).unwrap_or(text.len()));
        if value.contains(['=', '"']) {
            return Err(fault(&format!("{value:?} must stand in quotes")));
        }
        return Ok((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut rest = quoted.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => return Ok((value, rest.as_str())),
            '\\' => value.push(escaped(&mut rest)?),
            other => value.push(other),
        }
    }
    Err(fault("a quote is not closed"))
}

/// What the characters behind a backslash stand for: JSON's escapes. Half a pair of surrogates alone is the replacement
/// character.
fn escaped(rest: &mut Chars<'_>) -> Result<char, Fault> {
    Ok(match rest.next() {
        Some(same @ ('"' | '\\' | '/' | '\'')) => same,
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => {
            let unit = utf16_unit(rest)?;
            let mut ahead = rest.clone();
            let low = (ahead.next() == Some('\\') && ahead.next() == Some('u'))
                .then(|| utf16_unit(&mut ahead).ok())
                .flatten();
            let pair = low.and_then(|low| char::decode_utf16([unit, low]).next()?.ok());
            match (char::from_u32(u32::from(unit)), pair) {
                (Some(character), _) => character,
                (None, Some(character)) => {
                    *rest = ahead;
                    character
                }
                (None, None) => char::REPLACEMENT_CHARACTER,
            }
        }
        Some(other) => return Err(fault(&format!("\\{other} is no escape"))),
        None => return Err(fault("a quote is not closed")),
    })
}

fn utf16_unit(rest: &mut Chars<'_>) -> Result<u16, Fault> {
    let digits = rest.as_str().get(..4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
    let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let unit = unit.ok_or_else(|| fault("\\u takes four hexadecimal digits"))?;
    rest.nth(3);
    Ok(unit)
}

fn fault(what: &str) -> Fault {
    Fault::bad_request(format!("the parameter tags is not logfmt: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let pairs = parse(text).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(pairs, expected, "{text}");
    }

    #[test]
    fn values_may_be_quoted() {
        check("", &[]);
        check(" a=1  b=x/y ", &[("a", "1"), ("b", "x/y")]);
        check("b=\"x=y\"c=2", &[("b", "x=y"), ("c", "2")]);
        check(r#"name="hold seat" c="a\"b\\""#, &[("name", "hold seat"), ("c", "a\"b\\")]);
        check(
            r#"a="\b\f\n\r\t\/\'" b="\u00e9\ud83d\ude00\ud83d""#,
            &[("a", "\u{8}\u{c}\n\r\t/'"), ("b", "\u{e9}\u{1f600}\u{fffd}")],
        );
        check("a= b=", &[("a", ""), ("b", "")]);
        check("alone other", &[("alone", ""), ("other", "")]);
    }

    #[test]
    fn faults_say_what_is_wrong() {
        for (text, part) in [
            ("a=1 a=2", "comes twice"),
            ("=1", "no key"),
            ("a=1 =2", "no key"),
            ("\"a\"=1", "no key"),
            ("a=b=c", "must stand in quotes"),
            ("a=b\"c", "must stand in quotes"),
            ("a=\"\\x\"", "\\x is no escape"),
            ("a=\"\\u00\"", "four hexadecimal digits"),
            ("a=\"x", "not closed"),
        ] {
            let sentence = parse(text).unwrap_err().sentence;
            assert!(sentence.contains(part), "{text}: {sentence}");
        }
    }
}
