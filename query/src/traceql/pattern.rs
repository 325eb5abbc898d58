//! Regular expressions as TraceQL means them: those of RE2, which is what Go has.
//!
//! They run on the `regex` crate, whose language is nearly the same. What differs is rewritten
//! ([`Translator`]): `\Q…\E` and octal escapes, classes without set operations, `\d \s \w \b` of
//! ASCII; and what RE2 refuses is refused: `a**`, repetitions above 1,000, unknown escapes and flags.

use regex::{Regex, RegexBuilder};
use std::{iter::Peekable, str::Chars};

/// What a compiled expression may take in memory, bytes: a query comes from anyone.
const SIZE_BYTES_MAX: usize = 1 << 20;

/// The longest expression, bytes: one that compiles small can still take long to read.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// RE2's bound on `{n,m}`.
const REPETITIONS_MAX: u32 = 1_000;

/// Compiles an expression that must match a whole value; its dot matches line breaks too. The error
/// is a sentence for the user.
pub(crate) fn anchored(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > TEXT_BYTES_MAX {
        return Err(format!(
            "the regular expression has {} bytes, at most {TEXT_BYTES_MAX} are possible",
            pattern.len()
        ));
    }
    let translated = Translator::new(pattern)
        .translate()
        .map_err(|reason| format!("the regular expression is not valid: {reason}"))?;
    // Compiled alone first: `a)|(b` must not become valid by being wrapped.
    compile(&translated)?;
    compile(&format!("^(?s:{translated})$"))
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(SIZE_BYTES_MAX).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            "the regular expression is too large; use fewer or smaller repetitions".to_owned()
        }
        // The last line of a syntax error says what is wrong; the lines before it draw the place.
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("the regular expression is not valid: {reason}")
        }
    })
}

/// From RE2's language into that of the `regex` crate.
struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    done: String,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str) -> Self {
        Self { rest: pattern.chars().peekable(), done: String::with_capacity(pattern.len()) }
    }

    fn translate(mut self) -> Result<String, String> {
        // What stands before could be repeated, and is no repetition itself.
        let mut after_repetition = false;
        while let Some(character) = self.rest.next() {
            let is_repetition = match character {
                '*' | '+' | '?' => {
                    self.done.push(character);
                    true
                }
                '{' => self.counted_repetition()?,
                '\\' => {
                    self.escape(false)?;
                    false
                }
                '[' => {
                    self.class()?;
                    false
                }
                '(' => {
                    self.done.push('(');
                    self.group()?;
                    false
                }
                _ => {
                    self.done.push(character);
                    false
                }
            };
            if is_repetition {
                if after_repetition {
                    return Err("a repetition operator follows another one".to_owned());
                }
                // `*?` is lazy, and still one operator.
                if self.rest.next_if_eq(&'?').is_some() {
                    self.done.push('?');
                }
            }
            after_repetition = is_repetition;
        }
        Ok(self.done)
    }

    /// `{n}`, `{n,}`, `{n,m}`; any other brace stands for itself. The brace is behind us.
    fn counted_repetition(&mut self) -> Result<bool, String> {
        let mut ahead = self.rest.clone();
        let text: String = ahead.by_ref().take_while(|character| *character != '}').collect();
        let (least, most) = text.split_once(',').unwrap_or((&text, ""));
        let is_count = |text: &str| text.chars().all(|digit| digit.is_ascii_digit());
        let is_repetition = !least.is_empty()
            && is_count(least)
            && is_count(most)
            && self.rest.clone().any(|character| character == '}');
        if !is_repetition {
            self.done.push_str("\\{");
            return Ok(false);
        }
        let too_many =
            |text: &str| !text.is_empty() && !text.parse().is_ok_and(|n: u32| n <= REPETITIONS_MAX);
        if too_many(least) || too_many(most) {
            return Err(format!("a repetition is above {REPETITIONS_MAX}"));
        }
        self.done.push('{');
        self.done.push_str(&text);
        self.done.push('}');
        self.rest = ahead;
        Ok(true)
    }

    /// What may follow `(?`: a name or flags. The parenthesis is behind us.
    fn group(&mut self) -> Result<(), String> {
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.done.push('?');
        if matches!(self.rest.peek(), Some('P' | '<')) {
            return Ok(());
        }
        for flag in self.rest.by_ref() {
            match flag {
                'i' | 'm' | 's' | 'U' | '-' => self.done.push(flag),
                ':' | ')' => {
                    self.done.push(flag);
                    return Ok(());
                }
                _ => return Err(format!("`(?{flag}` is no group or flag")),
            }
        }
        Err("unclosed group".to_owned())
    }

    /// An escape, within a class or outside; the backslash is behind us.
    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let Some(character) = self.rest.next() else {
            return Err("it ends in a backslash".to_owned());
        };
        match character {
            'd' | 's' | 'w' | 'D' | 'S' | 'W' => self.done.push_str(match character {
                'd' => "[0-9]",
                'D' => "[^0-9]",
                's' => "[\\t\\n\\f\\r ]",
                'S' => "[^\\t\\n\\f\\r ]",
                'w' => "[0-9A-Za-z_]",
                _ => "[^0-9A-Za-z_]",
            }),
            'b' if !in_class => self.done.push_str("(?-u:\\b)"),
            'A' | 'B' | 'z' if !in_class => {
                self.done.push('\\');
                self.done.push(character);
            }
            'Q' if !in_class => {
                while let Some(literal) = self.rest.next() {
                    if literal == '\\' && self.rest.next_if_eq(&'E').is_some() {
                        break;
                    }
                    self.done.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
                }
            }
            'E' if !in_class => {}
            '0'..='7' => {
                let mut code = character.to_digit(8).unwrap_or_default();
                let is_octal = |next: &char| ('0'..='7').contains(next);
                if character != '0' && !self.rest.peek().is_some_and(is_octal) {
                    return Err("it refers back to a group, which is not possible".to_owned());
                }
                for _ in 0..2 {
                    let Some(digit) = self.rest.next_if(is_octal) else { break };
                    code = code * 8 + digit.to_digit(8).unwrap_or_default();
                }
                self.done.push_str(&format!("\\x{{{code:x}}}"));
            }
            'p' | 'P' | 'x' | 'a' | 'f' | 't' | 'n' | 'r' | 'v' => {
                self.done.push('\\');
                self.done.push(character);
                // The braces of `\p{…}` and `\x{…}` are no repetition.
                if matches!(character, 'p' | 'P' | 'x') && self.rest.peek() == Some(&'{') {
                    for part in self.rest.by_ref() {
                        self.done.push(part);
                        if part == '}' {
                            break;
                        }
                    }
                }
            }
            _ if character.is_ascii_alphanumeric() => {
                return Err(format!("`\\{character}` is no escape"));
            }
            _ => self.done.push_str(&regex::escape(character.encode_utf8(&mut [0; 4]))),
        }
        Ok(())
    }

    /// `[…]`; the bracket is behind us.
    fn class(&mut self) -> Result<(), String> {
        self.done.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.done.push('^');
        }
        let mut is_first = true;
        while let Some(character) = self.rest.next() {
            match character {
                ']' if !is_first => {
                    self.done.push(']');
                    return Ok(());
                }
                '\\' => self.escape(true)?,
                '[' if self.rest.peek() == Some(&':') => {
                    // `[:alpha:]`
                    self.done.push('[');
                    for part in self.rest.by_ref() {
                        self.done.push(part);
                        if part == ']' {
                            break;
                        }
                    }
                }
                // A range keeps its dash; all else that means something to the crate is escaped.
                '-' => {
                    let is_range = !is_first && self.rest.peek().is_some_and(|next| *next != ']');
                    self.done.push_str(if is_range { "-" } else { "\\-" });
                }
                '[' | ']' | '&' | '~' | '^' => {
                    self.done.push('\\');
                    self.done.push(character);
                }
                _ => self.done.push(character),
            }
            is_first = false;
        }
        Err("unclosed character class".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, matches: &[&str], others: &[&str]) {
        let regex = anchored(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        for text in matches {
            assert!(regex.is_match(text), "{pattern} should match {text:?}");
        }
        for text in others {
            assert!(!regex.is_match(text), "{pattern} should not match {text:?}");
        }
    }

    #[test]
    fn whole_values_match() {
        check("a|b", &["a", "b"], &["ab", "xa"]);
        check(".*", &["", "a\nb"], &[]);
        check("(?i)get.*", &["GET /", "get"], &["POST"]);
        check("/seats/[0-9]{2,3}?", &["/seats/12", "/seats/123"], &["/seats/1"]);
    }

    #[test]
    fn the_language_is_that_of_re2() {
        check(r"\Qa.b*\E+", &["a.b*", "a.b**"], &["aab"]);
        check(r"\d\w\s", &["1a ", "9_\t"], &["\u{661}a ", "1\u{e9} "]);
        check(r"[\d.-]+", &["1.2-3"], &["a"]);
        check("[[a]x", &["[x", "ax"], &["x"]);
        check("[a&&b]", &["a", "&", "b"], &["c"]);
        check("[]a]", &["]", "a"], &["b"]);
        check("[^]a]", &["b"], &["]", "a"]);
        check("[[:alpha:]_]+", &["ab_"], &["1"]);
        check(r"\141\x62\x{63}\07", &["abc\u{7}"], &[]);
        check(r"a{,3}|\{b\}|{", &["a{,3}", "{b}", "{"], &["aaa"]);
        check(r"x\b.*", &["x y"], &["xy"]);
        check("\\\"\\/", &["\"/"], &[]);
    }

    #[test]
    fn what_re2_refuses_is_refused() {
        for pattern in [
            "(", ")", "a)|(b", "[", "[a", "a**", "a+*", "a*??", "a{2}{3}", "*a", "a{1001}",
            "a{2,1}", r"\1", r"(a)\1", r"\8", "(?=a)", "(?!a)", "(?<=a)", "(?x)a", r"\u0041",
            r"\<a", r"\h", r"\C", "\\", "(?P<n>a", "[z-a]", r"\pX", "(?",
        ] {
            // Punctuation may be escaped, whatever the crate makes of it.
            if pattern == r"\<a" {
                check(pattern, &["<a"], &["a"]);
            } else {
                assert!(anchored(pattern).is_err(), "{pattern}");
            }
        }
    }

    #[test]
    fn size_is_bounded() {
        assert!(anchored("((a{1000}){1000}){1000}").unwrap_err().contains("too large"));
        assert!(anchored(&"a".repeat(TEXT_BYTES_MAX + 1)).unwrap_err().contains("bytes"));
    }
}
