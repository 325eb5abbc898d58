//! What stands behind a backslash.

use std::{iter::Peekable, str::Chars};

/// What is left of the pattern.
pub(super) type Rest<'p> = Peekable<Chars<'p>>;

/// A backslash and what belongs to it, where Go knows it both inside and outside of a class.
pub(super) enum Escape {
    /// Stands for one character.
    Literal(char),
    /// The inside of a Rust class, such as `0-9`, and whether it is negated.
    Class(String, bool),
    /// Not an escape of this kind; the letter that follows the backslash.
    Other(char),
}

/// Reads what follows a backslash.
pub(super) fn escape(rest: &mut Rest<'_>) -> Result<Escape, String> {
    let letter = rest.next().ok_or("a backslash at the end")?;
    Ok(match letter {
        'd' | 'D' => Escape::Class("0-9".into(), letter == 'D'),
        'w' | 'W' => Escape::Class("0-9A-Za-z_".into(), letter == 'W'),
        's' | 'S' => Escape::Class(r"\t\n\x0C\r ".into(), letter == 'S'),
        'p' | 'P' => property(rest, letter == 'P')?,
        'a' => Escape::Literal('\x07'),
        'f' => Escape::Literal('\x0C'),
        'n' => Escape::Literal('\n'),
        'r' => Escape::Literal('\r'),
        't' => Escape::Literal('\t'),
        'v' => Escape::Literal('\x0B'),
        'x' => Escape::Literal(hexadecimal(rest)?),
        '0'..='7' => Escape::Literal(octal(letter, rest)?),
        _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => Escape::Literal(letter),
        _ => Escape::Other(letter),
    })
}

/// A character that stands for itself, also inside a class.
pub(super) fn literal(letter: char) -> String {
    match letter {
        '&' | '~' | '-' | '#' => format!("\\{letter}"),
        _ if letter.is_control() => format!("\\x{{{:X}}}", u32::from(letter)),
        _ => regex_syntax::escape(letter.encode_utf8(&mut [0; 4])),
    }
}

/// `\pN`, `\p{Greek}`, `\p{^Greek}`
fn property(rest: &mut Rest<'_>, mut negated: bool) -> Result<Escape, String> {
    let mut name = String::new();
    match rest.next() {
        Some('{') => loop {
            match rest.next() {
                Some('}') => break,
                Some('^') if name.is_empty() => negated = !negated,
                Some(letter) => name.push(letter),
                None => return Err("a Unicode class has no closing brace".into()),
            }
        },
        Some(letter) => name.push(letter),
        None => return Err("a Unicode class has no name".into()),
    }
    Ok(Escape::Class(format!("\\p{{{name}}}"), negated))
}

/// `\x41`, `\x{10FFFF}`
fn hexadecimal(rest: &mut Rest<'_>) -> Result<char, String> {
    let digits: String = match rest.next() {
        Some('{') => {
            let digits: String = rest.by_ref().take_while(|letter| *letter != '}').collect();
            if digits.len() > 8 {
                return Err(format!("\\x{{{digits}}} is not a character"));
            }
            digits
        }
        Some(first) => match rest.next() {
            Some(second) => [first, second].iter().collect(),
            None => String::new(),
        },
        None => String::new(),
    };
    let is_hexadecimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(&digits, 16)
        .ok()
        .filter(|_| is_hexadecimal)
        .and_then(char::from_u32)
        .ok_or_else(|| format!("\\x{digits} is not a character"))
}

/// `\0`, `\101`: one to three octal digits, of which a lone non-zero one would be a back reference.
fn octal(first: char, rest: &mut Rest<'_>) -> Result<char, String> {
    let mut value = first.to_digit(8).unwrap_or(0);
    let mut digits = 1;
    while digits < 3
        && let Some(digit) = rest.peek().and_then(|letter| letter.to_digit(8))
    {
        value = value * 8 + digit;
        digits += 1;
        rest.next();
    }
    if digits == 1 && first != '0' {
        return Err("back references are not supported".into());
    }
    char::from_u32(value).ok_or_else(|| "not a character".into())
}
