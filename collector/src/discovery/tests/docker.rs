//! `docker_sd_configs` against a server that answers as the Docker daemon does.

use super::rig::{Rig, Served, choose_tls, map};
use axum::{Json, Router, extract::Query, routing::get};
use serde_json::json;
use std::collections::HashMap;

const OPTIONS: &str = "port: 81, filters: [{name: name, values: ['^/']}]";

fn daemon() -> Router {
    let endpoint = |network: &str, ip: &str| json!({"NetworkID": network, "IPAddress": ip});
    let containers = json!([
        {
            "Id": "c1", "Names": ["/cart"], "Image": "cart:1", "ImageID": "sha256:1",
            "Labels": {"com.example.team": "red"},
            "Ports": [
                {"IP": "0.0.0.0", "PrivatePort": 8080, "PublicPort": 18080, "Type": "tcp"},
                {"PrivatePort": 9090, "Type": "tcp"}, {"PrivatePort": 53, "Type": "udp"},
            ],
            "HostConfig": {"NetworkMode": "shop"},
            "NetworkSettings": {"Networks": {
                "shop": endpoint("n1", "172.20.0.2"), "admin": endpoint("n2", "172.21.0.2"),
            }},
        },
        {
            "Id": "c2", "Names": ["/worker"], "Ports": [],
            "HostConfig": {"NetworkMode": "shop"},
            "NetworkSettings": {"Networks": {"shop": endpoint("n1", "172.20.0.3")}},
        },
        {
            "Id": "c3", "Names": ["/on-host"], "Ports": null, "HostConfig": {"NetworkMode": "host"},
            "NetworkSettings": {"Networks": {"host": endpoint("n3", "")}},
        },
        {
            "Id": "c4", "Names": ["/beside"], "HostConfig": {"NetworkMode": "container:c2"},
            "NetworkSettings": {"Networks": {}},
        },
        {"Id": "c5", "Names": ["/alone"], "HostConfig": {"NetworkMode": "none"}},
        {"Id": "c6", "Names": [], "HostConfig": {"NetworkMode": "shop"}},
        {"Id": "c7", "Names": ["/loop"], "HostConfig": {"NetworkMode": "container:c7"}},
    ]);
    let networks = json!([
        {"Id": "n1", "Name": "shop", "Scope": "local", "Internal": false, "Ingress": false,
         "Labels": {"com.example/x": "y"}},
        {"Id": "n2", "Name": "admin", "Scope": "local", "Internal": true, "Ingress": false},
    ]);
    let list = async move |Query(query): Query<HashMap<String, String>>| {
        assert_eq!(query["filters"], r#"{"name":{"^/":true}}"#);
        Json(containers)
    };
    Router::new()
        .route("/containers/json", get(list))
        .route("/networks", get(async move || Json(networks)))
}

#[tokio::test]
async fn containers_are_targets_by_network_and_port() {
    let server = Served::start(daemon()).await;
    let mut rig = Rig::start(&format!(
        "docker_sd_configs: [{{host: 'tcp://{}', match_first_network: false, {OPTIONS}}}]",
        server.address
    ));
    // The container that shares a network has its neighbour's address, and no port of its own.
    rig.until(&[
        "172.20.0.2:8080",
        "172.20.0.2:9090",
        "172.20.0.3:81",
        "172.20.0.3:81",
        "172.21.0.2:8080",
        "172.21.0.2:9090",
        "localhost",
    ])
    .await;
    assert_eq!(
        rig.labels("172.20.0.2:8080", "__meta_docker_"),
        map(&[
            ("container_id", "c1"),
            ("container_name", "/cart"),
            ("container_network_mode", "shop"),
            ("container_image", "cart:1"),
            ("container_image_id", "sha256:1"),
            ("container_label_com_example_team", "red"),
            ("network_id", "n1"),
            ("network_name", "shop"),
            ("network_ip", "172.20.0.2"),
            ("network_scope", "local"),
            ("network_internal", "false"),
            ("network_ingress", "false"),
            ("network_label_com_example_x", "y"),
            ("port_private", "8080"),
            ("port_public", "18080"),
            ("port_public_ip", "0.0.0.0"),
        ])
    );
    assert_eq!(rig.groups.borrow()["a"][0].source, "Docker");
}

#[cfg(unix)]
#[tokio::test]
async fn the_daemon_is_asked_over_its_socket() {
    choose_tls();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = async move {
        let stopped = async { stopped.await.unwrap_or(()) };
        axum::serve(listener, daemon()).with_graceful_shutdown(stopped).await
    };
    let serving = tokio::spawn(serving);
    let mut rig = Rig::start(&format!(
        "docker_sd_configs: [{{host: 'unix://{}', refresh_interval: 30ms, {OPTIONS}}}]",
        path.display()
    ));
    // Of several networks the first by name.
    let all = ["172.20.0.3:81", "172.20.0.3:81", "172.21.0.2:8080", "172.21.0.2:9090", "localhost"];
    rig.until(&all).await;
    stop.send(()).unwrap();
    let _ = serving.await;
    rig.until_failed("docker", 0).await;
    assert_eq!(rig.addresses(), all);
}
