//! Keeps the emitted groups in step with what the API server says.

use super::{
    KubernetesDiscovery,
    follow::{Change, explain, follow, is_expired, refusal},
    interner::Interner,
    kind::Kind,
    objects::{Key, Object, Objects, Sent},
    retry::Retry,
    sighting::PodSighting,
};
use crate::discovery::{TargetGroup, provider::Emitter};
use futures::{StreamExt, stream::SelectAll};
use kube::{Client, runtime::watcher::Error};
use parking_lot::Mutex;
use std::{collections::BTreeSet, sync::Arc};

/// Changes that have arrived already are worked through together, so that a group that many of them
/// touch is made once.
const CHANGES_AT_ONCE: usize = 256;

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
    let (watches, changes) = watches(&discovery, &client, own_namespace);
    let state = Arc::new(Mutex::new(State::new(discovery, emitter.clone(), watches)));
    // Weak, because the state has the emitter, which has this.
    let seen = Arc::downgrade(&state);
    emitter.explains_pods(move |namespace, name| {
        seen.upgrade().map(|state| state.lock().sighting(namespace, name))
    });
    let mut changes = changes.ready_chunks(CHANGES_AT_ONCE);
    while let Some(some) = changes.next().await {
        let mut state = state.lock();
        for (watch, change) in some {
            state.take(watch, change);
        }
        state.emit();
    }
}

/// One list-and-watch: a kind of object in one namespace or in all.
pub(super) struct Watch {
    pub(super) kind: Kind,
    pub(super) namespace: Option<Arc<str>>,
    /// It has listed, or has been told that it must not.
    pub(super) is_settled: bool,
    /// Why it has not listed, since it last tried.
    pub(super) refused: Option<String>,
    /// What a list that is not complete yet has shown so far.
    listing: Option<BTreeSet<Key>>,
}

type Changes = SelectAll<futures::stream::BoxStream<'static, (usize, Change)>>;

/// All that must be watched, in one stream whose items say which watch they are from.
fn watches(
    discovery: &KubernetesDiscovery,
    client: &Client,
    own_namespace: String,
) -> (Vec<Watch>, Changes) {
    let mut namespaces: BTreeSet<Option<String>> =
        discovery.namespaces.iter().cloned().map(Some).collect();
    if discovery.own_namespace {
        namespaces.insert(Some(own_namespace));
    }
    if namespaces.is_empty() {
        namespaces.insert(None);
    }
    let everywhere = BTreeSet::from([None]);
    let (mut watches, mut all) = (Vec::new(), SelectAll::new());
    for kind in discovery.role.kinds(discovery.attach) {
        let selector = kind.role().and_then(|role| discovery.selectors.get(&role));
        let places = if kind.is_namespaced() { &namespaces } else { &everywhere };
        for namespace in places {
            let index = watches.len();
            let changes = follow(kind, client, namespace.as_deref(), selector);
            all.push(changes.map(move |change| (index, change)).boxed());
            watches.push(Watch {
                kind,
                namespace: namespace.as_deref().map(Arc::from),
                is_settled: false,
                refused: None,
                listing: None,
            });
        }
    }
    (watches, all)
}

struct State {
    discovery: KubernetesDiscovery,
    emitter: Emitter,
    watches: Vec<Watch>,
    objects: Objects,
    interner: Interner,
    /// Nothing is emitted before every kind has been listed or refused, so that no group lacks what
    /// other objects add to it.
    is_open: bool,
    /// Keys of the role's own objects whose groups must be made anew.
    stale: BTreeSet<Key>,
}

impl State {
    fn new(discovery: KubernetesDiscovery, emitter: Emitter, watches: Vec<Watch>) -> Self {
        Self {
            discovery,
            emitter,
            watches,
            objects: Objects::default(),
            interner: Interner::default(),
            is_open: false,
            stale: BTreeSet::new(),
        }
    }

    fn take(&mut self, watch: usize, change: Change) {
        let kind = self.watches[watch].kind;
        match change {
            Change::ListBegins => self.watches[watch].listing = Some(BTreeSet::new()),
            Change::Listed(sent) => {
                let key = self.keep(kind, &sent);
                if let Some(listing) = &mut self.watches[watch].listing {
                    listing.insert(key);
                }
            }
            Change::ListEnds => {
                // What the new list does not have is gone, though nobody saw it go.
                let watch = &mut self.watches[watch];
                watch.is_settled = true;
                watch.refused = None;
                let listed = watch.listing.take().unwrap_or_default();
                self.objects.listed(kind);
                let gone = self.objects.missing(kind, watch.namespace.as_deref(), &listed);
                for key in gone {
                    self.forget(kind, &key);
                }
            }
            Change::Changed(sent) => {
                self.keep(kind, &sent);
            }
            Change::Gone(sent) => {
                let key = sent.key(&mut self.interner);
                self.forget(kind, &key);
            }
            Change::Failed(error) => {
                // A place that may not be looked at must not hold up the others.
                let watch = &mut self.watches[watch];
                watch.is_settled |= refusal(&error).is_some_and(|it| it != 410);
                if matches!(error, Error::InitialListFailed(_)) {
                    watch.refused = Some(explain(&error));
                }
                match is_expired(&error) {
                    true => tracing::debug!(kind = kind.plural(), "watch expired, listing anew"),
                    false => self.emitter.failed(&format!(
                        "cannot watch {}: {}",
                        kind.plural(),
                        explain(&error)
                    )),
                }
            }
        }
    }

    fn sighting(&self, namespace: &str, name: &str) -> PodSighting {
        let pod = (namespace.into(), name.into());
        PodSighting::of(&pod, &self.discovery, &self.objects, &self.watches)
    }

    fn keep(&mut self, kind: Kind, sent: &Sent) -> Key {
        let key = sent.key(&mut self.interner);
        let object = sent.keep(&mut self.interner);
        if self.objects.insert(kind, key.clone(), object) {
            self.touch(kind, &key);
        }
        key
    }

    fn forget(&mut self, kind: Kind, key: &Key) {
        if self.objects.remove(kind, key) {
            self.touch(kind, key);
        }
    }

    /// Notes whose groups a change concerns.
    fn touch(&mut self, kind: Kind, key: &Key) {
        if !self.is_open {
            return;
        }
        let role = self.discovery.role;
        if kind == role.primary() {
            self.stale.insert(key.clone());
            return;
        }
        let concerns = |primary: &Key, object: &Object| match (kind, object) {
            (Kind::Namespace, _) => primary.0 == key.1,
            (Kind::ReplicaSet | Kind::Job, Object::Pod(pod)) => {
                primary.0 == key.0 && pod.owner.as_ref().is_some_and(|owner| owner.name == key.1)
            }
            // Those behind the pods of these addresses: rare enough to look at the namespace.
            (Kind::ReplicaSet | Kind::Job, _) => primary.0 == key.0,
            (Kind::Node, Object::Pod(pod)) => pod.node == key.1,
            (Kind::Service, Object::Endpoints(_)) => primary == key,
            (Kind::Service, Object::EndpointSlice(slice)) => {
                primary.0 == key.0 && slice.service == key.1
            }
            (Kind::Pod, Object::Endpoints(endpoints)) => endpoints.refers_to(key),
            (Kind::Pod, Object::EndpointSlice(slice)) => slice.refers_to(key),
            _ => true,
        };
        let primaries = self.objects.of_kind(role.primary());
        let concerned = primaries.filter(|(primary, object)| concerns(primary, object));
        self.stale.extend(concerned.map(|(primary, _)| primary.clone()));
    }

    /// Emits the groups of all that has changed.
    fn emit(&mut self) {
        if !self.is_open {
            if self.watches.iter().any(|watch| !watch.is_settled) {
                return;
            }
            self.is_open = true;
            let all = self.objects.of_kind(self.discovery.role.primary());
            self.stale = all.map(|(key, _)| key.clone()).collect();
        }
        if self.stale.is_empty() {
            return;
        }
        let stale = std::mem::take(&mut self.stale);
        let Self { discovery, objects, interner, .. } = self;
        let groups = stale.iter().map(|key| objects.group(key, discovery, interner));
        self.emitter.update(groups.collect::<Vec<TargetGroup>>());
    }
}
