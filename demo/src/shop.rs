//! The shop as a whole: starting it, and ending it in order.

use crate::{
    broker::Broker,
    dice::Dice,
    directory::{Directory, ScrapeTarget},
    service::{Neighbours, Service},
    services::{BLUEPRINTS, Blueprint},
    traffic::{Counters, Traffic, TrafficCount},
};
use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{self, Next},
    response::IntoResponse,
    serve::ListenerExt,
};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long visits and messages that are in hand may take once the shop is to stop.
const FINISH_MAX: Duration = Duration::from_millis(600);
/// How long open requests may then still take, such as a reader's long-poll.
const CLOSE_MAX: Duration = Duration::from_millis(150);

const TRACES_PER_SECOND_MAX: f64 = 100_000.0;

/// How to run a shop.
#[derive(Debug, Clone)]
pub struct ShopConfig {
    /// Visits a second, on average; each is one trace. 0 opens the shop and sends nobody.
    pub traces_per_second: f64,
    /// Where the services listen, each on a port of its own. Loopback, unless someone else is
    /// meant to come in.
    pub listen_ip: IpAddr,
    /// Decides who comes, what they do and what goes wrong.
    pub seed: u64,
    /// Sends no more visits than this.
    pub visits_max: Option<u64>,
    /// Capacity of each service's span buffer.
    pub buffer_capacity_bytes: usize,
    /// A service that is not of the shop, to which each order is announced: `GET /checkout`. It may be the first of several
    /// that call each other.
    pub beyond: Option<ScrapeTarget>,
}

/// A running shop. Dropping it closes the listeners without waiting for what is in hand;
/// [`Shop::stop`] waits.
#[derive(Debug)]
pub struct Shop {
    targets: Vec<ScrapeTarget>,
    services: Vec<Service>,
    counters: Arc<Counters>,
    neighbours: Neighbours,
    visits: TaskTracker,
    workers: TaskTracker,
    servers: TaskTracker,
    phases: Phases,
}

/// The shop could not open.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// The rate is not one that a shop can run at.
    #[error("the rate is {0} traces a second; use a number from 0 to {TRACES_PER_SECOND_MAX}")]
    Rate(f64),
    /// A service found no port to listen on.
    #[error(
        "{service} cannot listen on {address}: {source}; check that the address is this machine's"
    )]
    Listen {
        /// Which service.
        service: &'static str,
        /// Where it tried.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The client for calls between services could not be built.
    #[error("the services have no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// The steps of an orderly end. Each token is cancelled once.
#[derive(Debug, Clone, Default)]
struct Phases {
    /// No new visits.
    traffic: CancellationToken,
    /// No new connections; open requests may finish.
    servers: CancellationToken,
    /// Open requests are cut off.
    requests: CancellationToken,
}

impl Default for ShopConfig {
    fn default() -> Self {
        Self {
            traces_per_second: 20.0,
            listen_ip: Ipv4Addr::LOCALHOST.into(),
            seed: 1,
            visits_max: None,
            buffer_capacity_bytes: 16 << 20,
            beyond: None,
        }
    }
}

// --- starting ---

impl Shop {
    /// Binds all listeners, starts the services, then lets visitors in.
    ///
    /// Must be called within a tokio runtime. When it returns, every target can be scraped.
    pub async fn start(config: ShopConfig) -> Result<Self, ShopError> {
        let rate = config.traces_per_second;
        if !(0.0..=TRACES_PER_SECOND_MAX).contains(&rate) {
            return Err(ShopError::Rate(rate));
        }
        // The services speak plain HTTP to each other: no proxy may come between, and a machine
        // without certificates is no obstacle.
        let http = reqwest::Client::builder().no_proxy().http1_only().tls_certs_only([]).build()?;
        let rooms = bind(config.listen_ip).await?;
        let neighbours = Neighbours {
            directory: Arc::new(Directory::new(
                rooms.iter().map(|room| &room.target).chain(&config.beyond),
            )),
            beyond: config.beyond.as_ref().map(|target| target.service),
            broker: Arc::new(Broker::default()),
            http,
            dice: Dice::new(config.seed),
        };
        let mut shop = Self {
            targets: rooms.iter().map(|room| room.target.clone()).collect(),
            services: Vec::with_capacity(rooms.len()),
            counters: Arc::default(),
            neighbours,
            visits: TaskTracker::new(),
            workers: TaskTracker::new(),
            servers: TaskTracker::new(),
            phases: Phases::default(),
        };
        for room in rooms {
            shop.open(room, config.buffer_capacity_bytes);
        }
        let traffic = Traffic {
            neighbours: shop.neighbours.clone(),
            visits_per_second: rate,
            visits_max: config.visits_max,
            counters: shop.counters.clone(),
            visits: shop.visits.clone(),
        };
        // The source of the visits counts as one of them: they are not over before it is.
        shop.visits.spawn(traffic.run(shop.phases.traffic.clone()));
        Ok(shop)
    }

    fn open(&mut self, room: Room, buffer_capacity_bytes: usize) {
        let Room { blueprint, target, listener } = room;
        let service =
            Service::new(target, blueprint.version, self.neighbours.clone(), buffer_capacity_bytes);
        if let Some(worker) = blueprint.worker {
            let queue = self.neighbours.broker.subscribe(worker.topic);
            self.workers.spawn((worker.run)(service.clone(), queue));
        }
        let app = service.router((blueprint.routes)());
        self.servers.spawn(serve(listener, app, self.phases.clone()));
        self.services.push(service);
    }

    /// All listeners, each with what a scrape configuration wants to say about it.
    pub fn scrape_targets(&self) -> &[ScrapeTarget] {
        &self.targets
    }

    /// How many visits there were, and how they ended.
    pub fn traffic(&self) -> TrafficCount {
        self.counters.read()
    }
}

/// A service that has its port but does not run yet.
struct Room {
    blueprint: &'static Blueprint,
    target: ScrapeTarget,
    listener: TcpListener,
}

/// Binds every listener before any service starts: each must know where the others are.
async fn bind(listen_ip: IpAddr) -> Result<Vec<Room>, ShopError> {
    let mut rooms = Vec::new();
    for blueprint in &BLUEPRINTS {
        for replica in 0..blueprint.replicas {
            let address = SocketAddr::new(listen_ip, 0);
            let service = blueprint.name;
            let refused = |source| ShopError::Listen { service, address, source };
            let listener = TcpListener::bind(address).await.map_err(refused)?;
            let address = listener.local_addr().map_err(refused)?;
            let target = ScrapeTarget { service, pod: format!("{service}-{replica}"), address };
            rooms.push(Room { blueprint, target, listener });
        }
    }
    Ok(rooms)
}

async fn serve(listener: TcpListener, app: Router, phases: Phases) {
    let cut_off = phases.requests;
    let app = app.layer(middleware::from_fn(move |request: Request, next: Next| {
        let cut_off = cut_off.clone();
        async move {
            tokio::select! {
                response = next.run(request) => response,
                () = cut_off.cancelled() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            }
        }
    }));
    // Answers are small; waiting to fill a packet would show as latency in the traces.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection keeps the packet delay");
        }
    });
    let stop = phases.servers.cancelled_owned();
    if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stop).await {
        tracing::warn!(%error, "a service of the shop stopped serving");
    }
}

// --- ending ---

impl Shop {
    /// Sends no more visitors, and waits until all visits and messages in hand are done, but no
    /// longer than `within`. Says whether they are. The services stay open, so that a last read
    /// finds every span.
    pub async fn stop_traffic(&self, within: Duration) -> bool {
        self.phases.traffic.cancel();
        let finish = async {
            self.visits.close();
            self.visits.wait().await;
            // Only now nobody sends messages any more.
            self.neighbours.broker.close();
            self.workers.close();
            self.workers.wait().await;
        };
        timeout(within, finish).await.is_ok()
    }

    /// Stops the traffic, finishes what is in hand, and closes all listeners, within a second.
    pub async fn stop(self) {
        if !self.stop_traffic(FINISH_MAX).await {
            tracing::warn!("some visits were still in hand when the shop stopped");
        }
        self.phases.servers.cancel();
        self.servers.close();
        if timeout(CLOSE_MAX, self.servers.wait()).await.is_err() {
            self.phases.requests.cancel();
            if timeout(CLOSE_MAX, self.servers.wait()).await.is_err() {
                tracing::warn!("some connections were still open when the shop stopped");
            }
        }
        for service in &self.services {
            service.shutdown();
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.phases.traffic.cancel();
        self.phases.servers.cancel();
        self.phases.requests.cancel();
        self.neighbours.broker.close();
    }
}
