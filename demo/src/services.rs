//! The shop's business: one file a service, and the list of them all.

mod ad;
mod cart;
mod catalogue;
mod checkout;
mod currency;
mod email;
mod fraud;
mod frontend;
mod inventory;
mod payment;
mod recommendation;
mod shipping;

use crate::{broker::Message, service::Service};
use axum::Router;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

/// How to build one service.
pub(crate) struct Blueprint {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) replicas: usize,
    pub(crate) routes: fn() -> Router<Service>,
    pub(crate) worker: Option<Worker>,
}

/// The part of a service that lives on a queue. It ends when the queue is closed and empty.
#[derive(Clone, Copy)]
pub(crate) struct Worker {
    pub(crate) topic: &'static str,
    pub(crate) run: fn(Service, mpsc::Receiver<Message>) -> BoxFuture<'static, ()>,
}

/// Every service of the shop, the one that visitors see first.
pub(crate) const BLUEPRINTS: [Blueprint; 12] = [
    replicated("frontend", "2.14.0", 2, frontend::routes),
    replicated("catalogue", "1.9.3", 2, catalogue::routes),
    replicated("cart", "1.4.1", 1, cart::routes),
    replicated("checkout", "3.0.2", 1, checkout::routes),
    replicated("payment", "1.21.0", 1, payment::routes),
    replicated("shipping", "0.8.7", 1, shipping::routes),
    replicated("currency", "1.0.5", 1, currency::routes),
    replicated("recommendation", "0.31.0", 1, recommendation::routes),
    replicated("inventory", "2.2.0", 1, inventory::routes),
    replicated("ad", "0.5.2", 1, ad::routes),
    worker("email", "1.1.0", email::WORKER),
    worker("fraud", "0.12.4", fraud::WORKER),
];

const fn replicated(
    name: &'static str,
    version: &'static str,
    replicas: usize,
    routes: fn() -> Router<Service>,
) -> Blueprint {
    Blueprint { name, version, replicas, routes, worker: None }
}

const fn worker(name: &'static str, version: &'static str, worker: Worker) -> Blueprint {
    Blueprint { name, version, replicas: 1, routes: Router::new, worker: Some(worker) }
}
