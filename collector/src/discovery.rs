//! Discovery: mechanisms that emit target groups, and the manager that gathers them by job.
//!
//! A mechanism is one file here that knows its block of the configuration (reads and prints it) and
//! runs as one task, plus an arm in each `match` of [`Mechanism`].

mod file;
mod group;
mod kubernetes;
mod manager;
mod mechanism;
mod metrics;
mod provider;
mod read;
mod static_targets;
#[cfg(test)]
mod tests;

pub(crate) use file::matching;
pub(crate) use read::read_mechanisms;

pub use file::FileDiscovery;
pub use group::{DiscoveredTarget, TargetGroup};
pub use kubernetes::{Access, KubernetesDiscovery};
pub use manager::{Discovery, JobGroups};
pub use mechanism::Mechanism;
pub use metrics::Metrics;
pub use static_targets::StaticDiscovery;
