//! `docker_sd_configs`: the containers of one Docker daemon.

mod api;
mod read;

pub(super) use read::{print_filters, read_filters};

use crate::{
    config::{HttpClient, PrometheusDuration},
    discovery::{poll::every, provider::Emitter},
};

/// One item of `docker_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DockerDiscovery {
    /// Such as `unix:///var/run/docker.sock`, `tcp://host:2375` or `https://host:2376`.
    pub host: String,
    /// Port of the targets of containers without a TCP port.
    pub port: u16,
    /// Which containers, by the daemon's own filters.
    pub filters: Vec<(String, Vec<String>)>,
    /// Address of containers that use the host's network.
    pub host_networking_host: String,
    /// Of a container in several networks only the first, by name, gives targets.
    pub match_first_network: bool,
    /// Time between two questions, and how long one may take.
    pub refresh_interval: PrometheusDuration,
    /// Credentials and TLS, for http and https.
    pub http: HttpClient,
}

impl DockerDiscovery {
    pub(crate) async fn run(self, emitter: Emitter) {
        match api::Daemon::new(&self) {
            Ok(daemon) => {
                let mut ticks = every(self.refresh_interval.0);
                loop {
                    ticks.tick().await;
                    emitter.refreshed(daemon.groups().await);
                }
            }
            Err(reason) => emitter.failed(&reason),
        }
    }
}
