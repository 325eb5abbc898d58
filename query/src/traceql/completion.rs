//! What may stand at a place in a query that is being typed, and what half a filter asks for.

use super::{
    FieldRef, Query, TEXT_BYTES_MAX,
    lexer::readable_tokens,
    parser::wanted_after,
    token::{Symbol, Token, TokenKind},
};

/// Something that may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An operator or a bracket, as it is written.
    Word(&'static str),
    /// A function or another word that parentheses follow.
    Function(&'static str),
    /// An attribute or an intrinsic.
    Field,
    /// A constant; one that this field may have, where it is compared with a field.
    Value(Option<FieldRef>),
    /// A number or a duration.
    Number,
    /// The name of a hint in `with (…)`.
    Hint(&'static str),
}

/// What may stand at a place. Positions are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Where the word that is being typed begins; the place itself when none is.
    pub from: usize,
    /// The place.
    pub to: usize,
    /// In the order in which the parser looks for it; empty behind a fault.
    pub wanted: Vec<Wanted>,
}

/// Says what may stand at `position`, a byte of the text; what is behind it plays no part.
pub fn complete(text: &str, position: usize) -> Completion {
    let to = text.floor_char_boundary(position.min(text.len()));
    if to > TEXT_BYTES_MAX {
        return Completion { from: to, to, wanted: Vec::new() };
    }
    let before = &text[..to];
    let (mut tokens, fault) = readable_tokens(before);
    let from = match fault {
        // A string, a name or a number that is not finished yet; a comment wants nothing.
        Some((_, start)) if before[start..].trim_start().starts_with("/*") => {
            return Completion { from: to, to, wanted: Vec::new() };
        }
        Some((_, start)) => start,
        None => {
            let typed = tokens.len().checked_sub(2).map(|last| &tokens[last]);
            match typed {
                Some(token) if token.span.end == to && goes_on(&token.kind) => {
                    let from = token.span.start;
                    tokens.remove(tokens.len() - 2);
                    from
                }
                _ => to,
            }
        }
    };
    Completion { from, to, wanted: wanted_after(before, tokens) }
}

/// True for a token that the next letter would be a part of.
fn goes_on(kind: &TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Word(_)
            | TokenKind::Field(_)
            | TokenKind::Parent
            | TokenKind::Int(_)
            | TokenKind::Float(_)
            | TokenKind::Duration(_)
    )
}

/// The one filter, `{ … }`, that a text holds, even half typed: a field without an operator or without a value counts
/// as `true`, brackets are closed. `None`: no such filter can be made of it.
pub fn parse_filter_leniently(text: &str) -> Option<Query> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let query = super::parse(&mended(text)).or_else(|_| super::parse(text)).ok()?;
    query.as_filter().is_some().then_some(query)
}

/// The text with what is missing put in.
fn mended(text: &str) -> String {
    let (tokens, _) = readable_tokens(text);
    let mut open = Vec::new();
    let mut parts: Vec<&str> = Vec::new();
    let kinds: Vec<&TokenKind> = tokens.iter().map(|token| &token.kind).collect();
    let begins = |index: usize| begins_condition(kinds[index]);
    for (index, Token { kind, span }) in tokens.iter().enumerate() {
        match kind {
            TokenKind::Symbol(Symbol::OpenBrace) => open.push("}"),
            TokenKind::Symbol(Symbol::OpenParenthesis) => open.push(")"),
            TokenKind::Symbol(Symbol::CloseBrace | Symbol::CloseParenthesis) => drop(open.pop()),
            _ => {}
        }
        let ends = kinds.get(index + 1).is_none_or(|next| ends_condition(next));
        match kind {
            TokenKind::End => {}
            TokenKind::Symbol(symbol) if ends && is_comparison(*symbol) => {
                // The field before it says nothing without a value.
                parts.pop();
                parts.push("true");
            }
            TokenKind::Symbol(Symbol::And | Symbol::Or | Symbol::Not) if ends => {
                parts.extend([&text[span.start..span.end], "true"]);
            }
            TokenKind::Symbol(Symbol::OpenParenthesis) if ends => parts.extend(["(", "true"]),
            TokenKind::Field(_) | TokenKind::Word(_)
                if ends && index.checked_sub(1).is_some_and(begins) =>
            {
                let text = &text[span.start..span.end];
                parts.push(if text == "false" { text } else { "true" });
            }
            _ => parts.push(&text[span.start..span.end]),
        }
    }
    parts.extend(open.into_iter().rev());
    parts.join(" ")
}

fn ends_condition(kind: &TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::End
            | TokenKind::Symbol(
                Symbol::And | Symbol::Or | Symbol::CloseBrace | Symbol::CloseParenthesis
            )
    )
}

fn begins_condition(before: &TokenKind) -> bool {
    matches!(
        before,
        TokenKind::Symbol(Symbol::And | Symbol::Or | Symbol::OpenBrace | Symbol::OpenParenthesis)
    )
}

fn is_comparison(symbol: Symbol) -> bool {
    matches!(
        symbol,
        Symbol::Equal
            | Symbol::NotEqual
            | Symbol::Less
            | Symbol::LessOrEqual
            | Symbol::Greater
            | Symbol::GreaterOrEqual
            | Symbol::Matches
            | Symbol::NotMatches
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `|` in the text stands for the cursor when it is `¦`.
    #[track_caller]
    fn check(marked: &str, typed: &str, wanted: &[Wanted]) {
        let position = marked.find('¦').unwrap();
        let completion = complete(&marked.replace('¦', ""), position);
        assert_eq!(&marked[completion.from..completion.to], typed, "{marked}");
        for each in wanted {
            assert!(completion.wanted.contains(each), "{marked}: {:?}", completion.wanted);
        }
        if wanted.is_empty() {
            assert_eq!(completion.wanted, [], "{marked}");
        }
    }

    fn value_of(field: &str) -> Wanted {
        Wanted::Value(Some(super::super::parse_field(field).unwrap()))
    }

    #[test]
    fn the_parser_says_what_may_stand_at_the_cursor() {
        use Wanted::{Field, Function, Hint, Number, Word};
        check("¦", "", &[Word("{"), Function("count"), Function("by")]);
        check("{ ¦", "", &[Field, Word("}")]);
        check("{ span.ht¦", "span.ht", &[Field]);
        check("{ span.¦ }", "span.", &[Field]);
        check("{ resource.service.name ¦", "", &[Word("="), Word("=~"), Word("&&")]);
        check("{ resource.service.name = ¦", "", &[value_of("resource.service.name")]);
        check("{ .a = \"che¦", "\"che", &[value_of(".a")]);
        check("{ status = er¦", "er", &[value_of("status")]);
        check("{ (.a = 1 || name = ¦) }", "", &[value_of("name")]);
        check("{ .a = 1 ¦", "", &[Word("&&"), Word("}")]);
        check("{ } ¦", "", &[Word(">>"), Word("|"), Function("with")]);
        check("{ } | ¦", "", &[Function("rate"), Function("select"), Function("coalesce")]);
        check("{ } | ra¦", "ra", &[Function("rate")]);
        check("{ } | count() ¦", "", &[Word(">")]);
        check("{ } | count() > ¦", "", &[Number]);
        check("{ } | rate() ¦", "", &[Function("by"), Word("|"), Function("with")]);
        check("{ } | rate() by (¦", "", &[Field]);
        check("{ } | rate() by (name¦", "name", &[Field]);
        check("{ } | rate() | ¦", "", &[Function("topk")]);
        check("{ } | quantile_over_time(duration, ¦", "", &[Number]);
        check("{ } with (¦", "", &[Hint("most_recent")]);
        check("({ } | rate()) / ¦", "", &[Word("("), Number]);
        check("{ } > ¦", "", &[Word("{")]);
        check("{ .a = 1 /* so ¦", "", &[]);
        check("{ { ¦", "", &[]);
        let after = complete("{ .a = 1 ", 9);
        assert!(!after.wanted.contains(&Word("=")), "a comparison is not compared");
    }

    #[test]
    fn half_a_filter_is_mended() {
        let check = |text: &str, expected: Option<&str>| {
            let query = parse_filter_leniently(text).map(|query| query.to_string());
            assert_eq!(query.as_deref(), expected, "{text}");
        };
        check("{ .a = 1 }", Some("{ .a = 1 }"));
        check("{ .a = 1", Some("{ .a = 1 }"));
        check("{ .a = 1 && name = }", Some("{ .a = 1 && true }"));
        check("{ .a = 1 && name =~ ", Some("{ .a = 1 && true }"));
        check("{ .a = 1 && ", Some("{ .a = 1 && true }"));
        check("{ .a = 1 && (name = \"x\" || .b >", Some("{ .a = 1 && (name = \"x\" || true) }"));
        check("{ .a = 1 && name = \"che", Some("{ .a = 1 && true }"));
        check("{ .a = 1 && span.", Some("{ .a = 1 && true }"));
        check("{ .a = 1 && .b }", Some("{ .a = 1 && true }"));
        check("{ .a = 1 && (.b || name", Some("{ .a = 1 && (true || true) }"));
        check("{ resource.service.name", Some("{ true }"));
        check("{ span:name }", Some("{ true }"));
        check("{ false }", Some("{ false }"));
        check("{ .a=-1&&!(.b>-.c) }", Some("{ .a = -1 && !(.b > -.c) }"));
        check("{ (.a) = 1 && !.b }", Some("{ .a = 1 && !.b }"));
        check("{", Some("{ }"));
        check("{}", Some("{ }"));
        check("", None);
        check("foo", None);
        check("{ .a = 1 } | count() > 2", None);
        check("{ .a = 1 } && { .b = 2 }", None);
        check("{ 1 }", None);
    }

    proptest! {
        #[test]
        fn no_place_in_no_text_is_a_panic(
            text in "\\PC{0,40}|[{}()|&<>!=~a.\"` -]{0,40}", position in 0usize..60
        ) {
            let completion = complete(&text, position);
            prop_assert!(completion.from <= completion.to && completion.to <= text.len());
            prop_assert!(text.get(completion.from..completion.to).is_some());
            drop(parse_filter_leniently(&text));
        }
    }
}
