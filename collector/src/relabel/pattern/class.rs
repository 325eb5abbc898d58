//! Character classes: Go reads `&&`, `--`, `~~` and an inner `[` as plain characters, Rust as set
//! operations. So every character is written out again, escaped.

use super::escape::{Escape, Rest, escape, literal};

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// Reads a class whose `[` is already taken, and writes it for Rust.
pub(super) fn class(rest: &mut Rest<'_>) -> Result<String, String> {
    let mut out = String::from("[");
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut is_first = true;
    loop {
        let Some(letter) = rest.next() else {
            return Err("a character class has no closing bracket".into());
        };
        if letter == ']' && !is_first {
            out.push(']');
            return Ok(out);
        }
        is_first = false;
        if letter == '['
            && rest.peek() == Some(&':')
            && let Some(name) = posix(rest)?
        {
            out.push_str(&name);
            continue;
        }
        let low = match member(letter, rest)? {
            Member::Set(set) => {
                out.push_str(&set);
                continue;
            }
            Member::One(low) => low,
        };
        out.push_str(&literal(low));
        // A hyphen that is followed by anything but the end makes a range.
        let mut ahead = rest.clone();
        if ahead.next() == Some('-') && ahead.peek().is_some_and(|next| *next != ']') {
            rest.next();
            let next = rest.next().unwrap_or_default();
            match member(next, rest)? {
                Member::One(high) if high >= low => {
                    out.push('-');
                    out.push_str(&literal(high));
                }
                _ => return Err(format!("the range that begins with {low:?} is not valid")),
            }
        }
    }
}

enum Member {
    One(char),
    Set(String),
}

fn member(letter: char, rest: &mut Rest<'_>) -> Result<Member, String> {
    if letter != '\\' {
        return Ok(Member::One(letter));
    }
    Ok(match escape(rest)? {
        Escape::Literal(letter) => Member::One(letter),
        Escape::Class(set, false) => Member::Set(format!("[{set}]")),
        Escape::Class(set, true) => Member::Set(format!("[^{set}]")),
        Escape::Other(letter) => return Err(format!("\\{letter} means nothing in a class")),
    })
}

/// `[:alpha:]`, `[:^alpha:]`; something that only begins like it is made of plain characters.
fn posix(rest: &mut Rest<'_>) -> Result<Option<String>, String> {
    let mut ahead = rest.clone();
    ahead.next();
    let mut name = String::new();
    for letter in ahead.by_ref() {
        if letter == ':' {
            break;
        }
        name.push(letter);
    }
    if ahead.next() != Some(']') {
        return Ok(None);
    }
    let plain = name.strip_prefix('^').unwrap_or(&name);
    if !POSIX.contains(&plain) {
        return Err(format!("[:{name}:] is not a character class"));
    }
    *rest = ahead;
    Ok(Some(format!("[:{name}:]")))
}
