//! `http_sd_configs` against an HTTP server.

use super::rig::{Rig, Served};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What the server answers next, and what it was asked.
struct Answers {
    next: Mutex<(u16, &'static str, String)>,
    asked: AtomicU64,
    headers: Mutex<HeaderMap>,
}

impl Answers {
    async fn serve() -> (Arc<Self>, Served) {
        let answers = Arc::new(Self {
            next: Mutex::new((200, "application/json", "[]".to_owned())),
            asked: AtomicU64::new(0),
            headers: Mutex::default(),
        });
        let router = Router::new().fallback(Self::answer).with_state(Arc::clone(&answers));
        (answers, Served::start(router).await)
    }

    fn set(&self, status: u16, content_type: &'static str, body: &str) {
        *self.next.lock() = (status, content_type, body.to_owned());
    }

    async fn answer(State(this): State<Arc<Self>>, request: Request) -> Response {
        this.asked.fetch_add(1, Ordering::SeqCst);
        *this.headers.lock() = request.headers().clone();
        let (status, content_type, body) = this.next.lock().clone();
        let status = StatusCode::from_u16(status).unwrap();
        (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
    }
}

#[tokio::test]
async fn http_targets_are_followed_and_kept_through_failures() {
    let (answers, server) = Answers::serve().await;
    // As the target allocator of the OpenTelemetry operator answers for one of its collectors.
    let allocated = r#"[{"targets":["10.0.0.1:8080","10.0.0.2:8080"],"labels":{
        "__meta_kubernetes_namespace":"shop","__meta_kubernetes_pod_name":"cart-0"}}]"#;
    answers.set(200, "application/json; charset=UTF-8", allocated);
    let url = format!("http://{}/jobs/shop/targets?collector_id=sigyn-0", server.address);
    let mut rig = Rig::start(&format!(
        "http_sd_configs: [{{url: '{url}', refresh_interval: 20ms, \
         authorization: {{credentials: s3cret}}}}]"
    ));
    rig.until(&["10.0.0.1:8080", "10.0.0.2:8080"]).await;
    assert_eq!(rig.labels("10.0.0.2:8080", "__meta_kubernetes_")["pod_name"], "cart-0");
    assert_eq!(rig.labels("10.0.0.2:8080", "__meta_")["url"], url);
    assert_eq!(rig.groups.borrow()["a"][0].source, format!("{url}:0"));
    {
        let headers = answers.headers.lock();
        assert_eq!(headers["accept"], "application/json");
        assert_eq!(headers["x-prometheus-refresh-interval-seconds"], "0.02");
        assert_eq!(headers["authorization"], "Bearer s3cret");
        assert!(headers["user-agent"].to_str().unwrap().starts_with("sigyn/"));
    }

    for (status, content_type, body) in [
        (500, "application/json", "[]"),
        (204, "application/json", ""),
        (200, "text/plain", "[]"),
        (200, "application/json; charset=latin1", "[]"),
        (200, "application/json", "[null]"),
        (200, "application/json", r#"[{"targets": [], "surprise": 1}]"#),
        (200, "application/json", "not json"),
    ] {
        answers.set(status, content_type, body);
        let failures = rig.metrics.failures("http");
        rig.until_failed("http", failures + 1).await;
        assert_eq!(rig.addresses().len(), 2, "{status} {body}");
    }

    // A shorter list loses its tail.
    let two = r#"[{"targets": ["x:1"]}, {"targets": ["y:1"]}]"#;
    answers.set(200, "application/json;charset=\"utf-8\"", two);
    rig.until(&["x:1", "y:1"]).await;
    answers.set(200, "application/json", r#"[{"targets": ["x:1"]}]"#);
    rig.until(&["x:1"]).await;

    // Nobody asks after the jobs are gone.
    rig.discovery.apply(&[]);
    let asked = answers.asked.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(answers.asked.load(Ordering::SeqCst) <= asked + 1);
}
