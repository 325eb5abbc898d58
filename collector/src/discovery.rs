//! Discovery: mechanisms that emit target groups, and the manager that gathers them by job.

mod file;
mod group;
mod kubernetes;
mod manager;
mod mechanism;
mod static_targets;

pub use file::FileDiscovery;
pub use group::{DiscoveredTarget, TargetGroup};
pub use kubernetes::{Access, KubernetesDiscovery};
pub use manager::{Discovery, JobGroups};
pub use mechanism::Mechanism;
pub use static_targets::StaticDiscovery;
