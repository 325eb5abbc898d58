//! From RE2's language into that of the `regex` crate.

use super::names;
use std::str::Chars;

/// RE2's bound on `{n,m}`, and on the product of those that stand within each other.
const REPETITIONS_MAX: u32 = 1_000;

/// Matches no character, within a class or outside.
const NOTHING: &str = "[a&&b]";

/// Reads an expression of RE2 and writes the same for the `regex` crate, or says why it is none.
pub(super) struct Translator<'a> {
    rest: Chars<'a>,
    done: String,
    /// How often the innermost part of what stands here last is repeated at most.
    repetitions: u32,
    /// Each group that is open, outermost first; the expression is one.
    groups: Vec<Group>,
    /// Where in `done` begins what could be repeated.
    atom: Option<usize>,
    /// Where in `done` flags stand behind it, which are no part of it.
    flags: Option<usize>,
}

struct Group {
    start: usize,
    /// The most repetitions within.
    repetitions: u32,
}

impl<'a> Translator<'a> {
    pub(super) fn new(pattern: &'a str) -> Self {
        Self {
            rest: pattern.chars(),
            done: String::with_capacity(pattern.len()),
            repetitions: 1,
            groups: vec![Group { start: 0, repetitions: 1 }],
            atom: None,
            flags: None,
        }
    }

    pub(super) fn translate(mut self) -> Result<String, String> {
        // What stands before could be repeated, and is no repetition itself.
        let mut after_repetition = false;
        while let Some(character) = self.rest.next() {
            let start = self.done.len();
            let is_repetition = match character {
                '*' | '+' | '?' => {
                    self.done.push(character);
                    true
                }
                '{' => self.counted_repetition()?,
                _ => {
                    self.part(character)?;
                    false
                }
            };
            if is_repetition {
                if after_repetition {
                    return Err("a repetition operator follows another one".to_owned());
                }
                // `*?` is lazy, and still one operator.
                if self.take('?') {
                    self.done.push('?');
                }
                if let Some(flags) = self.flags.take() {
                    self.repeat_before(flags, start)?;
                }
            }
            after_repetition = is_repetition;
        }
        Ok(self.done)
    }

    /// Moves a repetition, which begins at `start`, from behind flags to what it repeats.
    fn repeat_before(&mut self, flags: usize, start: usize) -> Result<(), String> {
        let Some(atom) = self.atom else {
            return Err("a repetition operator has nothing to repeat".to_owned());
        };
        let repetition = self.done.split_off(start);
        let flags = self.done.split_off(flags);
        self.done.insert_str(atom, "(?:");
        self.done.extend([")", &repetition, &flags]);
        Ok(())
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    /// Goes on behind `character`, if that is what stands here.
    fn take(&mut self, character: char) -> bool {
        let is_here = self.peek() == Some(character);
        if is_here {
            self.rest.next();
        }
        is_here
    }

    /// What stands before the next `}`, behind which it goes on.
    fn until_brace(&mut self) -> Result<String, String> {
        let Some((text, behind)) = self.rest.as_str().split_once('}') else {
            return Err("a brace is not closed".to_owned());
        };
        self.rest = behind.chars();
        Ok(text.to_owned())
    }

    /// Anything but a repetition.
    fn part(&mut self, character: char) -> Result<(), String> {
        let start = self.done.len();
        if character == '(' {
            self.done.push('(');
            if self.group()? {
                self.groups.push(Group { start, repetitions: 1 });
                (self.repetitions, self.atom, self.flags) = (1, None, None);
            } else {
                self.flags.get_or_insert(start);
            }
            return Ok(());
        }
        (self.repetitions, self.atom, self.flags) = (1, Some(start), None);
        match character {
            '\\' => self.escape()?,
            '[' => self.class()?,
            '|' => {
                self.done.push('|');
                self.atom = None;
            }
            ')' => {
                self.done.push(')');
                // One that closes nothing is refused by the crate.
                if self.groups.len() > 1
                    && let Some(group) = self.groups.pop()
                {
                    (self.repetitions, self.atom) = (group.repetitions, Some(group.start));
                    self.note_repetitions();
                }
            }
            _ => self.done.push(character),
        }
        Ok(())
    }

    fn note_repetitions(&mut self) {
        if let Some(group) = self.groups.last_mut() {
            group.repetitions = self.repetitions.max(group.repetitions);
        }
    }

    /// `{n}`, `{n,}`, `{n,m}`; any other brace stands for itself. The brace is behind us.
    fn counted_repetition(&mut self) -> Result<bool, String> {
        let (text, behind) = self.rest.as_str().split_once('}').unwrap_or_default();
        let (least, most) = text.split_once(',').unwrap_or((text, text));
        let is_count = |text: &str| {
            text.chars().all(|digit| digit.is_ascii_digit())
                && (text.len() < 2 || !text.starts_with('0'))
        };
        if least.is_empty() || !is_count(least) || !is_count(most) {
            self.repetitions = 1;
            self.done.push_str("\\{");
            return Ok(false);
        }
        let count = |text: &str| match text.parse() {
            Ok(count) if count <= REPETITIONS_MAX => Ok(count),
            _ => Err(format!("a repetition is above {REPETITIONS_MAX}")),
        };
        let at_least = count(least)?;
        let at_most = if most.is_empty() { at_least } else { count(most)? };
        self.repetitions = self.repetitions.saturating_mul(at_most);
        if self.repetitions > REPETITIONS_MAX {
            return Err(format!(
                "repetitions within each other are, multiplied, above {REPETITIONS_MAX}"
            ));
        }
        self.note_repetitions();
        self.done.push('{');
        self.done.push_str(text);
        self.done.push('}');
        self.rest = behind.chars();
        Ok(true)
    }

    /// What may follow `(?`: a name or flags. The parenthesis is behind us. False when there is no group, but flags.
    fn group(&mut self) -> Result<bool, String> {
        if !self.take('?') {
            return Ok(true);
        }
        self.done.push('?');
        if matches!(self.peek(), Some('P' | '<')) {
            return Ok(true);
        }
        for flag in self.rest.by_ref() {
            match flag {
                'i' | 'm' | 's' | 'U' | '-' => self.done.push(flag),
                ':' => {
                    self.done.push(flag);
                    return Ok(true);
                }
                ')' if self.done.ends_with("(?") => {
                    // No flag: it means nothing, which the crate does not take.
                    self.done.truncate(self.done.len() - 2);
                    return Ok(false);
                }
                ')' => {
                    self.done.push(flag);
                    return Ok(false);
                }
                _ => return Err(format!("`(?{flag}` is no group or flag")),
            }
        }
        Err("unclosed group".to_owned())
    }

    /// An escape outside a class; the backslash is behind us.
    fn escape(&mut self) -> Result<(), String> {
        match self.peek() {
            Some('Q') => {
                self.rest.next();
                while let Some(literal) = self.rest.next() {
                    if literal == '\\' && self.take('E') {
                        break;
                    }
                    self.atom = Some(self.done.len());
                    self.code(u32::from(literal));
                }
            }
            Some('b') => {
                self.rest.next();
                self.done.push_str("(?-u:\\b)");
            }
            Some('B') => {
                self.rest.next();
                self.done.push_str("(?-u:\\B)");
            }
            Some(assertion @ ('A' | 'z')) => {
                self.rest.next();
                self.done.push('\\');
                self.done.push(assertion);
            }
            _ => {
                if !self.named_class()? {
                    let code = self.escaped_code()?;
                    self.code(code);
                }
            }
        }
        Ok(())
    }

    /// `\d`, `\pL`, `\p{Greek}` and the like, within a class or outside; the backslash is behind us.
    /// False when something else follows it.
    fn named_class(&mut self) -> Result<bool, String> {
        let Some(letter) = self.peek() else { return Ok(false) };
        let class = match letter {
            'd' => "[0-9]",
            'D' => "[^0-9]",
            's' => "[\\t\\n\\f\\r ]",
            'S' => "[^\\t\\n\\f\\r ]",
            'w' => "[0-9A-Za-z_]",
            'W' => "[^0-9A-Za-z_]",
            'p' | 'P' => {
                self.rest.next();
                self.unicode_class(letter == 'P')?;
                return Ok(true);
            }
            _ => return Ok(false),
        };
        self.rest.next();
        self.done.push_str(class);
        Ok(true)
    }

    /// What follows `\p`: a letter, or a name in braces, after a `^` that negates it.
    fn unicode_class(&mut self, negated: bool) -> Result<(), String> {
        let text: String = if self.take('{') {
            self.until_brace()?
        } else {
            self.rest.next().into_iter().collect()
        };
        let name = text.strip_prefix('^').unwrap_or(&text);
        if !names::is_unicode_class(name) {
            return Err(format!("`\\p{{{name}}}` is no class of Unicode"));
        }
        let negated = negated != (name != text);
        match (name, negated) {
            // Surrogates: there are none in text.
            ("Cs", false) => self.done.push_str(NOTHING),
            ("Cs", true) => self.done.push_str("\\p{Any}"),
            (_, false) => self.done.push_str(&format!("\\p{{{name}}}")),
            (_, true) => self.done.push_str(&format!("\\P{{{name}}}")),
        }
        Ok(())
    }

    /// The character that an escape stands for; the backslash is behind us. It may be a surrogate.
    fn escaped_code(&mut self) -> Result<u32, String> {
        let Some(character) = self.rest.next() else {
            return Err("it ends in a backslash".to_owned());
        };
        Ok(match character {
            'a' => 7,
            'f' => 12,
            't' => 9,
            'n' => 10,
            'r' => 13,
            'v' => 11,
            'x' => self.hexadecimal_code()?,
            '0'..='7' => {
                let mut code = character.to_digit(8).unwrap_or_default();
                let mut digits = 1;
                while digits < 3
                    && let Some(digit) = self.peek().and_then(|next| next.to_digit(8))
                {
                    self.rest.next();
                    code = code * 8 + digit;
                    digits += 1;
                }
                if character != '0' && digits == 1 {
                    return Err("it refers back to a group, which is not possible".to_owned());
                }
                code
            }
            _ if character.is_ascii() && !character.is_ascii_alphanumeric() => u32::from(character),
            _ => return Err(format!("`\\{character}` is no escape")),
        })
    }

    /// What follows `\x`: two digits, or any number of them in braces.
    fn hexadecimal_code(&mut self) -> Result<u32, String> {
        let digits = if self.take('{') {
            self.until_brace()?
        } else {
            let (two, behind) = self.rest.as_str().split_at_checked(2).unwrap_or_default();
            self.rest = behind.chars();
            two.to_owned()
        };
        let is_number = digits.chars().all(|digit| digit.is_ascii_hexdigit());
        match u32::from_str_radix(&digits, 16) {
            Ok(code) if is_number && code <= u32::from(char::MAX) => Ok(code),
            _ => Err(format!("`\\x{digits}` is no character")),
        }
    }

    /// One character, outside a class.
    fn code(&mut self, code: u32) {
        match char::from_u32(code) {
            Some(character) => {
                self.done.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
            }
            None => self.done.push_str(NOTHING),
        }
    }

    /// `[…]`; the bracket is behind us.
    fn class(&mut self) -> Result<(), String> {
        self.done.push('[');
        if self.take('^') {
            self.done.push('^');
        }
        // So that it is never empty, which the crate would read otherwise.
        self.done.push_str(NOTHING);
        let mut is_first = true;
        loop {
            match self.rest.next() {
                None => return Err("unclosed character class".to_owned()),
                Some(']') if !is_first => break,
                Some('[') if self.posix_class()? => {}
                Some('\\') if self.named_class()? => {}
                Some(character) => self.range(character)?,
            }
            is_first = false;
        }
        self.done.push(']');
        Ok(())
    }

    /// `[:alpha:]`, of which the bracket is behind us. False when something else follows it.
    fn posix_class(&mut self) -> Result<bool, String> {
        let ahead = self.rest.as_str().strip_prefix(':').and_then(|text| text.split_once(":]"));
        let Some((name, behind)) = ahead else { return Ok(false) };
        if !names::is_posix_class(name) {
            return Err(format!("`[:{name}:]` is no class of characters"));
        }
        self.done.push_str(&format!("[:{name}:]"));
        self.rest = behind.chars();
        Ok(true)
    }

    /// One character of a class or, when a dash and another one follow, all between the two.
    fn range(&mut self, first: char) -> Result<(), String> {
        let mut least = self.class_code(first)?;
        let mut most = least;
        let mut ahead = self.rest.clone();
        if ahead.next() == Some('-')
            && let Some(last) = ahead.next()
            && last != ']'
        {
            self.rest = ahead;
            most = self.class_code(last)?;
            if most < least {
                return Err("a range of characters ends before it begins".to_owned());
            }
        }
        // Surrogates are in no text, and the crate knows none.
        if (0xd800..0xe000).contains(&least) {
            least = 0xe000;
        }
        if (0xd800..0xe000).contains(&most) {
            most = 0xd7ff;
        }
        if least <= most {
            self.done.push_str(&format!("\\x{{{least:x}}}-\\x{{{most:x}}}"));
        }
        Ok(())
    }

    fn class_code(&mut self, character: char) -> Result<u32, String> {
        if character == '\\' { self.escaped_code() } else { Ok(u32::from(character)) }
    }
}
