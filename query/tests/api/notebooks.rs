//! Notebooks over HTTP: kept, shared, and not lost between two people.

use crate::rig::{Answer, Rig};
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value as Json, json};

const PATH: &str = "/api/sigyn/v1/notebooks/slow-orders";

fn notebook(version: u64, text: &str) -> Json {
    json!({
        "version": version,
        "title": " Slow orders ",
        "range": "1h",
        "cells": [
            {"kind": "markdown", "text": text},
            {"kind": "search", "query": "{ duration > 1s }"},
            {"kind": "metrics", "query": "{ } | rate()"},
            {"kind": "table", "query": "{ }", "columns": ["resource.service.name"]},
        ],
    })
}

async fn send(rig: &Rig, method: &str, path: &str, body: String) -> Answer {
    rig.send(Request::builder().method(method).uri(path).body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_notebook_is_kept_listed_and_deleted() {
    let rig = Rig::new().await;
    assert_eq!(rig.json("/api/sigyn/v1/notebooks").await, json!({"notebooks": []}));
    assert_eq!(rig.get(PATH).await.status, StatusCode::NOT_FOUND);

    let saved = send(&rig, "PUT", PATH, notebook(0, "# Why").to_string()).await;
    assert_eq!(saved.status, StatusCode::OK);
    let read = rig.json(PATH).await;
    assert_eq!(read["version"], 1);
    assert_eq!(read["title"], "Slow orders");
    assert_eq!(read["cells"], notebook(0, "# Why")["cells"]);
    let list = rig.json("/api/sigyn/v1/notebooks").await;
    assert_eq!(list["notebooks"][0]["id"], "slow-orders");
    assert_eq!(list["notebooks"][0].get("cells"), None);

    let gone = send(&rig, "DELETE", &format!("{PATH}?version=1"), String::new()).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(PATH).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_did_not_see_the_newest_version_overwrites_nothing() {
    let rig = Rig::new().await;
    send(&rig, "PUT", PATH, notebook(0, "first").to_string()).await;
    send(&rig, "PUT", PATH, notebook(1, "second").to_string()).await;

    let late = send(&rig, "PUT", PATH, notebook(1, "late").to_string()).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text().contains("it has version 2"));
    let anew = send(&rig, "PUT", PATH, notebook(0, "anew").to_string()).await;
    assert_eq!(anew.status, StatusCode::CONFLICT);
    let late = send(&rig, "DELETE", &format!("{PATH}?version=1"), String::new()).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert_eq!(rig.json(PATH).await["cells"][0]["text"], "second");
}

#[tokio::test]
async fn what_is_no_notebook_is_refused_with_a_reason() {
    let rig = Rig::new().await;
    let huge = notebook(0, &"x".repeat(600 * 1024)).to_string();
    let nameless = notebook(0, "").to_string().replace(" Slow orders ", " ");
    let unknown = notebook(0, "").to_string().replace("markdown", "python");
    let cases = [
        (PATH, huge, StatusCode::PAYLOAD_TOO_LARGE, "512 KiB"),
        (PATH, nameless, StatusCode::BAD_REQUEST, "title"),
        (PATH, unknown, StatusCode::BAD_REQUEST, "python"),
        (PATH, "{".to_owned(), StatusCode::BAD_REQUEST, "no notebook"),
        (
            "/api/sigyn/v1/notebooks/Up..%2Fwards",
            notebook(0, "").to_string(),
            StatusCode::BAD_REQUEST,
            "a–z",
        ),
    ];
    for (path, body, status, reason) in cases {
        let answer = send(&rig, "PUT", path, body).await;
        let text = answer.text();
        assert_eq!(answer.status, status, "{text}");
        assert!(text.contains(reason), "{text}");
    }
    let versionless = send(&rig, "DELETE", PATH, String::new()).await;
    assert_eq!(versionless.status, StatusCode::BAD_REQUEST);
}
