//! Objects of the Kubernetes API, in every role.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_collector::discovery::{Access, Attach, KubernetesDiscovery, Role};

fuzz_target!(|data: &[u8]| {
    let Ok(objects) = serde_json::from_slice::<Vec<serde_json::Value>>(data) else { return };
    for role in [
        Role::Node,
        Role::Pod,
        Role::Service,
        Role::Endpoints,
        Role::EndpointSlice,
        Role::Ingress,
    ] {
        let discovery = KubernetesDiscovery {
            role,
            access: Access::InCluster,
            namespaces: Vec::new(),
            own_namespace: false,
            selectors: Default::default(),
            attach: Attach { node: true, namespace: true, deployment: true, job: true, cronjob: true },
            keep_finished_pods: false,
        };
        for group in discovery.groups_of(objects.clone()).into_iter().flatten() {
            assert!(!group.source.is_empty());
            for (name, value) in group.labels.iter() {
                assert!(!name.is_empty() && !value.is_empty());
            }
        }
    }
});
