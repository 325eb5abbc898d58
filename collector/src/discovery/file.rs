//! `file_sd_configs`: target lists in files, read again whenever they change.

use crate::config::PrometheusDuration;
use std::path::PathBuf;

/// One item of `file_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileDiscovery {
    /// Paths, resolved against the configuration's folder; the last part may hold one `*`.
    pub files: Vec<PathBuf>,
    /// All files are read again this often, whether or not a change was seen.
    pub refresh_interval: PrometheusDuration,
}
