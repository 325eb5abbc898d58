//! What an instance becomes.

use super::xml::{child, items, text};
use crate::{
    Labels,
    discovery::{
        DiscoveredTarget,
        naming::{clean, host_and_port},
    },
};
use roxmltree::Node;
use std::collections::BTreeMap;

/// What instances of one region share.
pub(super) struct Region<'r> {
    pub(super) name: &'r str,
    pub(super) port: u16,
    /// IDs of its zones by their names.
    pub(super) zones: &'r BTreeMap<String, String>,
}

/// The target of an instance; none without an address.
pub(super) fn target(
    instance: Node<'_, '_>,
    owner: &str,
    region: &Region<'_>,
) -> Option<DiscoveredTarget> {
    let of = |name: &str| text(instance, name);
    let private_ip = of("privateIpAddress");
    let default_ipv6 = of("ipv6Address");
    let host = if private_ip.is_empty() { default_ipv6 } else { private_ip };
    if host.is_empty() {
        return None;
    }
    let in_child = |parent: &str, name: &str| {
        child(instance, parent).map(|node| text(node, name)).unwrap_or_default()
    };
    let mut labels = Labels::new();
    let mut set = |name: &str, value: &str| labels.set(format!("__meta_ec2_{name}"), value);
    let zone = in_child("placement", "availabilityZone");
    let public_ip = of("ipAddress");
    for (name, value) in [
        ("instance_id", of("instanceId")),
        ("region", region.name),
        ("owner_id", owner),
        ("private_ip", private_ip),
        ("default_ipv6_address", default_ipv6),
        ("private_dns_name", of("privateDnsName")),
        ("platform", of("platform")),
        ("public_ip", public_ip),
        ("public_dns_name", if public_ip.is_empty() { "" } else { of("dnsName") }),
        ("ami", of("imageId")),
        ("architecture", of("architecture")),
        ("availability_zone", zone),
        ("availability_zone_id", region.zones.get(zone).map_or("", String::as_str)),
        ("instance_state", in_child("instanceState", "name")),
        ("instance_type", of("instanceType")),
        ("instance_lifecycle", of("instanceLifecycle")),
    ] {
        set(name, value);
    }
    if !of("vpcId").is_empty() {
        set("vpc_id", of("vpcId"));
        set("primary_subnet_id", of("subnetId"));
        let interfaces = Interfaces::of(instance);
        set("subnet_id", &interfaces.subnets());
        set("ipv6_addresses", &list(&interfaces.addresses));
        set("primary_ipv6_addresses", &list(&interfaces.primary));
    }
    for tag in items(instance, "tagSet") {
        set(&format!("tag_{}", clean(text(tag, "key"))), text(tag, "value"));
    }
    labels.set("__address__", host_and_port(host, region.port));
    Some(DiscoveredTarget { labels, ending: false })
}

/// An instance's network interfaces.
#[derive(Default)]
struct Interfaces<'d> {
    subnets: Vec<&'d str>,
    addresses: Vec<&'d str>,
    /// By the interface's index, with holes.
    primary: Vec<&'d str>,
}

/// More interfaces than that no instance has.
const INTERFACES_MAX: usize = 256;

impl<'d> Interfaces<'d> {
    fn of(instance: Node<'d, '_>) -> Self {
        let mut all = Self::default();
        for interface in items(instance, "networkInterfaceSet") {
            let subnet = text(interface, "subnetId");
            if !subnet.is_empty() && !all.subnets.contains(&subnet) {
                all.subnets.push(subnet);
            }
            let index = child(interface, "attachment").map(|node| text(node, "deviceIndex"));
            let index: usize = index.and_then(|index| index.parse().ok()).unwrap_or(0);
            for address in items(interface, "ipv6AddressesSet") {
                all.addresses.push(text(address, "ipv6Address"));
                if text(address, "isPrimaryIpv6") == "true" && index < INTERFACES_MAX {
                    let length = all.primary.len().max(index + 1);
                    all.primary.resize(length, "");
                    all.primary[index] = text(address, "ipv6Address");
                }
            }
        }
        all
    }

    fn subnets(&self) -> String {
        list(&self.subnets)
    }
}

/// With a comma at both ends, so that a rule can look for `,part,`.
fn list(parts: &[&str]) -> String {
    if parts.is_empty() { String::new() } else { format!(",{},", parts.join(",")) }
}
