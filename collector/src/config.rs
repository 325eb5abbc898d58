//! The configuration file (YAML, strict) as plain structs.

mod duration;
mod scrape;
mod size;

pub use duration::PrometheusDuration;
pub use scrape::{Scheme, ScrapeConfig};
pub use size::ByteSize;
