use super::*;

fn matches(pattern: &str, text: &str) -> bool {
    Pattern::new(pattern).unwrap_or_else(|error| panic!("{error}")).is_match(text)
}

fn yes(pattern: &str, text: &str) {
    assert!(matches(pattern, text), "{pattern} must match {text:?}");
}

fn no(pattern: &str, text: &str) {
    assert!(!matches(pattern, text), "{pattern} must not match {text:?}");
}

fn refused(pattern: &str) {
    assert!(Pattern::new(pattern).is_err(), "{pattern} must be refused");
}

#[test]
fn a_pattern_is_anchored_and_its_dot_matches_line_ends() {
    yes("a.c", "a\nc");
    no("a", "ab");
    no("b", "ab");
    yes("a|bc", "bc");
    no("a|bc", "ac");
    yes("", "");
    no("", "a");
}

#[test]
fn perl_classes_are_ascii() {
    yes(r"\d+", "42");
    no(r"\d", "٤");
    yes(r"\D", "٤");
    no(r"\w", "é");
    yes(r"\W", "é");
    yes(r"\s", "\t");
    no(r"\s", "\u{a0}");
    no(r"\s", "\x0B");
    yes(r"[\d-]+", "1-2");
    yes(r"[^\w]", "é");
    yes(r"[\W]", "é");
    yes(r"é\b.*", "éa");
    no(r"é\B.*", "éa");
    yes(r".*e\b é", "we é");
}

#[test]
fn class_operators_are_plain_characters() {
    yes("[a&&b]+", "a&b");
    yes("[a~~b]+", "a~b");
    yes("[+--]+", "+,-");
    yes("[[]", "[");
    yes("[a[]+", "[a");
    yes("[]a]+", "]a");
    no("[^]a]", "]");
    yes(r"[\w-.]+", "a-b.c");
    yes("[a-]+", "a-");
    yes("[-a]+", "-a");
    yes("[[:alpha:]_]+", "a_b");
    no("[[:^alpha:]]", "a");
    yes("[[:x]+", "[:x");
    yes(r"[\]\\^]+", r"]\^");
    yes("[#&~]+", "#&~");
    refused("[z-a]");
    refused("[a");
    refused("[[:nope:]]");
    refused(r"[a-\d]");
}

#[test]
fn braces_that_count_nothing_are_plain_characters() {
    yes("a{", "a{");
    yes("a{,2}", "a{,2}");
    yes("a{x}", "a{x}");
    yes("a{2}", "aa");
    yes("a{2,}", "aaa");
    yes("a{1,2}?b", "aab");
    yes("a{02}", "a{02}");
    yes("}", "}");
    refused("a{1001}");
    refused("a{2,1}");
    refused("a{99999999999}");
}

#[test]
fn quotations_and_numbers_are_characters() {
    yes(r"\Qa.b(\Ec+", "a.b(cc");
    yes(r"\Qa.b", "a.b");
    no(r"\Qa.b", "axb");
    yes(r"\101", "A");
    yes(r"\x41\x{42}", "AB");
    yes(r"\0", "\0");
    yes(r"\<a\>", "<a>");
    yes(r"\_\-\/", "_-/");
    yes(r"\pL\p{Greek}", "aα");
    no(r"\PL", "a");
    no(r"\p{^Greek}", "α");
    refused(r"\1");
    refused(r"\8");
    refused(r"\y");
    refused(r"\Z");
    refused("\\");
    refused(r"\x{110000}");
    refused(r"\x4");
}

#[test]
fn groups_and_flags_are_those_of_go() {
    yes("(?i)ABC", "abc");
    yes("(?i:A)b", "ab");
    no("(?i:A)b", "aB");
    yes("(?P<n>a)(?<m>b)", "ab");
    refused("(?x)a b");
    refused("(?u)a");
    refused("(?=a)");
    refused("(?P=n)");
    refused("(a");
    refused("a**");
    refused("a{2}{3}");
    refused("*");
    refused("(|*)");
    yes("a*?", "aa");
}

#[test]
fn a_quotation_can_be_repeated_where_go_repeats_its_last_character() {
    yes(r"\Qab\E+", "abbb");
}

#[test]
fn a_pattern_too_large_is_refused() {
    refused("((a{1000}){1000}){1000}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever stands in a pattern: it compiles or it is refused, and never panics.
    #[test]
    fn any_text_is_taken_or_refused(pattern in "[a-z\\[\\](){}|*+?^$.,:<>&~0-2\\\\QEPdwspx-]{0,24}") {
        let _ = Pattern::new(&pattern);
    }

    /// A quoted text matches exactly itself.
    #[test]
    fn a_quoted_text_matches_itself(text in "[ -~é\n]{0,16}") {
        let source = text.replace("\\E", "");
        let quoted = ["\\Q", &source, "\\E"].concat();
        proptest::prop_assert!(matches(&quoted, &source));
        let class: String = source.chars().map(|letter| format!("[\\x{{{:x}}}]", letter as u32)).collect();
        proptest::prop_assert!(matches(&class, &source));
    }
}
