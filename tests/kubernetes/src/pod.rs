//! A pod as the API server would show it.

use serde_json::{Value, json};

/// A running, ready pod with one container and one port.
pub fn pod(namespace: &str, name: &str, ip: &str, port: u16) -> Value {
    let app = name.rsplit_once('-').map_or(name, |(app, _)| app);
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": format!("uid-of-{namespace}-{name}"),
            "labels": {"app": app},
            "annotations": {},
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [{
                "name": app,
                "image": format!("registry.example/{app}:1"),
                "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
            }],
        },
        "status": {
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "hostIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{
                "name": app,
                "image": format!("registry.example/{app}:1"),
                "imageID": "",
                "containerID": format!("containerd://{name}"),
                "ready": true,
                "restartCount": 0,
            }],
        },
    })
}
