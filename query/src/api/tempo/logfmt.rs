//! The `tags` parameter: `key=value key="value with spaces"`.

use crate::api::Fault;

/// The pairs in the order given. A key twice, a key missing or a quote left open is a fault.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let key_len = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(key_len);
        let Some(after) = after.strip_prefix('=') else {
            return Err(fault(&format!("{key:?} has no value; write key=value")));
        };
        if key.is_empty() || key.contains('"') {
            return Err(fault(&format!("there is no key before {rest:?}; write key=value")));
        }
        if pairs.iter().any(|(known, _)| known == key) {
            return Err(fault(&format!("the key {key:?} comes twice")));
        }
        let (value, after) = value(after)?;
        pairs.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

fn value(text: &str) -> Result<(String, &str), Fault> {
    let Some(quoted) = text.strip_prefix('"') else {
        let len = text.find(char::is_whitespace).unwrap_or(text.len());
        return Ok((text[..len].to_owned(), &text[len..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &quoted[index + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, other)) => value.push(other),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err(fault("a quote is not closed"))
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
        check(" a=1  b=x=y ", &[("a", "1"), ("b", "x=y")]);
        check(r#"name="hold seat" c="a\"b\\""#, &[("name", "hold seat"), ("c", "a\"b\\")]);
        check("a=", &[("a", "")]);
    }

    #[test]
    fn faults_say_what_is_wrong() {
        for (text, part) in [
            ("a=1 a=2", "comes twice"),
            ("alone", "has no value"),
            ("=1", "no key"),
            ("a=\"x", "not closed"),
        ] {
            let sentence = parse(text).unwrap_err().sentence;
            assert!(sentence.contains(part), "{text}: {sentence}");
        }
    }
}
