//! Expressions that were compiled lately. A search compares values of every source and of every trace that it finds, and compiling
//! an expression takes longer than most of these comparisons.

use parking_lot::Mutex;
use regex::bytes::Regex;

/// Expressions kept at most. Each may take as much memory as it took to compile, and some more for each thread that uses it.
const COUNT_MAX: usize = 16;

static KNOWN: Known = Known(Mutex::new(Vec::new()));

/// The one used last stands last.
struct Known(Mutex<Vec<(String, Regex)>>);

/// What is made of an expression, unless it is known.
pub(super) fn or_compiled(
    pattern: &str,
    compile: impl FnOnce() -> Result<Regex, String>,
) -> Result<Regex, String> {
    KNOWN.or_compiled(pattern, compile)
}

impl Known {
    fn or_compiled(
        &self,
        pattern: &str,
        compile: impl FnOnce() -> Result<Regex, String>,
    ) -> Result<Regex, String> {
        if let Some(regex) = self.find(pattern) {
            return Ok(regex);
        }
        // Not under the lock: it may take long. Whoever compiles the same at the same time does it in vain.
        let regex = compile()?;
        let mut known = self.0.lock();
        if known.len() == COUNT_MAX {
            known.remove(0);
        }
        known.push((pattern.to_owned(), regex.clone()));
        Ok(regex)
    }

    fn find(&self, pattern: &str) -> Option<Regex> {
        let mut known = self.0.lock();
        let at = known.iter().rposition(|(it, _)| it == pattern)?;
        known[at..].rotate_left(1);
        known.last().map(|(_, regex)| regex.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_known() {
        let known = Known(Mutex::new(Vec::new()));
        let ask = |pattern: &str| {
            let mut is_new = false;
            let regex = known.or_compiled(pattern, || {
                is_new = true;
                Regex::new(pattern).map_err(|error| error.to_string())
            });
            assert_eq!(regex.unwrap().as_str(), pattern);
            is_new
        };
        assert!(ask("a+"));
        for number in 0..3 * COUNT_MAX {
            assert!(ask(&format!("b{number}")));
            assert!(!ask("a+"), "it is asked all the time");
            assert!(known.0.lock().len() <= COUNT_MAX);
        }
        assert!(ask("b0"));
        assert!(known.or_compiled("(", || Err("no".to_owned())).is_err());
        assert!(known.find("(").is_none());
    }
}
