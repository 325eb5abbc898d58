//! The visitors: pages asked for as a Poisson process.

use crate::{dice::Dice, directory::Directory, products, service::Neighbours};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// More visitors than this do not fit into the shop at once; those beyond turn away.
const VISITS_AT_ONCE_MAX: usize = 2048;

/// How far behind its schedule the traffic may fall before it forgets what it missed.
const LAG_MAX: Duration = Duration::from_secs(1);

const VISIT_TIMEOUT: Duration = Duration::from_secs(3);

/// What visitors come for, and how many of a hundred.
const ERRANDS: [(Errand, u64); 6] = [
    (Errand::Home, 26),
    (Errand::Search, 14),
    (Errand::Product, 26),
    (Errand::Cart, 12),
    (Errand::AddToCart, 14),
    (Errand::Checkout, 8),
];

const AGENTS: [&str; 3] = ["Mozilla/5.0 (X11; Linux)", "Mozilla/5.0 (iPhone)", "shop-app/4.2"];

/// How the visits so far ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrafficCount {
    /// Visits that were begun; each is one trace.
    pub begun: u64,
    /// Visits that got their page.
    pub served: u64,
    /// Visits that got an error, or no answer.
    pub failed: u64,
    /// Visits that were due but not begun, since too many others were in hand.
    pub turned_away: u64,
}

/// One request of one visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    number: u64,
    method: Method,
    path: String,
    user: String,
    session: String,
    agent: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errand {
    Home,
    Search,
    Product,
    Cart,
    AddToCart,
    Checkout,
}

/// Sends the visitors, until it is told to stop or has sent all.
pub(crate) struct Traffic {
    pub(crate) neighbours: Neighbours,
    pub(crate) visits_per_second: f64,
    pub(crate) visits_max: Option<u64>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) visits: TaskTracker,
}

/// Counts that are read while they grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    begun: AtomicU64,
    served: AtomicU64,
    failed: AtomicU64,
    turned_away: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> TrafficCount {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TrafficCount {
            begun: read(&self.begun),
            served: read(&self.served),
            failed: read(&self.failed),
            turned_away: read(&self.turned_away),
        }
    }
}

impl Visit {
    /// The `number`-th visit of a seed: always the same.
    pub(crate) fn draw(number: u64, seed: Dice) -> Self {
        let dice = seed.of("visit").nth(number);
        // Few visitors come often and many seldom, so that some user IDs have a long history.
        let user = (dice.of("user").fraction().powi(2) * 5_000.0) as u64;
        let session = seed.of("session").nth(user).nth(number / 500).bits();
        let product = products::popular(dice.of("product").fraction()).id;
        let (method, path) = match errand(dice) {
            Errand::Home => (Method::GET, "/".to_owned()),
            Errand::Search => {
                (Method::GET, format!("/search?q={}", dice.pick("words", &products::SEARCHES)))
            }
            Errand::Product => (Method::GET, format!("/products/{product}")),
            Errand::Cart => (Method::GET, "/cart".to_owned()),
            Errand::AddToCart => (Method::POST, format!("/cart?product={product}")),
            Errand::Checkout => {
                let currency = dice.pick("currency", &["EUR", "NOK", "SEK", "ISK", "DKK"]);
                (Method::POST, format!("/checkout?currency={currency}"))
            }
        };
        Self {
            number,
            method,
            path,
            user: format!("user-{user:04}"),
            session: format!("{session:016x}"),
            agent: *dice.pick("agent", &AGENTS),
        }
    }

    /// What the visitor's browser sends. The baggage goes with the trace to every service.
    fn headers(&self) -> HeaderMap {
        let baggage =
            format!("shop.visit={},user.id={},session.id={}", self.number, self.user, self.session);
        let baggage = HeaderValue::try_from(baggage).expect("digits and letters fit in a header");
        HeaderMap::from_iter([
            (header::HeaderName::from_static("baggage"), baggage),
            (header::USER_AGENT, HeaderValue::from_static(self.agent)),
        ])
    }
}

fn errand(dice: Dice) -> Errand {
    let mut of_hundred = dice.between("errand", 0, 99);
    for (errand, share) in ERRANDS {
        if of_hundred < share {
            return errand;
        }
        of_hundred -= share;
    }
    Errand::Home
}

impl Traffic {
    pub(crate) async fn run(self, stop: CancellationToken) {
        if self.visits_per_second == 0.0 {
            return;
        }
        let room = Arc::new(Semaphore::new(VISITS_AT_ONCE_MAX));
        let mut due = Instant::now();
        for number in 0..self.visits_max.unwrap_or(u64::MAX) {
            due += self.gap(number);
            let now = Instant::now();
            if now.saturating_duration_since(due) > LAG_MAX {
                due = now;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep_until(due) => {}
            }
            match Arc::clone(&room).try_acquire_owned() {
                Ok(place) => {
                    let visit = Visit::draw(number, self.neighbours.dice);
                    let (neighbours, counters) = (self.neighbours.clone(), self.counters.clone());
                    self.counters.begun.fetch_add(1, Ordering::Relaxed);
                    self.visits.spawn(async move {
                        let served = visit_page(visit, neighbours).await;
                        let counter = if served { &counters.served } else { &counters.failed };
                        counter.fetch_add(1, Ordering::Relaxed);
                        drop(place);
                    });
                }
                Err(_) => {
                    self.counters.turned_away.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// The time between two arrivals of a Poisson process is exponential.
    fn gap(&self, number: u64) -> Duration {
        let even = self.neighbours.dice.of("gap").nth(number).fraction();
        Duration::from_secs_f64(-(1.0 - even).ln() / self.visits_per_second)
    }
}

/// Asks for the page; says whether it came.
async fn visit_page(visit: Visit, neighbours: Neighbours) -> bool {
    let Some(url) = frontend(&visit, &neighbours.directory, neighbours.dice) else { return false };
    let request = neighbours.http.request(visit.method.clone(), url).headers(visit.headers());
    let answer = async {
        let response = request.send().await?;
        let served = response.status().is_success();
        response.bytes().await?;
        Ok::<bool, reqwest::Error>(served)
    };
    matches!(timeout(VISIT_TIMEOUT, answer).await, Ok(Ok(true)))
}

fn frontend(visit: &Visit, directory: &Directory, dice: Dice) -> Option<String> {
    let address = directory.resolve("frontend", dice.nth(visit.number))?;
    Some(format!("http://{address}{}", visit.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_seed_draws_the_same_visitors_again() {
        let draw = |seed| (0..50).map(|n| Visit::draw(n, Dice::new(seed))).collect::<Vec<_>>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn errands_add_up_to_a_hundred_and_all_occur() {
        assert_eq!(ERRANDS.iter().map(|(_, share)| share).sum::<u64>(), 100);
        let mut paths = HashMap::<String, u64>::new();
        for number in 0..5_000 {
            let visit = Visit::draw(number, Dice::new(1));
            let page = visit.path.split(['?']).next().unwrap();
            let page = if page.starts_with("/products/") { "/products" } else { page };
            *paths.entry(format!("{} {page}", visit.method)).or_default() += 1;
        }
        assert_eq!(paths.len(), ERRANDS.len(), "{paths:?}");
        // Five standard deviations of 5,000 draws at 8 % are 96.
        assert!((paths["POST /checkout"] as f64 - 400.0).abs() < 96.0, "{paths:?}");
    }
}
