//! `consul_sd_configs`: the services of a Consul catalog, watched by blocking queries.

mod api;
mod read;
mod watch;

use crate::{
    config::{HttpClient, PrometheusDuration, Secret},
    discovery::provider::Emitter,
};

/// One item of `consul_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConsulDiscovery {
    /// Host and port of an agent.
    pub server: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Stands before every path.
    pub path_prefix: String,
    /// Sent as `X-Consul-Token`.
    pub token: Option<Secret>,
    /// Empty: the agent's own.
    pub datacenter: String,
    /// Of Consul Enterprise.
    pub namespace: String,
    /// Of Consul Enterprise.
    pub partition: String,
    /// Stands between the tags in the label, and at both ends.
    pub tag_separator: String,
    /// Whether any server may answer, not only the leader.
    pub allow_stale: bool,
    /// Least time between two questions about the same thing.
    pub refresh_interval: PrometheusDuration,
    /// Services to follow; empty: all.
    pub services: Vec<String>,
    /// All of them must be on a service.
    pub tags: Vec<String>,
    /// Metadata that a node must have.
    pub node_meta: Vec<(String, String)>,
    /// A filter expression for the catalog.
    pub filter: String,
    /// A filter expression for the instances of a service.
    pub health_filter: String,
    /// Credentials and TLS.
    pub http: HttpClient,
}

impl ConsulDiscovery {
    pub(crate) async fn run(self, emitter: Emitter) {
        watch::run(self, emitter).await;
    }

    /// Whether the list of services must be watched, too.
    fn watches_catalog(&self) -> bool {
        self.services.is_empty() || !self.tags.is_empty() || !self.filter.is_empty()
    }
}
