//! Packages of Python that tests need, from its package index.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder that holds a package (`name==version`) and nothing else, from an earlier run or installed now, below the
/// build's folder. An error says why it cannot be had.
pub(crate) fn install(package: &str) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package.replace("==", "-"));
    if folder.exists() {
        return Ok(folder);
    }
    let new = folder.with_extension(std::process::id().to_string());
    let install = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"])
        .args(["--target".as_ref(), new.as_os_str()])
        .arg(package)
        .output()
        .map_err(|error| format!("python3 cannot be run ({error})"))?;
    if !install.status.success() {
        let why = String::from_utf8_lossy(&install.stderr);
        return Err(format!("{package} could not be installed: {}", why.trim()));
    }
    // Another test may have been faster; what it installed is the same.
    if fs::rename(&new, &folder).is_err() {
        let _ = fs::remove_dir_all(&new);
    }
    if folder.exists() { Ok(folder) } else { Err(format!("{package} could not be moved")) }
}
