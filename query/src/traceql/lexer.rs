//! Text into tokens.

use super::{
    FieldRef, Intrinsic, ParseError, ParseErrorKind, Scope, Span, TEXT_BYTES_MAX,
    duration::parse_duration,
    token::{Symbol, Token, TokenKind, shortened},
};

/// Cuts a text into tokens; the last one is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!(
            "the query has {} bytes, at most {TEXT_BYTES_MAX} are possible; make it shorter",
            text.len()
        );
        return Err(ParseError::new(text, ParseErrorKind::Syntax, Span::default(), message));
    }
    let (tokens, fault) = readable_tokens(text);
    match fault {
        None => Ok(tokens),
        Some((error, _)) => Err(error),
    }
}

/// The tokens before the first one that cannot be read, followed by [`TokenKind::End`]; and why that one cannot, with
/// the byte where it begins.
pub(super) fn readable_tokens(text: &str) -> (Vec<Token>, Option<(ParseError, usize)>) {
    let mut lexer = Lexer { text, at: 0, start: 0 };
    let mut tokens = Vec::new();
    loop {
        match lexer.next() {
            Ok(token) => {
                let end = token.kind == TokenKind::End;
                tokens.push(token);
                if end {
                    return (tokens, None);
                }
            }
            Err(error) => {
                let span = Span { start: lexer.start, end: lexer.start };
                tokens.push(Token { kind: TokenKind::End, span });
                return (tokens, Some((error, lexer.start)));
            }
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Where the present token begins.
    start: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Token, ParseError> {
        self.start = self.at;
        self.skip_blanks()?;
        let start = self.at;
        self.start = start;
        let kind = match self.peek() {
            None => TokenKind::End,
            Some('"') => TokenKind::String(self.string()?),
            Some('`') => TokenKind::String(self.raw_string()?),
            Some('.') if self.peek_second().is_some_and(|c| c.is_ascii_digit()) => self.number()?,
            Some('.') => {
                self.at += 1;
                let name = self.attribute_name(start)?;
                TokenKind::Field(FieldRef::attribute(Scope::Any, name))
            }
            Some(character) if character.is_ascii_digit() => self.number()?,
            Some(character) if character.is_alphabetic() || character == '_' => self.word(start)?,
            Some(character) => match self.symbol() {
                Some(symbol) => TokenKind::Symbol(symbol),
                None if character == '\'' => {
                    return Err(self.error(
                        start,
                        start + 1,
                        "found a single quote; strings stand in double quotes or back quotes",
                    ));
                }
                None => {
                    let message = format!("found {character:?}, which begins nothing in TraceQL");
                    return Err(self.error(start, start + character.len_utf8(), message));
                }
            },
        };
        Ok(Token { kind, span: Span { start, end: self.at } })
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn peek_second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    fn advance_while(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|character| !wanted(character)).unwrap_or(rest.len());
    }

    fn error(&self, start: usize, end: usize, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, ParseErrorKind::Syntax, Span { start, end }, message.into())
    }

    fn skip_blanks(&mut self) -> Result<(), ParseError> {
        loop {
            // Go's blanks; any other white space is a character like any other.
            self.advance_while(|character| matches!(character, ' ' | '\t' | '\r' | '\n'));
            if self.rest().starts_with("//") {
                self.advance_while(|character| character != '\n');
            } else if self.rest().starts_with("/*") {
                match self.rest().find("*/") {
                    Some(length) => self.at += length + 2,
                    None => {
                        return Err(self.error(
                            self.at,
                            self.at + 2,
                            "the comment that begins here has no end; expected `*/`",
                        ));
                    }
                }
            } else {
                return Ok(());
            }
        }
    }

    fn symbol(&mut self) -> Option<Symbol> {
        let (symbol, text) = Symbol::ALL.iter().find(|(_, text)| self.rest().starts_with(text))?;
        self.at += text.len();
        Some(*symbol)
    }

    fn word(&mut self, start: usize) -> Result<TokenKind, ParseError> {
        self.advance_while(|character| character.is_alphanumeric() || character == '_');
        let word = self.text[start..self.at].to_owned();
        match self.peek() {
            Some('.') if word == "parent" => {
                self.at += 1;
                self.attribute_name(start)?;
                Ok(TokenKind::Parent)
            }
            _ if word == "parent" => Ok(TokenKind::Parent),
            Some('.') => match Scope::from_word(&word) {
                Some(scope) => {
                    self.at += 1;
                    let name = self.attribute_name(start)?;
                    Ok(TokenKind::Field(FieldRef::attribute(scope, name)))
                }
                None => {
                    let message = format!(
                        "`{}` is no scope; expected span, resource, event, link or \
                         instrumentation before the dot, or a dot alone",
                        shortened(&word)
                    );
                    Err(self.error(start, self.at, message))
                }
            },
            Some(':') => {
                self.at += 1;
                // The scope and its colon are a token of their own, so that blanks may follow.
                self.skip_blanks()?;
                let name = self.at;
                self.advance_while(|character| character.is_alphanumeric() || character == '_');
                let text = format!("{word}:{}", &self.text[name..self.at]);
                match Intrinsic::from_spelling(&text) {
                    Some(intrinsic) => Ok(TokenKind::Field(intrinsic.into())),
                    None => {
                        let known: Vec<&str> = Intrinsic::all()
                            .flat_map(Intrinsic::spellings)
                            .filter(|spelling| {
                                spelling.split_once(':').is_some_and(|(scope, _)| scope == word)
                            })
                            .collect();
                        let message = if known.is_empty() {
                            format!(
                                "`{}` is no scope of intrinsics; expected span, trace, event, \
                                 link or instrumentation before the colon",
                                shortened(&word)
                            )
                        } else {
                            let text = shortened(&text);
                            format!("`{text}` is no intrinsic; expected {}", known.join(", "))
                        };
                        Err(self.error(start, self.at, message))
                    }
                }
            }
            _ => Ok(TokenKind::Word(word)),
        }
    }

    /// The name after the dot, quoted parts unquoted.
    fn attribute_name(&mut self, start: usize) -> Result<String, ParseError> {
        let mut name = String::new();
        let first = self.at;
        loop {
            match self.peek() {
                Some('"') => {
                    let quote = self.at;
                    self.at += 1;
                    loop {
                        let Some(character) = self.peek() else {
                            return Err(self.error(
                                quote,
                                quote + 1,
                                "the quoted name that begins here has no end; expected `\"`",
                            ));
                        };
                        self.at += character.len_utf8();
                        match character {
                            '"' => break,
                            '\\' => match self.peek() {
                                Some(escaped @ ('"' | '\\')) => {
                                    self.at += 1;
                                    name.push(escaped);
                                }
                                _ => {
                                    return Err(self.error(
                                        self.at - 1,
                                        self.at,
                                        "found a backslash; in quoted names only `\\\"` and \
                                         `\\\\` are escapes",
                                    ));
                                }
                            },
                            _ => name.push(character),
                        }
                    }
                }
                Some(character) if !ends_name(character) => {
                    self.at += character.len_utf8();
                    name.push(character);
                }
                _ => break,
            }
        }
        // A name may be empty, in quotes.
        if self.at == first {
            return Err(self.error(start, self.at, "expected an attribute name after the dot"));
        }
        Ok(name)
    }

    fn string(&mut self) -> Result<String, ParseError> {
        let start = self.at;
        self.at += 1;
        // Bytes, because `\xc3\xa9` names the bytes of one character.
        let mut text = Vec::new();
        loop {
            let Some(character) = self.peek().filter(|character| *character != '\n') else {
                return Err(self.error(
                    start,
                    start + 1,
                    "the string that begins here has no end; expected `\"`",
                ));
            };
            let from = self.at;
            self.at += character.len_utf8();
            match character {
                '"' => {
                    return Ok(String::from_utf8(text).unwrap_or_else(|error| {
                        String::from_utf8_lossy(error.as_bytes()).into_owned()
                    }));
                }
                '\\' => self.escape(&mut text)?,
                _ => text.extend_from_slice(&self.text.as_bytes()[from..self.at]),
            }
        }
    }

    /// Adds what an escape stands for, as in Go; the backslash is behind us.
    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), ParseError> {
        let start = self.at - 1;
        let Some(letter) = self.peek() else {
            return Err(self.error(start, self.at, "the string ends in a backslash"));
        };
        let meant = match letter {
            'n' => b'\n',
            't' => b'\t',
            'r' => b'\r',
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'v' => 0x0b,
            '\\' => b'\\',
            '"' => b'"',
            'x' => return self.coded(start, 1, 2, 16, text),
            'u' => return self.coded(start, 1, 4, 16, text),
            'U' => return self.coded(start, 1, 8, 16, text),
            '0'..='7' => return self.coded(start, 0, 3, 8, text),
            _ => {
                let message = format!(
                    "`\\{letter}` is no escape; write `\\\\` for a backslash or use back quotes"
                );
                return Err(self.error(start, self.at + letter.len_utf8(), message));
            }
        };
        self.at += 1;
        text.push(meant);
        Ok(())
    }

    /// An escape by number: two hex or three octal digits are a byte, four and eight are a character.
    fn coded(
        &mut self,
        start: usize,
        prefix: usize,
        digits: usize,
        radix: u32,
        text: &mut Vec<u8>,
    ) -> Result<(), ParseError> {
        self.at += prefix;
        let end = self.at + digits;
        let code = self
            .text
            .get(self.at..end)
            .filter(|code| code.chars().all(|digit| digit.is_digit(radix)))
            .and_then(|code| u32::from_str_radix(code, radix).ok());
        let added = match code {
            Some(code) if digits < 4 => u8::try_from(code).map(|byte| text.push(byte)).is_ok(),
            Some(code) => char::from_u32(code)
                .map(|character| text.extend(character.encode_utf8(&mut [0; 4]).bytes()))
                .is_some(),
            None => false,
        };
        if !added {
            let base = if radix == 8 { "octal" } else { "hex" };
            let message = format!("expected {digits} {base} digits that name a character");
            return Err(self.error(start, self.at, message));
        }
        self.at = end;
        Ok(())
    }

    fn raw_string(&mut self) -> Result<String, ParseError> {
        let start = self.at;
        match self.text[start + 1..].find('`') {
            Some(length) => {
                self.at = start + 1 + length + 1;
                Ok(self.text[start + 1..start + 1 + length].to_owned())
            }
            None => Err(self.error(
                start,
                start + 1,
                "the string that begins here has no end; expected a back quote",
            )),
        }
    }

    fn number(&mut self) -> Result<TokenKind, ParseError> {
        let start = self.at;
        self.advance_while(|character| character.is_ascii_digit() || character == '.');
        // An exponent only if digits follow: `1e5`, `1e-5`.
        let mut ahead = self.rest().chars();
        if matches!(ahead.next(), Some('e' | 'E')) {
            let sign = usize::from(ahead.clone().next().is_some_and(|c| c == '-' || c == '+'));
            if ahead.nth(sign).is_some_and(|character| character.is_ascii_digit()) {
                self.at += 1 + sign;
                self.advance_while(|character| character.is_ascii_digit());
                return self.float(start);
            }
        }
        let text = &self.text[start..self.at];
        if !text.contains('.') && text.starts_with('0') && text.contains(['8', '9']) {
            let message =
                format!("`{}` begins like an octal number; leave the zero out", shortened(text));
            return Err(self.error(start, self.at, message));
        }
        if self.peek().is_some_and(char::is_alphabetic) {
            self.advance_while(|c| c.is_alphanumeric() || c == '.');
            let text = &self.text[start..self.at];
            // Two letters look like a mu; the Greek one is none in TraceQL.
            return match parse_duration(text).filter(|_| !text.contains('\u{3bc}')) {
                Some(nanoseconds) => Ok(TokenKind::Duration(nanoseconds)),
                None => {
                    let message = format!(
                        "`{}` is no duration; expected one such as 100ms, 1h30m or 1.5s",
                        shortened(text)
                    );
                    Err(self.error(start, self.at, message))
                }
            };
        }
        let text = &self.text[start..self.at];
        if text.contains('.') {
            return self.float(start);
        }
        match text.parse() {
            Ok(value) => Ok(TokenKind::Int(value)),
            Err(_) => {
                let message = format!("the integer is too large; the largest is {}", i64::MAX);
                Err(self.error(start, self.at, message))
            }
        }
    }

    fn float(&mut self, start: usize) -> Result<TokenKind, ParseError> {
        let text = &self.text[start..self.at];
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(TokenKind::Float(value)),
            _ => {
                let message = format!("`{}` is no number", shortened(text));
                Err(self.error(start, self.at, message))
            }
        }
    }
}

/// True for a character that cannot stand in an attribute name outside quotes.
pub(super) fn ends_name(character: char) -> bool {
    character.is_whitespace() || "{}()=~!<>&|^,\"".contains(character)
}
