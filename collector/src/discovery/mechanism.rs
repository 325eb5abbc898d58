//! All ways by which targets are found, as one enum: a further one is a file beside this and an
//! arm in each `match` here.

use crate::discovery::{FileDiscovery, KubernetesDiscovery, StaticDiscovery};

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
}
