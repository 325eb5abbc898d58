//! Questions to a Docker daemon, and what its answers become.

use super::DockerDiscovery;
use crate::{
    Labels,
    config::HttpClient,
    discovery::{
        DiscoveredTarget, TargetGroup,
        naming::{clean, host_and_port},
        source_client::SourceClient,
    },
};
use http::HeaderMap;
use reqwest::Url;
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// One daemon.
pub(super) struct Daemon<'d> {
    discovery: &'d DockerDiscovery,
    base: Url,
    client: SourceClient,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    id: String,
    names: Option<Vec<String>>,
    image: String,
    #[serde(rename = "ImageID")]
    image_id: String,
    labels: Option<BTreeMap<String, String>>,
    ports: Option<Vec<Port>>,
    host_config: HostConfig,
    network_settings: Option<NetworkSettings>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    network_mode: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    networks: Option<BTreeMap<String, Option<Endpoint>>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Endpoint {
    #[serde(rename = "NetworkID")]
    network_id: String,
    #[serde(rename = "IPAddress")]
    ip_address: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Port {
    #[serde(rename = "IP")]
    ip: String,
    private_port: u16,
    public_port: u16,
    r#type: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    id: String,
    name: String,
    scope: String,
    internal: bool,
    ingress: bool,
    labels: Option<BTreeMap<String, String>>,
}

impl<'d> Daemon<'d> {
    pub(super) fn new(discovery: &'d DockerDiscovery) -> Result<Self, String> {
        let host = &discovery.host;
        let idle_time_max = discovery.refresh_interval.0 * 2;
        let parse = |text: &str| Url::parse(text).map_err(|error| format!("{text:?}: {error}"));
        let (base, client) = match host.split_once("://") {
            Some(("unix", path)) => {
                (parse("http://docker/")?, SourceClient::over_socket(path.as_ref(), idle_time_max))
            }
            // As Docker's own client, which speaks TLS to such an address only when it is told to.
            Some(("tcp", rest)) => {
                let client = SourceClient::new(&HttpClient::default(), idle_time_max);
                (parse(&format!("http://{rest}"))?, client)
            }
            _ => (parse(host)?, SourceClient::new(&discovery.http, idle_time_max)),
        };
        Ok(Self { discovery, base, client })
    }

    /// All containers as one group.
    pub(super) async fn groups(&self) -> Result<Vec<TargetGroup>, String> {
        let mut filters: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
        for (name, values) in &self.discovery.filters {
            let values = values.iter().map(|value| (value.as_str(), true));
            filters.entry(name).or_default().extend(values);
        }
        let filters = (!filters.is_empty()).then(|| serde_json::to_string(&filters));
        let filters = filters.transpose().map_err(|error| error.to_string())?;
        let containers: Vec<Container> =
            self.ask(&["containers", "json"], filters.as_deref()).await?;
        let networks: Vec<Network> = self.ask(&["networks"], None).await?;
        let networks = networks.into_iter().map(|network| (network.id.clone(), network.labels()));
        Ok(vec![group(self.discovery, &containers, &networks.collect())])
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        path: &[&str],
        filters: Option<&str>,
    ) -> Result<T, String> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if let Some(filters) = filters {
            url.query_pairs_mut().append_pair("filters", filters);
        }
        let timeout = self.discovery.refresh_interval.0;
        let answer = self.client.get(&url, &HeaderMap::new(), timeout).await;
        let answer = answer.and_then(|answer| answer.json());
        answer.map_err(|reason| format!("{}: {reason}", self.discovery.host))
    }
}

fn group(
    discovery: &DockerDiscovery,
    containers: &[Container],
    networks: &BTreeMap<String, Labels>,
) -> TargetGroup {
    let by_id: BTreeMap<&str, &Container> =
        containers.iter().map(|container| (container.id.as_str(), container)).collect();
    let mut targets = Vec::new();
    for container in containers {
        let Some(base) = container.labels() else { continue };
        for endpoint in container.endpoints(discovery, &by_id) {
            let mut base = base.clone();
            base.set("__meta_docker_network_ip", &endpoint.ip_address);
            if let Some(network) = networks.get(&endpoint.network_id) {
                base.merge(network);
            }
            let ports = container.ports.iter().flatten().filter(|port| port.r#type == "tcp");
            let mut with_ports: Vec<Labels> =
                ports.map(|port| port.target(base.clone(), &endpoint.ip_address)).collect();
            if with_ports.is_empty() {
                let address = match container.host_config.network_mode == "host" {
                    true => discovery.host_networking_host.clone(),
                    false => host_and_port(&endpoint.ip_address, discovery.port),
                };
                base.set("__address__", address);
                with_ports.push(base);
            }
            let target = |labels| DiscoveredTarget { labels, ending: false };
            targets.extend(with_ports.into_iter().map(target));
        }
    }
    TargetGroup { source: "Docker".to_owned(), labels: Labels::new(), targets }
}

impl Container {
    /// What all its targets share; none for a container without a name.
    fn labels(&self) -> Option<Labels> {
        let name = self.names.iter().flatten().next()?;
        let mut labels = Labels::new();
        for (key, value) in [
            ("id", &self.id),
            ("name", name),
            ("network_mode", &self.host_config.network_mode),
            ("image", &self.image),
            ("image_id", &self.image_id),
        ] {
            labels.set(format!("__meta_docker_container_{key}"), value);
        }
        for (key, value) in self.labels.iter().flatten() {
            labels.set(format!("__meta_docker_container_label_{}", clean(key)), value);
        }
        Some(labels)
    }

    /// The networks that count, by name. In mode `container:<id>` they are that container's.
    fn endpoints(
        &self,
        discovery: &DockerDiscovery,
        by_id: &BTreeMap<&str, &Container>,
    ) -> Vec<Endpoint> {
        let mut owner = self;
        // A chain is as long as there are containers at most: they may point at each other.
        for _ in 0..by_id.len() {
            if owner.networks().next().is_some() {
                break;
            }
            let mode = owner.host_config.network_mode.strip_prefix("container:");
            let Some(next) = mode.and_then(|id| by_id.get(id)) else { break };
            owner = next;
        }
        let limit = if discovery.match_first_network { 1 } else { usize::MAX };
        owner.networks().take(limit).cloned().collect()
    }

    fn networks(&self) -> impl Iterator<Item = &Endpoint> {
        let networks = self.network_settings.iter().flat_map(|settings| &settings.networks);
        networks.flatten().filter_map(|(_, endpoint)| endpoint.as_ref())
    }
}

impl Port {
    fn target(&self, mut labels: Labels, host: &str) -> Labels {
        labels.set("__address__", host_and_port(host, self.private_port));
        labels.set("__meta_docker_port_private", self.private_port.to_string());
        if self.public_port > 0 {
            labels.set("__meta_docker_port_public", self.public_port.to_string());
            labels.set("__meta_docker_port_public_ip", &self.ip);
        }
        labels
    }
}

impl Network {
    fn labels(&self) -> Labels {
        let mut labels = Labels::new();
        for (key, value) in [
            ("id", &*self.id),
            ("name", &*self.name),
            ("scope", &*self.scope),
            ("internal", if self.internal { "true" } else { "false" }),
            ("ingress", if self.ingress { "true" } else { "false" }),
        ] {
            labels.set(format!("__meta_docker_network_{key}"), value);
        }
        for (key, value) in self.labels.iter().flatten() {
            labels.set(format!("__meta_docker_network_label_{}", clean(key)), value);
        }
        labels
    }
}
