//! Regular expressions of a filter: those parts of RE2 that all of Jaeger's storages share.

use crate::api::Fault;

/// Refuses what storages disagree about: anchors, word boundaries, lazy repetitions, flags. The pattern is found anywhere in
/// a value.
pub(super) fn check(pattern: &str) -> Result<(), Fault> {
    let refuse = |what: &str| {
        Err(Fault::bad_request(format!(
            "the filter's pattern {pattern:?} has {what}, which a filter does not take; it is found anywhere in a value"
        )))
    };
    let mut characters = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        match character {
            '\\' => {
                characters.next();
                if !in_class && matches!(next, Some('b' | 'B' | 'A' | 'z')) {
                    return refuse("an anchor or a word boundary");
                }
            }
            '[' if !in_class => {
                in_class = true;
                // A bracket that comes first is a member.
                if characters.peek() == Some(&'^') {
                    characters.next();
                }
                if characters.peek() == Some(&']') {
                    characters.next();
                }
            }
            ']' => in_class = false,
            _ if in_class => {}
            '^' | '$' => return refuse("an anchor"),
            '*' | '+' | '?' | '}' if next == Some('?') => return refuse("a lazy repetition"),
            '(' if next == Some('?') => {
                characters.next();
                if !matches!(characters.peek(), Some(':' | 'P' | '<')) {
                    return refuse("a flag");
                }
            }
            _ => {}
        }
    }
    Ok(())
}
