//! `sigyn check config FILE…`.

use crate::exit::Exit;
use clap::Subcommand;
use sigyn_collector::config::{Config, Finding};
use std::path::PathBuf;

/// What to check.
#[derive(Subcommand, Debug)]
pub(crate) enum Check {
    /// Says of each file whether a server would take it; each fault as FILE:LINE:COLUMN: what is wrong.
    /// Looks at the files that it names, too: credentials, certificates, lists of targets.
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
                    let inspection = super::serve::runtime()?.block_on(config.inspect());
                    let warnings = warnings.iter().chain(&inspection.warnings);
                    warnings.for_each(|warning| eprintln!("warning: {}", warning.report()));
                    if inspection.errors.is_empty() {
                        let jobs = config.scrape_configs.len();
                        println!("{}: good, {jobs} scrape config(s)", file.display());
                    }
                    faults.extend(inspection.errors.iter().map(Finding::report));
                }
                Err(errors) => faults.extend(errors.iter().map(Finding::report)),
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(Exit::bad(faults.join("\n"))) }
    }
}
