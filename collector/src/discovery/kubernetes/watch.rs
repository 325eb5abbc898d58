//! Lists and watches pods, and keeps the emitted groups in step.

use super::{KubernetesDiscovery, pod, retry::Retry};
use crate::{
    Labels,
    discovery::{TargetGroup, provider::Emitter},
};
use futures::{
    StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use k8s_openapi::{
    api::core::v1::{Namespace, Node, Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt,
        watcher::{self, Error, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

/// Runs until its task is aborted.
pub(super) async fn run(discovery: KubernetesDiscovery, emitter: Emitter) {
    let mut retry = Retry::default();
    let (client, own_namespace) = loop {
        match discovery.access.client().await {
            Ok(client) => break client,
            Err(reason) => {
                emitter.failed(&reason);
                tokio::time::sleep(retry.next().unwrap_or_default()).await;
            }
        }
    };
    let mut changes = changes(&discovery, &client, own_namespace);
    let mut state = State::new(discovery, emitter);
    while let Some(change) = changes.next().await {
        state.take(change);
    }
}

/// Something that the API server said.
#[expect(clippy::large_enum_variant, reason = "it lives for a moment, one at a time")]
enum Change {
    /// From one of the streams of pods.
    Pod(usize, Result<Event<Pod>, Error>),
    Node(Result<Event<Node>, Error>),
    Namespace(Result<Event<Namespace>, Error>),
}

/// All streams in one: pods of each namespace, and what is attached to them.
fn changes(
    discovery: &KubernetesDiscovery,
    client: &Client,
    own_namespace: String,
) -> SelectAll<BoxStream<'static, Change>> {
    let mut namespaces: BTreeSet<String> = discovery.namespaces.iter().cloned().collect();
    if discovery.own_namespace {
        namespaces.insert(own_namespace);
    }
    let config = watcher::Config {
        label_selector: discovery.label_selector.clone(),
        field_selector: discovery.field_selector.clone(),
        ..watcher::Config::default()
    };
    let apis: Vec<Api<Pod>> = match namespaces.is_empty() {
        true => vec![Api::all(client.clone())],
        false => namespaces.iter().map(|name| Api::namespaced(client.clone(), name)).collect(),
    };
    let mut all = SelectAll::new();
    for (index, api) in apis.into_iter().enumerate() {
        let pods = follow(api, config.clone());
        all.push(pods.map(move |event| Change::Pod(index, event)).boxed());
    }
    if discovery.attach_node {
        let nodes = follow(Api::<Node>::all(client.clone()), watcher::Config::default());
        all.push(nodes.map(Change::Node).boxed());
    }
    if discovery.attach_namespace {
        let namespaces = follow(Api::<Namespace>::all(client.clone()), watcher::Config::default());
        all.push(namespaces.map(Change::Namespace).boxed());
    }
    all
}

/// Lists and watches, and does so anew where kube's watcher would ask in vain for ever: a watch that
/// is refused with `410 Gone` as its answer, not as its first event.
fn follow<K>(api: Api<K>, config: watcher::Config) -> BoxStream<'static, Result<Event<K>, Error>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let fresh = move || watcher(api.clone(), config.clone()).backoff(Retry::default()).boxed();
    let begin = (fresh(), fresh);
    stream::unfold(begin, |(mut events, fresh)| async move {
        let event = events.next().await?;
        if matches!(&event, Err(error @ Error::WatchStartFailed(_)) if is_expired(error)) {
            tokio::time::sleep(Retry::default().next().unwrap_or_default()).await;
            events = fresh();
        }
        Some((event, (events, fresh)))
    })
    .boxed()
}

struct State {
    discovery: KubernetesDiscovery,
    emitter: Emitter,
    pods: BTreeMap<String, KnownPod>,
    /// Sources seen in a list that is not complete yet, by stream of pods.
    listing: BTreeMap<usize, BTreeSet<String>>,
    nodes: Attached,
    namespaces: Attached,
}

/// A pod's group before anything is attached to it. Pods themselves are not kept.
struct KnownPod {
    group: TargetGroup,
    stream: usize,
    node: String,
    namespace: String,
}

/// The labels of the nodes, or of the namespaces, by name.
#[derive(Default)]
struct Attached {
    labels: BTreeMap<String, Labels>,
    listing: Option<BTreeSet<String>>,
}

impl State {
    fn new(discovery: KubernetesDiscovery, emitter: Emitter) -> Self {
        Self {
            discovery,
            emitter,
            pods: BTreeMap::new(),
            listing: BTreeMap::new(),
            nodes: Attached::default(),
            namespaces: Attached::default(),
        }
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Pod(stream, Ok(event)) => self.take_pod(stream, event),
            Change::Node(Ok(event)) => {
                let labels = |node: &Node| {
                    let mut labels = Labels::new();
                    let name = node.metadata.name.as_deref().unwrap_or_default();
                    labels.set(format!("{}node_name", pod::PREFIX), name);
                    pod::set_metadata(&mut labels, "node", &node.metadata);
                    labels
                };
                let changed = self.nodes.take(event, labels);
                self.emit(|pod| changed.contains(&pod.node));
            }
            Change::Namespace(Ok(event)) => {
                let labels = |namespace: &Namespace| {
                    let mut labels = Labels::new();
                    pod::set_metadata(&mut labels, "namespace", &namespace.metadata);
                    labels
                };
                let changed = self.namespaces.take(event, labels);
                self.emit(|pod| changed.contains(&pod.namespace));
            }
            Change::Pod(_, Err(error)) => self.failed("pods", &error),
            Change::Node(Err(error)) => self.failed("nodes", &error),
            Change::Namespace(Err(error)) => self.failed("namespaces", &error),
        }
    }

    fn take_pod(&mut self, stream: usize, event: Event<Pod>) {
        match event {
            Event::Init => {
                self.listing.insert(stream, BTreeSet::new());
            }
            Event::InitApply(pod) => {
                let source = self.know(stream, &pod);
                self.listing.entry(stream).or_default().insert(source);
            }
            Event::InitDone => {
                // What the new list does not have is gone, though nobody saw it go.
                let listed = self.listing.remove(&stream).unwrap_or_default();
                let gone: Vec<String> = self
                    .pods
                    .iter()
                    .filter(|(source, pod)| pod.stream == stream && !listed.contains(*source))
                    .map(|(source, _)| source.clone())
                    .collect();
                for source in gone {
                    self.forget(source);
                }
                self.emit(|pod| pod.stream == stream);
            }
            Event::Apply(pod) => {
                let source = self.know(stream, &pod);
                self.emit(|pod| pod.group.source == source);
            }
            Event::Delete(pod) => self.forget(pod::source(&pod.metadata)),
        }
    }

    /// Keeps what is needed of a pod; gives its source.
    fn know(&mut self, stream: usize, pod: &Pod) -> String {
        let group = pod::group(pod, self.discovery.keep_finished_pods);
        let source = group.source.clone();
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        self.pods.insert(source.clone(), KnownPod { group, stream, node, namespace });
        source
    }

    fn forget(&mut self, source: String) {
        self.pods.remove(&source);
        self.emitter.update([TargetGroup { source, ..TargetGroup::default() }]);
    }

    /// Emits the groups of some pods with what is attached to them.
    fn emit(&self, which: impl Fn(&KnownPod) -> bool) {
        let groups = self.pods.values().filter(|pod| which(pod)).map(|pod| {
            let mut group = pod.group.clone();
            if !group.targets.is_empty() {
                let attached =
                    [self.nodes.labels.get(&pod.node), self.namespaces.labels.get(&pod.namespace)];
                for (name, value) in attached.into_iter().flatten().flat_map(Labels::iter) {
                    group.labels.set(name, value);
                }
            }
            group
        });
        self.emitter.update(groups);
    }

    fn failed(&self, kind: &str, error: &Error) {
        if is_expired(error) {
            // The server forgot our place; the next thing is a new list. That is its right.
            tracing::debug!(kind, "watch expired, listing anew");
            return;
        }
        self.emitter.failed(&format!("cannot watch {kind}: {}", explain(error)));
    }
}

impl Attached {
    /// Gives the names of the objects whose labels changed.
    fn take<K>(&mut self, event: Event<K>, labels: impl Fn(&K) -> Labels) -> BTreeSet<String>
    where
        K: Resource,
    {
        let name = |meta: &ObjectMeta| meta.name.clone().unwrap_or_default();
        let mut changed = BTreeSet::new();
        match event {
            Event::Init => self.listing = Some(BTreeSet::new()),
            Event::InitApply(object) | Event::Apply(object) => {
                let (name, labels) = (name(object.meta()), labels(&object));
                if let Some(listing) = &mut self.listing {
                    listing.insert(name.clone());
                }
                if self.labels.get(&name) != Some(&labels) {
                    self.labels.insert(name.clone(), labels);
                    changed.insert(name);
                }
            }
            Event::InitDone => {
                let listed = self.listing.take().unwrap_or_default();
                changed =
                    self.labels.keys().filter(|name| !listed.contains(*name)).cloned().collect();
                self.labels.retain(|name, _| listed.contains(name));
            }
            Event::Delete(object) => {
                let name = name(object.meta());
                self.labels.remove(&name);
                changed.insert(name);
            }
        }
        changed
    }
}

/// `410 Gone`, as an answer or inside a watch.
fn is_expired(error: &Error) -> bool {
    match error {
        Error::WatchError(status) => status.code == 410,
        Error::WatchStartFailed(kube::Error::Api(status))
        | Error::InitialListFailed(kube::Error::Api(status)) => status.code == 410,
        _ => false,
    }
}

/// The error with its causes, and what to do about the most frequent ones.
fn explain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    if let Error::InitialListFailed(kube::Error::Api(status))
    | Error::WatchStartFailed(kube::Error::Api(status)) = error
    {
        match status.code {
            401 => text += "; the credentials are not accepted",
            403 => text += "; the account needs a role with the verbs list and watch",
            _ => {}
        }
    }
    text
}
