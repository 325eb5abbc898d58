//! Questions to a Consul agent, and what it answers.

use super::ConsulDiscovery;
use crate::{
    Labels,
    config::HttpHeader,
    discovery::{
        DiscoveredTarget, TargetGroup,
        naming::{clean, host_and_port},
        source_client::SourceClient,
    },
};
use http::HeaderMap;
use reqwest::Url;
use serde::{Deserialize, de::DeserializeOwned};
use std::{collections::BTreeMap, time::Duration};

/// How long Consul may hold an answer back while nothing changes.
const WAIT: Duration = Duration::from_secs(120);

/// Consul adds up to a sixteenth of the wait; beyond that it has died without a word.
const TIMEOUT: Duration = Duration::from_secs(140);

/// Asks one agent.
pub(super) struct Agent<'d> {
    discovery: &'d ConsulDiscovery,
    client: SourceClient,
}

/// The services of the catalog and their tags.
pub(super) type Catalog = BTreeMap<String, Vec<String>>;

/// An instance of a service and the node that it runs on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Instance {
    node: Node,
    service: Service,
    #[serde(default)]
    checks: Option<Vec<Check>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Node {
    node: String,
    address: String,
    meta: Option<BTreeMap<String, String>>,
    tagged_addresses: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Service {
    #[serde(rename = "ID")]
    id: String,
    address: String,
    port: i64,
    tags: Option<Vec<String>>,
    meta: Option<BTreeMap<String, String>>,
    namespace: String,
    partition: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Check {
    #[serde(rename = "CheckID")]
    check_id: String,
    status: String,
}

impl<'d> Agent<'d> {
    pub(super) fn new(discovery: &'d ConsulDiscovery) -> Self {
        let mut options = discovery.http.clone();
        // Among the configured headers, so that no redirect takes it to another host.
        options.headers.extend(discovery.token.clone().map(|token| HttpHeader {
            name: "X-Consul-Token".to_owned(),
            values: Vec::new(),
            secrets: vec![token],
            files: Vec::new(),
        }));
        let client = SourceClient::new(&options, discovery.refresh_interval.0 + WAIT);
        Self { discovery, client }
    }

    /// The datacenter that is meant: the configured one, or the agent's own.
    pub(super) async fn datacenter(&self) -> Result<String, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct About {
            config: Config,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Config {
            datacenter: String,
        }
        if !self.discovery.datacenter.is_empty() {
            return Ok(self.discovery.datacenter.clone());
        }
        let (about, _): (About, _) = self.ask(&["agent", "self"], &[], None).await?;
        Ok(about.config.datacenter)
    }

    /// The catalog when it is no longer what it was at `index`, and the index that it has now.
    pub(super) async fn catalog(&self, index: u64) -> Result<(Catalog, u64), String> {
        let filter = &self.discovery.filter;
        let mut parameters = self.parameters();
        parameters.extend((!filter.is_empty()).then(|| ("filter", filter.clone())));
        self.ask(&["catalog", "services"], &parameters, Some(index)).await
    }

    /// The instances of a service, as [`Self::catalog`]. Unhealthy ones are among them.
    pub(super) async fn instances(
        &self,
        service: &str,
        index: u64,
    ) -> Result<(Vec<Instance>, u64), String> {
        let mut parameters = self.parameters();
        parameters.extend(self.discovery.tags.iter().map(|tag| ("tag", tag.clone())));
        let filter = &self.discovery.health_filter;
        parameters.extend((!filter.is_empty()).then(|| ("filter", filter.clone())));
        self.ask(&["health", "service", service], &parameters, Some(index)).await
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        let node_meta = self.discovery.node_meta.iter();
        node_meta.map(|(key, value)| ("node-meta", format!("{key}:{value}"))).collect()
    }

    /// With an index the question blocks until the answer has another one.
    async fn ask<T: DeserializeOwned>(
        &self,
        path: &[&str],
        parameters: &[(&'static str, String)],
        index: Option<u64>,
    ) -> Result<(T, u64), String> {
        let discovery = self.discovery;
        let base = format!("{}://{}", discovery.scheme, discovery.server);
        let mut url = Url::parse(&base).map_err(|error| format!("{base}: {error}"))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty();
            segments.extend(discovery.path_prefix.split('/').filter(|part| !part.is_empty()));
            segments.push("v1").extend(path);
        }
        {
            let mut query = url.query_pairs_mut();
            for (key, value) in [
                ("dc", &discovery.datacenter),
                ("ns", &discovery.namespace),
                ("partition", &discovery.partition),
            ] {
                if !value.is_empty() {
                    query.append_pair(key, value);
                }
            }
            if let Some(index) = index {
                if discovery.allow_stale {
                    query.append_pair("stale", "");
                }
                if index > 0 {
                    query.append_pair("index", &index.to_string());
                }
                query.append_pair("wait", &format!("{}ms", WAIT.as_millis()));
            }
            query.extend_pairs(parameters);
        }
        let answer = self.client.get(&url, &HeaderMap::new(), TIMEOUT).await?;
        let body = answer.json().map_err(|reason| format!("{base}: {reason}"))?;
        let index = answer.headers.get("x-consul-index").and_then(|value| value.to_str().ok());
        Ok((body, index.and_then(|index| index.parse().ok()).unwrap_or(0)))
    }
}

/// The group of a service.
pub(super) fn group(
    discovery: &ConsulDiscovery,
    datacenter: &str,
    service: &str,
    instances: &[Instance],
) -> TargetGroup {
    let labels = [("__meta_consul_service", service), ("__meta_consul_dc", datacenter)]
        .into_iter()
        .collect();
    let target = |instance: &Instance| DiscoveredTarget {
        labels: instance.labels(&discovery.tag_separator),
        ending: false,
    };
    let targets = instances.iter().map(target).collect();
    TargetGroup { source: service.to_owned(), labels, targets }
}

impl Instance {
    fn labels(&self, separator: &str) -> Labels {
        let (node, service) = (&self.node, &self.service);
        let mut labels = Labels::new();
        let host = if service.address.is_empty() { &node.address } else { &service.address };
        labels.set("__address__", host_and_port(host, service.port));
        let tags = service.tags.as_deref().unwrap_or_default();
        // At both ends, so that a rule can look for `,tag,`.
        let tags = format!("{separator}{}{separator}", tags.join(separator));
        let port = service.port.to_string();
        for (name, value) in [
            ("address", &*node.address),
            ("node", &*node.node),
            ("namespace", &*service.namespace),
            ("partition", &*service.partition),
            ("tags", &*tags),
            ("service_address", &*service.address),
            ("service_port", &*port),
            ("service_id", &*service.id),
            ("health", self.health()),
        ] {
            labels.set(format!("__meta_consul_{name}"), value);
        }
        for (kind, map) in [
            ("metadata", &node.meta),
            ("service_metadata", &service.meta),
            ("tagged_address", &node.tagged_addresses),
        ] {
            for (key, value) in map.iter().flatten() {
                labels.set(format!("__meta_consul_{kind}_{}", clean(key)), value);
            }
        }
        labels
    }

    /// The worst of the checks.
    fn health(&self) -> &'static str {
        let checks = || self.checks.iter().flatten();
        let has = |status: &str| checks().any(|check| check.status == status);
        let in_maintenance = checks().any(|check| {
            check.check_id == "_node_maintenance"
                || check.check_id.starts_with("_service_maintenance:")
        });
        match () {
            () if in_maintenance => "maintenance",
            () if has("critical") => "critical",
            () if has("warning") => "warning",
            () => "passing",
        }
    }
}
