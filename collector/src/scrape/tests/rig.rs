//! One loop at a time, its target under the test's control.

use crate::{
    Labels,
    budget::Budget,
    config::{Config, ScrapeConfig},
    exemplars::Intake,
    fixture::{TestClock, TestStore},
    http_client::Client,
    scrape::{
        TargetStatus,
        context::{Context, IN_FLIGHT_BYTES_MAX},
        exemplar_loop,
        metrics::Metrics,
        phase::{CurrentSeed, Seed},
        span_loop,
        state::{Loop, Order, TargetState},
    },
    target::{Discovered, Target},
};
use axum::{Router, extract::Request, response::Response};
use prometheus_client::registry::Registry;
use sigyn_store::Clock;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(in crate::scrape) struct Rig {
    pub(in crate::scrape) store: TestStore,
    pub(in crate::scrape) context: Arc<Context>,
    registry: Registry,
}

impl Rig {
    pub(in crate::scrape) async fn new() -> Self {
        let clock = TestClock::start();
        let store = TestStore::open(clock.clone()).await;
        Self::over(store, clock)
    }

    pub(in crate::scrape) fn over(store: TestStore, clock: Arc<dyn Clock>) -> Self {
        let mut registry = Registry::default();
        let context = Arc::new(Context {
            store: store.store.clone(),
            exemplars: Intake::new(store.store.clone(), Arc::clone(&clock)),
            clock,
            budget: Budget::new(IN_FLIGHT_BYTES_MAX),
            metrics: Metrics::register(&mut registry),
            seed: CurrentSeed::new(Seed::new("test", &Labels::new())),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        Self { store, context, registry }
    }

    /// Starts the loops of a target.
    pub(in crate::scrape) fn scrape(&self, order: Order) -> Arc<TargetState> {
        let labels = &order.target.labels;
        let series = self.context.metrics.target(labels.get("job"), labels.get("instance"));
        let state = Arc::new(TargetState::new(order, series));
        assert!(state.claim(Loop::Spans));
        let tasks = &self.context.tasks;
        tasks.spawn(span_loop::run(Arc::clone(&self.context), Arc::clone(&state)));
        if state.order().target.exemplars_url.is_some() {
            assert!(state.claim(Loop::Exemplars));
            tasks.spawn(exemplar_loop::run(Arc::clone(&self.context), Arc::clone(&state)));
        }
        state
    }

    pub(in crate::scrape) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }

    /// As a stop of the collector does it.
    pub(in crate::scrape) async fn stop(&self) {
        self.context.stopping.cancel();
        self.context.tasks.close();
        self.context.tasks.wait().await;
    }
}

/// A job as a configuration file gives it.
pub(in crate::scrape) fn config() -> ScrapeConfig {
    let text = "scrape_configs: [{job_name: shop, scrape_interval: 50ms, scrape_timeout: 50ms}]";
    let (mut config, _) = Config::parse(text, "test.yml", &|_| None).unwrap();
    config.scrape_configs.remove(0)
}

/// A target at an address, read every 50 ms.
pub(in crate::scrape) fn target(address: SocketAddr) -> Target {
    let instance = address.to_string();
    let labels: Labels =
        [("instance", instance.as_str()), ("job", "shop"), ("pod", "cart-0")].into_iter().collect();
    let discovered =
        [("__meta_kubernetes_namespace", "shop"), ("__meta_kubernetes_pod_uid", "uid-1")];
    Target {
        all_labels: labels.clone(),
        labels,
        discovered: Discovered::new(&Labels::new(), &discovered.into_iter().collect()),
        url: format!("http://{address}/debug/spans"),
        exemplars_url: None,
        socket: None,
        scrape_interval: Duration::from_millis(50),
        scrape_timeout: Duration::from_secs(20),
        job: "shop".to_owned(),
        ending: false,
        identity: 7,
    }
}

pub(in crate::scrape) fn order(target: Target, config: ScrapeConfig) -> Order {
    let client = Arc::new(Client::new(config.http.clone(), Duration::from_secs(90)));
    Order { target: Arc::new(target), config: Arc::new(config), client, gone: false, refused: None }
}

/// The same order with another target.
pub(in crate::scrape) fn with(state: &TargetState, change: impl FnOnce(&mut Target)) -> Order {
    let order = state.order();
    let mut target = Target::clone(&order.target);
    change(&mut target);
    Order { target: Arc::new(target), ..order }
}

pub(in crate::scrape) fn status(state: &TargetState) -> TargetStatus {
    state.snapshot().expect("the target is shown")
}

/// Serves every path with one function.
pub(in crate::scrape) async fn serve<F>(
    handle: impl Fn(Request) -> F + Clone + Send + Sync + 'static,
) -> SocketAddr
where
    F: Future<Output = Response> + Send,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(handle);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Serves a span buffer's own router.
pub(in crate::scrape) async fn serve_router(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}
