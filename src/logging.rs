//! Logs: one line an event on standard error, as text or JSON.

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt};

/// How a log line looks.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Installs the process-wide subscriber. `level` is a level or an `EnvFilter` directive list.
pub(crate) fn install(level: &str, format: Format) -> Result<(), String> {
    // Chatty dependencies speak only when something is wrong, unless the user names them.
    let directives = format!("{level},sled=warn,hyper=warn,kube_client=warn,h2=warn,tower=warn");
    let filter = EnvFilter::try_new(directives).map_err(|error| {
        format!("--log.level={level}: {error}; use error, warn, info, debug or trace")
    })?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match format {
        Format::Text => builder.with_ansi(false).try_init(),
        Format::Json => builder.json().try_init(),
    };
    installed.map_err(|error| error.to_string())
}
