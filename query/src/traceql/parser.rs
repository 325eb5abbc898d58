//! Tokens into a tree: recursive descent over stages, Pratt over operators.
//!
//! Every expression knows its height, so that neither parsing nor any later walk over the tree can
//! overflow a stack, whatever the text.

mod expression;
mod metrics;
mod pipeline;

use super::{
    FieldRef, Hint, Intrinsic, Literal, NESTING_MAX, ParseError, ParseErrorKind, Query, QueryBody,
    Span, SpanKind, StatusCode,
    completion::Wanted,
    lexer::tokens,
    token::{Symbol, Token, TokenKind},
};

/// Parses a query; types and limits of values are for validation.
pub(super) fn parse_query(text: &str) -> Result<Query, ParseError> {
    Parser::new(text, tokens(text)?).query()
}

/// What may stand behind these tokens, the last of which is [`TokenKind::End`]; nothing when they are at fault
/// themselves.
pub(super) fn wanted_after(text: &str, tokens: Vec<Token>) -> Vec<Wanted> {
    let mut parser = Parser::new(text, tokens);
    // It fails wherever the text is not finished; what it looked for at the end is the answer.
    drop(parser.query());
    parser.wanted
}

/// Parses a field that stands alone.
pub(super) fn parse_field(text: &str) -> Result<FieldRef, ParseError> {
    let mut parser = Parser::new(text, tokens(text)?);
    let (field, _) = parser.field()?;
    parser.expect_end()?;
    Ok(field)
}

/// Hints that are heeded.
const HINTS: [&str; 6] =
    ["most_recent", "exemplars", "sample", "span_sample", "trace_sample", "extrapolate"];

struct Parser<'a> {
    text: &'a str,
    /// Ends with [`TokenKind::End`], which is never passed.
    tokens: Vec<Token>,
    at: usize,
    /// How many parentheses and prefix operators enclose the present token.
    depth: usize,
    /// What could stand at the end, as far as the parser came there.
    wanted: Vec<Wanted>,
    /// The field that the present operand is compared with.
    compared: Option<FieldRef>,
    /// An aggregate by its place, and how many parentheses close right behind it.
    aggregate: Option<(usize, usize)>,
}

/// A piece of the tree and its height.
struct Tall<T> {
    value: T,
    height: usize,
}

impl<T> Tall<T> {
    fn leaf(value: T) -> Self {
        Self { value, height: 1 }
    }

    fn map<U>(self, change: impl FnOnce(T) -> U) -> Tall<U> {
        Tall { value: change(self.value), height: self.height }
    }
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, tokens: Vec<Token>) -> Self {
        let (wanted, compared, aggregate) = (Vec::new(), None, None);
        Self { text, tokens, at: 0, depth: 0, wanted, compared, aggregate }
    }

    fn query(&mut self) -> Result<Query, ParseError> {
        let body = match self.body()?.value {
            pipeline::Body::Spans(pipeline) => QueryBody::Search(pipeline),
            pipeline::Body::Metrics(metrics) => QueryBody::Metrics(metrics),
        };
        let hints = self.hints()?;
        self.expect_end()?;
        Ok(Query { body, hints })
    }

    /// Says what could stand here; kept when here is the end.
    fn want(&mut self, what: impl IntoIterator<Item = Wanted>) {
        if self.at + 1 == self.tokens.len() {
            for wanted in what {
                if !self.wanted.contains(&wanted) {
                    self.wanted.push(wanted);
                }
            }
        }
    }

    fn want_words(&mut self, words: &[&'static str]) {
        self.want(words.iter().copied().map(Wanted::Word));
    }

    fn want_functions(&mut self, names: &[&'static str]) {
        self.want(names.iter().copied().map(Wanted::Function));
    }

    fn peek(&self) -> &TokenKind {
        &self.tokens[self.at].kind
    }

    fn peek_at(&self, ahead: usize) -> &TokenKind {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)].kind
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn is(&self, symbol: Symbol) -> bool {
        *self.peek() == TokenKind::Symbol(symbol)
    }

    /// Passes the symbol if it is next.
    fn take(&mut self, symbol: Symbol) -> bool {
        let found = self.is(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, symbol: Symbol) -> Result<(), ParseError> {
        self.want([Wanted::Word(symbol.text())]);
        if self.take(symbol) { Ok(()) } else { Err(self.found(&format!("`{}`", symbol.text()))) }
    }

    fn expect_end(&self) -> Result<(), ParseError> {
        match self.peek() {
            TokenKind::End => Ok(()),
            _ => Err(self.found("the end of the query")),
        }
    }

    /// The error that says what stands here and what should.
    fn found(&self, expected: &str) -> ParseError {
        self.error(self.span(), format!("found {}, expected {expected}", self.peek()))
    }

    fn error(&self, span: Span, message: String) -> ParseError {
        ParseError::new(self.text, ParseErrorKind::Syntax, span, message)
    }

    fn validation_error(&self, span: Span, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, ParseErrorKind::Validation, span, message.into())
    }

    /// Runs a parsing step one level deeper.
    fn nested<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        self.depth += 1;
        self.check_height(self.depth)?;
        let result = step(self);
        self.depth -= 1;
        result
    }

    fn check_height(&self, height: usize) -> Result<(), ParseError> {
        if height <= NESTING_MAX {
            return Ok(());
        }
        Err(self.error(
            self.span(),
            format!("the query nests deeper than {NESTING_MAX} levels; split it"),
        ))
    }

    /// A node above two others, with its height checked.
    fn above<A, B, T>(
        &self,
        left: Tall<A>,
        right: Tall<B>,
        join: impl FnOnce(A, B) -> T,
    ) -> Result<Tall<T>, ParseError> {
        let height = left.height.max(right.height) + 1;
        self.check_height(height)?;
        Ok(Tall { value: join(left.value, right.value), height })
    }

    /// Items separated by commas, up to and with the closing parenthesis.
    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let mut items = vec![item(self)?];
        while self.take(Symbol::Comma) {
            items.push(item(self)?);
        }
        self.want_words(&[",", ")"]);
        if self.is(Symbol::CloseParenthesis) {
            self.advance();
            Ok(items)
        } else {
            Err(self.found("`,` or `)`"))
        }
    }

    /// An attribute or intrinsic in any spelling.
    fn field(&mut self) -> Result<(FieldRef, Span), ParseError> {
        self.want([Wanted::Field]);
        let span = self.span();
        let field = match self.peek() {
            TokenKind::Field(field) => field.clone(),
            TokenKind::Word(word) => match Intrinsic::from_spelling(word) {
                Some(intrinsic) => intrinsic.into(),
                None => return Err(self.found("a field such as span.x, .x, name or duration")),
            },
            TokenKind::Parent => return Err(self.parent_unsupported()),
            _ => return Err(self.found("a field such as span.x, .x, name or duration")),
        };
        self.advance();
        Ok((field, span))
    }

    fn parent_unsupported(&self) -> ParseError {
        self.validation_error(
            self.span(),
            "`parent` is not yet supported; use a structural operator, \
             such as { a } > { b }",
        )
    }

    /// A constant that stands here as one token, without a sign; `None` when here is something else. `nil` is
    /// none: it stands beside `=` and `!=` only.
    fn literal(&mut self) -> Option<(Literal, Span)> {
        let literal = match self.peek() {
            TokenKind::String(text) => Literal::String(text.clone()),
            TokenKind::Word(word) => constant(word)?,
            token => number(token)?,
        };
        let span = self.span();
        self.advance();
        Some((literal, span))
    }

    /// A number or duration that stands here in digits, with a sign or without.
    fn number(&mut self) -> Option<(Literal, Span)> {
        let start = self.span();
        let negative = usize::from(self.is(Symbol::Minus));
        let value = number(self.peek_at(negative))?;
        let value = if negative == 1 { super::fold::negate(&value)? } else { value };
        for _ in 0..negative {
            self.advance();
        }
        let span = start.to(self.span());
        self.advance();
        Some((value, span))
    }

    fn hints(&mut self) -> Result<Vec<Hint>, ParseError> {
        let mut hints = Vec::new();
        self.want_functions(&["with"]);
        while *self.peek() == TokenKind::Word("with".to_owned()) {
            self.advance();
            self.expect(Symbol::OpenParenthesis)?;
            hints.extend(self.list(|parser| {
                parser.want(HINTS.into_iter().map(Wanted::Hint));
                let TokenKind::Word(name) = parser.peek().clone() else {
                    return Err(parser.found("the name of a hint"));
                };
                if is_reserved(&name) {
                    return Err(
                        parser.found("the name of a hint, which is no word of the language")
                    );
                }
                parser.advance();
                parser.expect(Symbol::Equal)?;
                parser.want([Wanted::Value(None)]);
                match parser.literal() {
                    Some((value, _)) => Ok(Hint { name, value }),
                    None => Err(parser.found("a constant")),
                }
            })?);
        }
        Ok(hints)
    }
}

fn number(token: &TokenKind) -> Option<Literal> {
    match token {
        TokenKind::Int(value) => Some(Literal::Int(*value)),
        TokenKind::Float(value) => Some(Literal::Float(*value)),
        TokenKind::Duration(value) => Some(Literal::Duration(*value)),
        _ => None,
    }
}

/// True for the words that mean something wherever they stand, even behind a scope only.
fn is_reserved(word: &str) -> bool {
    const OTHERS: [&str; 20] = [
        "nil",
        "id",
        "parentID",
        "traceID",
        "spanID",
        "rootService",
        "timeSinceStart",
        "version",
        "childCount",
        "count",
        "avg",
        "max",
        "min",
        "sum",
        "by",
        "coalesce",
        "select",
        "topk",
        "bottomk",
        "with",
    ];
    OTHERS.contains(&word)
        || metrics::METRICS_FUNCTIONS.contains(&word)
        || (constant(word).is_some() && !matches!(word, "minInt" | "maxInt"))
        || Intrinsic::from_spelling(word).is_some()
}

/// The words that are constants.
fn constant(word: &str) -> Option<Literal> {
    Some(match word {
        "true" => Literal::Bool(true),
        "false" => Literal::Bool(false),
        "minInt" => Literal::Int(i64::MIN),
        "maxInt" => Literal::Int(i64::MAX),
        _ => {
            if let Some(status) = StatusCode::ALL.into_iter().find(|code| code.word() == word) {
                Literal::Status(status)
            } else {
                let kind = SpanKind::ALL.into_iter().find(|kind| kind.word() == word)?;
                Literal::Kind(kind)
            }
        }
    })
}
