//! Exit codes, and what is said with them.

use std::{fmt, process::ExitCode};

/// All went well.
pub(crate) const GOOD: ExitCode = ExitCode::SUCCESS;

/// Why the process ends early. Wrong usage (2) is clap's own.
#[derive(Debug)]
pub(crate) enum Exit {
    /// Bad input or config: 1.
    Bad(String),
    /// Could not start (port in use, storage locked): 3.
    NotStarted(String),
}

impl Exit {
    /// Input or config is at fault.
    pub(crate) fn bad(what: impl fmt::Display) -> Self {
        Self::Bad(what.to_string())
    }

    /// The surroundings are at fault; the whole chain of causes is said.
    pub(crate) fn not_started(error: &anyhow::Error) -> Self {
        Self::NotStarted(format!("{error:#}"))
    }

    /// Says why on standard error.
    #[expect(clippy::print_stderr, reason = "the last words of a command belong there")]
    pub(crate) fn report(self) -> ExitCode {
        let (code, why) = match self {
            Self::Bad(why) => (1, why),
            Self::NotStarted(why) => (3, format!("sigyn could not start: {why}")),
        };
        eprintln!("{why}");
        ExitCode::from(code)
    }
}
