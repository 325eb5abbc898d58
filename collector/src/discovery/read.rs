//! Reads `static_configs` and the `*_sd_configs` of a job.

use crate::{
    config::{Dialect, Fields, Reading},
    discovery::{FileDiscovery, KubernetesDiscovery, Mechanism, StaticDiscovery},
};

/// The way around a mechanism that is not here.
const BRIDGE: &str = "let a small program write its targets to a file for `file_sd_configs` \
                      (file_sd and, later, http_sd are the bridge to everything else)";

/// Takes all discovery blocks out of a job's fields. A job without any has one empty static block,
/// so that its pool is synced to empty.
pub(crate) fn read_mechanisms(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    has_rules: bool,
) -> Vec<Mechanism> {
    let mut mechanisms = Vec::new();
    if let Some(field) = fields.take("static_configs") {
        let discovery = StaticDiscovery::read(reading, &field, has_rules);
        mechanisms.push(Mechanism::Static(discovery));
    }
    if let Some(field) = fields.take("file_sd_configs") {
        for item in reading.list(&field) {
            mechanisms.extend(FileDiscovery::read(reading, &item).map(Mechanism::File));
        }
    }
    if let Some(field) = fields.take("kubernetes_sd_configs") {
        for item in reading.list(&field) {
            let discovery = KubernetesDiscovery::read(reading, &item);
            mechanisms.extend(discovery.map(Box::new).map(Mechanism::Kubernetes));
        }
    }
    for (key, place, field) in fields.take_all(|key| key.ends_with("_sd_configs")) {
        let message = match key.as_str() {
            "http_sd_configs" | "dns_sd_configs" | "consul_sd_configs" | "docker_sd_configs"
            | "ec2_sd_configs" => format!("`{key}` is not supported yet; {BRIDGE}"),
            _ => format!("`{key}` is not supported; {BRIDGE}"),
        };
        match reading.dialect {
            Dialect::Sigyn => reading.error_at(place, &field.path, message),
            Dialect::Prometheus => reading.warn_at(place, &field.path, message),
        }
    }
    if mechanisms.is_empty() {
        mechanisms.push(Mechanism::Static(StaticDiscovery::default()));
    }
    mechanisms
}
