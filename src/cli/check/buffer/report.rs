//! What the checks found, one line each.

use crate::exit::Exit;

/// Why a check is not good.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The protocol is broken.
    Bad {
        /// What was asked and what came.
        what: String,
        /// What to do.
        mend: String,
    },
    /// It could not be told, and why.
    NotTried(String),
}

/// The lines so far; each is printed when it is added.
#[derive(Debug, Default)]
pub(super) struct Report {
    good: usize,
    bad: usize,
    not_tried: usize,
}

impl Trouble {
    pub(super) fn bad(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Bad { what: what.into(), mend: mend.into() }
    }

    pub(super) fn not_tried(why: impl Into<String>) -> Self {
        Self::NotTried(why.into())
    }
}

impl Report {
    /// A check and what it saw.
    pub(super) fn add(&mut self, name: &str, result: Result<String, Trouble>) {
        self.found(name, result.map(Seen::from));
    }

    /// The same for a check whose finding others go on with.
    #[expect(clippy::print_stdout, reason = "the answer of a command belongs there")]
    pub(super) fn found<T: AsRef<str>>(
        &mut self,
        name: &str,
        result: Result<T, Trouble>,
    ) -> Option<T> {
        match result {
            Ok(seen) => {
                self.good += 1;
                println!("good  {name}: {}", seen.as_ref());
                return Some(seen);
            }
            Err(Trouble::Bad { what, mend }) => {
                self.bad += 1;
                println!("BAD   {name}: {what}. {mend}");
            }
            Err(Trouble::NotTried(why)) => {
                self.not_tried += 1;
                println!("-     {name}: not tried, {why}");
            }
        }
        None
    }

    #[expect(clippy::print_stdout, reason = "the answer of a command belongs there")]
    pub(super) fn end(self) -> Result<(), Exit> {
        let Self { good, bad, not_tried } = self;
        println!("{good} good, {bad} bad, {not_tried} not tried");
        if bad == 0 {
            return Ok(());
        }
        Err(Exit::bad(format!("{bad} check(s) failed: this buffer breaks the pull protocol")))
    }
}

/// A finding that is only a sentence.
#[derive(Debug)]
struct Seen(String);

impl From<String> for Seen {
    fn from(sentence: String) -> Self {
        Self(sentence)
    }
}

impl AsRef<str> for Seen {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
