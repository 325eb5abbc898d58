//! A small cluster with something of every kind, and the odd cases of each.

use serde_json::Value;

/// Nodes, namespaces, pods (several ports, init containers, no ports, no address, IPv6), services,
/// endpoints, slices and ingresses, as manifests. All its pods are unfinished and none is ending.
pub fn shop() -> Vec<Value> {
    serde_json::from_str(include_str!("shop.json")).expect("the manifests are JSON")
}

/// What the small cluster does not have: finished, evicted and ending pods, ports that stand twice, two
/// families of addresses, references to nodes, names for addresses, what is empty or missing.
pub fn odd() -> Vec<Value> {
    serde_json::from_str(include_str!("odd.json")).expect("the manifests are JSON")
}
