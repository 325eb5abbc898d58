//! `sigyn check config FILE…`.

use crate::{cli::serve, exit::Exit};
use clap::Args;
use sigyn_collector::config::{Config, Finding};
use std::path::PathBuf;

/// Configuration files, checked without starting anything.
#[derive(Args, Debug)]
pub(crate) struct CheckConfig {
    /// Configuration files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl CheckConfig {
    #[expect(clippy::print_stdout, reason = "the answer of a command belongs there")]
    #[expect(clippy::print_stderr, reason = "faults belong there")]
    pub(crate) fn run(self) -> Result<(), Exit> {
        let mut faults = Vec::new();
        for file in &self.files {
            match Config::load(file) {
                Ok((config, warnings)) => {
                    let inspection = serve::runtime()?.block_on(config.inspect());
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
