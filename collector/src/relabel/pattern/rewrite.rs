//! From Go's dialect to Rust's.

use super::{
    class::class,
    escape::{Escape, Rest, escape, literal},
};

/// Go's highest repeat count.
const REPEAT_MAX: u32 = 1000;

/// What the last thing was, to see a repetition of a repetition, which Go refuses.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Nothing,
    Something,
    Repetition,
}

/// Writes a Go pattern for the Rust crate; capture groups keep their numbers.
pub(super) fn rewrite(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest: Rest<'_> = pattern.chars().peekable();
    let mut last = Last::Nothing;
    while let Some(letter) = rest.next() {
        let now = match letter {
            '[' => {
                out.push_str(&class(&mut rest)?);
                Last::Something
            }
            '\\' => {
                backslash(&mut rest, &mut out)?;
                Last::Something
            }
            '(' => {
                out.push('(');
                if rest.next_if_eq(&'?').is_some() {
                    group(&mut rest, &mut out)?;
                }
                Last::Nothing
            }
            '|' => {
                out.push('|');
                Last::Nothing
            }
            '*' | '+' | '?' => {
                repeat(&letter.to_string(), last, &mut rest, &mut out)?;
                Last::Repetition
            }
            '{' => match counts(&mut rest)? {
                Some(counts) => {
                    repeat(&counts, last, &mut rest, &mut out)?;
                    Last::Repetition
                }
                None => {
                    out.push_str("\\{");
                    Last::Something
                }
            },
            '.' | '^' | '$' | ')' => {
                out.push(letter);
                Last::Something
            }
            _ => {
                out.push_str(&literal(letter));
                Last::Something
            }
        };
        last = now;
    }
    Ok(out)
}

fn backslash(rest: &mut Rest<'_>, out: &mut String) -> Result<(), String> {
    match escape(rest)? {
        Escape::Literal(letter) => out.push_str(&literal(letter)),
        Escape::Class(set, false) => *out += &format!("[{set}]"),
        Escape::Class(set, true) => *out += &format!("[^{set}]"),
        Escape::Other('A') => out.push_str("\\A"),
        Escape::Other('z') => out.push_str("\\z"),
        // Go's word boundary knows ASCII letters only.
        Escape::Other('b') => out.push_str("(?-u:\\b)"),
        Escape::Other('B') => out.push_str("(?-u:\\B)"),
        Escape::Other('Q') => {
            while let Some(letter) = rest.next() {
                if letter == '\\' && rest.next_if_eq(&'E').is_some() {
                    break;
                }
                out.push_str(&literal(letter));
            }
        }
        Escape::Other(letter) => return Err(format!("\\{letter} is not an escape")),
    }
    Ok(())
}

/// What follows `(?`: a name or flags.
fn group(rest: &mut Rest<'_>, out: &mut String) -> Result<(), String> {
    out.push('?');
    match rest.peek() {
        Some('P' | '<') => {
            out.push_str("P<");
            rest.next_if_eq(&'P');
            if rest.next() != Some('<') {
                return Err("look-around and `(?P` without a name are not supported".into());
            }
            loop {
                match rest.next() {
                    Some('>') => break,
                    Some(letter) if letter.is_ascii_alphanumeric() || letter == '_' => {
                        out.push(letter);
                    }
                    _ => return Err("a group's name is not valid".into()),
                }
            }
            out.push('>');
            Ok(())
        }
        _ => loop {
            match rest.next() {
                Some(letter @ ('i' | 'm' | 's' | 'U' | '-')) => out.push(letter),
                Some(letter @ (':' | ')')) => {
                    out.push(letter);
                    return Ok(());
                }
                Some(letter) => return Err(format!("the flag {letter:?} is not supported")),
                None => return Err("a group has no closing parenthesis".into()),
            }
        },
    }
}

fn repeat(operator: &str, last: Last, rest: &mut Rest<'_>, out: &mut String) -> Result<(), String> {
    match last {
        Last::Nothing => return Err(format!("there is nothing before `{operator}` to repeat")),
        Last::Repetition => return Err(format!("`{operator}` repeats a repetition")),
        Last::Something => {}
    }
    out.push_str(operator);
    if rest.next_if_eq(&'?').is_some() {
        out.push('?');
    }
    Ok(())
}

/// `{2}`, `{2,}`, `{2,5}` with the brace already taken; `None`: the brace stands for itself.
fn counts(rest: &mut Rest<'_>) -> Result<Option<String>, String> {
    let mut ahead = rest.clone();
    let Some(min) = count(&mut ahead) else { return Ok(None) };
    let mut max = Some(min);
    if ahead.next_if_eq(&',').is_some() {
        max = None;
        if ahead.peek() != Some(&'}') {
            let Some(count) = count(&mut ahead) else { return Ok(None) };
            max = Some(count);
        }
    }
    if ahead.next() != Some('}') {
        return Ok(None);
    }
    *rest = ahead;
    if min > REPEAT_MAX || max.is_some_and(|max| max > REPEAT_MAX || max < min) {
        return Err("a repeat count is above 1000, or the second is below the first".into());
    }
    Ok(Some(match max {
        Some(max) => format!("{{{min},{max}}}"),
        None => format!("{{{min},}}"),
    }))
}

/// A number without leading zeros.
fn count(rest: &mut Rest<'_>) -> Option<u32> {
    let mut digits = String::new();
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    // A number too long for 32 bits is above the limit as well.
    Some(digits.parse().unwrap_or(u32::MAX))
}
