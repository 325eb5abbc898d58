//! A shop of twelve small services on loopback, with traffic, faults and metrics.
//!
//! It is what `sigyn demo` shows, what the black-box tests read, and the usage example of
//! `sigyn-buffer`: `service.rs` is written as the author of any service would write it. Each
//! service has a listener, a tracer, a span buffer and a set of metrics of its own, and they call
//! each other over real HTTP with W3C trace context; nothing passes between them in memory but the
//! messages of the broker.
//!
//! What is simulated is only what lies behind the services: databases, caches, a mail server and an
//! acquirer are client spans around a short sleep.
//!
//! ```no_run
//! # async fn demo() -> Result<(), sigyn_demo::ShopError> {
//! use sigyn_demo::{Shop, ShopConfig};
//!
//! let shop = Shop::start(ShopConfig { traces_per_second: 50.0, ..ShopConfig::default() }).await?;
//! for target in shop.scrape_targets() {
//!     // http://{address}/debug/spans and http://{address}/metrics
//!     let _ = (target.service, &target.pod, target.address);
//! }
//! shop.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Shop`]: starts the listeners and the traffic, and ends them.
//! - `service`: one instrumented service; `instrument`, `metrics`: its server side.
//! - `work`: what a handler does inside a request: calls, queries, cache look-ups, messages.
//! - `services`: the shop's business, one file a service.
//! - `traffic`: visitors, who arrive as a Poisson process.
//! - `dice`: all chance, drawn from the seed and the visit's number, never from a shared generator.

mod broker;
mod dice;
mod directory;
mod failure;
mod instrument;
mod metrics;
mod products;
mod service;
mod services;
mod shop;
mod traffic;
mod work;

pub use directory::ScrapeTarget;
pub use shop::{Shop, ShopConfig, ShopError};
pub use traffic::TrafficCount;
