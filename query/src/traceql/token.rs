//! The words of the language.

use super::{FieldRef, Span};
use std::fmt;

/// A token and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A word: keyword, function, intrinsic in its old spelling, hint.
    Word(String),
    /// A scoped attribute, or an intrinsic in its colon spelling.
    Field(FieldRef),
    /// `parent` or `parent.x`: reserved.
    Parent,
    String(String),
    Int(i64),
    Float(f64),
    Duration(i64),
    Symbol(Symbol),
    End,
}

macro_rules! symbols {
    ($($name:ident $text:literal,)*) => {
        /// Punctuation and operators.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Symbol { $($name,)* }

        impl Symbol {
            /// Longest first, so that the first one that the text begins with is meant.
            pub(super) const ALL: &[(Symbol, &str)] = &[$((Symbol::$name, $text),)*];

            pub(super) fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

symbols! {
    UnionDescendant "&>>",
    UnionAncestor "&<<",
    NotDescendant "!>>",
    NotAncestor "!<<",
    And "&&",
    Or "||",
    Descendant ">>",
    Ancestor "<<",
    UnionChild "&>",
    UnionParent "&<",
    UnionSibling "&~",
    NotChild "!>",
    NotParent "!<",
    NotMatches "!~",
    NotEqual "!=",
    Matches "=~",
    LessOrEqual "<=",
    GreaterOrEqual ">=",
    Less "<",
    Greater ">",
    Equal "=",
    Sibling "~",
    Not "!",
    Pipe "|",
    OpenBrace "{",
    CloseBrace "}",
    OpenParenthesis "(",
    CloseParenthesis ")",
    Comma ",",
    Plus "+",
    Minus "-",
    Times "*",
    Slash "/",
    Percent "%",
    Caret "^",
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{}`", shortened(word)),
            Self::Field(field) => write!(f, "the field `{}`", shortened(&field.to_string())),
            Self::Parent => f.write_str("`parent`"),
            Self::String(text) => write!(f, "the string \"{}\"", shortened(text).escape_debug()),
            Self::Int(_) | Self::Float(_) => f.write_str("a number"),
            Self::Duration(_) => f.write_str("a duration"),
            Self::Symbol(symbol) => write!(f, "`{}`", symbol.text()),
            Self::End => f.write_str("the end of the query"),
        }
    }
}

/// Messages quote what was found; a quote may not be as long as the query.
pub(super) fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 40;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
