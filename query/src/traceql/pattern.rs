//! Regular expressions as TraceQL means them.

use regex::{Regex, RegexBuilder};

/// What a compiled expression may take in memory, bytes: a query comes from anyone.
const SIZE_BYTES_MAX: usize = 1 << 20;

/// Compiles an expression that must match a whole value. The error is a sentence for the user.
pub(crate) fn anchored(pattern: &str) -> Result<Regex, String> {
    // Compiled alone first: `a)|(b` must not become valid by being wrapped.
    compile(pattern)?;
    compile(&format!("^(?:{pattern})$"))
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
