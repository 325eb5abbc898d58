//! Regular expressions as TraceQL means them: those of RE2, which is what Go has.
//!
//! They run on the `regex` crate, whose language is nearly the same. What differs is rewritten
//! ([`Translator`]): `\Q…\E` and octal escapes, classes without set operations, `\d \s \w \b` of
//! ASCII; and what RE2 refuses is refused: `a**`, repetitions above 1,000 (nested ones multiplied),
//! escapes, flags and names of Unicode classes that it does not know.

mod known;
mod names;
mod translator;

use regex::bytes::{Regex, RegexBuilder};
use translator::Translator;

/// What a compiled expression may take in memory, bytes: a query comes from anyone.
const SIZE_BYTES_MAX: usize = 4 << 20;

/// The longest expression, bytes: one that compiles small can still take long to read.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// A compiled expression.
// Of bytes: that there is no boundary of an ASCII word holds within a character too, which the crate does not have for text. Nothing
// else that an expression is made of stops there.
#[derive(Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }
}

/// Compiles an expression that must match a whole value; its dot matches line breaks too. The error
/// is a sentence for the user.
pub(crate) fn anchored(pattern: &str) -> Result<Pattern, String> {
    if pattern.len() > TEXT_BYTES_MAX {
        return Err(format!(
            "the regular expression has {} bytes, at most {TEXT_BYTES_MAX} are possible",
            pattern.len()
        ));
    }
    known::or_compiled(pattern, || {
        let translated = Translator::new(pattern)
            .translate()
            .map_err(|reason| format!("the regular expression is not valid: {reason}"))?;
        // Compiled alone first: `a)|(b` must not become valid by being wrapped.
        compile(&translated)?;
        compile(&format!("^(?s:{translated})$"))
    })
    .map(Pattern)
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
        check(r".*\B[é1].*", &["aé é", "11", "éé"], &["aé", "xé1"]);
        check("\\\"\\/\\<", &["\"/<"], &[]);
        check("[[:a]+1", &["[:a1"], &["b1", "[:a"]);
        check("[+--][a-c-e][--a]", &[",-A", "-ba"], &["adb", ",-b"]);
        check(r"[\d-z][^\D][\pL\]]", &["1234", "-1é", "z1]"][1..], &["a1b"]);
        check(r"\p{^Lu}\P{^Lu}\p{Old_Italic}?", &["aB", "1É\u{10300}"], &["Ab"]);
        check(r"[^\p{Cs}\x{d800}]|[\P{Cs}]", &["a"], &[]);
        check(r"\x{D800}?a{01}|[\x{d7ff}-\x{e000}]", &["a{01}", "\u{e000}"], &["a"]);
        check("(a{10}){100}|(b{500}){1}|(c{1000}){0}", &["", &"b".repeat(500)], &["b"]);
        check(r"\p{L}{1,50}(?)", &["äöü"], &["1"]);
        // Flags are nothing that could be repeated: what stands before them is.
        check("ax(?i)+b", &["axB", "axxb"], &["aXb", "axaxb", "ab"]);
        check("a+(?i)?b", &["aaB", "b"], &["?b", "AB"]);
        check("(ax)(?i)(?)*?b", &["b", "axaxB"], &["AXb"]);
        check(r"\Qxy\E(?i){2}b", &["xyyb"], &["xyxyb"]);
        check("((?i)x+(?-i)*)y", &["XXy", "y"], &["xY"]);
    }

    #[test]
    fn what_re2_refuses_is_refused() {
        for pattern in [
            "(",
            ")",
            "a)|(b",
            "[",
            "[a",
            "a**",
            "a+*",
            "a*??",
            "a{2}{3}",
            "(?i)+",
            "a|(?i)+",
            "((?i)*a)",
            "a{20}(?i){60}",
            "(?i-)a",
            "(?--i)a",
            "*a",
            "a{1001}",
            "a{2,1}",
            "(a{100}){11}",
            "((a{10}){10}){11}",
            r"\1",
            r"(a)\1",
            r"\8",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?x)a",
            r"\u0041",
            r"\h",
            r"\C",
            "\\",
            "(?P<n>a",
            "[z-a]",
            "[a--b]",
            r"[a-\d]",
            "[[:nope:]]",
            r"\pX",
            r"\p",
            r"\p{lu}",
            r"\p{Letter}",
            r"\p{Alphabetic}",
            r"[\p{greek}]",
            r"\p{sc=Greek}",
            r"\E",
            r"\é",
            r"\x{110000}",
            r"\x4",
            r"\x{}",
            "(?",
        ] {
            assert!(anchored(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn size_is_bounded() {
        assert!(anchored(r"\p{L}{1,1000}").unwrap_err().contains("too large"));
        assert!(anchored(&"a".repeat(TEXT_BYTES_MAX + 1)).unwrap_err().contains("bytes"));
    }
}
