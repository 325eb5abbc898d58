//! The server and its handle.

use crate::{
    cluster::{Cluster, Resource},
    event::{bookmark, error, status},
    selector::Selector,
};
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::SocketAddr,
    path::Path as FilePath,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// How far a watch gets before it sleeps: the versions it has seen.
type Pulse = watch::Sender<u64>;

/// A running API server. It ends when this is dropped.
#[derive(Debug)]
pub struct FakeKubernetes {
    shared: Arc<Shared>,
    address: SocketAddr,
    serving: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    cluster: Mutex<Cluster>,
    /// Changes whenever watches must look again.
    pulse: Pulse,
    /// Answered to every request, when set.
    refusal: Mutex<Option<u16>>,
    /// Answered to requests for one kind.
    refusals: Mutex<BTreeMap<Resource, u16>>,
    /// Lists are answered so much later.
    delay: Mutex<Duration>,
    /// Watches say nothing while this is set, and do not end in time either.
    is_mute: AtomicBool,
    /// Raised to end all watches: 0 by a clean end, otherwise by an error event of that code.
    cut: watch::Sender<(u64, u16)>,
    /// Raised to send a bookmark to all watches.
    bookmarks: AtomicU64,
    lists: AtomicU64,
    watches: AtomicU64,
    token: Mutex<Option<String>>,
}

impl FakeKubernetes {
    /// Starts on a free loopback port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            cluster: Mutex::new(Cluster::new()),
            pulse: watch::Sender::new(0),
            refusal: Mutex::new(None),
            refusals: Mutex::default(),
            delay: Mutex::default(),
            is_mute: AtomicBool::new(false),
            cut: watch::Sender::new((0, 0)),
            bookmarks: AtomicU64::new(0),
            lists: AtomicU64::new(0),
            watches: AtomicU64::new(0),
            token: Mutex::new(None),
        });
        let server = Self { shared, address, serving: Mutex::new(JoinSet::new()) };
        server.serve(listener);
        server
    }

    /// Such as `http://127.0.0.1:41234`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Writes a kubeconfig whose current context is this server.
    pub fn write_kubeconfig(&self, path: &FilePath) -> io::Result<()> {
        let user = match &*self.shared.token.lock() {
            Some(token) => json!({"token": token}),
            None => json!({}),
        };
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url()}}],
            "users": [{"name": "fake", "user": user}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        });
        std::fs::write(path, config.to_string())
    }

    /// From now on every request must carry this bearer token, or gets 401.
    pub fn require_token(&self, token: &str) {
        *self.shared.token.lock() = Some(token.into());
    }

    /// Adds an object, or changes the one of the same namespace and name.
    pub fn put(&self, resource: Resource, object: Value) {
        self.shared.cluster.lock().put(resource, object);
        self.wake();
    }

    /// Changes an object in place; false when it is not there.
    pub fn change(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> bool {
        let mut cluster = self.shared.cluster.lock();
        let Some(mut object) = cluster.get(resource, namespace, name) else { return false };
        change(&mut object);
        cluster.put(resource, object);
        drop(cluster);
        self.wake();
        true
    }

    /// Sets a pod's deletion timestamp, as the API does when its deletion begins.
    pub fn terminate_pod(&self, namespace: &str, name: &str) -> bool {
        self.change(Resource::Pods, namespace, name, |pod| {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:05Z");
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
        })
    }

    /// Removes an object; false when it is not there.
    pub fn delete(&self, resource: Resource, namespace: &str, name: &str) -> bool {
        let deleted = self.shared.cluster.lock().delete(resource, namespace, name);
        self.wake();
        deleted
    }

    /// Answers every request with this status until [`Self::accept`]; running watches go on.
    pub fn refuse(&self, code: u16) {
        *self.shared.refusal.lock() = Some(code);
    }

    /// Ends [`Self::refuse`].
    pub fn accept(&self) {
        *self.shared.refusal.lock() = None;
    }

    /// Answers requests for one kind with this status, as when the account's role lacks it.
    pub fn forbid(&self, resource: Resource, code: u16) {
        self.shared.refusals.lock().insert(resource, code);
    }

    /// Ends [`Self::forbid`] for all kinds.
    pub fn allow(&self) {
        self.shared.refusals.lock().clear();
    }

    /// From now on lists are answered so much later.
    pub fn answer_slowly(&self, delay: Duration) {
        *self.shared.delay.lock() = delay;
    }

    /// Watches that are open, or begin while this holds, say nothing more and do not end: a
    /// connection that died without a word. What happens meanwhile they never tell.
    pub fn mute(&self) {
        self.shared.is_mute.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Ends [`Self::mute`] for watches that begin from now on.
    pub fn speak(&self) {
        self.shared.is_mute.store(false, Ordering::SeqCst);
    }

    /// Adds objects that say their kind themselves, as in a manifest.
    pub fn put_all(&self, objects: impl IntoIterator<Item = Value>) {
        for object in objects {
            let resource = Resource::of(&object).expect("the object is of a kind that is known");
            self.put(resource, object);
        }
    }

    /// Forgets the past, so that a watch from any earlier version gets `410 Gone` as its answer.
    pub fn forget_events(&self) {
        self.shared.cluster.lock().forget_events();
    }

    /// Ends all watches with an error event of this code, such as 410.
    pub fn fail_watches(&self, code: u16) {
        self.shared.cut.send_modify(|cut| *cut = (cut.0 + 1, code));
    }

    /// Ends all watches as the API does when their time is over.
    pub fn end_watches(&self) {
        self.fail_watches(0);
    }

    /// Sends a bookmark to all watches that allow it.
    pub fn send_bookmarks(&self) {
        self.shared.bookmarks.fetch_add(1, Ordering::SeqCst);
        self.wake();
    }

    /// Cuts all connections and frees the port.
    pub async fn stop(&self) {
        let mut serving = std::mem::take(&mut *self.serving.lock());
        serving.shutdown().await;
    }

    /// Comes back on the same port with the same objects.
    pub async fn restart(&self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is still ours");
        self.serve(listener);
    }

    /// How many first pages of lists were asked for.
    pub fn lists(&self) -> u64 {
        self.shared.lists.load(Ordering::SeqCst)
    }

    /// How many watches were begun.
    pub fn watches(&self) -> u64 {
        self.shared.watches.load(Ordering::SeqCst)
    }

    fn wake(&self) {
        self.shared.pulse.send_modify(|pulse| *pulse += 1);
    }

    fn serve(&self, listener: TcpListener) {
        let group = "/apis/{group}/{version}";
        let router = Router::new()
            .route("/api/v1/{resource}", get(core_all))
            .route("/api/v1/namespaces/{namespace}/{resource}", get(core_namespaced))
            .route(&format!("{group}/{{resource}}"), get(all))
            .route(&format!("{group}/namespaces/{{namespace}}/{{resource}}"), get(all))
            .route("/version", get(async || Json(version())))
            .fallback(async || refuse(404, "the path"))
            .with_state(Arc::clone(&self.shared));
        self.serving.lock().spawn(connections(listener, router));
    }
}

/// Serves each connection in a task that ends with this future.
async fn connections(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        let router = router.clone();
        connections.spawn(async move {
            let service = hyper_util::service::TowerToHyperService::new(router);
            let io = hyper_util::rt::TokioIo::new(stream);
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
        });
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Parameters {
    watch: Option<String>,
    label_selector: String,
    field_selector: String,
    limit: Option<usize>,
    r#continue: Option<usize>,
    resource_version: Option<String>,
    timeout_seconds: Option<u64>,
    allow_watch_bookmarks: Option<String>,
}

/// What clients ask to learn which APIs there are.
fn version() -> Value {
    json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0", "platform": "linux/amd64"})
}

async fn core_all(
    State(shared): State<Arc<Shared>>,
    Path(resource): Path<String>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    answer(shared, Resource::from_path("v1", &resource), None, parameters, &headers).await
}

async fn core_namespaced(
    State(shared): State<Arc<Shared>>,
    Path((namespace, resource)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    let resource = Resource::from_path("v1", &resource);
    answer(shared, resource, Some(namespace), parameters, &headers).await
}

async fn all(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<BTreeMap<String, String>>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    let api_version = format!("{}/{}", path["group"], path["version"]);
    let resource = Resource::from_path(&api_version, &path["resource"]);
    answer(shared, resource, path.get("namespace").cloned(), parameters, &headers).await
}

async fn answer(
    shared: Arc<Shared>,
    resource: Option<Resource>,
    namespace: Option<String>,
    parameters: Parameters,
    headers: &HeaderMap,
) -> Response {
    let Some(resource) = resource else { return refuse(404, "the resource") };
    let what = resource.plural();
    let token = shared.token.lock().clone();
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if token.is_some_and(|token| sent != Some(&format!("Bearer {token}"))) {
        return refuse(401, what);
    }
    let refusal = *shared.refusal.lock();
    if let Some(code) = refusal.or_else(|| shared.refusals.lock().get(&resource).copied()) {
        return refuse(code, what);
    }
    let selector = Selector {
        namespace,
        labels: parameters.label_selector.clone(),
        fields: parameters.field_selector.clone(),
    };
    match parameters.watch.as_deref() {
        Some("true" | "1") => watch_answer(shared, resource, selector, &parameters),
        _ => {
            let delay = *shared.delay.lock();
            tokio::time::sleep(delay).await;
            list_answer(&shared, resource, &selector, &parameters)
        }
    }
}

fn list_answer(
    shared: &Shared,
    resource: Resource,
    selector: &Selector,
    parameters: &Parameters,
) -> Response {
    if parameters.r#continue.is_none() {
        shared.lists.fetch_add(1, Ordering::SeqCst);
    }
    let cluster = shared.cluster.lock();
    let limit = parameters.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let (items, next) = cluster.list(resource, selector, limit, parameters.r#continue.unwrap_or(0));
    let mut metadata = json!({"resourceVersion": cluster.version().to_string()});
    if let Some(next) = next {
        metadata["continue"] = json!(next.to_string());
    }
    let list = json!({
        "kind": format!("{}List", resource.kind()), "apiVersion": resource.api_version(),
        "metadata": metadata, "items": items,
    });
    Json(list).into_response()
}

fn watch_answer(
    shared: Arc<Shared>,
    resource: Resource,
    selector: Selector,
    parameters: &Parameters,
) -> Response {
    shared.watches.fetch_add(1, Ordering::SeqCst);
    let version = parameters.resource_version.as_deref().and_then(|text| text.parse().ok());
    let version: u64 = version.unwrap_or_else(|| shared.cluster.lock().version());
    if shared.cluster.lock().since(resource, &selector, version).is_none() {
        return refuse(410, "the version");
    }
    let ends = parameters.timeout_seconds.unwrap_or(u64::from(u32::MAX));
    let ends = tokio::time::Instant::now() + Duration::from_secs(ends);
    let watching = Watching {
        pulse: shared.pulse.subscribe(),
        cut: shared.cut.subscribe(),
        bookmarks: shared.bookmarks.load(Ordering::SeqCst),
        allows_bookmarks: parameters.allow_watch_bookmarks.as_deref() == Some("true"),
        resource,
        selector,
        version,
        ends,
        is_over: false,
        shared,
    };
    let lines = futures::stream::unfold(watching, |mut watching| async move {
        let line = watching.next().await?;
        Some((Ok::<_, Infallible>(line), watching))
    });
    let json = (header::CONTENT_TYPE, "application/json");
    ([json], Body::from_stream(lines)).into_response()
}

fn refuse(code: u16, what: &str) -> Response {
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (code, Json(status(code.as_u16(), what))).into_response()
}

/// One watch while it runs.
struct Watching {
    shared: Arc<Shared>,
    pulse: watch::Receiver<u64>,
    cut: watch::Receiver<(u64, u16)>,
    bookmarks: u64,
    allows_bookmarks: bool,
    resource: Resource,
    selector: Selector,
    version: u64,
    ends: tokio::time::Instant,
    is_over: bool,
}

impl Watching {
    /// The next lines; `None` ends the watch.
    async fn next(&mut self) -> Option<String> {
        if self.is_over {
            return None;
        }
        loop {
            // Marked as seen before looking, so that no change falls between.
            self.pulse.borrow_and_update();
            if self.shared.is_mute.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if let Some(lines) = self.lines() {
                return Some(lines);
            }
            tokio::select! {
                // What happened before a cut is told before it.
                biased;
                changed = self.pulse.changed() => changed.ok()?,
                () = tokio::time::sleep_until(self.ends) => return None,
                cut = self.cut.changed() => {
                    cut.ok()?;
                    let (_, code) = *self.cut.borrow_and_update();
                    self.is_over = true;
                    return (code != 0).then(|| error(code));
                }
            }
        }
    }

    fn lines(&mut self) -> Option<String> {
        let cluster = self.shared.cluster.lock();
        let mut lines = String::new();
        // Forgetting the past does not end what runs.
        let version = self.version.max(cluster.oldest());
        let events = cluster.since(self.resource, &self.selector, version).unwrap_or_default();
        lines.extend(events.iter().map(|event| event.line()));
        let now = self.shared.bookmarks.load(Ordering::SeqCst);
        if self.allows_bookmarks && now != self.bookmarks {
            lines +=
                &bookmark(self.resource.kind(), self.resource.api_version(), cluster.version());
        }
        self.bookmarks = now;
        self.version = cluster.version();
        (!lines.is_empty()).then_some(lines)
    }
}
