//! `sigyn serve`: the server.

use crate::{
    exit::Exit,
    logging, open_files,
    server::{Server, Settings},
};
use clap::{Args, ValueEnum};
use std::{net::SocketAddr, path::PathBuf};

/// The server; bare `sigyn` is the same.
#[derive(Args, Clone, Debug)]
pub(crate) struct Serve {
    /// The configuration; without one, only push receivers and the UI are served.
    #[arg(long = "config.file", value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// Where the journal, the index and (unless the config names a URL) the blocks lie.
    #[arg(long = "storage.path", value_name = "FOLDER", default_value = "data")]
    storage_path: PathBuf,
    /// UI, APIs and self metrics.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "0.0.0.0:7449")]
    listen_address: SocketAddr,
    /// Allows POST /-/reload and /-/quit.
    #[arg(long = "web.enable-lifecycle")]
    enable_lifecycle: bool,
    /// Reloads the config when its files change.
    #[arg(long = "config.auto-reload")]
    auto_reload: bool,
    /// error, warn, info, debug or trace.
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info")]
    log_level: String,
    /// How a log line looks.
    #[arg(long = "log.format", value_name = "FORMAT", default_value = "text")]
    log_format: logging::Format,
    /// Which parts run here.
    #[arg(long, default_value = "all")]
    role: Role,
}

/// The parts of a server.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// Collector, store and query in one process.
    All,
}

impl Serve {
    /// Runs until SIGTERM, SIGINT or /-/quit.
    pub(crate) fn run(self) -> Result<(), Exit> {
        logging::install(&self.log_level, self.log_format).map_err(Exit::bad)?;
        open_files::raise_limit();
        let settings = Settings {
            flags: self.flags(),
            config_file: self.config_file,
            storage_path: self.storage_path,
            listen_address: self.listen_address,
            enable_lifecycle: self.enable_lifecycle,
            auto_reload: self.auto_reload,
        };
        let runtime = super::serve::runtime()?;
        let ended = runtime.block_on(async {
            let server = Server::start(settings).await?;
            server.run_until_signal().await
        });
        // Nobody waits for a block on its way to an object store that does not answer: the journal has its spans.
        runtime.shutdown_background();
        ended
    }

    /// As `/api/v1/status/flags` shows them.
    fn flags(&self) -> std::collections::BTreeMap<String, String> {
        let Role::All = self.role;
        let path = |path: &PathBuf| path.display().to_string();
        [
            ("config.file", self.config_file.as_ref().map(path).unwrap_or_default()),
            ("config.auto-reload", self.auto_reload.to_string()),
            ("log.format", format!("{:?}", self.log_format).to_lowercase()),
            ("log.level", self.log_level.clone()),
            ("role", "all".to_owned()),
            ("storage.path", path(&self.storage_path)),
            ("web.enable-lifecycle", self.enable_lifecycle.to_string()),
            ("web.listen-address", self.listen_address.to_string()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

/// The process's one runtime.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Exit::NotStarted(format!("no runtime: {error}")))
}
