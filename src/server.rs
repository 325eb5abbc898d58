//! A server: the rooms assembled, started, and stopped in order.

use crate::{
    clock::SystemClock,
    control::{Control, Live},
    directory::Directory,
    exit::Exit,
    generator::SpanMetricsSource,
    status::Status,
    web,
};
use anyhow::{Context, anyhow};
use prometheus_client::registry::Registry;
use sigyn_collector::{
    config::{Config, Finding},
    discovery::{Discovery, Metrics as DiscoveryMetrics},
    exemplars::{self, Intake, Metrics as ExemplarMetrics, Pollers},
    receivers::Receivers,
    scrape::{Manager, Options, Seed},
};
use sigyn_query::{
    api::{self, ApiLimits, ApiMetrics, ApiState},
    engine::Engine,
};
use sigyn_store::{Clock, Store};
use std::{
    collections::BTreeMap, future::IntoFuture, net::SocketAddr, path::PathBuf, sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Answers in hand get this long when the server stops.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
const AUTO_RELOAD_INTERVAL: Duration = Duration::from_secs(5);

/// What the command line says.
pub(crate) struct Settings {
    pub(crate) flags: BTreeMap<String, String>,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) storage_path: PathBuf,
    pub(crate) listen_address: SocketAddr,
    pub(crate) enable_lifecycle: bool,
    pub(crate) auto_reload: bool,
}

/// All that runs. Order of the fields is order of the data.
pub(crate) struct Server {
    receivers: Receivers,
    live: Arc<Live>,
    store: Store,
    control: Arc<Control>,
    span_metrics: Option<Arc<SpanMetricsSource>>,
    web: JoinHandle<()>,
    web_address: SocketAddr,
    web_stopping: CancellationToken,
}

impl Server {
    /// Reads the config, opens the store, binds the ports, starts discovery and scraping.
    pub(crate) async fn start(settings: Settings) -> Result<Self, Exit> {
        let config = load_config(&settings)?;
        Self::assemble(settings, config).await.map_err(|error| Exit::not_started(&error))
    }

    async fn assemble(settings: Settings, config: Config) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let mut registry = Registry::default();
        let listener = TcpListener::bind(settings.listen_address)
            .await
            .with_context(|| format!("--web.listen-address={}", settings.listen_address))?;
        let web_address = listener.local_addr().context("the bound address")?;

        let store_config = config.store(&settings.storage_path);
        let store = Store::open(store_config, clock.clone(), &mut registry)
            .await
            .with_context(|| format!("--storage.path={}", settings.storage_path.display()))?;
        let receivers = Receivers::start(&config.receivers, store.clone()).await?;
        let discovery_metrics = DiscoveryMetrics::register(&mut registry);
        let discovery = Discovery::start(&config.scrape_configs, discovery_metrics, clock.clone());
        let exemplar_intake = Intake::new(store.clone(), clock.clone());
        let host_name = host_name();
        let scraping = Options {
            store: store.clone(),
            exemplars: exemplar_intake.clone(),
            clock: clock.clone(),
            seed: Seed::new(&host_name, &config.global.external_labels),
        };
        let groups = discovery.groups();
        let manager = Manager::start(&config.scrape_configs, groups, scraping, &mut registry);
        let exemplar_metrics = ExemplarMetrics::register(&mut registry);
        let pollers = Pollers::start(
            &config.exemplars.prometheus,
            exemplar_intake.clone(),
            clock.clone(),
            exemplar_metrics.clone(),
        );
        let live =
            Live::new(settings.config_file.clone(), host_name, config, discovery, manager, pollers);
        let live = Arc::new(live);

        let web_stopping = CancellationToken::new();
        let span_metrics = SpanMetricsSource::start(
            &live.config(),
            &settings.storage_path,
            store.clone(),
            clock.clone(),
            &mut registry,
        )?;
        let span_metrics = span_metrics.map(Arc::new);
        let queries = api::router(ApiState {
            store: store.clone(),
            engine: Engine::new(store.clone()),
            targets: Arc::new(Directory::new(live.clone(), web_address)),
            status: Arc::new(Status::new(live.clone(), &settings, clock.clone())),
            clock: clock.clone(),
            metrics: ApiMetrics::register(&mut registry),
            limits: ApiLimits::default(),
        });
        let queries = queries.merge(exemplars::router(exemplar_intake, exemplar_metrics));
        let control = Arc::new(Control::new(
            registry,
            live.clone(),
            store.clone(),
            settings.enable_lifecycle,
            &clock,
        ));
        let serving =
            axum::serve(listener, web::router(queries, control.clone(), span_metrics.clone()))
                .with_graceful_shutdown(web_stopping.clone().cancelled_owned());
        let web = tokio::spawn(async move {
            if let Err(error) = serving.into_future().await {
                tracing::error!(%error, "the web listener ended");
            }
        });
        tokio::spawn(control.clone().reload_on_change(AUTO_RELOAD_INTERVAL, settings.auto_reload));
        for (interface, address) in receivers.addresses() {
            tracing::info!(interface = interface.name(), %address, "listening");
        }
        tracing::info!(interface = "web", address = %web_address, "listening");
        Ok(Self { receivers, live, store, control, span_metrics, web, web_address, web_stopping })
    }

    /// Where the UI and the APIs are, with the real port.
    pub(crate) fn web_address(&self) -> SocketAddr {
        self.web_address
    }

    /// Serves until SIGTERM, SIGINT or /-/quit; SIGHUP reloads. Then stops in order.
    pub(crate) async fn run_until_signal(self) -> Result<(), Exit> {
        self.wait_for_signal(None).await?;
        self.stop().await
    }

    /// The same, and ends by itself after a time.
    pub(crate) async fn run_for(self, duration: Duration) -> Result<(), Exit> {
        self.wait_for_signal(Some(duration)).await?;
        self.stop().await
    }

    async fn wait_for_signal(&self, limit: Option<Duration>) -> Result<(), Exit> {
        let listen = |kind| {
            signal(kind).map_err(|error| Exit::NotStarted(format!("no signal handler: {error}")))
        };
        let mut terminate = listen(SignalKind::terminate())?;
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut hang_up = listen(SignalKind::hangup())?;
        let limit = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(limit);
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                () = &mut limit => return Ok(()),
                () = self.control.stopped() => return Ok(()),
                _ = hang_up.recv() => if let Err(error) = self.control.reload().await {
                    tracing::error!(%error, "config not reloaded, the old one stays");
                },
            }
        }
    }

    /// Takes nothing more in, finishes what is in hand, closes the store. Queries end last, so that
    /// `/-/ready` can say that the server stops.
    async fn stop(self) -> Result<(), Exit> {
        tracing::info!("stopping");
        self.control.stop();
        tokio::join!(self.live.stop(), self.receivers.stop());
        if let Some(span_metrics) = self.span_metrics {
            span_metrics.stop().await;
        }
        self.web_stopping.cancel();
        let abort = self.web.abort_handle();
        if tokio::time::timeout(ANSWER_TIME_MAX, self.web).await.is_err() {
            abort.abort();
        }
        self.store
            .close()
            .await
            .map_err(|error| Exit::not_started(&anyhow!(error).context("closing the store")))
    }
}

/// Without a file: push receivers and UI only, and says so.
fn load_config(settings: &Settings) -> Result<Config, Exit> {
    let Some(file) = &settings.config_file else {
        tracing::warn!(
            "no --config.file: serving push receivers and the UI only, nothing is scraped"
        );
        return Ok(Config::default());
    };
    match Config::load(file) {
        Ok((config, warnings)) => {
            warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            Ok(config)
        }
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(Finding::report).collect();
            Err(Exit::bad(lines.join("\n")))
        }
    }
}

/// Part of the seed that spreads scrape phases, so that replicas on different hosts differ.
fn host_name() -> String {
    std::env::var("HOSTNAME")
        .or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"))
        .unwrap_or_default()
        .trim()
        .to_owned()
}
