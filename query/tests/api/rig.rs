//! A router over a real store and engine, and spans to put into it.

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use prometheus_client::registry::Registry;
use prost::Message;
use serde_json::{Value as Json, json};
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event},
};
use sigyn_query::{
    api::{self, ApiLimits, ApiMetrics, ApiState},
    collaborator::{DroppedTarget, ServerStatus, TargetDirectory, TargetStatus},
    engine::{Engine, Limits},
};
use sigyn_store::{Batch, Clock, Config, Store, Via};
use std::{
    collections::BTreeMap,
    future::IntoFuture,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::ServiceExt;

/// "Now" in every test, a second after the spans of [`shop`].
pub(crate) const NOW_UNIX_NANO: u64 = 1_790_000_001_000_000_000;
pub(crate) const START_UNIX_NANO: u64 = 1_790_000_000_000_000_000;
pub(crate) const TRACE: &str = "00f067aa0ba902b74bf92f3577b34da6";

pub(crate) struct Rig {
    router: Router,
    pub(crate) store: Store,
    pub(crate) registry: Arc<Mutex<Registry>>,
    _folder: tempfile::TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with_limits(ApiLimits::default(), Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: ApiLimits, engine_limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(StoppedClock);
        let mut registry = Registry::default();
        let config = Config {
            head_bytes_max: 64 << 20,
            head_age_max: Duration::from_secs(3_600),
            journal_bytes_max: 256 << 20,
            exemplar_retention: Duration::from_secs(3_600),
            ..Config::at(folder.path())
        };
        let store = Store::open(config, clock.clone(), &mut registry).await.unwrap();
        let router = api::router(ApiState {
            store: store.clone(),
            engine: Engine::new(store.clone()).with_limits(engine_limits),
            targets: Arc::new(OnePool),
            status: Arc::new(FixedStatus),
            clock,
            metrics: ApiMetrics::register(&mut registry),
            limits,
        });
        Self { router, store, registry: Arc::new(Mutex::new(registry)), _folder: folder }
    }

    /// A rig that holds the trace [`TRACE`].
    pub(crate) async fn with_shop() -> Self {
        let rig = Self::new().await;
        rig.append(shop()).await;
        rig
    }

    pub(crate) async fn append(&self, resource_spans: Vec<ResourceSpans>) {
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec().into();
        let batch = Batch {
            via: Via::Otlp,
            body,
            compressed: None,
            overlay: Arc::default(),
            reach: None,
            gap: None,
        };
        self.store.append(batch).await.unwrap();
    }

    pub(crate) async fn respond(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.respond(request).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Serves the router on loopback until the test ends.
    pub(crate) async fn serve(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, self.router.clone()).into_future());
        address
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_as(path, "*/*").await
    }

    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Answer {
        self.send(Request::get(path).header("accept", accept).body(Body::empty()).unwrap()).await
    }

    /// The JSON of a good answer.
    pub(crate) async fn json(&self, path: &str) -> Json {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Json {
        assert_eq!(self.headers["content-type"], "application/json", "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }
}

struct StoppedClock;

impl Clock for StoppedClock {
    fn now_unix_nano(&self) -> u64 {
        NOW_UNIX_NANO
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(7)
    }
}

/// A directory of one pool with one target up and one dropped.
struct OnePool;

impl TargetDirectory for OnePool {
    fn targets(&self) -> Vec<TargetStatus> {
        vec![TargetStatus {
            discovered_labels: labels(&[("__address__", "10.1.2.3:8080")]),
            labels: labels(&[("instance", "10.1.2.3:8080"), ("job", "shop")]),
            scrape_pool: "shop".into(),
            scrape_url: "http://10.1.2.3:8080/debug/spans".into(),
            global_url: "http://10.1.2.3:8080/debug/spans".into(),
            last_error: String::new(),
            last_scrape: "2026-08-21T10:00:00.5Z".into(),
            last_scrape_duration: 0.004,
            health: "up".into(),
            scrape_interval: "5s".into(),
            scrape_timeout: "4s".into(),
            buffer: None,
        }]
    }

    fn dropped(&self) -> (Vec<DroppedTarget>, BTreeMap<String, u64>) {
        let dropped = DroppedTarget {
            discovered_labels: labels(&[("__address__", "10.1.2.4:8080")]),
            scrape_pool: "shop".into(),
            dropped_by_rule: 0,
        };
        (vec![dropped], BTreeMap::from([("shop".into(), 3)]))
    }

    fn scrape_pools(&self) -> Vec<String> {
        vec!["shop".into()]
    }

    fn relabel_steps(&self, pool: &str, labels: &BTreeMap<String, String>) -> Option<Json> {
        assert_ne!(pool, "panic", "a collaborator that breaks");
        (pool == "shop").then(|| json!([{"output": labels, "keep": true}]))
    }

    fn pod_sightings(&self, namespace: &str, name: &str) -> Json {
        json!([{"scrapePool": "shop", "role": "pod", "state": "finished", "phase": format!("{namespace}/{name}")}])
    }
}

struct FixedStatus;

impl ServerStatus for FixedStatus {
    fn config_yaml(&self) -> String {
        "scrape_configs: []\n".into()
    }

    fn flags(&self) -> BTreeMap<String, String> {
        labels(&[("storage.path", "data")])
    }

    fn build_info(&self) -> BTreeMap<String, String> {
        labels(&[("version", "0.1.0"), ("revision", "abc")])
    }

    fn runtime_info(&self) -> Json {
        json!({"startTime": "2026-08-21T10:00:00Z"})
    }
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    labels(pairs).into_iter().collect()
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

pub(crate) fn trace_id(hex: &str) -> Vec<u8> {
    sigyn_store::TraceId::parse(hex).unwrap().0.to_vec()
}

/// A span of [`TRACE`] that starts `start_ms` after [`START_UNIX_NANO`].
pub(crate) fn span(id: u8, parent: u8, name: &str, start_ms: u64, duration_ms: u64) -> Span {
    let start = START_UNIX_NANO + start_ms * 1_000_000;
    Span {
        trace_id: trace_id(TRACE),
        span_id: vec![0, 0, 0, 0, 0, 0, 0, id],
        parent_span_id: if parent == 0 { vec![] } else { vec![0, 0, 0, 0, 0, 0, 0, parent] },
        name: name.into(),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + duration_ms * 1_000_000,
        ..Default::default()
    }
}

pub(crate) fn of_service(service: &str, spans: Vec<Span>) -> ResourceSpans {
    let scope = InstrumentationScope { name: "shop".into(), ..Default::default() };
    ResourceSpans {
        resource: Some(Resource {
            attributes: vec![text("service.name", service)],
            ..Default::default()
        }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }],
        ..Default::default()
    }
}

/// A sale: the kiosk asks the seats, which fail.
pub(crate) fn shop() -> Vec<ResourceSpans> {
    let mut hold = span(2, 1, "hold seat", 5, 300);
    hold.attributes = vec![text("fare.class", "first"), attribute("seat", Value::IntValue(12))];
    hold.status = Some(Status { code: 2, message: "sold out".into() });
    hold.events = vec![Event {
        time_unix_nano: START_UNIX_NANO + 6_000_000,
        name: "retry".into(),
        attributes: vec![attribute("attempt", Value::IntValue(3))],
        ..Default::default()
    }];
    let root = span(1, 0, "POST /hold", 0, 412);
    vec![of_service("kiosk", vec![root]), of_service("seats", vec![hold])]
}
