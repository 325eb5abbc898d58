//! One server that speaks what HTTP discovery, Docker and EC2 speak.

use axum::{
    Json, Router,
    extract::Query,
    http::header,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::SocketAddr};
use tokio::net::TcpListener;

/// Starts it in the background; it ends with the runtime.
pub(super) async fn start() -> SocketAddr {
    let json = (header::CONTENT_TYPE, "application/json");
    let list = r#"[{"targets": ["127.0.0.1:11", "h:12"], "labels": {"team": "red", "__meta_x": "y"}}, {"targets": ["127.0.0.1:13"]}]"#;
    let router = Router::new()
        .route("/targets", get(async move || ([json], list)))
        .route("/_ping", any(async || ([("api-version", "1.41")], "OK")))
        .route("/v1.41/containers/json", get(async || Json(containers())))
        .route("/containers/json", get(async || Json(containers())))
        .route("/v1.41/networks", get(async || Json(networks())))
        .route("/networks", get(async || Json(networks())))
        // Parameters stand in the body for one, in the URL for the other.
        .route(
            "/",
            any(async |query: Query<BTreeMap<String, String>>, body: String| {
                ec2(&format!("{:?} {body}", query.0))
            }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn containers() -> Value {
    let endpoint = |network: &str, ip: &str| json!({"NetworkID": network, "IPAddress": ip});
    json!([
        {
            "Id": "c1", "Names": ["/cart", "/other"], "Image": "cart:1", "ImageID": "sha256:1",
            "Labels": {"com.example.team": "red"},
            "Ports": [
                {"IP": "0.0.0.0", "PrivatePort": 8080, "PublicPort": 18080, "Type": "tcp"},
                {"PrivatePort": 9090, "Type": "tcp"}, {"PrivatePort": 53, "Type": "udp"},
            ],
            "HostConfig": {"NetworkMode": "shop"},
            "NetworkSettings": {"Networks": {"shop": endpoint("n1", "172.20.0.2")}},
        },
        {
            "Id": "c2", "Names": ["/worker"], "Ports": [{"PrivatePort": 53, "Type": "udp"}],
            "HostConfig": {"NetworkMode": "shop"},
            "NetworkSettings": {"Networks": {"shop": endpoint("n1", "172.20.0.3")}},
        },
        {
            "Id": "c3", "Names": ["/on-host"], "HostConfig": {"NetworkMode": "host"},
            "NetworkSettings": {"Networks": {"host": endpoint("n3", "")}},
        },
        {"Id": "c5", "Names": ["/alone"], "HostConfig": {"NetworkMode": "none"}, "NetworkSettings": {"Networks": {}}},
    ])
}

fn networks() -> Value {
    json!([
        {"Id": "n1", "Name": "shop", "Scope": "local", "Internal": false, "Ingress": true, "Labels": {"x/y": "z"}},
        {"Id": "n3", "Name": "host", "Scope": "local", "Internal": true, "Ingress": false},
    ])
}

fn ec2(question: &str) -> Response {
    let body = match question.contains("DescribeAvailabilityZones") {
        true => include_str!("zones.xml"),
        false => include_str!("instances.xml"),
    };
    ([(header::CONTENT_TYPE, "text/xml;charset=UTF-8")], body).into_response()
}
