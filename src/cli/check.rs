//! `sigyn check config FILE…` and `sigyn check buffer URL`.

mod buffer;
mod config;

use crate::exit::Exit;
use clap::Subcommand;

/// What to check.
#[derive(Subcommand, Debug)]
pub(crate) enum Check {
    /// Says of each file whether a server would take it; each fault as FILE:LINE:COLUMN: what is wrong.
    /// Looks at the files that it names, too: credentials, certificates, lists of targets.
    Config(config::CheckConfig),
    /// Asks a span buffer all that the pull protocol promises, one line an answer. For a test set-up: it asks often.
    Buffer(buffer::CheckBuffer),
}

impl Check {
    pub(crate) fn run(self) -> Result<(), Exit> {
        match self {
            Self::Config(files) => files.run(),
            Self::Buffer(buffer) => buffer.run(),
        }
    }
}
