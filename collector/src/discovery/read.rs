//! Reads `static_configs` and the `*_sd_configs` of a job.

use crate::{
    config::{Dialect, Field, Fields, Reading},
    discovery::{
        ConsulDiscovery, DnsDiscovery, DockerDiscovery, Ec2Discovery, FileDiscovery, HttpDiscovery,
        KubernetesDiscovery, Mechanism, StaticDiscovery,
    },
};

/// The way around a mechanism that is not here.
const BRIDGE: &str = "let a small program write its targets to a file for `file_sd_configs`, or \
                      answer them over HTTP for `http_sd_configs`";

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
    /// Reads one item of a block; none when it is of no use.
    type ReadItem = fn(&mut Reading<'_>, &Field<'_>) -> Option<Mechanism>;
    let blocks: [(&'static str, ReadItem); 7] = [
        ("file_sd_configs", |reading, item| {
            FileDiscovery::read(reading, item).map(Mechanism::File)
        }),
        ("http_sd_configs", |reading, item| {
            HttpDiscovery::read(reading, item).map(Box::new).map(Mechanism::Http)
        }),
        ("dns_sd_configs", |reading, item| DnsDiscovery::read(reading, item).map(Mechanism::Dns)),
        ("consul_sd_configs", |reading, item| {
            ConsulDiscovery::read(reading, item).map(Box::new).map(Mechanism::Consul)
        }),
        ("docker_sd_configs", |reading, item| {
            DockerDiscovery::read(reading, item).map(Box::new).map(Mechanism::Docker)
        }),
        ("ec2_sd_configs", |reading, item| {
            Ec2Discovery::read(reading, item).map(Box::new).map(Mechanism::Ec2)
        }),
        ("kubernetes_sd_configs", |reading, item| {
            KubernetesDiscovery::read(reading, item).map(Box::new).map(Mechanism::Kubernetes)
        }),
    ];
    for (key, read) in blocks {
        let Some(field) = fields.take(key) else { continue };
        for item in reading.list(&field) {
            mechanisms.extend(read(reading, &item));
        }
    }
    for (key, place, field) in fields.take_all(|key| key.ends_with("_sd_configs")) {
        let message = format!("`{key}` is not supported; {BRIDGE}");
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
