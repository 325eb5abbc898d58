//! The collector of Sigyn: it finds span buffers as Prometheus finds metrics, reads them, takes
//! pushes, and hands batches to the store.
//!
//! It is: configuration, discovery, relabeling, scrape loops, push receivers, exemplar scraping.
//!
//! It is not: a query engine. It never answers a query and knows no TraceQL; it keeps no span.

mod budget;
pub mod config;
#[cfg(test)]
mod damage;
pub mod discovery;
pub mod exemplars;
#[cfg(test)]
mod fixture;
pub mod http_client;
mod inflate;
mod labels;
pub mod openmetrics;
pub mod receivers;
pub mod relabel;
pub mod remote_write;
pub mod scrape;
pub mod span_relabel;
pub mod target;

pub use labels::Labels;
