//! `scrape_failure_log_file`: failed reads as JSON lines.

use crate::target::Target;
use std::{io, path::Path};
use tokio::io::AsyncWriteExt;

/// Appends one line. The file is opened for each, so that it can be rotated at any time; a file
/// that cannot be written is no reason to stop reading.
pub(super) async fn write(path: &Path, target: &Target, error: &str, now_unix_nano: u64) {
    if let Err(fault) = append(path, &line(target, error, now_unix_nano)).await {
        tracing::warn!(path = %path.display(), error = %fault, "scrape failure log cannot be written");
    }
}

fn line(target: &Target, error: &str, now_unix_nano: u64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(now_unix_nano))
        .map(|time| time.to_string())
        .unwrap_or_default();
    let line = serde_json::json!({
        "time": time,
        "level": "ERROR",
        "msg": error,
        "job_name": target.job,
        "target": target.url,
    });
    format!("{line}\n")
}

async fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(path).await?;
    file.write_all(line.as_bytes()).await?;
    file.flush().await
}
