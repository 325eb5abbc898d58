//! All ways by which targets are found, as one enum: a further one is a file beside this and an
//! arm in each `match` here.

use crate::{
    config::print::Printed,
    discovery::{FileDiscovery, KubernetesDiscovery, StaticDiscovery, provider::Emitter},
};

/// One `static_configs` or `*_sd_configs` block. Equal blocks share a provider, also across jobs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    /// `static_configs`.
    Static(StaticDiscovery),
    /// One item of `file_sd_configs`.
    File(FileDiscovery),
    /// One item of `kubernetes_sd_configs`.
    Kubernetes(Box<KubernetesDiscovery>),
}

impl Mechanism {
    /// Its name in metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Static(_) => "static",
            Self::File(_) => "file",
            Self::Kubernetes(_) => "kubernetes",
        }
    }

    /// Its key in a scrape config.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Self::Static(_) => "static_configs",
            Self::File(_) => "file_sd_configs",
            Self::Kubernetes(_) => "kubernetes_sd_configs",
        }
    }

    /// The list items that stand under its key.
    pub(crate) fn print(&self) -> Vec<Printed> {
        match self {
            Self::Static(discovery) => discovery.print(),
            Self::File(discovery) => vec![discovery.print()],
            Self::Kubernetes(discovery) => vec![discovery.print()],
        }
    }

    /// Finds targets until its task is aborted.
    pub(crate) async fn run(self, emitter: Emitter) {
        match self {
            Self::Static(discovery) => discovery.run(emitter).await,
            Self::File(discovery) => discovery.run(emitter).await,
            Self::Kubernetes(discovery) => discovery.run(emitter).await,
        }
    }
}
