//! Discovery: mechanisms that emit target groups, and the manager that gathers them by job.
//!
//! A mechanism is one file here that knows its block of the configuration (reads and prints it) and
//! runs as one task, plus an arm in each `match` of [`Mechanism`].

mod consul;
mod dns;
mod docker;
mod ec2;
mod file;
mod group;
mod http;
mod kubernetes;
mod manager;
mod mechanism;
mod metrics;
mod naming;
mod poll;
mod provider;
mod read;
mod source_client;
mod static_targets;
mod target_list;
#[cfg(test)]
mod tests;

pub(crate) use file::matching;
pub(crate) use read::read_mechanisms;

pub use consul::ConsulDiscovery;
pub use dns::{DnsDiscovery, DnsRecordType};
pub use docker::DockerDiscovery;
pub use ec2::Ec2Discovery;
pub use file::FileDiscovery;
pub use group::{DiscoveredTarget, TargetGroup};
pub use http::HttpDiscovery;
pub use kubernetes::{
    Access, Attach, JobSighting, KubernetesDiscovery, PodSighting, Role, Selector,
};
pub use manager::{Discovery, JobGroups};
pub use mechanism::Mechanism;
pub use metrics::Metrics;
pub use static_targets::StaticDiscovery;
pub use target_list::{parse_json, parse_yaml};
