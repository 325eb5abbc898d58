//! What can be done to a running server: reload, stop, read its metrics.

use anyhow::anyhow;
use prometheus_client::{
    metrics::gauge::Gauge,
    registry::{Registry, Unit},
};
use sigyn_collector::{
    config::Config,
    discovery::Discovery,
    exemplars::Pollers,
    scrape::{Manager, Seed},
};
use sigyn_store::{Clock, Store};
use std::{
    path::PathBuf,
    sync::{Arc, RwLock},
    time::Duration,
};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// The parts that follow the configuration, and the configuration that they follow.
pub(crate) struct Live {
    file: Option<PathBuf>,
    /// Part of what spreads the scrape phases.
    host_name: String,
    config: RwLock<Arc<Config>>,
    /// Files in which the last reload found faults.
    named_in_faults: std::sync::Mutex<Vec<PathBuf>>,
    discovery: Discovery,
    manager: Manager,
    pollers: Pollers,
}

/// The handle of the HTTP port and of signals.
pub(crate) struct Control {
    registry: Registry,
    live: Arc<Live>,
    store: Store,
    lifecycle_enabled: bool,
    clock: Arc<dyn Clock>,
    stopping: CancellationToken,
    /// One reload at a time.
    reloading: Mutex<()>,
    reload_successful: Gauge,
    reload_success_timestamp: Gauge,
}

impl Live {
    pub(crate) fn new(
        file: Option<PathBuf>,
        host_name: String,
        config: Config,
        discovery: Discovery,
        manager: Manager,
        pollers: Pollers,
    ) -> Self {
        let (config, named_in_faults) =
            (RwLock::new(Arc::new(config)), std::sync::Mutex::default());
        Self { file, host_name, config, named_in_faults, discovery, manager, pollers }
    }

    /// The configuration in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.config.read().expect("no holder of this lock panics").clone()
    }

    pub(crate) fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    pub(crate) fn manager(&self) -> &Manager {
        &self.manager
    }

    /// Ends discovery's followers and the scrape loops.
    pub(crate) async fn stop(&self) {
        self.pollers.apply(&[]);
        self.manager.stop().await;
    }

    /// Validates all, then applies: a config that does not load leaves the old one whole.
    fn reload(&self) -> anyhow::Result<()> {
        let file = self.file.as_ref().ok_or_else(|| {
            anyhow!("the server was started without --config.file; there is nothing to reload")
        })?;
        let (config, warnings) = Config::load(file).map_err(|errors| {
            // What is mended next may be a file that the configuration in force does not know.
            let files = errors.iter().map(|error| PathBuf::from(&error.file)).collect();
            *self.named_in_faults.lock().expect("no holder of this lock panics") = files;
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            anyhow!(lines.join("; "))
        })?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let before = self.config();
        if config.receivers != before.receivers || config.storage != before.storage {
            tracing::warn!("changes of receivers and storage take effect at the next start");
        }
        if config.metrics_generator != before.metrics_generator {
            tracing::warn!("changes of metrics_generator take effect at the next start");
        }
        self.discovery.apply(&config.scrape_configs);
        self.manager.spread(Seed::new(&self.host_name, &config.global.external_labels));
        self.manager.apply(&config.scrape_configs);
        self.pollers.apply(&config.exemplars.prometheus);
        *self.config.write().expect("no holder of this lock panics") = Arc::new(config);
        Ok(())
    }

    /// A hash over the files whose changes are followed: all of them, or only those of a
    /// `prometheus_config_file`, which are another system's.
    fn fingerprint(&self, all: bool) -> u64 {
        let config = self.config();
        if !all {
            return config.followed_fingerprint();
        }
        let named = self.named_in_faults.lock().expect("no holder of this lock panics");
        config.fingerprint(&named)
    }
}

impl Control {
    pub(crate) fn new(
        mut registry: Registry,
        live: Arc<Live>,
        store: Store,
        lifecycle_enabled: bool,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (reload_successful, reload_success_timestamp) = (Gauge::default(), Gauge::default());
        registry.register(
            "sigyn_config_last_reload_successful",
            "Whether the last attempt to load the configuration succeeded",
            reload_successful.clone(),
        );
        registry.register_with_unit(
            "sigyn_config_last_reload_success_timestamp",
            "When the configuration was last loaded successfully",
            Unit::Seconds,
            reload_success_timestamp.clone(),
        );
        let control = Self {
            registry,
            live,
            store,
            lifecycle_enabled,
            clock: clock.clone(),
            stopping: CancellationToken::new(),
            reloading: Mutex::new(()),
            reload_successful,
            reload_success_timestamp,
        };
        control.note_success();
        control
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn lifecycle_enabled(&self) -> bool {
        self.lifecycle_enabled
    }

    /// Goes over to what the config file says now.
    pub(crate) async fn reload(&self) -> anyhow::Result<()> {
        let _alone = self.reloading.lock().await;
        let live = self.live.clone();
        // Reading files and compiling expressions is not for the threads that serve.
        let runtime = tokio::runtime::Handle::current();
        let reload = move || {
            let _entered = runtime.enter();
            live.reload()
        };
        let reloaded = tokio::task::spawn_blocking(reload).await.map_err(anyhow::Error::new);
        match reloaded.flatten() {
            Ok(()) => {
                self.note_success();
                tracing::info!("config reloaded");
                Ok(())
            }
            Err(error) => {
                self.reload_successful.set(0);
                Err(error)
            }
        }
    }

    /// Reloads whenever the config's files have changed (or, unless `all`, those that belong to
    /// another system); ends with the server.
    pub(crate) async fn reload_on_change(self: Arc<Self>, interval: Duration, all: bool) {
        let mut seen = self.fingerprint(all).await;
        loop {
            tokio::select! {
                () = self.stopped() => return,
                () = tokio::time::sleep(interval) => {}
            }
            if self.fingerprint(all).await == seen {
                continue;
            }
            if let Err(error) = self.reload().await {
                tracing::error!(%error, "config not reloaded, the old one stays");
            }
            // After the reload, because another config can have other files.
            seen = self.fingerprint(all).await;
        }
    }

    async fn fingerprint(&self, all: bool) -> u64 {
        let live = self.live.clone();
        let read = tokio::task::spawn_blocking(move || live.fingerprint(all));
        read.await.unwrap_or_default()
    }

    /// Why nothing can be taken in before a restart, if that is so.
    pub(crate) fn fault(&self) -> Option<String> {
        self.store.health().err().map(|error| error.to_string())
    }

    /// Asks the server to end.
    pub(crate) fn stop(&self) {
        self.stopping.cancel();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Returns when someone asked the server to end.
    pub(crate) async fn stopped(&self) {
        self.stopping.cancelled().await;
    }

    fn note_success(&self) {
        self.reload_successful.set(1);
        let seconds = self.clock.now_unix_nano() / 1_000_000_000;
        self.reload_success_timestamp.set(i64::try_from(seconds).unwrap_or(i64::MAX));
    }
}
