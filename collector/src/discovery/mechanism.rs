//! All ways by which targets are found, as one enum: a further one is a file beside this and an
//! arm in each `match` here.

use crate::{
    config::print::Printed,
    discovery::{
        ConsulDiscovery, DnsDiscovery, DockerDiscovery, Ec2Discovery, FileDiscovery, HttpDiscovery,
        KubernetesDiscovery, StaticDiscovery, provider::Emitter,
    },
};
use sigyn_store::Clock;
use std::sync::Arc;

/// One `static_configs` or `*_sd_configs` block. Equal blocks share a provider, also across jobs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    /// `static_configs`.
    Static(StaticDiscovery),
    /// One item of `file_sd_configs`.
    File(FileDiscovery),
    /// One item of `http_sd_configs`.
    Http(Box<HttpDiscovery>),
    /// One item of `dns_sd_configs`.
    Dns(DnsDiscovery),
    /// One item of `consul_sd_configs`.
    Consul(Box<ConsulDiscovery>),
    /// One item of `docker_sd_configs`.
    Docker(Box<DockerDiscovery>),
    /// One item of `ec2_sd_configs`.
    Ec2(Box<Ec2Discovery>),
    /// One item of `kubernetes_sd_configs`.
    Kubernetes(Box<KubernetesDiscovery>),
}

impl Mechanism {
    /// Its name in metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Static(_) => "static",
            Self::File(_) => "file",
            Self::Http(_) => "http",
            Self::Dns(_) => "dns",
            Self::Consul(_) => "consul",
            Self::Docker(_) => "docker",
            Self::Ec2(_) => "ec2",
            Self::Kubernetes(_) => "kubernetes",
        }
    }

    /// Its key in a scrape config.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Self::Static(_) => "static_configs",
            Self::File(_) => "file_sd_configs",
            Self::Http(_) => "http_sd_configs",
            Self::Dns(_) => "dns_sd_configs",
            Self::Consul(_) => "consul_sd_configs",
            Self::Docker(_) => "docker_sd_configs",
            Self::Ec2(_) => "ec2_sd_configs",
            Self::Kubernetes(_) => "kubernetes_sd_configs",
        }
    }

    /// The list items that stand under its key.
    pub(crate) fn print(&self) -> Vec<Printed> {
        match self {
            Self::Static(discovery) => discovery.print(),
            Self::File(discovery) => vec![discovery.print()],
            Self::Http(discovery) => vec![discovery.print()],
            Self::Dns(discovery) => vec![discovery.print()],
            Self::Consul(discovery) => vec![discovery.print()],
            Self::Docker(discovery) => vec![discovery.print()],
            Self::Ec2(discovery) => vec![discovery.print()],
            Self::Kubernetes(discovery) => vec![discovery.print()],
        }
    }

    /// Finds targets until its task is aborted.
    pub(crate) async fn run(self, emitter: Emitter, clock: Arc<dyn Clock>) {
        match self {
            Self::Static(discovery) => discovery.run(emitter).await,
            Self::File(discovery) => discovery.run(emitter).await,
            Self::Http(discovery) => discovery.run(emitter).await,
            Self::Dns(discovery) => discovery.run(emitter).await,
            Self::Consul(discovery) => discovery.run(emitter).await,
            Self::Docker(discovery) => discovery.run(emitter).await,
            Self::Ec2(discovery) => discovery.run(emitter, clock).await,
            Self::Kubernetes(discovery) => discovery.run(emitter).await,
        }
    }
}
