//! The configuration file (YAML, strict) as plain structs.

mod duration;
mod http;
mod scrape;
mod secret;
mod size;

pub use duration::PrometheusDuration;
pub use http::{Authentication, HttpClient, HttpHeader, TlsConfig, TlsVersion};
pub use scrape::{Scheme, ScrapeConfig};
pub use secret::{Secret, SecretSource};
pub use size::ByteSize;
