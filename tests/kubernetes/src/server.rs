//! The server: it lists, it lets watch, and it misbehaves when a test says so.

use crate::{
    answer::{self, kind_of, refusal},
    objects::Objects,
    selector::selects,
};
use axum::{
    Router,
    body::Body,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::Path as FilePath,
    sync::Arc,
    thread::JoinHandle,
};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

const TOKEN: &str = "the-token-of-the-kubeconfig";
const EVENTS_WAITING_MAX: usize = 64;

/// A Kubernetes API server on loopback, on a thread of its own. Ends when dropped.
pub struct FakeKubernetes {
    shared: Arc<Shared>,
    address: SocketAddr,
    serving: Mutex<Option<Serving>>,
}

struct Serving {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

struct Shared {
    objects: Mutex<Objects>,
    behaviour: Mutex<Behaviour>,
    counts: Mutex<Counts>,
    /// The version that watchers may look at, and the generation of their connections.
    news: watch::Sender<News>,
}

#[derive(Clone, Copy, Default, PartialEq)]
struct News {
    version: u64,
    generation: u64,
    bookmarks: u64,
}

#[derive(Default)]
struct Behaviour {
    forbidden: bool,
    unauthorized: bool,
    gone_as_event: bool,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    lists: u64,
    watches: u64,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    watch: Option<String>,
    #[serde(default, rename = "resourceVersion")]
    resource_version: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default, rename = "labelSelector")]
    label_selector: Option<String>,
    #[serde(default, rename = "fieldSelector")]
    field_selector: Option<String>,
    #[serde(default, rename = "allowWatchBookmarks")]
    allow_watch_bookmarks: bool,
}

impl FakeKubernetes {
    /// Listens on a free port of loopback.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            objects: Mutex::default(),
            behaviour: Mutex::default(),
            counts: Mutex::default(),
            news: watch::Sender::new(News::default()),
        });
        let serving = Mutex::new(Some(Serving::start(listener, shared.clone())));
        Self { shared, address, serving }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A kubeconfig that points here, with the token that is asked for after [`Self::set_unauthorized`].
    pub fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: fake\nclusters:\n- name: fake\n  cluster: {{server: \"http://{}\"}}\ncontexts:\n- name: fake\n  context: {{cluster: fake, user: fake}}\nusers:\n- name: fake\n  user: {{token: {TOKEN}}}\n",
            self.address
        )
    }

    /// Writes [`Self::kubeconfig`] to a file.
    pub fn write_kubeconfig(&self, path: &FilePath) {
        std::fs::write(path, self.kubeconfig()).expect("the test's folder is writable");
    }

    /// Adds an object, or changes it.
    pub fn apply(&self, resource: &str, object: Value) {
        self.shared.change(|objects| objects.apply(resource, object));
    }

    /// Sets an object's deletion timestamp, as at the start of a pod's grace period.
    pub fn terminate(&self, resource: &str, namespace: &str, name: &str) {
        self.shared.change(|objects| objects.terminate(resource, namespace, name));
    }

    /// Removes an object.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) {
        self.shared.change(|objects| objects.delete(resource, namespace, name));
    }

    /// Forgets the history and ends all watches: whoever comes back gets 410, as an HTTP status or as
    /// an event of the stream.
    pub fn expire(&self, as_event: bool) {
        self.shared.behaviour.lock().gone_as_event = as_event;
        self.shared.change(Objects::expire);
        self.drop_connections();
    }

    /// Sends a bookmark to all watchers that allow them.
    pub fn send_bookmark(&self) {
        self.shared.news.send_modify(|news| news.bookmarks += 1);
    }

    /// Cuts all watches in the middle, without an end of stream.
    pub fn drop_connections(&self) {
        self.shared.news.send_modify(|news| news.generation += 1);
    }

    /// Answers 403 to all, or no longer.
    pub fn set_forbidden(&self, forbidden: bool) {
        self.shared.behaviour.lock().forbidden = forbidden;
    }

    /// Answers 401 to requests without the kubeconfig's token, or no longer.
    pub fn set_unauthorized(&self, unauthorized: bool) {
        self.shared.behaviour.lock().unauthorized = unauthorized;
    }

    /// Dies: the port is closed, all connections end.
    pub fn stop(&self) {
        if let Some(serving) = self.serving.lock().take() {
            serving.stop();
        }
    }

    /// Comes back on the same port, with the objects it had.
    pub fn resume(&self) {
        let mut serving = self.serving.lock();
        if serving.is_none() {
            let listener = TcpListener::bind(self.address).expect("the port is still free");
            *serving = Some(Serving::start(listener, self.shared.clone()));
        }
    }

    /// How many lists were answered (a page counts as one).
    pub fn lists(&self) -> u64 {
        self.shared.counts.lock().lists
    }

    /// How many watches were begun.
    pub fn watches(&self) -> u64 {
        self.shared.counts.lock().watches
    }
}

impl Drop for FakeKubernetes {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Serving {
    fn start(listener: TcpListener, shared: Arc<Shared>) -> Self {
        let stop = watch::Sender::new(false);
        let mut stopped = stop.subscribe();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a test process has threads and files to spare");
            runtime.block_on(async move {
                listener.set_nonblocking(true).expect("loopback sockets can");
                let listener = tokio::net::TcpListener::from_std(listener).expect("it is bound");
                let server = axum::serve(listener, router(shared));
                tokio::select! {
                    served = server => served.expect("accepting on loopback works"),
                    _ = stopped.wait_for(|stopped| *stopped) => {}
                }
            });
        });
        Self { stop, thread }
    }

    /// Dropping the runtime ends all connections, as a death would.
    fn stop(self) {
        self.stop.send_replace(true);
        self.thread.join().expect("the server does not panic");
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Objects)) {
        let mut objects = self.objects.lock();
        change(&mut objects);
        let version = objects.version();
        self.news.send_modify(|news| news.version = version);
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let version = || async { axum::Json(json!({"major": "1", "minor": "33"})) };
    Router::new()
        .route("/version", get(version))
        .route("/api/v1/{resource}", get(cluster_wide))
        .route("/api/v1/namespaces/{namespace}/{resource}", get(namespaced))
        .with_state(shared)
}

async fn cluster_wide(
    State(shared): State<Arc<Shared>>,
    Path(resource): Path<String>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    respond(shared, resource, None, parameters, &headers)
}

async fn namespaced(
    State(shared): State<Arc<Shared>>,
    Path((namespace, resource)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    respond(shared, resource, Some(namespace), parameters, &headers)
}

fn respond(
    shared: Arc<Shared>,
    resource: String,
    namespace: Option<String>,
    parameters: Parameters,
    headers: &HeaderMap,
) -> Response {
    let authorized = headers
        .get("authorization")
        .is_some_and(|value| value == format!("Bearer {TOKEN}").as_str());
    {
        let behaviour = shared.behaviour.lock();
        if behaviour.unauthorized && !authorized {
            return refusal(401, "Unauthorized", "Unauthorized");
        }
        if behaviour.forbidden {
            let message = format!("{resource} is forbidden: User \"fake\" cannot list resource");
            return refusal(403, "Forbidden", &message);
        }
    }
    if parameters.watch.as_deref().is_some_and(|watch| watch == "true" || watch == "1") {
        return follow(shared, resource, namespace, parameters);
    }
    shared.counts.lock().lists += 1;
    let objects = shared.objects.lock();
    let selected: Vec<Value> = objects
        .list(&resource, namespace.as_deref())
        .into_iter()
        .filter(|object| parameters.selects(object))
        .collect();
    let start: usize = parameters.next.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
    let limit = parameters.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let end = start.saturating_add(limit).min(selected.len());
    let next = (end < selected.len()).then_some(end);
    let page = selected[start.min(end)..end].to_vec();
    answer::list(&kind_of(&resource), page, objects.version(), next)
}

fn follow(
    shared: Arc<Shared>,
    resource: String,
    namespace: Option<String>,
    parameters: Parameters,
) -> Response {
    shared.counts.lock().watches += 1;
    let from: u64 =
        parameters.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
    let message = format!("too old resource version: {from}");
    if shared.objects.lock().is_expired(from) {
        if !shared.behaviour.lock().gone_as_event {
            return refusal(410, "Expired", &message);
        }
        let event = json!({"type": "ERROR", "object": answer::status(410, "Expired", &message)});
        return Body::from(format!("{event}\n")).into_response();
    }
    let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
    tokio::spawn(send_events(shared, resource, namespace, parameters, from, sender));
    Body::from_stream(ReceiverStream::new(receiver)).into_response()
}

/// Until the watcher goes, or its connection is cut.
async fn send_events(
    shared: Arc<Shared>,
    resource: String,
    namespace: Option<String>,
    parameters: Parameters,
    from: u64,
    sender: mpsc::Sender<io::Result<Bytes>>,
) {
    let mut news = shared.news.subscribe();
    let begun = *news.borrow_and_update();
    let (mut sent, mut bookmarks) = (from, begun.bookmarks);
    loop {
        let (events, version) = {
            let objects = shared.objects.lock();
            (objects.since(sent, &resource), objects.version())
        };
        let mut lines = String::new();
        for event in events {
            let of_namespace = event.object["metadata"]["namespace"].as_str();
            let wanted = namespace.is_none() || of_namespace == namespace.as_deref();
            if wanted && parameters.selects(&event.object) {
                let line = json!({"type": event.kind, "object": event.object});
                lines.push_str(&format!("{line}\n"));
            }
        }
        sent = version;
        let latest = *news.borrow_and_update();
        if latest.bookmarks > bookmarks && parameters.allow_watch_bookmarks {
            bookmarks = latest.bookmarks;
            let object = json!({
                "kind": kind_of(&resource), "apiVersion": "v1",
                "metadata": {"resourceVersion": sent.to_string(), "creationTimestamp": null},
                "spec": {"containers": []},
            });
            lines.push_str(&format!("{}\n", json!({"type": "BOOKMARK", "object": object})));
        }
        if !lines.is_empty() && sender.send(Ok(lines.into())).await.is_err() {
            return;
        }
        if latest.generation != begun.generation {
            let cut = io::Error::new(io::ErrorKind::ConnectionReset, "cut by the test");
            // Whoever is gone already need not be cut.
            let _ = sender.send(Err(cut)).await;
            return;
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
        }
    }
}

impl Parameters {
    fn selects(&self, object: &Value) -> bool {
        selects(self.label_selector.as_deref(), self.field_selector.as_deref(), object)
    }
}
