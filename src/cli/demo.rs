//! `sigyn demo`: the shop, and a real server that reads it.

mod polyglot;

use crate::{
    exit::Exit,
    logging,
    server::{Server, Settings},
};
use anyhow::Context;
use clap::Args;
use polyglot::Chain;
use sigyn_demo::{ScrapeTarget, Shop, ShopConfig};
use std::{
    collections::BTreeMap,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// A shop of instrumented services on loopback, read by a real server in its own process.
#[derive(Args, Clone, Debug)]
pub(crate) struct Demo {
    /// UI, APIs and self metrics.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:7449")]
    listen_address: SocketAddr,
    /// Where the server stores; without it, in a folder that goes away at the end.
    #[arg(long = "storage.path", value_name = "FOLDER")]
    storage_path: Option<PathBuf>,
    /// How many traces a second the shop's customers cause.
    #[arg(long, value_name = "TRACES_PER_S", default_value_t = 20.0)]
    rate: f64,
    /// Ends by itself after this time, such as 10m; without it, on Ctrl-C.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Adds a service for each language on this machine (Python, Node, Go, Java), which orders pass through. From a
    /// checkout of the repository only: they are the examples of the libraries in clients/.
    #[arg(long)]
    polyglot: bool,
    /// error, warn, info, debug or trace.
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "warn")]
    log_level: String,
}

impl Demo {
    /// Runs until Ctrl-C, SIGTERM or the end of `--duration`.
    pub(crate) fn run(self) -> Result<(), Exit> {
        if !(self.rate > 0.0 && self.rate <= 10_000.0) {
            return Err(Exit::bad(format!(
                "--rate={}: a rate is above 0 and at most 10000",
                self.rate
            )));
        }
        logging::install(&self.log_level, logging::Format::Text).map_err(Exit::bad)?;
        let runtime = super::serve::runtime()?;
        runtime.block_on(self.open_shop())
    }

    async fn open_shop(self) -> Result<(), Exit> {
        let temporary = TemporaryFolder::unless(self.storage_path.as_deref())
            .map_err(|error| Exit::not_started(&error))?;
        let storage_path = self.storage_path.clone().unwrap_or_else(|| temporary.path());
        let chain = match self.polyglot {
            false => None,
            true => Some(
                tokio::task::spawn_blocking(Chain::start)
                    .await
                    .map_err(|error| Exit::bad(format!("--polyglot: {error}")))??,
            ),
        };
        let config = ShopConfig {
            traces_per_second: self.rate,
            beyond: chain.as_ref().and_then(Chain::first),
            ..ShopConfig::default()
        };
        let shop = Shop::start(config)
            .await
            .map_err(|error| Exit::not_started(&anyhow::Error::new(error).context("the shop")))?;
        let config_file = storage_path.join("demo.yml");
        let beyond = chain.as_ref().map(Chain::targets).unwrap_or_default();
        write_config(&config_file, shop.scrape_targets(), beyond)
            .map_err(|error| Exit::not_started(&error))?;
        let server = Server::start(Settings {
            flags: BTreeMap::new(),
            config_file: Some(config_file),
            storage_path,
            listen_address: self.listen_address,
            enable_lifecycle: false,
            auto_reload: false,
        })
        .await?;
        // Whoever reads only the first line and hangs up does not end the demo.
        let _ = writeln!(
            std::io::stdout(),
            "The shop is open; see its traces at http://{}\nPress Ctrl-C to close it.",
            server.web_address()
        );
        let ended = match self.duration {
            None => server.run_until_signal().await,
            Some(duration) => server.run_for(duration).await,
        };
        shop.stop().await;
        drop(chain);
        ended
    }
}

/// The scrape config that a user would write for such a shop.
fn write_config(file: &Path, shop: &[ScrapeTarget], beyond: &[ScrapeTarget]) -> anyhow::Result<()> {
    let job = |name: &str, targets: &[ScrapeTarget]| {
        let targets: String = targets
            .iter()
            .map(|ScrapeTarget { address, pod, .. }| {
                format!(
                    "      - targets: [\"{address}\"]\n        labels: {{namespace: {name}, pod: {pod}}}\n"
                )
            })
            .collect();
        format!(
            "  - job_name: {name}\n    exemplars_path: /metrics\n    static_configs:\n{targets}"
        )
    };
    let mut text = "receivers: {}\nmetrics_generator: {span_metrics: {}, service_graphs: {}}\nglobal:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n".to_owned();
    text.push_str(&job("shop", shop));
    if !beyond.is_empty() {
        text.push_str(&job("polyglot", beyond));
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    std::fs::write(file, text).with_context(|| format!("write {}", file.display()))
}

/// A folder that is removed in the end.
struct TemporaryFolder(Option<PathBuf>);

impl TemporaryFolder {
    /// Makes one, unless the user named a folder of his own.
    fn unless(own: Option<&Path>) -> anyhow::Result<Self> {
        if own.is_some() {
            return Ok(Self(None));
        }
        let path = std::env::temp_dir().join(format!("sigyn-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self(Some(path)))
    }

    fn path(&self) -> PathBuf {
        self.0.clone().unwrap_or_default()
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What cannot be removed lies in the system's folder for such things.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    text.parse::<sigyn_collector::config::PrometheusDuration>()
        .map(|duration| duration.0)
        .map_err(|error| error.to_string())
}
