//! The configuration file (YAML, strict) as plain structs.
//!
//! A file becomes a tree whose nodes know their place, and the tree is read field by field, so that
//! every fault is found in one go and names its line. Values that cannot work do not get past here.

mod duration;
mod environment;
mod fields;
mod finding;
mod fingerprint;
mod generator;
mod global;
mod http;
pub(crate) mod http_read;
mod inspect;
mod link;
pub(crate) mod node;
mod parts;
pub(crate) mod print;
mod remote_write;
mod root;
mod scrape;
mod scrape_read;
mod secret;
mod size;
mod storage;
#[cfg(test)]
mod tests;
mod unused;

pub(crate) use fields::{Dialect, Field, Fields, Reading};

pub use duration::{DurationError, PrometheusDuration};
pub use environment::Environment;
pub use finding::{ConfigError, Finding, Warning};
pub use generator::{Histograms, MetricsGenerator, ServiceGraphs, SpanMetrics};
pub use global::Global;
pub use http::{Authentication, HttpClient, HttpHeader, OAuth2, Proxy, TlsConfig, TlsVersion};
pub use inspect::Inspection;
pub use link::{Link, LinkOrigin};
pub use parts::{ExemplarSource, Exemplars};
pub use remote_write::{QueueConfig, RemoteWrite, WriteMessage};
pub use root::Config;
pub use scrape::{Scheme, ScrapeConfig};
pub use secret::{Secret, SecretSource};
pub use size::{ByteSize, SizeError};
pub use storage::{BlockUrl, Storage};
