//! `sigyn check config FILE…`.

use crate::exit::Exit;
use clap::Subcommand;
use sigyn_collector::config::Config;
use std::path::PathBuf;

/// What to check.
#[derive(Subcommand, Debug)]
pub(crate) enum Check {
    /// Says of each file whether a server would take it; each fault as FILE:LINE:COLUMN: what is wrong.
    Config {
        /// Configuration files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

impl Check {
    #[expect(clippy::print_stdout, reason = "the answer of a command belongs there")]
    #[expect(clippy::print_stderr, reason = "faults belong there")]
    pub(crate) fn run(self) -> Result<(), Exit> {
        let Self::Config { files } = self;
        let mut faults = Vec::new();
        for file in &files {
            match Config::load(file) {
                Ok((config, warnings)) => {
                    warnings.iter().for_each(|warning| eprintln!("{warning}"));
                    let jobs = config.scrape_configs.len();
                    println!("{}: good, {jobs} scrape config(s)", file.display());
                }
                Err(errors) => faults.extend(errors.iter().map(ToString::to_string)),
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(Exit::bad(faults.join("\n"))) }
    }
}
